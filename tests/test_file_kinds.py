"""file_kinds.py: what a file is that is no data set of SQuAD."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import pytest

from attention_zones.base import json_files
from attention_zones.data import squad_data
from attention_zones.scores import scoring

SQUAD = '; should be SQuAD\'s JSON, {"data": [{"paragraphs": [{"context": '


def zipped():
  packed = io.BytesIO()
  with zipfile.ZipFile(packed, "w") as archive:
    archive.writestr("x.json", "{}")
  return packed.getvalue()


def in_tar():
  packed = io.BytesIO()
  with tarfile.open(fileobj=packed, mode="w") as archive:
    archive.addfile(tarfile.TarInfo("x.json"))
  return packed.getvalue()


NO_JSON = [
    (gzip.compress(b"{}"), "is packed with gzip; unpack it with gunzip"),
    (bz2.compress(b"{}"), "is packed with bzip2; unpack it with bunzip2"),
    (lzma.compress(b"{}"), "is packed with xz; unpack it with unxz"),
    (b"\x28\xb5\x2f\xfd\x04\x00", "is packed with zstd; unpack it with unzstd"),
    (b"7z\xbc\xaf\x27\x1c\x00\x04", "is a 7z archive"),
    (zipped(), "is a zip archive; unpack it with unzip"),
    (in_tar(), "is a tar archive; unpack it with tar -xf"),
    (b"PAR1\x15\x04", "is Parquet, as Hugging Face stores data sets"),
    (b"ARROW1\x00\x00", "is Arrow, as Hugging Face stores data sets"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n",
     "is a pointer of Git LFS in place of the file; fetch the file with git lfs "
     "pull"),
    ('{"a": 1}'.encode("utf-16"),
     "is UTF-16 text; convert it with iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff" + "{}".encode("utf-16-be"), "is UTF-16 text"),
    ('{"a": 1}'.encode("utf-16-le"), "iconv -f UTF-16LE -t UTF-8"),
    ('{"a": 1}'.encode("utf-32"), "is UTF-32 text"),
    (b"", "is empty; copy or download it again"),
    (b"\xef\xbb\xbf \r\n", "is empty"),
    (b"\n<!DOCTYPE html>\n<html>", "is a web page (HTML or XML), not the file"),
    (b"<HTML><body>404</body>", "is a web page"),
    (b"<?xml version='1.0'?><Error><Code>AccessDenied", "is a web page"),
    (b'{"id": "a"}\n{"id": "b"}\n{"id": "c"}\n',
     "several JSON values, the second on line 2, as in JSON lines; should be a "
     "single one"),
    (b'["a"]\r\n\r\n["b', "several JSON values, the second on line 3"),
    (b'{"id": "a"}{"id": "b"}', "the second on line 1"),
    (b'{"id": "a"} 5', "not JSON, or cut off: Extra data"),
    (b'{"id": "a",', "not JSON, or cut off: Expecting property name"),
    (b"id,question\n1,who?\n", "not JSON, or cut off: Expecting value"),
    (b'"\xff"', "not a text file in UTF-8 (invalid start byte)"),
    (b" " * 400, "not JSON, or cut off"),
]


@pytest.mark.parametrize("content, words", NO_JSON,
                         ids=[words for _, words in NO_JSON])
def test_what_is_no_json(tmp_path, content, words):
  path = tmp_path / "x.json"
  path.write_bytes(content)
  with pytest.raises(ValueError) as caught:
    json_files.load(str(path))
  assert str(caught.value).startswith("%s" % path)
  assert words in str(caught.value)
  assert "\n" not in str(caught.value)


QUESTION = {"id": "q0", "title": "T", "context": "In 1895.", "question": "When?",
            "answers": {"text": ["1895"], "answer_start": [3]}}
PARAGRAPH = {"context": "In 1895.", "qas": [
    {"id": "q0", "question": "When?",
     "answers": [{"text": "1895", "answer_start": 3}]}]}
FLAT = "is a flat list of questions, as Hugging Face's data sets are" + SQUAD


@pytest.mark.parametrize("content, words", [
    ([QUESTION, QUESTION], FLAT), (QUESTION, FLAT),
    ({"version": "1", "data": [QUESTION]}, FLAT),
    ({"question": ["When?"], "context": ["In 1895."], "id": ["q0"]}, FLAT),
    ({"data": {"question": ["When?"], "context": ["In 1895."]}}, FLAT),
    ([PARAGRAPH], "is a list of paragraphs without articles" + SQUAD),
    ({"data": [PARAGRAPH]}, "is a list of paragraphs without articles" + SQUAD),
    ([{"title": "T", "paragraphs": [PARAGRAPH]}],
     'is a list of articles; put it into an object: {"data": [...]}'),
    ({"q0": "1895", "q1": ""}, "has no 'data', which should be an array; "
     "predictions, an object from id to text, are not a data set"),
    ({"rows": [], "features": {}},
     "has no 'data', which should be an array; it has 'rows', 'features'"),
    ({}, "has no 'data', which should be an array"),
    ([], "is an array; should be an object with 'data'"),
    (["x"], "is an array; should be an object with 'data'"),
    ("x", 'is "x"; should be an object with \'data\''),
    ({"data": "x"}, ": 'data' is \"x\"; should be an array"),
])
def test_what_is_no_data_set(tmp_path, content, words):
  path = tmp_path / "x.json"
  path.write_text(json.dumps(content), encoding="ascii")
  for read in (scoring.load_questions,
               lambda path: squad_data.read_examples(path, True)):
    with pytest.raises(ValueError) as caught:
      read(str(path))
    message = str(caught.value)
    assert message.startswith(str(path) + (words if words[0] == ":"
                                           else " " + words))
    assert "\n" not in message


def test_a_data_set_is_one(tmp_path):
  path = tmp_path / "x.json"
  path.write_text(json.dumps({"data": [{"paragraphs": [PARAGRAPH]}]}))
  assert list(scoring.load_questions(str(path))) == ["q0"]
  assert len(squad_data.read_examples(str(path), True)[0]) == 1
