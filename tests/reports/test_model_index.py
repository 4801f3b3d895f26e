"""The front matter of a card: our results in it, and whatever else stands there byte for byte as it was."""

from __future__ import annotations

import itertools
import re

import pytest
import yaml
from huggingface_hub import EvalResult, ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.reports.readme.card import Results, with_results
from benchtui.reports.readme.document import END, START, UnparsableError


def results(value: float = 50.09, *, scores: int = 1) -> Results:
    score = EvalResult(
        task_type="text-generation",
        dataset_type="google/IFEval",
        dataset_name="IFEval",
        metric_type="prompt_level_strict_acc",
        metric_value=value,
        source_name="benchtui (lm-eval 0.4.13)",
        source_url="https://github.com/EleutherAI/lm-evaluation-harness",
    )
    return Results("llama-lima", f"## Benchmark Results\n\n{value}", [score] * scores)


OURS = re.compile(rb"^[ \t]*# benchtui:start.*?# benchtui:end[^\n]*\n", re.DOTALL | re.MULTILINE)
SECTION = re.compile(re.escape(START).encode() + rb".*?" + re.escape(END).encode(), re.DOTALL)


def outside(raw: bytes) -> bytes:
    return SECTION.sub(b"", OURS.sub(b"", raw))


THEIRS = """model-index:
- name: other
  results:
  - task: {type: text-generation}
    dataset: {name: D, type: d/d}
    metrics:
    - {type: acc, value: 1.5} # by hand
"""
KEYS = (
    "license: mit # checked\n",
    "# who trained it\n",
    "\n",
    "tags:\n- a\n-   b\n",
    "extra_gated_prompt: |\n  I agree\n\n  to # all\n",
    "description: >-\n  folded\n  text\n",
    "kept: |+\n  text\n\n",
    'quoted: "on two\n  lines"\n',
    "plain: on two\n  lines\n",
    "base: &base\n  x: [1,   2]\nsame: *base\n",
    "itself: &me\n- *me\n",
    "score: .nan\ndate: 2024-01-01\n'on':   yes\n",
    "? odd\n: value\n",
    "empty:\n",
)
INDEXES = ("", THEIRS, THEIRS.replace("\n", "\n  ").rstrip(" "), "model-index:\n", "model-index: # to come\n")


@st.composite
def readmes(draw: st.DrawFn) -> bytes:
    """READMEs with front matter as people write it: odd, but the Hub takes it."""
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True))
    keys.insert(draw(st.integers(0, len(keys))), draw(st.sampled_from(INDEXES)))
    front = "".join(keys) or "license: mit\n"
    body = draw(st.sampled_from(["", "# Mine\n", "\n# Mine\n\nText", "Text\n\n\n---\n\nmodel-index:\n", "    code\n"]))
    text = f"---\n{front}---\n{body}"
    ends = draw(st.sampled_from([("\n",), ("\r\n",), ("\n", "\r\n"), ("\r\n", "\r\n", "\n")]))
    lines = zip(text.split("\n"), itertools.cycle(ends), strict=False)
    mixed = "".join(line + end for line, end in lines).removesuffix(ends[text.count("\n") % len(ends)])
    return (draw(st.sampled_from(["", "\ufeff", "\n"])) + mixed).encode()


@settings(max_examples=60, deadline=None)
@given(readmes())
def test_ten_regenerations_change_nothing_that_others_wrote(raw: bytes) -> None:
    first = with_results(raw, results())
    assert first.note == ""
    last = first
    for _ in range(9):
        last = with_results(last.content, results())
    assert last == first
    kept = outside(first.content)
    assert kept.startswith(raw)
    assert kept[len(raw) :].strip() == b""
    newer = with_results(first.content, results(60.0))
    assert outside(newer.content) == kept
    assert with_results(newer.content, results()) == first
    assert outside(with_results(first.content, results(scores=0)).content) == kept
    index = ModelCard(first.content.decode().lstrip("\ufeff")).data.to_dict()["model-index"]
    assert "llama-lima" in [item["name"] for item in index]


PIECES = (
    *(
        "a: 1",
        "model-index:",
        "- name: x",
        "  results: []",
        "  source: {name: benchtui}",
        "b: |",
        "  t",
        "...",
        "--- a",
    ),
    *(
        "# benchtui:start",
        "  # benchtui:start",
        "# benchtui:end",
        "c: >+",
        "\ttab",
        "d: \x85e",
        "f: \u2028 g",
        "{a: 1}",
        '"',
    ),
    *("y: *a", "x: &a [1]", "? k", "<<: {z: 1}", "%YAML 1.1", "!!set {a}", "", "  ", "- ", "#"),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_whatever_stands_in_a_front_matter_is_left_or_said(lines: list[str], newline: str) -> None:
    raw = newline.join(["---", *lines, "---", "Body"]).encode("utf-8", "replace")
    try:
        card = with_results(raw, results())
    except UnparsableError:
        return
    assert with_results(card.content, results()) == card
    assert "benchtui" in "".join(lines) or outside(card.content).startswith(raw)


WINDOWS = {
    "one key": b"---\r\nlicense: mit\r\n---\r\n# Mine\r\n",
    "no key": b"---\r\n---\r\n# Mine\r\n",
    "nothing after it": b"---\r\nlicense: mit\r\n---",
    "results of others": b"---\r\n" + THEIRS.replace("\n", "\r\n").encode() + b"---\r\nText\r\n",
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_line_ends_stay(name: str) -> None:
    card = with_results(WINDOWS[name], results())
    assert card.note == ""
    assert b"\n" not in card.content.replace(b"\r\n", b"")
    assert outside(card.content).rstrip() == WINDOWS[name].rstrip()


@pytest.mark.parametrize("raw", [b"---\r\na: 1\nb: 2\r\n---\n# Mine\n", b"---\r\na: 1\nb: 2\r\n---"])
def test_mixed_line_ends_stay(raw: bytes) -> None:
    card = with_results(raw, results())
    assert card.note == ""
    assert b"a: 1\nb: 2\r\n" in card.content
    assert outside(card.content).startswith(raw)


@pytest.mark.parametrize("empty", ["model-index:", "model-index: []", "model-index: [ ] # soon", "model-index: null"])
@pytest.mark.parametrize("after", ["", "license: mit\n"])
def test_an_empty_model_index_is_filled(empty: str, after: str) -> None:
    raw = f"---\ntags: [a]\n{empty}\n{after}---\n# Mine\n".encode()
    card = with_results(raw, results())
    assert card.note == ""
    data = ModelCard(card.content.decode()).data
    assert (data.model_name, data.tags) == ("llama-lima", ["a"])
    assert ("# soon" in card.content.decode()) == ("# soon" in empty)
    assert with_results(card.content, results()) == card


def test_a_prompt_as_the_last_key_is_no_obstacle() -> None:
    raw = b"---\nlicense: mit\nextra_gated_prompt: |\n  I agree\n  to all\n---\n# Mine\n"
    card = with_results(raw, results())
    assert card.note == ""
    front = yaml.safe_load(card.content.decode().split("---\n")[1])
    assert front["extra_gated_prompt"] == "I agree\nto all\n"
    assert front["model-index"][0]["name"] == "llama-lima"


LEFT_ALONE = {
    "a model-index in one line": ("model-index: [{name: x, results: []}]", "its model-index is not written as a block"),
    "a model-index that is no list": ("model-index: {name: x}", "its model-index is not a list"),
    "half a comment": ("license: mit\n# benchtui:start", "do not make one pair"),
    "our comments in somebody's text": ("text: |\n  # benchtui:start\n  x\n  # benchtui:end", "without changing it"),
    "a table in one line": ("{license: mit}", "cannot be added to without changing it"),
    "an end of its own": ("license: mit\n...", "cannot be added to without changing it"),
    "results that the Hub does not take": ("model-index:\n- name: x", "huggingface_hub does not take it"),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_a_front_matter_that_cannot_be_added_to_does_not_keep_the_section_out(name: str) -> None:
    front, why = LEFT_ALONE[name]
    raw = f"---\n{front}\n---\n# Mine\n".encode()
    card = with_results(raw, results())
    assert card.content.startswith(raw)
    assert b"## Benchmark Results\n\n50.09" in card.content
    assert card.note.startswith("Its front matter was left alone, ")
    assert why in card.note


@pytest.mark.parametrize("raw", [b"# Mine\n", b"---\n---\n# Mine\n", b""])
def test_a_readme_without_front_matter_is_given_none_and_that_is_said(raw: bytes) -> None:
    card = with_results(raw, results())
    assert card.content.startswith(raw)
    assert b"model-index" not in card.content
    assert "It has no front matter, so no model-index" in card.note
    assert with_results(raw, results(scores=0)).note == "", "there is nothing that it could hold"
