"""get_results.py and results_table.py: the table of a sweep."""

import json
import math
import os
import pathlib
import subprocess
import sys

import pytest

from attention_zones.base import files
from attention_zones.base import manifest
from attention_zones import cases
from attention_zones.scores import metrics
from attention_zones.scores import results_table
import get_results

QUESTIONS = ["q%d" % i for i in range(8)]


@pytest.fixture
def data_file(tmp_path):
  """A data set of 8 questions, whose answer is "good answer"."""
  qas = [{"id": name, "answers": [{"text": "good answer", "answer_start": 0}]}
         for name in QUESTIONS]
  path = tmp_path / "dev.json"
  path.write_text(json.dumps(
      {"data": [{"paragraphs": [{"context": "", "qas": qas}]}]}))
  return str(path)


def write_sweep(folder, right):
  """Writes prediction files; `right` tells how many answers of each are right.
  """
  folder.mkdir()
  for name, count in right.items():
    answers = ["good answer"] * count + ["answer"] * (8 - count)
    (folder / ("predictions%s.json" % name)).write_text(
        json.dumps(dict(zip(QUESTIONS, answers))))
  return str(folder)


FULL = {"": 8, "_layer0_q2": 7, "_layer0_p2": 1, "_layer1_q2": 5,
        "_layer1_p2": 3}


def run(data_file, *arguments):
  return get_results.main(list(arguments) + ["--data_file", data_file])


def test_collects_and_names_the_next_command(tmp_path, data_file, capsys):
  folder = write_sweep(tmp_path / "prediction", FULL)
  results = tmp_path / "results.csv"
  assert run(data_file, folder, str(results)) == 0
  expected = "layer,q2,p2\n1,87.500,12.500\n2,62.500,37.500\n"
  assert results.read_text() == expected
  printed = capsys.readouterr().out
  assert printed.startswith(expected)
  assert ("python visualize_att_zone.py %s 100.000 %s" % (
      results, tmp_path / "results.pdf") in printed)


@pytest.mark.parametrize("metric, differences, seen", [
    ("exact", [0, -10, 2], True),
    ("exact", [0, -10.0000001, 2.0000001], True),
    ("exact", [0, -10.01], False),
    ("f1", [2.01], False),
    # A quarter of the colours is enough to see.
    ("exact", [0, -2.5], True), ("exact", [0, -2.49, 1], False),
    ("logp", [-40, 3], True),
])
def test_the_figure_reaches_to_all_differences(metric, differences, seen):
  assert metrics.is_seen(metrics.named(metric), differences) == seen


def test_numeric_ids(tmp_path):
  data_file = tmp_path / "dev.json"
  data_file.write_text(json.dumps({"data": [{"paragraphs": [{"qas": [
      {"id": 9101 + i, "answers": [{"text": "x"}]} for i in range(2)]}]}]}))
  (tmp_path / "prediction").mkdir()
  for name, second in (("", "x"), ("_layer0_q2", "y")):
    (tmp_path / "prediction" / ("predictions%s.json" % name)).write_text(
        json.dumps({"9101": "x", "9102": second}))
  results = tmp_path / "results.csv"
  assert run(str(data_file), str(tmp_path / "prediction"), str(results)) == 0
  assert results.read_text() == "layer,q2\n1,50.000\n"


@pytest.mark.parametrize("flag", ["-use-f1", "--use-f1", "-f1"])
def test_f1(tmp_path, data_file, flag):
  # A wrong answer has F1 2/3: (7 + 2/3) / 8 = 95.833 %.
  folder = write_sweep(tmp_path / "prediction", {"_layer0_q2": 7})
  results = tmp_path / "results.csv"
  assert run(data_file, folder, flag, str(results)) == 0
  assert results.read_text() == "layer,q2\n1,95.833\n"


def test_unions_and_every_layer(tmp_path, data_file, capsys):
  zones = ("p2", "all", "q2+p2", "q2")
  layers = ("10", "9", "", "0+10", "0+1", "8", "7", "6", "5", "4", "3", "2",
            "1", "0")
  folder = write_sweep(tmp_path / "prediction", {
      "_layer%s_%s" % (layer, zone): 4 for layer in layers for zone in zones})
  results = tmp_path / "results.csv"
  assert run(data_file, folder, str(results)) == 0
  lines = results.read_text().splitlines()
  assert lines[0] == "layer,all,q2,p2,q2+p2"
  assert [line.split(",")[0] for line in lines[1:]] == [
      "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "1+2", "1+11",
      "all"]
  assert "the baseline is not known" in capsys.readouterr().out
  table = results_table.read_results(str(results))
  assert table.layers[-3:] == ["1+2", "1+11", "all"]


def test_every_layer_and_unions_beside_a_sweep(tmp_path, data_file, capsys):
  folder = write_sweep(tmp_path / "prediction", dict(
      FULL, _layer_p2=2, **{"_layer0+1_q2+p2": 4}))
  results = tmp_path / "results.csv"
  assert run(data_file, folder, str(results)) == 0
  assert results.read_text() == (
      "layer,q2,p2,q2+p2\n1,87.500,12.500,\n2,62.500,37.500,\n"
      "1+2,,,50.000\nall,,25.000,\n")
  assert capsys.readouterr().err == (
      "%s: not decoded, so their cells stay empty: "
      "predictions_layer0_q2+p2.json, predictions_layer1_q2+p2.json, "
      "predictions_layer0+1_q2.json and 3 more\n" % folder)
  # What the sweep itself lacks is a hole as before.
  os.remove(os.path.join(folder, "predictions_layer1_p2.json"))
  assert run(data_file, folder, str(results)) == 1
  assert ("1 of 4 files are missing: predictions_layer1_p2.json;"
          in capsys.readouterr().err)


def test_holes_are_listed_and_nothing_is_written(tmp_path, data_file, capsys):
  # Layer 1 has no file at all, layer 2 lacks p2.
  folder = write_sweep(tmp_path / "prediction", {
      "_layer0_q2": 1, "_layer0_p2": 2, "_layer2_q2": 3})
  results = tmp_path / "results.csv"
  assert run(data_file, folder, str(results)) == 1
  printed = capsys.readouterr()
  assert ("3 of 6 files are missing: predictions_layer1_q2.json, "
          "predictions_layer1_p2.json, predictions_layer2_p2.json;"
          in printed.err)
  assert printed.out == "" and not results.exists()

  assert run(data_file, folder, str(results), "--allow_holes") == 0
  assert results.read_text() == (
      "layer,q2,p2\n1,12.500,25.000\n2,,\n3,37.500,\n")
  table = results_table.read_results(str(results))
  assert [[math.isnan(score) for score in row] for row in table.scores] == [
      [False, False], [True, True], [False, True]]


def test_seeds_give_mean_and_sample_standard_deviation(tmp_path, data_file):
  folders = [write_sweep(tmp_path / ("seed%d" % seed),
                         {"": 8, "_layer0_q2": right, "_layer0_p2": 4})
             for seed, right in enumerate((2, 4, 8))]
  results = tmp_path / "results.csv"
  assert run(data_file, *(folders + [str(results)])) == 0
  # 25, 50 and 100 %: mean 175 / 3, deviation sqrt(4375 / 3).
  assert results.read_text() == "layer,q2,p2\n1,58.333,50.000\n"
  assert (tmp_path / "results.std.csv").read_text() == (
      "layer,q2,p2\n1,38.188,0.000\n")


def test_seeds_must_have_the_same_files(tmp_path, data_file, capsys):
  one = write_sweep(tmp_path / "one", FULL)
  two = write_sweep(tmp_path / "two", {"_layer0_q2": 7, "_layer0_p2": 1,
                                       "_layer1_q2": 5, "_layer1_p2": 3})
  results = tmp_path / "results.csv"
  assert run(data_file, one, two, str(results)) == 1
  assert ("%s: lacks 1 files that %s has: predictions.json" % (two, one)
          in capsys.readouterr().err)
  assert run(data_file, one, one, str(results)) == 1
  assert "the folder is given twice" in capsys.readouterr().err
  assert not results.exists()


def test_a_question_without_prediction_is_refused(tmp_path, data_file, capsys):
  folder = write_sweep(tmp_path / "prediction", FULL)
  with open(os.path.join(folder, "predictions_layer1_q2.json"), "w") as f:
    json.dump({name: "x" for name in QUESTIONS[:-1]}, f)
  results = tmp_path / "results.csv"
  assert run(data_file, folder, str(results)) == 1
  assert ('predictions_layer1_q2.json: no prediction for 1 id ("q7")'
          in capsys.readouterr().err)
  assert not results.exists()


@pytest.mark.parametrize("names, message", [
    ({"": 8}, "has no file like predictions_layer0_q2.json"),
    ({"_layer0_p2+q2": 1}, "not read, its name is not like"),
])
def test_refuses_a_folder(tmp_path, data_file, capsys, names, message):
  folder = write_sweep(tmp_path / "prediction", names)
  assert run(data_file, folder, str(tmp_path / "results.csv")) == 1
  assert message in capsys.readouterr().err


@pytest.fixture
def journal_lines(data_file):
  """The lines of a journal of `data_file`: its key, four finished questions."""
  key = {"--predict_file": files.digest(data_file), "decodes": [], "format": 2}
  return [json.dumps(line) + "\n" for line in [key] + [
      {"question": i, "texts": ["x"], "text_of": [0]} for i in range(4)]]


@pytest.mark.parametrize("predictions", [[], ["_layer0_q2", "_layer1_q2p"]])
@pytest.mark.parametrize("name, lines, cut, done", [
    ("journal.0123456789abcdef.jsonl", 4, 0, "3 of 8 questions are done"),
    # The last line is incomplete; so is the only one.
    ("journal.0123456789abcdef.jsonl", 4, 2, "2 of 8 questions are done"),
    ("journal.0123456789abcdef.2of8.jsonl", 1, 2, "0 questions are done"),
])
def test_an_unfinished_sweep_is_said(
    tmp_path, data_file, journal_lines, capsys, predictions, name, lines, cut,
    done):
  folder = tmp_path / "prediction"
  folder.mkdir()
  for kind in predictions:
    (folder / ("predictions%s.json" % kind)).write_text("{}")
  content = "".join(journal_lines[:lines])
  (folder / name).write_text(content[:len(content) - cut])
  before = (folder / name).read_bytes()
  results = tmp_path / "results.csv"
  for command in (lambda: run(data_file, str(folder), str(results)),
                  lambda: cases.main([str(folder), str(tmp_path / "report.html"),
                                      "--data_file", data_file])):
    assert command() == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.endswith(
        "; the sweep of %s is unfinished, %s (%s): rerun the command that decodes, "
        "and it resumes; get_results.py --unfinished shows what is finished\n" % (
            folder, done, name))
  assert (folder / name).read_bytes() == before and not results.exists()


def test_a_second_sweep_that_is_unfinished_is_said_with_the_results(
    tmp_path, data_file, journal_lines, capsys):
  folder = tmp_path / "prediction"
  write_sweep(folder, {"": 8, "_layer0_q2": 7})
  (folder / "journal.0123456789abcdef.jsonl").write_text("".join(journal_lines))
  assert run(data_file, str(folder), str(tmp_path / "results.csv")) == 0
  assert "is unfinished, 4 of 8 questions are done" in capsys.readouterr().out


def test_a_first_sweep_of_other_data_that_is_unfinished_is_said(
    tmp_path, data_file, journal_lines, capsys):
  """Its manifest does not yet say where the data is."""
  folder = tmp_path / "prediction"
  folder.mkdir()
  (folder / "journal.0123456789abcdef.jsonl").write_text("".join(journal_lines))
  assert run(str(tmp_path / "none.json"), str(folder),
             str(tmp_path / "results.csv")) == 1
  error = capsys.readouterr().err
  assert "none.json: there is no such file" in error
  assert "is unfinished, 4 questions are done" in error


def test_the_shares_of_a_sweep_are_counted_together(
    tmp_path, data_file, journal_lines, capsys):
  folder = tmp_path / "prediction"
  folder.mkdir()
  names = ["%s.0123456789abcdef.%dof2.jsonl" % of for of in (
      ("journal", 1), ("share", 2))]
  first, *others = journal_lines
  (folder / names[0]).write_text(first + others[2])
  (folder / names[1]).write_text(
      first + others[0] + others[1] + '{"finished": 2}\n')
  assert run(data_file, str(folder), str(tmp_path / "results.csv")) == 1
  assert "3 of 8 questions are done (%s, %s)" % tuple(names) in (
      capsys.readouterr().err)
  # Of another data set the number of questions is not known.
  (tmp_path / "other.json").write_text(pathlib.Path(data_file).read_text() + " ")
  assert run(str(tmp_path / "other.json"), str(folder),
             str(tmp_path / "results.csv")) == 1
  assert "is unfinished, 3 questions are done" in capsys.readouterr().err


def test_a_misspelt_name_is_said(tmp_path, data_file, capsys):
  folder = write_sweep(tmp_path / "prediction",
                       {"_layer0_q2": 8, "_layer0_q3": 8})
  assert run(data_file, folder, str(tmp_path / "results.csv")) == 0
  assert "predictions_layer0_q3.json: not read" in capsys.readouterr().err


def test_extra_predictions_are_said(tmp_path, data_file, capsys):
  folder = write_sweep(tmp_path / "prediction", {"_layer0_q2": 8})
  with open(os.path.join(folder, "predictions.json"), "w") as f:
    json.dump({name: "x" for name in QUESTIONS + ["q9"]}, f)
  assert run(data_file, folder, str(tmp_path / "results.csv")) == 0
  assert "1 files, for example predictions.json," in capsys.readouterr().err


@pytest.mark.parametrize("arguments, message", [
    (["prediction"], "1 paths; give a folder of predictions and the file"),
    (["--compare", "a.csv", "b.csv", "results.csv"],
     "--compare takes two tables and no folder, not results.csv"),
])
def test_refuses_arguments(capsys, arguments, message):
  with pytest.raises(SystemExit):
    get_results.main(arguments)
  assert message in capsys.readouterr().err


def test_a_forgotten_output_is_refused(tmp_path, data_file, capsys):
  one = write_sweep(tmp_path / "one", FULL)
  two = write_sweep(tmp_path / "two", FULL)
  assert run(data_file, one, two) == 1
  assert "two: is a folder; the last argument should" in capsys.readouterr().err


def test_compare_gives_the_last_row_of_table_2(repository):
  printed = subprocess.check_output(
      [sys.executable, "get_results.py", "--compare",
       "paper/table1.csv", "paper/table2.csv"],
      cwd=str(repository), universal_newlines=True).splitlines()
  assert printed[0] == "layer,all,q2,q2p,p2q,p2"
  label, *values = printed[1].split(",")
  assert label == "std"
  # As printed in the paper, to a unit in the last place.
  assert [float(value) for value in values] == pytest.approx(
      [0.819, 0.152, 0.131, 1.405, 0.815], abs=0.00101)


def test_compare_takes_single_layers_only(tmp_path, capsys):
  (tmp_path / "a.csv").write_text("layer,q2\n1,51\n2,63\n1+2,90\nall,9\n")
  (tmp_path / "b.csv").write_text("layer,q2\n1,50\n2,60\n1+2,10\nall,9\n")
  assert get_results.main(["--compare", str(tmp_path / "a.csv"),
                           str(tmp_path / "b.csv")]) == 0
  # Of 1 and 3: sqrt(2).
  assert capsys.readouterr().out == "layer,q2\nstd,1.414\n"


def test_compare_needs_two_layers(tmp_path, capsys):
  (tmp_path / "a.csv").write_text("layer,q2\n1,51\n")
  assert get_results.main(["--compare"] + 2 * [str(tmp_path / "a.csv")]) == 1
  assert "1 single layers; a standard deviation" in capsys.readouterr().err


@pytest.mark.parametrize("b, message", [
    ("layer,q2\n1,50\n2,60\n3,70\n", "has the layers 1, 2, but"),
    ("layer,p2\n1,50\n2,60\n", "has the zones q2, but"),
    ("layer,q2\n1,50\n2,\n", "b.csv: layer 2, column q2 is empty"),
])
def test_compare_refuses(tmp_path, capsys, b, message):
  (tmp_path / "a.csv").write_text("layer,q2\n1,50\n2,60\n")
  (tmp_path / "b.csv").write_text(b)
  assert get_results.main(["--compare", str(tmp_path / "a.csv"),
                           str(tmp_path / "b.csv")]) == 1
  assert message in capsys.readouterr().err


def read_text(tmp_path, text):
  path = tmp_path / "results.csv"
  path.write_bytes(text.encode("utf-8"))
  return results_table.read_results(str(path))


def test_reads_spaces_other_orders_and_a_missing_cell(tmp_path, capsys):
  table = read_text(tmp_path, "\ufefflayer, p2 , p2+q2, all\r\n"
                              "10, 1 , 2, 3\r\n" + "".join(
                                  "%d,4,5,6\r\n" % i for i in range(1, 10)) +
                              "all, 7, , 9\r\n2+1, 10, 11, 12\r\n\r\n")
  assert table.layers == [str(i) for i in range(1, 11)] + ["1+2", "all"]
  assert table.zones == ["all", "p2", "q2+p2"]
  assert table.scores[0] == [6.0, 4.0, 5.0]
  assert table.scores[9] == [3.0, 1.0, 2.0]
  assert table.scores[10] == [12.0, 10.0, 11.0]
  assert table.scores[11][:2] == [9.0, 7.0] and math.isnan(table.scores[11][2])
  assert capsys.readouterr().err == ""


def test_layers_from_0_are_shifted_and_said(tmp_path, capsys):
  table = read_text(tmp_path, "layer,q2\n1,20\n0,10\n0+1,30\nall,40\n")
  assert table.layers == ["1", "2", "1+2", "all"]
  assert table.scores == [[10.0], [20.0], [30.0], [40.0]]
  assert "results.csv: counts layers from 0" in capsys.readouterr().err


@pytest.mark.parametrize("text, message", [
    ("", "0 lines"),
    ("layer,q2\n", "1 lines"),
    ("zone,q2\n1,2\n", "line 1: the first column is 'zone'"),
    ("layer,q2,q3\n1,2,3\n",
     "line 1: the column 'q3' is not a zone; zones are all, q2, q2p, p2q, p2"),
    ("layer,zone,metric\n1,q2,exact\n", "with a column 'zone' this is no results"),
    ("layer,from,to,mass\n1,q,q,1\n", "attention_mass.csv are drawn alone"),
    ("layer,q2+p2,p2+q2\n1,2,3\n", "line 1: the column p2+q2 comes twice"),
    ("layer\n1\n", "line 1: no zone"),
    ("layer,q2\n1,2\n1,3\n", "line 3: layer 1 comes twice"),
    ("layer,q2\n1+2,2\n2+1,3\n", "line 3: layer 2+1 comes twice"),
    ("layer,q2\n1+1,2\n", "line 2, column layer: 1+1 has a layer twice"),
    ("layer,q2\n1,2\n3,3\n", "the layers are 1, 3; they should be 1, 2, 3"),
    ("layer,q2\n2,2\n3,3\n", "the layers are 2, 3; they should be 1, 2, 3"),
    ("layer,q2\nx,2\n", "line 2, column layer: 'x' is not a layer"),
    ("layer,q2,p2\n1,2,3x\n", "line 2, column p2: '3x' is not a score"),
    ("layer,q2\n1,nan\n", "line 2, column q2: 'nan' is not a score"),
    ("layer,q2\n1,100.5\n", "line 2, column q2: '100.5' is not a score"),
    ("layer,q2,p2\n1,2\n", "line 2: 2 cells, but the header has 3 columns"),
    ("layer,q2\n1,\x00\n", "line 2"),
])
def test_refuses_a_table(tmp_path, text, message):
  with pytest.raises(ValueError, match="results.csv") as error:
    read_text(tmp_path, text)
  assert message in str(error.value)


def test_published_tables_are_written_as_they_are_read(repository):
  path = repository / "paper" / "table1.csv"
  table = results_table.read_results(str(path))
  assert results_table.as_text(table).encode() == path.read_bytes()


def test_says_which_cell_hurts_most(tmp_path, data_file, capsys):
  folder = write_sweep(tmp_path / "prediction", FULL)
  assert get_results.main(
      [folder, str(tmp_path / "results.csv"), "--data_file", data_file]) == 0
  assert ("hurts most: p2 in layer 1, exact 12.500 (-87.500)"
          in capsys.readouterr().out)


def test_refuses_predictions_of_different_runs(tmp_path, data_file, capsys):
  folder = write_sweep(tmp_path / "prediction", FULL)
  names = ["predictions%s.json" % suffix for suffix in FULL]
  manifest.add(folder, names, {"checkpoint": "a"}, {})
  results = str(tmp_path / "results.csv")
  arguments = [folder, results, "--data_file", data_file]
  assert get_results.main(arguments) == 0
  os.remove(results)
  manifest.add(folder, names[1:2], {"checkpoint": "b"}, {})
  capsys.readouterr()
  assert get_results.main(arguments) == 1
  error = capsys.readouterr().err
  assert "1 like predictions_layer0_q2.json" in error
  assert "has a different checkpoint (" in error and "--allow_mixed" in error
  assert len(error.splitlines()) == 1
  assert not os.path.exists(results)
  assert get_results.main(arguments + ["--allow_mixed"]) == 0
  assert "has a different checkpoint (" in capsys.readouterr().err
  assert os.path.exists(results)


def test_never_replaces_a_file_that_is_no_table(tmp_path, data_file, capsys):
  folder = write_sweep(tmp_path / "prediction", FULL)
  with open(data_file) as f:
    before = f.read()
  assert get_results.main([folder, data_file, "--data_file", data_file]) == 1
  assert "should end with .csv" in capsys.readouterr().err
  with open(data_file) as f:
    assert f.read() == before


def test_says_when_nothing_hurts(tmp_path, data_file, capsys):
  folder = write_sweep(tmp_path / "prediction", {"": 3, "_layer0_q2": 3})
  get_results.main([folder, str(tmp_path / "r.csv"), "--data_file", data_file])
  assert "none of these cells scores below the baseline" in capsys.readouterr().out
