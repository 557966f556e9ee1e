"""docs/python.md and docs/one_question.ipynb: their code, run as it stands.

In place of the demo's model is one of random weights that knows the demo's words.
"""

import json
import re
import sys

import matplotlib
import pytest

import launcher
import tiny_model

# What the demo's training leaves in its record.
RECORD = {"--do_lower_case": False, "--max_seq_length": 40, "--doc_stride": 16,
          "--max_query_length": 16}


@pytest.fixture
def project(tmp_path, monkeypatch):
  """The folder where the code runs: it has docs/ and demo_output/."""
  sample, model = (tmp_path / "demo_output" / name for name in ("sample", "model"))
  done = launcher.script("squad/make_sample.py", "--output_dir=%s" % sample)
  assert done.returncode == 0, done.stderr
  config = json.loads((sample / "bert_config.json").read_text())
  tiny_model.write_checkpoint(model, config)
  (model / "training.json").write_text(json.dumps(RECORD))
  (tmp_path / "docs").mkdir()
  monkeypatch.setattr(sys, "path", list(sys.path))
  monkeypatch.chdir(tmp_path)
  return tmp_path


@pytest.mark.slow
def test_the_page(repository, project, capsys):
  text = (repository / "docs" / "python.md").read_text(encoding="utf-8")
  blocks = re.findall("^```(.*)\n((?:.*\n)*?)^```$", text, re.M)
  assert len(blocks) > 3 and {kind for kind, _ in blocks} == {"python"}
  space = {}
  for _, block in blocks:
    exec(block, space)
  printed = capsys.readouterr().out.splitlines()
  # What the page shows has the same decodes.
  shown, = re.findall("this prints\n\n((?:    .*\n)+)", text)
  assert [line.split()[0] for line in shown.splitlines()] == [
      line.split()[0] for line in printed[:7]]
  # The passage is in one window of 40 tokens, two questions have 5 decodes, and one
  # has a line for all.
  assert len(printed) == 7 + 1 + 10 + 1 + 1 + 2


@pytest.mark.slow
def test_the_notebook(repository, project, monkeypatch):
  """Cell by cell, from docs/, where Jupyter starts it."""
  path = repository / "docs" / "one_question.ipynb"
  notebook = json.loads(path.read_text(encoding="utf-8"))
  assert (notebook["nbformat"], len(notebook["cells"])) == (4, 10)
  monkeypatch.chdir(project / "docs")
  matplotlib.use("Agg")
  space = {}
  for cell in notebook["cells"]:
    if cell["cell_type"] == "code":
      exec("".join(cell["source"]), space)
      assert not any(out["output_type"] == "error" for out in cell["outputs"])
  axes = space["axes"]
  assert len(axes.texts) == len(space["cells"]) == 15
  assert axes.images[0].get_array().shape == (3, 5)
  # What figures count from 1.
  assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "2", "3"]
