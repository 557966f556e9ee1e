"""How long the fuzz tests run.

By default few examples, the same each time. FUZZ_EXAMPLES in the environment
takes as many as it says, other ones each time:

    FUZZ_EXAMPLES=5000 bash tests/run.sh tests/stress/fuzz
"""

import atexit
import os
import shutil
import tempfile

import hypothesis
from hypothesis.configuration import set_hypothesis_home_dir
import pytest

_COMMON = {
    # A shared machine may be slow at any moment.
    "deadline": None,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
    # Failing examples are printed; nothing is to be left in the repository.
    "database": None,
}
# What hypothesis works out about Unicode.
_TABLES = tempfile.mkdtemp(prefix="hypothesis")
set_hypothesis_home_dir(_TABLES)
atexit.register(shutil.rmtree, _TABLES, ignore_errors=True)


def _load_profile():
  hypothesis.settings.register_profile(
      "short", max_examples=40, derandomize=True, **_COMMON)
  asked = os.environ.get("FUZZ_EXAMPLES")
  if asked is None:
    hypothesis.settings.load_profile("short")
    return
  if not asked.isdecimal() or int(asked) < 1:
    raise pytest.UsageError(
        "FUZZ_EXAMPLES=%s: should be a number of examples, 1 or more" % asked)
  hypothesis.settings.register_profile(
      "long", max_examples=int(asked), **_COMMON)
  hypothesis.settings.load_profile("long")


_load_profile()
