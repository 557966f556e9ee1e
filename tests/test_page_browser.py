"""The page of attention_zones.cases in a real browser, Chromium without windows.

tests/browser.sh installs what is needed; without it these tests are skipped.
"""

import json
import pathlib
import re
import shutil

import pytest

from attention_zones import cases
import get_results

pytestmark = pytest.mark.slow

PLAYWRIGHT = "playwright is not installed; bash tests/browser.sh does it"
CHROMIUM = next(filter(None, map(shutil.which, (
    "chromium-headless-shell", "chromium"))), None)
WIDTHS = (360, 412, 600, 768, 1024, 1280, 1600)

# A word that no line is wide enough for.
LONG = "Llanfair" * 20
WORDS = ("Who", "Where", "When")


def write(path, content):
  path.write_text(json.dumps(content), encoding="utf-8")


def write_sweep(folder):
  """Writes a data set of 24 questions and the predictions of 2 layers x 7 zones.

  Every fourth question is wrong in the baseline.
  """
  golds, texts = {}, ("Anna", "Oslo", "1895", LONG, "")
  paragraphs = []
  for p in range(8):
    context = "Anna came to Oslo in 1895, not to Bergen. %s" % (LONG * (p == 0))
    qas = []
    for q, word in enumerate(WORDS):
      name, gold = "q%d" % (3 * p + q), texts[q]
      golds[name] = gold
      qas.append({"id": name, "question": "%s, %d?" % (word, p), "answers": [
          {"text": gold, "answer_start": context.index(gold)}]})
    paragraphs.append({"context": context, "qas": qas})
  write(folder / "dev.json", {"data": [{"paragraphs": paragraphs}]})
  base = {name: "Bergen" if i % 4 == 0 else gold
          for i, (name, gold) in enumerate(golds.items())}
  decodes = [("", 0)] + [
      ("_layer%d_%s" % (layer, zone), 3 * layer + z) for layer in range(2)
      for z, zone in enumerate(("q2", "q2p", "p2q", "p2", "p2@1", "p2@flat",
                                "q2+q2p+p2q+p2"), 1)]
  for decode, number in decodes:
    answers, logp = {}, {}
    for i, name in enumerate(golds):
      changes = number and (i * 7 + number * 5) % 6 == 0
      answers[name] = base[name] if not changes else (
          golds[name] if i % 4 == 0 else texts[(i + number) % 5])
      logp[name] = -1 - 0.01 * i * number
    write(folder / ("predictions%s.json" % decode), answers)
    write(folder / ("gold_logp%s.json" % decode), logp)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
  """The address of a page with statistics of EM."""
  folder = tmp_path_factory.mktemp("page")
  write_sweep(folder)
  data = "--data_file=%s" % (folder / "dev.json")
  assert get_results.main([str(folder), str(folder / "results.csv"), data,
                           "--resamples=50", "--margin=30"]) == 0
  assert cases.main([str(folder), str(folder / "report.html"), data, "--top=4",
                     "--stats=%s" % (folder / "results.stats.csv")]) == 0
  return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser():
  sync_api = pytest.importorskip("playwright.sync_api", reason=PLAYWRIGHT)
  if not CHROMIUM:
    pytest.skip("no Chromium is installed; bash tests/browser.sh does it")
  with sync_api.sync_playwright() as playwright:
    started = playwright.chromium.launch(executable_path=CHROMIUM)
    yield started
    started.close()


@pytest.fixture
def visit(browser, url):
  """A function that opens the page in a window of its own.

  The page that it returns has lists of str: `asked`, the addresses of all that it
  asks for, and `said`, the browser's messages.
  """
  contexts = []

  def go(width=1280, **options):
    contexts.append(browser.new_context(
        viewport={"width": width, "height": 800}, **options))
    page = contexts[-1].new_page()
    # The machine may be busy; what fails here fails by what is seen.
    page.set_default_timeout(0)
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(url)
    return page
  yield go
  for context in contexts:
    context.close()


def render_all(page):
  """Has the browser lay out the questions that are not on the screen, too."""
  page.evaluate("""document.querySelectorAll("article").forEach(
      question => question.style.contentVisibility = "visible")""")


def place(page, selector):
  """Where an element begins, in pixels from the top of the screen."""
  return page.evaluate("""selector => document.querySelector(selector)
      .getBoundingClientRect().top""", selector)


def seen(page, selector):
  """The ids of the elements that are displayed: list of str."""
  return page.evaluate("""selector => [...document.querySelectorAll(selector)]
      .filter(each => each.offsetParent).map(each => each.id)""", selector)


def fragment(page):
  return page.evaluate("decodeURIComponent(location.hash)")


@pytest.mark.parametrize("scripts", [True, False])
def test_from_a_cell_to_a_question_and_back(visit, scripts):
  page = visit(java_script_enabled=scripts)
  page.click('#exact td a[href="#2:p2q"]')
  assert fragment(page) == "#2:p2q"
  # Below the bar of filters, which is there with scripts only.
  assert -1 < place(page, '[id="2:p2q"]') < 100
  page.click("section:target li a >> nth=0")
  question = fragment(page)
  assert re.fullmatch("#q[0-9]+", question)
  assert -1 < place(page, question) < 100
  page.click(question + ' a[href="#2:p2q"]')
  assert fragment(page) == "#2:p2q" and -1 < place(page, '[id="2:p2q"]') < 100
  page.go_back()
  assert fragment(page) == question
  page.click(question + ' a[href="#heatmap"]')
  assert -1 < place(page, "#heatmap") < 100
  assert page.is_visible("#filter") == scripts
  assert page.said == []


def test_links_switch_the_metric(visit):
  page = visit(java_script_enabled=False)
  assert seen(page, ".metric") == ["exact"]
  page.click("text=F1 >> visible=true")
  assert seen(page, ".metric") == ["f1"]
  page.click('#f1 td a[href="#1:p2"]')
  assert fragment(page) == "#1:p2" and seen(page, ".metric") == ["exact"]
  page.go_back()
  assert seen(page, ".metric") == ["f1"]
  page.click("#f1 >> text=log p(gold)")
  assert seen(page, ".metric") == ["logp"]
  assert page.inner_text("#logp [aria-current]") == "log p(gold)"


def test_nothing_scrolls_sideways(visit):
  page = visit()
  render_all(page)
  for width in WIDTHS:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
  # Wide tables scroll in their boxes, by keyboard as well.
  page.set_viewport_size({"width": 360, "height": 800})
  assert page.evaluate("""[...document.querySelectorAll(".scroll")].filter(
      box => box.scrollWidth > box.clientWidth && box.tabIndex < 0
      && !box.querySelector("a")).length""") == 0


def brightness(page, selector, name):
  """The mean of a colour's channels, 0 to 255."""
  colour = page.evaluate("""([selector, name]) => getComputedStyle(
      document.querySelector(selector))[name]""", [selector, name])
  return sum(map(int, re.findall("[0-9]+", colour)[:3])) / 3


def test_light_dark_and_print(visit, tmp_path):
  page = visit()
  assert brightness(page, "body", "backgroundColor") > 240
  page.emulate_media(color_scheme="dark")
  assert brightness(page, "body", "backgroundColor") < 40
  assert brightness(page, "body", "color") > 200
  # The heatmap has the figure's colours all the same.
  heat = brightness(page, '#exact td:has(a[href="#1:p2"])', "backgroundColor")
  page.emulate_media(color_scheme="dark", media="print")
  assert brightness(page, "body", "backgroundColor") > 240
  assert brightness(page, "body", "color") < 60
  assert heat == brightness(
      page, '#exact td:has(a[href="#1:p2"])', "backgroundColor")
  assert seen(page, ".metric") == ["f1", "logp", "exact"]
  assert place(page, "#exact") < place(page, "#f1") < place(page, "#logp")
  assert not page.is_visible("#filter")
  assert page.pdf(path=str(tmp_path / "page.pdf"))[:5] == b"%PDF-"


def test_nothing_is_asked_of_anyone(visit, url):
  page = visit()
  for _ in range(3):
    page.keyboard.press("End")
  assert page.asked == [url] and page.said == []
  # What would come in by a fault is not run, and asks for nothing.
  page.evaluate("""() => {
      document.body.insertAdjacentHTML("beforeend",
        '<img src="http://127.0.0.1:9/x"><p id="p" onclick="run = 1">x</p>');
      const script = document.createElement("script");
      script.textContent = "run = 1";
      document.body.append(script);
      document.getElementById("p").click(); }""")
  assert page.evaluate("typeof run") == "undefined"
  assert len([said for said in page.said if "Content Security" in said]) == 3


def test_keys_go_from_question_to_question(visit):
  page = visit()
  questions = seen(page, "article")
  assert len(questions) > 5
  page.keyboard.press("ArrowLeft")
  assert fragment(page) == ""
  for name in questions[:3] + questions[1::-1]:
    page.keyboard.press(
        "ArrowLeft" if fragment(page) == "#" + questions[2]
        or name == questions[0] and fragment(page) else "ArrowRight")
    assert fragment(page) == "#" + name
    assert abs(place(page, "#" + name)) < 100
  # Elsewhere on the page, from there.
  page.evaluate("name => document.getElementById(name).scrollIntoView()",
                questions[4])
  page.keyboard.press("ArrowRight")
  assert fragment(page) == "#" + questions[5]
  page.focus("select")
  page.keyboard.press("ArrowRight")
  page.keyboard.press("Control+ArrowRight")
  assert fragment(page) == "#" + questions[5]
  # All by keyboard: past the link that skips, the switch, to a cell.
  page = visit()
  page.keyboard.press("Tab")
  assert page.evaluate("document.activeElement.className") == "skip"
  for _ in range(4):
    page.keyboard.press("Tab")
  page.keyboard.press("Enter")
  assert fragment(page) == "#2:q2"


def test_filters(visit):
  page = visit()
  questions = seen(page, "article")
  types = page.evaluate("""Object.fromEntries([...document.querySelectorAll(
      "article")].map(each => [each.id, [each.dataset.type,
                                         each.dataset.outcome]]))""")
  assert {kind for kind, _ in types.values()} == {"who", "where", "when"}
  assert {outcome for _, outcome in types.values()} == {"lost", "gained"}
  page.select_option("select >> nth=0", "who")
  who = [name for name in questions if types[name][0] == "who"]
  assert seen(page, "article") == who
  assert page.inner_text("output") == "%d of %d questions" % (
      len(who), len(questions))
  listed = page.evaluate("""[...document.querySelectorAll(".cells li a")].filter(
      each => each.offsetParent).map(each => each.hash.slice(1))""")
  assert set(listed) == set(who)
  page.select_option("select >> nth=1", "lost")
  lost = [name for name in who if types[name][1] == "lost"]
  assert 0 < len(lost) < len(who) and seen(page, "article") == lost
  page.keyboard.press("Escape")
  page.evaluate("document.activeElement.blur()")
  page.keyboard.press("ArrowRight")
  page.keyboard.press("ArrowRight")
  assert fragment(page) == "#" + lost[1]
  # Whoever goes to one that is filtered out sees it.
  other = next(name for name in questions if name not in who)
  page.evaluate("name => { location.hash = name; }", other)
  page.wait_for_selector("#" + other)
  assert seen(page, "article") == questions
  assert page.eval_on_selector_all("select", "all => all.map(each => each.value)"
                                   ) == ["", ""]


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (360, "dark")])
def test_axe_finds_no_serious_fault(visit, width, scheme):
  found = list(pathlib.Path(__file__).parent.glob("axe-core-*.js"))
  if not found:
    pytest.skip("axe-core is not installed; bash tests/browser.sh does it")
  page = visit(width, color_scheme=scheme)
  # The others are of the same kind, and each takes a while.
  page.evaluate("""document.querySelectorAll(
      "article:nth-of-type(n + 4), .cells section:nth-of-type(n + 4)").forEach(
          other => other.remove())""")
  render_all(page)
  page.evaluate(found[0].read_text(encoding="utf-8"))
  result = page.evaluate("axe.run()")
  # That it looked at something.
  assert {"color-contrast", "td-headers-attr", "link-name"} <= {
      rule["id"] for rule in result["passes"]}
  faults = [
      (fault["id"], fault["impact"], [node["html"] for node in fault["nodes"]])
      for fault in result["violations"]]
  assert [fault for fault in faults if fault[1] in ("serious", "critical")] == []
