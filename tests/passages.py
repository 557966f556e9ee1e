"""A small data set of several passages and its predictions, for statistics."""

import json
import os

import numpy as np
from scipy import stats


def write_data(path, questions_in, **members):
  """Writes a data set.

  Args:
    path: pathlib.Path.
    questions_in: list of int, how many questions each passage has; each is answered
      by "right".
    **members: replace those of every question, `question` for example.

  Returns:
    list of str, the questions' ids: q0, q1, ...
  """
  paragraphs, ids = [], []
  for p, number in enumerate(questions_in):
    qas = []
    for _ in range(number):
      ids.append("q%d" % len(ids))
      qas.append(dict({
          "id": ids[-1], "question": "What is number %d?" % len(ids),
          "answers": [{"text": "right", "answer_start": 2}]}, **members))
    paragraphs.append({"context": "A right answer in passage %d." % p, "qas": qas})
  half = (len(paragraphs) + 1) // 2
  path.write_text(json.dumps({"data": [
      {"title": "One", "paragraphs": paragraphs[:half]},
      {"title": "Two", "paragraphs": paragraphs[half:]}]}))
  return ids


def write_sweep(folder, ids, answers_of):
  """Writes predictions.

  Args:
    folder: pathlib.Path, which is made.
    ids: list of str.
    answers_of: dict from "" or "_layer0_q2" to a str, a character a question:
      1 is right, 0 is wrong, s is right with a word too many, - is no answer.

  Returns:
    str, the folder.
  """
  folder.mkdir()
  texts = {"1": "right", "0": "wrong", "s": "right there", "-": ""}
  for name, answers in answers_of.items():
    assert len(answers) == len(ids)
    (folder / ("predictions%s.json" % name)).write_text(json.dumps(
        {qas_id: texts[answer] for qas_id, answer in zip(ids, answers)}))
  return str(folder)


def write_manifest(folder, num_layers, lacking=None, **run):
  """Writes the manifest.json of a folder's predictions.

  Args:
    folder: str, as write_sweep returns it.
    num_layers: int, of the model; None leaves it out.
    lacking: dict from a set of tokens to the list of ids that have none of it.
    **run: what else its run has, named without "--".
  """
  about = {name: value for name, value in (
      ("num_layers", num_layers), ("lacking", lacking)) if value is not None}
  run = dict({"version_2_with_negative": False, "dataset": "squad"}, **run)
  with open(os.path.join(folder, "manifest.json"), "w") as f:
    json.dump({
        "files": {name: "r" for name in os.listdir(folder) if name[0] == "p"},
        "runs": {"r": dict({"--" + name: value for name, value in run.items()},
                           about=about)}}, f)


def student_interval(differences, sizes, reach=1):
  """The interval of the mean difference with one to four training seeds, in points.

  Args:
    differences: float [N] or [K, N], masked - baseline, in the order of passages.
    sizes: list of G int, how many questions each passage has.
    reach: int, the most that a question can change.

  Returns:
    (low, high, standard error).
  """
  differences = np.atleast_2d(differences)
  sizes, total = np.array(sizes), sum(sizes)
  starts = np.cumsum(sizes) - sizes
  sums = np.add.reduceat(differences.mean(0), starts)
  mean = sums.sum() / total
  number = len(sizes)
  se = np.sqrt(number / (number - 1) * ((sums - sizes * mean) ** 2).sum()) / total
  changed = (np.add.reduceat(np.abs(differences).sum(0), starts) > 1e-9).sum()
  half = stats.t.ppf(.975, number - 1) * se
  if changed < 10:
    half = max(half, reach * (1 - .05 ** (1 / number)) * (1 - changed / 10))
  return 100 * (mean - half), 100 * (mean + half), 100 * se


def digits(text):
  """The scores of a str as write_sweep takes it, without s: float [N]."""
  return np.array([float(character == "1") for character in text])


def read_rows(path):
  """Reads a CSV file: list of dict from column to text."""
  header, *lines = [line.split(",") for line in path.read_text().splitlines()]
  return [dict(zip(header, line)) for line in lines]
