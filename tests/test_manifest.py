"""manifest.py: of what run each file of predictions is."""

import errno
import fcntl
import json
import os
import subprocess
import sys

import pytest

from attention_zones.base import manifest

RUN = {"--predict_file": "d1", "--n_best_size": 20, "TensorFlow": "2.15.1",
       "--precision": "float32",
       "--dataset": "squad"}

ADD_FILES = """
from attention_zones.base import manifest
import sys
folder, writer = sys.argv[1:]
for i in range(40):
  manifest.add(
      folder, ["%s%d.json" % (writer, i)],
      {"--predict_file": writer, "TensorFlow": "2.15.1",
       "--precision": "float32",
       "--dataset": "squad"}, {})
"""


def test_run_id_follows_from_all_that_is_in_the_run():
  name = manifest.run_id(RUN)
  assert len(name) == 16 and set(name) <= set("0123456789abcdef")
  reordered = {name: RUN[name] for name in sorted(RUN, reverse=True)}
  assert manifest.run_id(reordered) == name
  assert manifest.run_id(dict(RUN, **{"--predict_file": "d2"})) != name
  assert manifest.run_id(dict(RUN, **{"--n_best_size": 21})) != name


def test_a_folder_without_manifest(tmp_path):
  assert manifest.load(str(tmp_path)) == {
      "runs": {}, "files": {}, "zones": {}}


def test_reads_back_what_was_added(tmp_path):
  names = ["predictions.json", "predictions_layer0_q2.json"]
  zones = {names[1]: {"zone q2": "d"}}
  manifest.add(str(tmp_path), names, RUN, {"python": "3.7"}, zones)
  run_id = manifest.run_id(RUN)
  content = manifest.load(str(tmp_path))
  assert content == {
      "runs": {run_id: dict(RUN, about={"python": "3.7"})},
      "files": {names[0]: run_id, names[1]: run_id}, "zones": zones}
  assert manifest.run_of_file(content, names[0]) == RUN
  assert manifest.run_of_file(content, names[1]) == dict(RUN, **{"zone q2": "d"})
  assert manifest.run_of_file(content, "other.json") is None
  # The same file again, which now masks nothing.
  manifest.add(str(tmp_path), names[1:], RUN, {})
  assert manifest.load(str(tmp_path))["zones"] == {}


def test_a_file_belongs_to_the_run_that_made_it_last(tmp_path):
  other = dict(RUN, **{"--predict_file": "d2"})
  manifest.add(str(tmp_path), ["a.json", "b.json"], RUN, {})
  manifest.add(str(tmp_path), ["a.json"], other, {})
  content = manifest.load(str(tmp_path))
  assert content["files"] == {"a.json": manifest.run_id(other),
                              "b.json": manifest.run_id(RUN)}
  assert set(content["runs"]) == {manifest.run_id(run) for run in (RUN, other)}
  # A run of which no file is left is forgotten.
  manifest.add(str(tmp_path), ["b.json"], other, {})
  left = manifest.load(str(tmp_path))["runs"]
  assert list(left) == [manifest.run_id(other)]


def test_two_processes_that_add_at_once_lose_nothing(tmp_path, repository):
  writers = [subprocess.Popen(
      [sys.executable, "-c", ADD_FILES, str(tmp_path), name],
      cwd=str(repository)) for name in "ab"]
  assert [writer.wait() for writer in writers] == [0, 0]
  content = manifest.load(str(tmp_path))
  assert len(content["files"]) == 80
  for name in "ab":
    for i in range(40):
      assert content["files"]["%s%d.json" % (name, i)] == (
          manifest.run_id({"--predict_file": name, "TensorFlow": "2.15.1",
                           "--precision": "float32",
                           "--dataset": "squad"}))
  assert len(content["runs"]) == 2


def test_works_where_there_are_no_locks(monkeypatch, tmp_path, capsys):
  def flock(file, operation):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
  monkeypatch.setattr(fcntl, "flock", flock)
  for name in ("a.json", "b.json"):
    manifest.add(str(tmp_path), [name], RUN, {})
  files = manifest.load(str(tmp_path))["files"]
  assert set(files) == {"a.json", "b.json"}
  said = capsys.readouterr().err
  assert said.startswith("%s: cannot be locked" % (
      tmp_path / ".manifest.json.lock")) and said.count("\n") == 1


def test_a_remote_folder(tmp_path):
  folder = "file://%s" % tmp_path
  assert manifest.load(folder)["files"] == {}
  for name in ("a.json", "b.json"):
    manifest.add(folder, [name], RUN, {})
  content = manifest.load(folder)
  assert content == manifest.load(str(tmp_path))
  assert set(content["files"]) == {"a.json", "b.json"}
  assert os.listdir(str(tmp_path)) == ["manifest.json"]


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b"null", b"{}", b'{"runs": {}}',
    b'{"runs": {}, "files": {}, "zones": []}',
    b'{"runs": {}, "files": {}, "zones": {"a.json": "q2"}}',
    b'{"runs": 1, "files": {}}', b'{"runs": {}, "files": "ab"}',
    b"\xff\xfe{}"])
def test_refuses_what_is_no_manifest(tmp_path, content):
  path = tmp_path / "manifest.json"
  path.write_bytes(content)
  with pytest.raises(ValueError) as caught:
    manifest.load(str(tmp_path))
  assert str(caught.value).startswith("%s is not a manifest" % path)
  with pytest.raises(ValueError, match="is not a manifest"):
    manifest.add(str(tmp_path), ["a.json"], RUN, {})
  assert path.read_bytes() == content


def test_is_json_for_people_to_read(tmp_path):
  manifest.add(str(tmp_path), ["b.json", "a.json"], RUN, {})
  text = (tmp_path / "manifest.json").read_text()
  assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


def test_refuses_files_that_have_no_run(tmp_path):
  for content in ({"runs": {}, "files": {"a": ["x"]}},
                  {"runs": {}, "files": {"a": "x"}},
                  {"runs": {"x": {"about": None}}, "files": {"a": "x"}},
                  {"runs": {"x": {"about": {"overlap": 3}}}, "files": {"a": "x"}},
                  {"runs": {"x": {"about": {"lacking": {"wh": 5}}}},
                   "files": {"a": "x"}}):
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="is not a manifest"):
      manifest.add(str(tmp_path), ["c"], {}, {})
