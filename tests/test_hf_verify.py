"""convert_hf --verify, as far as it goes without torch and transformers.

test_transformers.py has the comparison itself.
"""

import json
import os
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones import convert_hf
from attention_zones.data import windows
from attention_zones.weights import hf_kind
from attention_zones.weights import hf_verify
from attention_zones.zones import decodes
from attention_zones.zones import grammar
from attention_zones.zones import layouts
from attention_zones.zones import masking
from attention_zones.zones import zones
import hf_folder

ROBERTA = layouts.Layout(1, 2, 1, pad_id=1)


def window_of(question_length, passage_length, layout):
  end = layout.places(question_length, passage_length)["window_end"]
  return windows.Window(
      0, 0, 1, 0, passage_length, question_length, [5] * end, -1, -1)


@pytest.mark.parametrize("layout", [layouts.BERT, ROBERTA])
def test_masks_are_those_of_a_run(layout):
  """At a window's own rows; zones.py makes its masks with TensorFlow."""
  window, length = window_of(2, 4, layout), 12
  end = len(window.input_ids)
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = zones.token_sets(dict(
        layout.places(np.array([2]), np.array([4])),
        input_ids=np.zeros([1, length], int)))
    for decode in grammar.parse_decodes("1", "q2,q2p,p2q,p2", 3):
      found = hf_verify.masks_of(decode, window, layout, 3, length)
      assert found.shape == (3, 1, length, length)
      for layer, mask in enumerate(found):
        expected = np.broadcast_to(session.run(
            decode.mask_at(layer).additive(tokens))[0], mask.shape)
        np.testing.assert_array_equal(mask[:, :end], expected[:, :end])
  of_all = hf_verify.masks_of(
      decodes.Decode.of((1,), masking.union(["all"])), window, layout, 3, length)
  assert not of_all[1].any()
  assert of_all[0].any() and (of_all[0] == of_all[2]).all()


def test_the_largest_difference():
  theirs = np.float32([[1, -8, 3], [0, 4, 2]])
  other = theirs + np.float32([[0, 0, 0], [0, 0, 6e-4]])
  line = ("largest difference: 6.0e-04, 7.5e-05 of the largest logit, 8.00 (b, end "
          "logit of token 2)")
  same = (theirs, theirs)
  assert hf_verify.furthest([same, (other, theirs), same], "abc") == line
  with pytest.raises(ValueError, match="something else .* 1.5e-04 of the largest"):
    hf_verify.furthest([same, (2 * other - theirs, theirs), same], "abc")
  other[0, 1] = np.nan
  with pytest.raises(ValueError, match=r"inf.*\(a, start logit of token 1\)"):
    hf_verify.furthest([(other, theirs), same], "ab")


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_without_the_packages_there_is_one_line(
    package, tmp_path, monkeypatch, capsys):
  source, out = converted(tmp_path)
  monkeypatch.setitem(sys.modules, package, None)
  assert convert_hf.main(["--verify", str(source), str(out)]) == 1
  error = capsys.readouterr().err
  assert error.startswith(
      "attention_zones.convert_hf: --verify needs the packages ")
  assert "pip install torch transformers" in error and error.count("\n") == 1


def converted(folder):
  """A folder of Hugging Face, and what convert_hf makes of it."""
  config = hf_folder.config_of("distilbert")
  hf_folder.write(folder / "hf", config, hf_folder.tensors_of(config)[1])
  assert convert_hf.main([str(folder / "hf"), str(folder / "out")]) == 0
  return folder / "hf", folder / "out"


def edit_json(name, **changes):
  def edit(folder):
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(dict(content, **changes)))
  return edit


@pytest.mark.parametrize("edit, words", [
    (lambda out: None, None),
    (edit_json("bert_config.json", hidden_act="relu"),
     "its bert_config.json is another"),
    (lambda out: os.remove(str(out / "vocab.txt")), "it has no vocab.txt"),
    (lambda out: (out / "vocab.txt").write_text("[PAD]\n"),
     "its vocab.txt is another"),
    (lambda out: [os.remove(str(path)) for path in [
        out / "checkpoint", *out.glob("model.ckpt-0.*")]],
     "it has no variable bert/embeddings/word_embeddings")])
def test_a_folder_that_is_not_of_the_other(edit, words, tmp_path):
  source, out = converted(tmp_path)
  edit(out)
  kind = hf_kind.read(str(source))
  config, tables, _ = convert_hf.convert_config("", kind.config, kind.model_type)
  config.update(convert_hf.tokenizer_entries("", kind))
  check = lambda: hf_verify.check_files(
      str(source), str(out), config, kind.vocabulary, (
          (variable.google, convert_hf.load("", variable, tensor)) for
          variable, tensor in convert_hf.match("", config, tables, kind)[0]))
  if words:
    with pytest.raises(ValueError) as raised:
      check()
    assert str(raised.value) == "%s is not what convert_hf makes of %s: %s" % (
        out, source, words)
  else:
    check()
    convert_hf.write_checkpoint(
        str(out), {"bert/embeddings/word_embeddings": np.zeros([22, 14])})
    with pytest.raises(ValueError, match="model.ckpt-0 has another bert/embedd"):
      check()


def test_an_encoder_alone_is_refused(tmp_path, capsys):
  config = hf_folder.config_of("bert", "Model")
  hf_folder.write(tmp_path / "hf", config, hf_folder.tensors_of(config, False)[1])
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
  assert convert_hf.main([
      "--verify", str(tmp_path / "hf"), str(tmp_path / "out")]) == 1
  assert capsys.readouterr().err == (
      "attention_zones.convert_hf: %s/hf has no answer head, of which --verify "
      "compares the logits\n" % tmp_path)
