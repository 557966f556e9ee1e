"""Recognizes files that are not what they should be: JSON, a data set, a model."""

import re

_GIT_LFS = (b"version https://git-lfs.github.com/spec/",
            "is a pointer of Git LFS in place of the file; fetch the file with git "
            "lfs pull")

# First bytes of a file, what it then is, and what to do about it. Longer ones come
# before shorter ones with the same beginning.
_FIRST_BYTES = (
    (b"\x1f\x8b", "is packed with gzip; unpack it with gunzip"),
    (b"BZh", "is packed with bzip2; unpack it with bunzip2"),
    (b"\xfd7zXZ\0", "is packed with xz; unpack it with unxz"),
    (b"\x28\xb5\x2f\xfd", "is packed with zstd; unpack it with unzstd"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it with 7z x"),
    (b"PK\x03\x04", "is a zip archive; unpack it with unzip"),
    (b"PAR1", "is Parquet, as Hugging Face stores data sets; convert it to JSON"),
    (b"ARROW1", "is Arrow, as Hugging Face stores data sets; convert it to JSON"),
    _GIT_LFS,
    (b"\xff\xfe\0\0", "is UTF-32 text; convert it with iconv -f UTF-32 -t UTF-8"),
    (b"\0\0\xfe\xff", "is UTF-32 text; convert it with iconv -f UTF-32 -t UTF-8"),
    (b"\xff\xfe", "is UTF-16 text; convert it with iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "is UTF-16 text; convert it with iconv -f UTF-16 -t UTF-8"),
)

_SQUAD = ("should be SQuAD's JSON, {\"data\": [{\"paragraphs\": [{\"context\": "
          "\"...\", \"qas\": [...]}]}]}")


def of_bytes(content):
  """Says what a file is, if it is of a known kind that is no JSON or vocabulary.

  Args:
    content: bytes, at least the first 300.

  Returns:
    str, "is packed with gzip; unpack it with gunzip" for example; None if the kind
    is not known.
  """
  for first, kind in _FIRST_BYTES:
    if content.startswith(first):
      return kind
  start = content[:300].replace(b"\xef\xbb\xbf", b"").lstrip()
  if not start and len(content) < 300:
    return "is empty; copy or download it again"
  # The page or the message of a server that did not send the file.
  if re.match(br"<(!doctype|html|head|body|script|\?xml|error|!--)", start,
              re.IGNORECASE):
    return "is a web page (HTML or XML), not the file; download it again"
  if content[257:262] == b"ustar":
    return "is a tar archive; unpack it with tar -xf"
  # JSON begins with ASCII characters, in UTF-16 with a zero byte each.
  if re.match(br"[^\0]\0[^\0]\0", content):
    return "is UTF-16 text; convert it with iconv -f UTF-16LE -t UTF-8"
  return None


def git_lfs(content):
  """Says that a file is a pointer of Git LFS: str, or None if it is not.

  For files that may begin with any bytes, a checkpoint's for example.

  Args:
    content: bytes, at least the first 100.
  """
  first, kind = _GIT_LFS
  return kind if content.startswith(first) else None


def of_json(content):
  """Says what a JSON value is, if it is not a SQuAD data set.

  Args:
    content: any value as the json module gives it.

  Returns:
    str, what it is and what it should be; None for a SQuAD data set, and if the
    kind is not known.
  """
  holder = content
  if isinstance(content, dict):
    holder = content.get("data", content)
  first = holder[0] if isinstance(holder, list) and holder else holder
  if not isinstance(first, dict):
    return None
  if "paragraphs" in first:
    return ("is a list of articles; put it into an object: {\"data\": [...]}"
            if holder is content and first is not content else None)
  if "qas" in first:
    return "is a list of paragraphs without articles; " + _SQUAD
  if "question" in first and ("context" in first or "answers" in first):
    return ("is a flat list of questions, as Hugging Face's data sets are; "
            + _SQUAD)
  if first is not content or "data" in content:
    return None
  kind = "has no 'data', which should be an array"
  if content and "version" not in content and all(
      isinstance(text, str) for text in content.values()):
    return kind + "; predictions, an object from id to text, are not a data set"
  names = ", ".join(repr(name)[:40] for name in list(content)[:5])
  return kind + ("; it has %s" % names if names else "")
