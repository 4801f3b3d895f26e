"""The page of a comparison by token: whole, safe with any text, and what it shows are the store's numbers."""

import json
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchtui.reports.tokens import page_data
from benchtui.reports.tokens.html import HINT, tokens_html
from benchtui.reports.tokens.metrics import METRICS, steps_of
from benchtui.reports.tokens.page_parts import SCRIPT
from benchtui.reports.wording.tokens import number, quoted
from benchtui.tokens.store import DistributionStore
from tests.reports.tokens.made_summary import made_own_summary, made_summary
from tests.tokens.made_store import made_store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ANSWERS = ["so the answer is 18", "two\nlines and 日本 🙂 here", " ".join(f"w{n}" for n in range(60))]
SAFE = frozenset(
    [
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "div", "table", "thead", "tbody",
        "tr", "th", "td", "small", "figure", "svg", "text", "line", "polyline", "circle", "label", "select", "option",
        "button", "section", "span", "i", "script",
    ]
)  # fmt: skip


class Elements(HTMLParser):
    """What elements a page has, and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and self.scripts:
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DistributionStore:
    return made_store(tmp_path_factory.mktemp("made") / "tokens", ANSWERS, labels=("base", "sft", "dpo"))


def data_of(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_numbers_are_the_stores(store: DistributionStore) -> None:
    page = tokens_html(made_summary(store), store)
    data = data_of(page)
    order = [each.number for each in page_data.chosen_documents(store, made_summary(store), (0, 2), METRICS["js"])]
    assert order[:2] == [0, 1]  # they changed side
    for shown, document in zip(data["documents"], order, strict=True):
        pair, scores = store.pair(0, 2, document), store.scores(2, document)
        assert shown["steps"]["js"] == "".join(map(str, steps_of(METRICS["js"], pair.js.astype(float))))
        assert shown["changed"] == "".join("01"[int(not same)] for same in pair.same_top)
        for n, piece in enumerate(shown["pieces"]):
            assert f"JS {number(float(pair.js[n]))}" in piece["about"]
            assert f"entropy {number(float(scores.entropy[n]))}" in piece["about"]
            likeliest = data["tokens"][piece["tops"][1][0][0]]
            assert likeliest == quoted(store.vocabulary(2).text(int(scores.top_ids[n, 0])))
    assert number(float(store.pair_column(0, 2, "js").mean())) in page


def test_the_page_has_room_for_some(store: DistributionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_data, "MOST_DOCUMENTS", 2)
    monkeypatch.setattr(page_data, "MOST_TOKENS", 8)
    page = tokens_html(made_summary(store), store)
    assert "2 of 3 documents, those that changed side first" in page
    assert re.search(r"[1-9]\d* tokens at the end of the last one are left out", page)


def test_one_model_alone_has_a_page(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ANSWERS, labels=("base",))
    summary = made_own_summary(store)
    assert set(data_of(tokens_html(summary, store))["documents"][0]["steps"]) == {"entropy", "logprob", "rank"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=20))
def test_hostile_text_makes_no_element(tmp_path_factory: pytest.TempPathFactory, text: str, label: str) -> None:
    raw = f"{text}</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> \x1b[2J\u202e\"'&"
    raw = raw.encode("utf-8", "replace").decode()
    named = label.encode("utf-8", "replace").decode() + "<b onclick=x>"
    store = made_store(tmp_path_factory.mktemp("made") / "tokens", [raw, raw], labels=(named, "second</title>"))
    page = tokens_html(made_summary(store), store)
    found = Elements()
    found.feed(page)
    assert set(found.tags) <= SAFE
    assert [script.strip() for script in found.scripts[1:]] == [SCRIPT]
    assert len(found.scripts) == 2
    assert not {name for name in found.attributes if name.startswith("on") or name in ("src", "href")}
    assert "\x1b" not in page
    assert "\u202e" not in page
    data_of(page)


def in_browser(folder: Path, page: str, script: str = "") -> str:
    assert CHROMIUM
    file = folder / "page.html"
    if script:  # the page's own policy would stop it
        page = page.replace("</main>", f"<script>{script}</script></main>")
        page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    file.write_text(page)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_one_text_and_runs_no_foreign_script(tmp_path: Path, store: DistributionStore) -> None:
    page = tokens_html(made_summary(store), store)
    drawn = in_browser(tmp_path, page.replace("</main>", "<script>document.title = 'foreign'</script></main>"))
    assert "<title>foreign" not in drawn
    sections = re.findall(r'<section class="text"[^>]*>', drawn)
    assert ["hidden" in section for section in sections] == [False, True, True]
    assert HINT.split(";")[0] in drawn


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_pointing_at_a_token_shows_what_both_would_write(tmp_path: Path, store: DistributionStore) -> None:
    page = tokens_html(made_summary(store), store)
    script = """
      const choose = (id, value) => { const e = document.getElementById(id); e.value = value; e.dispatchEvent(new Event('change')); };
      choose('documents', '2'); choose('metrics', 'entropy');
      const tokens = document.querySelectorAll('#text2 span');
      tokens[3].dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));
      const told = [document.getElementById('place').textContent, [...tokens].map(t => t.className).join(',')];
      document.getElementById('next').click();
      told.push([...tokens].findIndex(t => t.classList.contains('on')));
      document.title = JSON.stringify(told);
    """  # noqa: E501
    found = re.search(r"<title>(.*?)</title>", in_browser(tmp_path, page, script), re.DOTALL)
    assert found
    about, classes, at = json.loads(unescape(found[1]))
    shown = data_of(page)["documents"][2]
    assert about.startswith(shown["pieces"][3]["about"])
    assert data_of(page)["tokens"][shown["pieces"][3]["tops"][0][0][0]] in about
    steps = shown["steps"]["entropy"]
    assert [name.split()[0] for name in classes.split(",")] == [f"s{step}" for step in steps]
    assert at == next(n for n in range(4, len(steps)) if int(steps[n]) >= 4 or shown["changed"][n] == "1")
