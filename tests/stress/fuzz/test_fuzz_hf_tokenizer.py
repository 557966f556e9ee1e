"""hf_tokenizer.py: pieces of any text stand at their characters, in order."""

from hypothesis import example, given
import pytest

from attention_zones.base import questions
from attention_zones.data import hf_tokenizer
import hf_tokenizers
from test_fuzz_tokenization import TEXT

pytest.importorskip("tokenizers", reason=(
    "the package tokenizers is missing: bash setup_env.sh requirements-models.txt"))


@pytest.fixture(scope="module")
def load(make_once):
  """A function from a kind to its HuggingFaceTokenizer."""
  folder = make_once("tokenizer-files", hf_tokenizers.write_all)
  loaded = {kind: hf_tokenizer.load(str(folder / (kind + ".json")))
            for kind in hf_tokenizers.KINDS}
  return loaded.get


# Not the Unigram: its normalizer looks at whole graphemes, of which some characters
# vanish that alone do not.
@pytest.mark.parametrize("kind", [
    "byte_level", "byte_level_of_words", "word_pieces"])
def test_pieces_stand_at_their_characters(kind, load):
  tokenizer = load(kind)

  @given(TEXT)
  @example("\u0301a \ud83d\U0001f600")
  def check(text):
    passage = hf_tokenizer.HuggingFaceParagraph(
        questions.split_words(text), tokenizer)
    assert passage.num_unexplained == 0
    hf_tokenizers.check_places(passage, tokenizer)
  check()


def test_places_of_a_unigram_are_in_order(load):
  tokenizer = load("unigram")

  @given(TEXT)
  def check(text):
    passage = hf_tokenizer.HuggingFaceParagraph(
        questions.split_words(text), tokenizer)
    places = [passage.characters(piece) for piece in range(len(passage.tokens))]
    for side in zip(*places):
      assert list(side) == sorted(side)
    assert all(text[slice(*place)] == text[slice(*place)].strip()
               for place in places)
  check()
