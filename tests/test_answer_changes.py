"""scoring.compare_texts: how an answer differs from the baseline's."""

import pytest

from attention_zones.scores import scoring


@pytest.mark.parametrize("baseline, masked, change", [
    ("Denver Broncos", "the Denver Broncos", "same"),
    ("Denver Broncos", "denver broncos!", "same"),
    ("Denver Broncos", "Broncos", "shifted"),
    ("Denver Broncos", "Broncos of Carolina", "shifted"),
    ("Denver Broncos", "Carolina Panthers", "elsewhere"),
    # Articles and punctuation are no tokens that two answers could share.
    ("the Broncos!", "the Panthers!", "elsewhere"),
    # An answer to a question of SQuAD v2.0, and none.
    ("Denver Broncos", "", "elsewhere"),
    ("", "Denver Broncos", "elsewhere"),
    ("", "the", "same"),
])
def test_same_shifted_or_elsewhere(baseline, masked, change):
  assert scoring.compare_texts(baseline, masked) == change
