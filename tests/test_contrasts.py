"""--contrast, and --tex."""

import math
import shutil
import subprocess

import pytest

import get_results
from attention_zones.findings import contrasts
from attention_zones.findings import effects
from attention_zones.findings import tables
from attention_zones.zones import decodes
from attention_zones.zones import masking
from passages import digits, student_interval
from passages import read_rows, write_data, write_manifest, write_sweep

SIZES = [3, 2, 1, 4, 2]
BASELINE = "000001000000"
CELLS = {"": BASELINE, "_layer0_p2": "101000110001", "_layer1_p2": BASELINE,
         "_layer2_p2": "101001110001", "_layer0_q2": BASELINE,
         "_layer1_q2": BASELINE, "_layer2_q2": BASELINE, "_layer0+1_p2": BASELINE}


def cell(name):
  return decodes.Decode.parse("predictions%s.json" % name)


@pytest.mark.parametrize("text, names", [
    ("1:p2", ["_layer0_p2"]),
    ("1-3:p2", ["_layer0_p2", "_layer1_p2", "_layer2_p2"]),
    ("3,1:q2", ["_layer2_q2", "_layer0_q2"]), ("2+1:p2", ["_layer0+1_p2"]),
    ("all:q2+p2", ["_layer_q2+p2"]),
])
def test_parses(text, names):
  cells = list(map(cell, list(CELLS)[1:] + ["_layer_q2+p2"]))
  assert [cells[i] for i in contrasts.parse(text, cells)] == list(map(cell, names))


@pytest.mark.parametrize("text, message", [
    ("p2", "--contrast: 'p2': has no zone after a colon; cells are written like"),
    ("1:p3", "--contrast: '1:p3': 'p3' is not a zone"),
    ("x:p2", "--contrast: 'x:p2': 'x' is not a layer"),
    ("0-2:p2", "'0' is not a layer; a layer is a number from 1"),
    ("3-1:p2", "the range 3-1 is empty"),
    ("1+2-3:p2", "'1+2-3' is not a range of layers like 1-4"),
    ("1,1:p2", "names a layer twice"),
    ("3-5:p2", "there is no decode of layer 4 with p2 masked, layer 5 with p2 m"),
    ("all:p2", "there is no decode of layer all with p2 masked"),
])
def test_refuses_cells(tmp_path, capsys, text, message):
  path = tmp_path / "dev.json"
  folder = write_sweep(tmp_path / "sweep", write_data(path, SIZES), CELLS)
  assert get_results.main([
      folder, str(tmp_path / "results.csv"), "--contrast", "1:p2", text,
      "--data_file", str(path)]) == 1
  error = capsys.readouterr().err.splitlines()[-1]
  assert error.startswith("get_results.py: --contrast: ") and message in error
  assert not list(tmp_path.glob("results*"))


def test_contrasts(tmp_path, capsys):
  path = tmp_path / "dev.json"
  folder = write_sweep(tmp_path / "sweep", write_data(path, SIZES), CELLS)
  assert get_results.main([
      folder, str(tmp_path / "results.csv"), "--data_file", str(path),
      "--contrast", "1-3:p2", "2:q2", "--contrast", "2:q2", "1:p2"]) == 0
  rows = read_rows(tmp_path / "results.contrasts.csv")
  assert list(rows[0]) == [
      "a", "b", "metric", "n", "clusters", "seeds", "diff_a", "diff_b", "contrast",
      "ci_low", "ci_high", "se", "p", "p_holm", "q_bh"]
  # Layers 1 and 3 differ by S = 2 0 -1 2 1 and 2 0 0 2 1, layer 2 by nothing: three
  # times the mean is 4 0 -1 4 2, of whose 16 signs 4 reach 9.
  assert [rows[0][name] for name in (
      "a", "b", "diff_a", "diff_b", "contrast", "p", "p_holm")] == [
          "1-3:p2", "2:q2", "25.0000", "0.0000", "25.0000", "0.25", "0.5"]
  assert [rows[1][name] for name in ("contrast", "p", "p_holm")] == [
      "-33.3333", "0.375", "0.5"]
  differences = sum(digits(CELLS["_layer%d_p2" % k]) for k in range(3)) / 3 - (
      digits(BASELINE))
  assert [rows[0]["ci_low"], rows[0]["ci_high"], rows[0]["se"]] == [
      "%.4f" % value for value in student_interval(differences, SIZES)]
  assert ("secondary family (contrasts): 1-3:p2 minus 2:q2: +25.000 (95 % interval "
          in capsys.readouterr().out)


def test_a_contrast_of_what_cannot_differ_is_not_in_the_family(tmp_path, capsys):
  path = tmp_path / "dev.json"
  folder = write_sweep(tmp_path / "sweep", write_data(path, SIZES), dict(
      CELLS, _layer2_q2p=BASELINE))
  write_manifest(folder, 3)
  assert get_results.main([
      folder, str(tmp_path / "results.csv"), "--data_file", str(path),
      "--allow_holes", "--contrast", "3:q2", "3:q2p", "--contrast", "2:q2",
      "1:p2"]) == 0
  assert [(row["p"], row["p_holm"])
          for row in read_rows(tmp_path / "results.contrasts.csv")] == [
              ("1", ""), ("0.375", "0.375")]
  assert ("secondary family (contrasts): 3:q2 minus 3:q2p: masking can change "
          "neither\n" in capsys.readouterr().out)


def test_latex(tmp_path):
  path = tmp_path / "dev.json"
  ids = write_data(path, [2] * 1000)
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1" * 2000, "_layer0_p2": "10" * 500 + "1" * 1000,
      "_layer0_q2+p2": "1" * 2000, "_layer1_p2": "0" + "1" * 1999})
  table = tmp_path / "table.tex"
  assert get_results.main([
      folder, str(tmp_path / "results.csv"), "--data_file", str(path),
      "--tex", str(table), "--allow_holes"]) == 0
  lines = table.read_text().splitlines()
  assert lines[1:6] == [
      r"{\fontsize{7}{8.5}\selectfont\setlength{\tabcolsep}{3pt}%",
      r"\begin{tabular}{@{}lrr@{}}", r"\toprule",
      r"Layer & P$^2$ & Q$^2$+P$^2$ \\", r"\midrule"]
  rows = read_rows(tmp_path / "results.stats.csv")
  interval = "[%.2f, %.2f]" % tuple(float(rows[0][name])
                                    for name in ("ci_low", "ci_high"))
  # Nothing changed: .05^(1/1000) is .99701. One passage of 1,000: a tenth less.
  assert lines[6] == (
      r"1 & $\mathbf{-25.00}$ $%s$ & $0.00$ $[-0.30, 0.30]$ \\" % interval)
  assert lines[7] == r"2 & $-0.05$ $[-0.32, 0.22]$ &  \\"
  assert lines[8:10] == [r"\bottomrule", r"\end{tabular}}"]
  # The union is a family of its own.
  assert ("after Holm over 2 cells, and over 1 of unions. 2000 questions, 1000 "
          "passages, one training seed. Test: exact sign-flip test of passages. "
          "Intervals: Student's t with 999 degrees of freedom, cluster standard "
          "error of passages." in lines[-1])


SETTINGS = effects.Settings("exact", "paragraph", 10000, 12345)


def wide_rows(names, scale):
  """The rows of twelve layers, of two together and of all; differences of 1.359."""
  return [dict(layer=layer, zone=name, head="", diff=-1.359 * scale,
               ci_low=-1.52 * scale, ci_high=-1.201 * scale, p_holm=.001,
               baseline=80.567, n=10570, clusters=2067, seeds=1,
               df=2066)
          for layer in [str(layer + 1) for layer in range(12)] + ["1+2", "all"]
          for name in names]


FIVE = ["all", "q2", "q2p", "p2q", "p2"]
UNIONS = ["q2+q2p+p2q+p2", "q2+p2", "q2p+p2q"]


@pytest.mark.parametrize("columns, names, scale, beside", [
    (2, FIVE, 10, 5), (1, FIVE, 10, 2), (1, FIVE, 1, 2), (2, FIVE + UNIONS, 70, 4),
    (1, UNIONS, .1, 2), (1, ["p2"], 10, 1)])
def test_zones_stand_below_each_other_where_latex_is_narrow(
    tmp_path, columns, names, scale, beside):
  text = tables.as_latex(wide_rows(names, scale), SETTINGS, columns)
  assert r"\begin{tabular}{@{}l%s@{}}" % ("r" * beside) in text
  assert text.count("Layer & ") == math.ceil(len(names) / beside)
  assert text.count("$[") == 14 * len(names)
  if not shutil.which("pdflatex"):
    pytest.skip("needs LaTeX: texlive-latex-base and texlive-latex-recommended")
  (tmp_path / "t.tex").write_text(text)
  star = "*" * (columns == 2)
  for size in ("10pt", "12pt"):
    (tmp_path / "page.tex").write_text(
        r"\documentclass[%s,twocolumn,a4paper]{article}" % size +
        r"\usepackage{booktabs}\textwidth174mm\textheight250mm\columnsep4mm"
        r"\begin{document}\typeout{column \the\columnwidth}"
        r"\begin{table%s}\input{t.tex}\end{table%s}x\end{document}" % (star, star))
    log = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=str(tmp_path), stdout=subprocess.PIPE, check=True,
        universal_newlines=True).stdout
    # 85 mm, but for rounding.
    assert "column 241.848" in log
    assert "Overfull" not in log and "Float too large" not in log


@pytest.mark.parametrize("flag", ["--tex", "--per_question"])
def test_never_writes_over_what_is_read_or_written(tmp_path, capsys, flag):
  path = tmp_path / "dev.json"
  folder = write_sweep(tmp_path / "sweep", write_data(path, SIZES), CELLS)
  before = path.read_text()
  for taken in ("dev.json", "results.csv", "results.stats.csv"):
    assert get_results.main([
        folder, str(tmp_path / "results.csv"), "--data_file", str(path),
        flag, str(tmp_path / taken)]) == 1
    assert ("%s=%s: is read or written as something else" % (flag, tmp_path / taken)
            in capsys.readouterr().err)
  assert path.read_text() == before and not list(tmp_path.glob("results*"))


def test_the_zones_of_tables_are_those_of_zones():
  assert contrasts.parse("1:p2+q2", [decodes.Decode.of(
      (0,), masking.union(["q2", "p2"]))]) == [0]
