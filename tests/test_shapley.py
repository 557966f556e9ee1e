"""results.shapley.csv: Shapley value, alone and last of zones, and their pairs."""

import itertools

import numpy as np
import pytest

from attention_zones.findings import shapley
import get_results
from passages import digits, student_interval
from passages import read_rows, write_data, write_manifest, write_sweep
from test_logp import write_logp

ZONES = ["q2", "q2p", "p2q", "p2"]
# Exact match of 1,000 questions with these zones masked; the baseline has 80.
VECTOR = {
    "q2": 79.8, "q2p": 79.5, "p2q": 77, "p2": 74, "q2+q2p": 79.2, "q2+p2q": 76.5,
    "q2+p2": 73.6, "q2p+p2q": 75, "q2p+p2": 72.9, "p2q+p2": 52, "q2+q2p+p2q": 74.1,
    "q2+q2p+p2": 72, "q2+p2q+p2": 50.5, "q2p+p2q+p2": 48, "q2+q2p+p2q+p2": 45}
VALUES = [-1.175, -2.475, -14.40833333333, -16.94166666667]
LAST = [-3, -5.5, -27, -29.1]
PAIRS = {"q2 q2p": -.68333333333, "p2q p2": -20.33333333333}
NAMES = list(VECTOR)

# Questions of each passage.
SIZES = [3, 2, 1, 4, 2]


def weighted(kind, differences):
  """What shapley.py makes of differences: dict from "p2q p2" to float64 [N].

  Args:
    kind: str, in the column `kind`.
    differences: dict from a frozenset of zones to float64 [N].
  """
  of, = [of for of in shapley.KINDS if of.name == kind]
  values = of.weights.dot([
      differences[frozenset(union)] for union in shapley.UNIONS])
  return dict(zip(map(" ".join, of.of), values))


def by_orders(v):
  """The same from one order after the other: all kinds, dict from kind to such.

  Args:
    v: dict from a frozenset of zones, the empty one too, to float64 [N].
  """
  everything = frozenset(ZONES)
  found = {"shapley": dict.fromkeys(ZONES, 0), "pair": {},
           "alone": {zone: v[frozenset([zone])] for zone in ZONES},
           "last": {zone: v[everything] - v[everything - {zone}] for zone in ZONES}}
  for order in itertools.permutations(ZONES):
    for k, zone in enumerate(order):
      before = frozenset(order[:k])
      found["shapley"][zone] = found["shapley"][zone] + (
          v[before | {zone}] - v[before]) / 24
  for a, b in itertools.combinations(ZONES, 2):
    total = 0
    for order in itertools.permutations(set(ZONES) - {a, b} | {"both"}):
      before = frozenset(order[:order.index("both")])
      total = total + (v[before | {a, b}] - v[before | {a}] - v[before | {b}]
                       + v[before])
    found["pair"]["%s %s" % (a, b)] = total / 6
  return found


def of_unions(values):
  """A dict from frozensets of zones, given one from names like q2+p2 and "": v."""
  return {frozenset(filter(None, name.split("+"))): value
          for name, value in values.items()}


@pytest.fixture
def random():
  """Differences of 50 questions, for `by_orders`."""
  rs = np.random.RandomState(7)
  v = {frozenset(union): rs.uniform(-1, 1, 50) for union in shapley.UNIONS}
  v[frozenset()] = np.zeros(50)
  return v


def test_the_vector():
  v = of_unions({name: np.array([score - 80]) for name, score in VECTOR.items()})
  values = weighted("shapley", v)
  assert list(values) == ZONES
  assert np.allclose([*values.values()], np.c_[VALUES], rtol=1e-9, atol=0)
  assert np.allclose(
      [*weighted("last", v).values()], np.c_[LAST], rtol=1e-9, atol=0)
  pairs = weighted("pair", v)
  assert len(pairs) == 6
  for pair, value in PAIRS.items():
    assert np.allclose(pairs[pair], value, rtol=1e-9, atol=0)


def test_every_order(random):
  for kind, wanted in by_orders(random).items():
    found = weighted(kind, random)
    assert list(found) == list(wanted)
    for name in wanted:
      assert np.abs(found[name] - wanted[name]).max() < 1e-12


def test_values_sum_to_the_effect_of_all_four(random):
  total = sum(weighted("shapley", random).values())
  assert np.abs(total - random[frozenset(ZONES)]).max() < 1e-12


def test_zones_of_which_one_can_take_the_others_place_have_one_value(random):
  swap = {"q2": "p2", "p2": "q2"}
  v = {of: random[of] + random[frozenset(swap.get(zone, zone) for zone in of)]
       for of in random}
  values = weighted("shapley", v)
  assert np.abs(values["q2"] - values["p2"]).max() < 1e-12
  assert np.abs(values["q2"] - values["p2q"]).max() > 1e-3


def test_a_zone_that_changes_nothing_has_no_value_and_no_pair(random):
  v = {of: random[of - {"q2p"}] for of in random}
  assert np.abs(weighted("shapley", v)["q2p"]).max() < 1e-12
  pairs = weighted("pair", v)
  for pair in "q2 q2p", "q2p p2q", "q2p p2":
    assert np.abs(pairs[pair]).max() < 1e-12
  assert np.abs(pairs["q2 p2"]).max() > 1e-3


def test_scale_and_reach():
  for of in shapley.KINDS:
    scaled = of.scale * of.weights
    assert np.abs(scaled - scaled.round()).max() < 1e-12
    # All v of a question are 0 or 1 if the baseline is wrong, else 0 or -1.
    most = max(np.maximum(sign * of.weights, 0).sum(1).max() for sign in (1, -1))
    assert abs(most - of.reach) < 1e-12


def cells_of(rs, layer="_layer0_", variant="", letters="01", size=12):
  """Random answers of the 15 unions: dict from "_layer0_q2" to a str."""
  return {layer + "+".join(zone + variant for zone in name.split("+")): "".join(
      rs.choice(list(letters), size)) for name in NAMES}


def run(tmp_path, seeds, *flags, sizes=SIZES, num_layers=None, **members):
  """Runs get_results.py: (status, rows of results.shapley.csv or None).

  Args:
    tmp_path: pathlib.Path.
    seeds: list of dict, as passages.write_sweep takes them.
    num_layers: int, of the model, for a manifest; None writes none.
    **members: of every question.
  """
  path = tmp_path / "dev.json"
  ids = write_data(path, sizes, **members)
  folders = [write_sweep(tmp_path / ("sweep%d" % k), ids, cells)
             for k, cells in enumerate(seeds)]
  if num_layers:
    write_manifest(folders[0], num_layers)
  status = get_results.main(folders + [
      str(tmp_path / "results.csv"), "--data_file", str(path),
      "--resamples=100"] + list(flags))
  written = tmp_path / "results.shapley.csv"
  return status, read_rows(written) if written.exists() else None


def told(rows, kind, *columns):
  """Some columns of the rows of a kind: list of tuples, or of str for one."""
  found = [tuple(row[name] for name in columns) for row in rows
           if row["kind"] == kind]
  return [each[0] for each in found] if len(columns) == 1 else found


def flip_p(sums):
  """The p of all signs of float [G]."""
  sums = sums[np.abs(sums) > 1e-9]
  flipped = np.array(list(itertools.product([-1, 1], repeat=len(sums)))).dot(
      np.abs(sums))
  return np.mean(np.abs(flipped) > abs(sums.sum()) - 1e-9)


def holm(p_values):
  """Adjusted one after the other, the smallest first: list of float."""
  adjusted, largest = [0] * len(p_values), 0
  for left, i in zip(range(len(p_values), 0, -1), np.argsort(p_values)):
    largest = adjusted[i] = min(1, max(largest, left * p_values[i]))
  return adjusted


def check_layer(rows, differences, metric, seeds=1, reach=1):
  """Compares a layer's rows with `by_orders`, in every digit.

  Args:
    rows: list of dict.
    differences: dict from "q2+p2" to float [K, 12].
    reach: int, the most a question can change; 0 for log-probabilities.
  """
  v = of_unions(dict(differences, **{"": 0}))
  wanted = by_orders(v)
  starts = np.cumsum(SIZES) - SIZES
  assert [row["kind"] for row in rows] == (
      ["shapley"] * 4 + ["alone"] * 4 + ["last"] * 4 + ["pair"] * 6)
  p_values = []
  points = 100 if reach else 1
  for row in rows:
    d = wanted[row["kind"]][" ".join(filter(None, (row["zone"], row["other"])))]
    low, high, se = np.array(student_interval(
        d, SIZES, 2 * reach if row["kind"] == "pair" else reach)) * points / 100
    # Adding 0 leaves no -0.
    assert [row[name] for name in ("diff", "ci_low", "ci_high", "se")] == [
        "%.4f" % (round(value, 4) + 0) for value in (
            points * d.mean(), low, high, se)]
    assert [row[name] for name in ("metric", "n", "clusters", "seeds")] == [
        metric, "12", "5", str(seeds)]
    if row["kind"] in ("alone", "last"):
      assert (row["p"], row["p_holm"]) == ("", "")
    else:
      p_values.append(flip_p(np.add.reduceat(d.sum(0), starts)))
      assert row["p"] == "%.6g" % p_values[-1]
  return p_values


@pytest.mark.parametrize("seeds", [1, 3])
def test_every_digit(tmp_path, capsys, seeds):
  rs = np.random.RandomState(3)
  cells = [dict(cells_of(rs), **{"": "".join(rs.choice(["0", "1"], 12))})
           for _ in range(seeds)]
  status, rows = run(tmp_path, cells)
  assert status == 0 and list(rows[0]) == (
      "layer,head,kind,zone,other,metric,n,clusters,seeds,diff,ci_low,ci_high,se,p,"
      "p_holm").split(",")
  assert {(row["layer"], row["head"]) for row in rows} == {("1", "")}
  p_values = check_layer(rows, {name: np.array([
      digits(of["_layer0_" + name]) - digits(of[""]) for of in cells])
                                for name in NAMES}, "exact", seeds)
  # Values and pairs are a family each.
  assert told(rows, "shapley", "p_holm") + told(rows, "pair", "p_holm") == [
      "%.6g" % p for p in holm(p_values[:4]) + holm(p_values[4:])]
  printed = capsys.readouterr().out.splitlines()
  lowest = min((row for row in rows if row["kind"] == "pair"),
               key=lambda row: float(row["diff"]))
  line, = [line for line in printed if "pairs" in line]
  assert line.startswith(
      "secondary family (pairs, exact), 6 (Holm, p < .05): 0 below 0 (they stand "
      "in for each other), 0 above, 6 open; lowest: %s and %s in layer 1, -" % (
          lowest["zone"], lowest["other"]))
  assert printed[-1] == "  python visualize_att_zone.py %s %s --symmetric" % (
      tmp_path / "results.shapley.csv", tmp_path / "results.shapley.pdf")


def test_f1(tmp_path):
  rs = np.random.RandomState(4)
  cells = dict(cells_of(rs, letters="01s"), **{"": "1s0" * 4})
  of = lambda text: np.array([{"1": 1, "0": 0, "s": 2 / 3}[c] for c in text])
  rows = run(tmp_path, [cells], "--metric=f1")[1]
  check_layer(rows, {name: of(cells["_layer0_" + name])[None] - of(cells[""])
                     for name in NAMES}, "f1")


def test_log_probabilities(tmp_path):
  rs = np.random.RandomState(5)
  values = {name: list(rs.uniform(-3, 0, 12)) for name in [""] + [
      "_layer0_" + name for name in NAMES]}
  ids = write_data(tmp_path / "dev.json", SIZES)
  folder = write_logp(tmp_path / "sweep", ids, values)
  assert get_results.main([
      folder, str(tmp_path / "results.csv"), "--metric=logp", "--resamples=100",
      "--data_file", str(tmp_path / "dev.json")]) == 0
  check_layer(read_rows(tmp_path / "results.shapley.csv"), {
      name: np.array([values["_layer0_" + name]]) - values[""] for name in NAMES},
              "logp", reach=0)


def test_questions_without_answer(tmp_path):
  """SQuAD v2.0: "" is right, and whole sums are those of 24 times the values."""
  rs = np.random.RandomState(6)
  cells = dict(cells_of(rs, letters="-0"), **{"": "-" * 12})
  rows = run(tmp_path, [cells], answers=[], is_impossible=True)[1]
  of = lambda name: digits(cells[name].replace("-", "1"))[None]
  check_layer(rows, {name: of("_layer0_" + name) - 1 for name in NAMES}, "exact")


def test_five_seeds_are_about_trainings(tmp_path):
  """The same for all five, whose deviations from their mean are 0."""
  rs = np.random.RandomState(8)
  cells = dict(cells_of(rs), **{"": "1" * 12})
  rows = run(tmp_path, [cells] * 5)[1]
  d = by_orders(of_unions(dict({
      name: digits(cells["_layer0_" + name]) - 1 for name in NAMES}, **{"": 0})))
  drawn = np.random.RandomState(12345)
  drawn.randint(0, 5, (100, 5))
  drawn = drawn.randint(0, 5, (100, 5))
  sizes, starts = np.array(SIZES), np.cumsum(SIZES) - SIZES
  for row in rows:
    of = d[row["kind"]][" ".join(filter(None, (row["zone"], row["other"])))]
    means = np.add.reduceat(of, starts)[drawn].sum(1) / sizes[drawn].sum(1)
    assert row["seeds"] == "5"
    assert row["se"] == "%.4f" % (100 * means.std(ddof=1))


def test_the_vector_through_the_files(tmp_path):
  """The values sum to the effect of all four, also as they are written."""
  cells = {"_layer2_" + name: "1" * int(10 * score) + "0" * int(1000 - 10 * score)
           for name, score in VECTOR.items()}
  cells[""] = "1" * 800 + "0" * 200
  status, rows = run(tmp_path, [cells], "--allow_holes", sizes=[5] * 200)
  assert status == 0 and {row["layer"] for row in rows} == {"3"}
  form = lambda values: ["%.4f" % value for value in values]
  assert told(rows, "shapley", "zone", "diff") == list(zip(ZONES, form(VALUES)))
  assert told(rows, "last", "diff") == form(LAST)
  assert told(rows, "alone", "diff") == form(VECTOR[zone] - 80 for zone in ZONES)
  pairs = {"%s %s" % (zone, other): diff for zone, other, diff in told(
      rows, "pair", "zone", "other", "diff")}
  assert [pairs[pair] for pair in PAIRS] == form(PAIRS.values())


def test_few_changes_of_a_pair_may_be_twice_as_large(tmp_path):
  """Nothing changes: the rule of three, with k = 0 of 5, and twice that."""
  rows = run(tmp_path, [dict.fromkeys(
      [""] + ["_layer0_" + name for name in NAMES], "1" * 12)])[1]
  half = 100 * (1 - .05 ** .2)
  for row in rows:
    assert row["ci_high"] == "%.4f" % (half * (1 + (row["kind"] == "pair")))
    assert row["p"] == ("" if row["kind"] in ("alone", "last") else "1")


def test_layers_are_one_family_and_what_can_change_nothing_is_in_none(tmp_path):
  """Q2 and Q2P of the last layer change no row that is read out."""
  rs = np.random.RandomState(9)
  cells = dict(cells_of(rs), **{"": "1" * 12})
  idle = lambda name: "+".join(part for part in name.split("+") if part[0] == "p")
  last = dict(cells_of(rs, "_layer1_"), **{"": "1" * 12})
  cells.update({"_layer1_" + name: last["_layer1_" + idle(name)] if idle(name)
                else "1" * 12 for name in NAMES})
  rows = run(tmp_path, [cells], num_layers=2)[1]
  assert len(rows) == 2 * 18
  for kind, number in ("shapley", 6), ("pair", 7):
    found = told(rows, kind, "layer", "zone", "other", "p", "p_holm")
    tested = [each for each in found if each[-1]]
    assert len(tested) == number
    assert [each[-1] for each in tested] == [
        "%.6g" % p for p in holm([float(each[-2]) for each in tested])]
    assert {each[-2] for each in found if not each[-1]} == {"1"}
    assert {each[:3] for each in tested if each[0] == "2"} == (
        {("2", "p2q", ""), ("2", "p2", "")} if kind == "shapley"
        else {("2", "p2q", "p2")})


def test_zeroed_zones_need_no_masked_ones(tmp_path, capsys):
  """Rows say q2@zero; each variant is a family."""
  rs = np.random.RandomState(10)
  cells = dict(cells_of(rs, variant="@zero"), **{"": "1" * 12})
  status, rows = run(tmp_path, [cells])
  assert status == 0
  differences = {name: digits(cells["_layer0_" + "+".join(
      zone + "@zero" for zone in name.split("+"))])[None] - 1 for name in NAMES}
  assert told(rows, "pair", "zone", "other")[0] == ("q2@zero", "q2p@zero")
  check_layer([dict(row, **{name: row[name].replace("@zero", "") for name in (
      "zone", "other")}) for row in rows], differences, "exact")
  assert "(pairs of @zero, exact), 6 (Holm" in capsys.readouterr().out
  (tmp_path / "both").mkdir()
  more = run(tmp_path / "both", [dict(cells, **cells_of(rs))])[1]
  assert [row for row in more if "@" in row["zone"]] == rows
  assert len(more) == 2 * 18


def test_heads_and_layers_together(tmp_path, capsys):
  """Single heads are a family; of all layers together p stands alone."""
  rs = np.random.RandomState(11)
  cells = dict(cells_of(rs), **{"": "1" * 12})
  alone = run(tmp_path, [cells])[1]
  cells.update(cells_of(rs, "_layer0_head3_"), **cells_of(rs, "_layer_"))
  (tmp_path / "more").mkdir()
  rows = run(tmp_path / "more", [cells])[1]
  assert [(row["layer"], row["head"]) for row in rows] == (
      [("1", "")] * 18 + [("1", "4")] * 18 + [("all", "")] * 18)
  assert rows[:18] == alone
  assert [bool(row["p_holm"]) for row in rows[18:]] == (
      [bool(row["p"]) for row in rows[18:36]] + [False] * 18)
  assert all(rows[36 + k]["p"] for k in (0, 1, 2, 3, 12, 17))
  assert "(Shapley values, heads, exact), 4 (Holm" in capsys.readouterr().out


LACKING = ("no Shapley values where one of the 15 unions of a layer is missing: "
           "predictions_layer1_")


@pytest.mark.parametrize("names, kept, said", [
    # Another layer is complete; most of a layer is there; the paper's zones.
    (NAMES, ZONES, "q2+q2p.json, predictions_layer1_q2+p2q.json, predictions_l"),
    (NAMES, NAMES[:9] + NAMES[10:], "p2q+p2.json\n"),
    ([], NAMES[:9] + NAMES[10:], "p2q+p2.json\n"),
    (ZONES, ZONES + ["all"], None)])
def test_a_layer_that_lacks_a_union_has_no_rows(
    tmp_path, capsys, names, kept, said):
  cells = dict.fromkeys([""] + ["_layer0_" + name for name in names] + [
      "_layer1_" + name for name in kept], "1" * 12)
  status, rows = run(tmp_path, [cells], "--allow_holes")
  assert status == 0
  assert {row["layer"] for row in rows or ()} == (
      {"1"} if names == NAMES else set())
  out = capsys.readouterr().out
  assert (LACKING + said in out) if said else "Shapley" not in out


def test_without_a_baseline_it_is_said(tmp_path, capsys):
  cells = dict.fromkeys(["_layer0_" + name for name in NAMES], "1" * 12)
  assert run(tmp_path, [cells]) == (0, None)
  assert "results.stats.csv and %s are left out: no predictions.json" % (
      tmp_path / "results.shapley.csv") in capsys.readouterr().out


def test_its_file_is_not_written_over(tmp_path, capsys):
  cells = dict.fromkeys(["", "_layer0_q2"], "1" * 12)
  path = tmp_path / "results.shapley.csv"
  assert run(tmp_path, [cells], "--tex=%s" % path)[0] == 1
  assert "is read or written as something else" in capsys.readouterr().err
