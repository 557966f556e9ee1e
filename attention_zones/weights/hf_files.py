"""A folder of Hugging Face: its files, and the settings in its JSON files."""

import os

from attention_zones.base import files
from attention_zones.base import json_files


class Folder:
  """A model's folder, whose JSON files are read when they are first asked for.

  Args:
    path: str, a path or address.
  """

  def __init__(self, path):
    self.path = path
    self._contents = {}

  def path_of(self, name):
    """The path of one of its files, whether or not there is one: str."""
    return os.path.join(self.path, name)

  def has(self, name):
    """Whether it has a file of this name: bool."""
    return files.exists(self.path_of(name))

  def find(self, name, *keys):
    """Looks a setting up.

      folder.find("tokenizer.json", "model", "vocab")

    Args:
      name: str, a JSON file.
      *keys: str, the names of members, each inside the one before.

    Returns:
      any value as the json module gives it; None where there is none. Without keys
      the whole file, a dict, {} if there is no object in it, or no file.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is not JSON.
    """
    if name not in self._contents:
      content = json_files.load(self.path_of(name)) if self.has(name) else {}
      self._contents[name] = content if isinstance(content, dict) else {}
    value = self._contents[name]
    for key in keys:
      value = value.get(key) if isinstance(value, dict) else None
    return value
