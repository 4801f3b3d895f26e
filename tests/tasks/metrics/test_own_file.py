"""A metric of one's own: only with permission, only the file that was allowed, and never a number that is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchtui.errors import BenchtuiError, UsageError
from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.metrics import own_file
from benchtui.tasks.metrics.answer import Answer
from benchtui.tasks.metrics.own_file import check_allowed, is_own, permitted, pinned
from benchtui.tasks.metrics.registry import choose
from benchtui.tasks.metrics.scoring import metric_list
from tests.tasks.data.made import documents_of

NEAR = """
def score(prediction: str, reference: str, document: dict) -> float:
    return abs(float(prediction) - float(reference)) * int(document["weight"])
"""
BOTH = "def score(p, r, d):\n    return {'same': p == r, 'longer': len(p) - len(r)}\n"
FIRST = Answer("", ("4",), extras={"row": {"weight": "2"}})


@pytest.fixture
def near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(own_file.ALLOWED, "1")
    return write(tmp_path, NEAR)


def write(folder: Path, source: str, name: str = "near.py") -> Path:
    (folder / name).write_text(source, encoding="utf-8")
    return folder / name


def test_it_scores_with_the_row(near: Path) -> None:
    chosen = choose(f"{near}:better=lower")
    assert chosen.values(Answer("7", ("4", "6"), extras={"row": {"weight": "3"}})) == {"near": 3.0}
    assert not chosen.higher_is_better


def test_without_permission_it_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(own_file.ALLOWED, raising=False)
    file = write(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w').close()\n" + NEAR)
    with pytest.raises(UsageError, match="--allow-metric-code"):
        choose(str(file)).values(Answer("7", ("4",)))
    with pytest.raises(UsageError, match="--allow-metric-code"), permitted(allowed=False):
        pinned(choose(str(file)), Answer("", ("4",)), "line 1")
    with pytest.raises(UsageError, match="is a Python file, which is run as it is"):
        check_allowed(str(file), allowed=False)
    assert not (tmp_path / "ran").exists()


def test_a_task_keeps_the_file_that_it_was_made_with(near: Path) -> None:
    made = pinned(choose(f"{near}:better=lower"), FIRST, "line 1")
    assert choose(made.written) == made
    assert made.reported == "near"
    assert [(each.metric, each.higher_is_better) for each in metric_list([made])] == [("near", False)]
    assert choose(made.written).values(FIRST.__class__("5", ("4",), extras=FIRST.extras)) == {"near": 2.0}
    own_file._loaded.cache_clear()
    write(near.parent, NEAR + "# changed\n")
    with pytest.raises(BenchtuiError, match="its text has changed"):
        choose(made.written).values(FIRST)


def test_several_values_have_names(near: Path) -> None:
    made = pinned(choose(str(write(near.parent, BOTH, "both.py"))), FIRST, "line 1")
    assert [each.metric for each in metric_list([choose(made.written)])] == ["both.same", "both.longer"]
    assert choose(made.written).values(Answer("44", ("4",))) == {"both.same": 0.0, "both.longer": 1.0}


def test_other_names_at_a_later_document_are_an_error(near: Path) -> None:
    source = "def score(p, r, d):\n    return {'a': 1} if p == r else {'b': 1}\n"
    made = pinned(choose(str(write(near.parent, source, "odd.py"))), FIRST, "line 1")
    with pytest.raises(BenchtuiError, match="gave b at line 9, and a at the first document"):
        made.values(Answer("x", ("y",), extras={"place": "line 9"}))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def score(p, r, d):\n    return 1 / 0\n", "failed at line 9: line 2: ZeroDivisionError"),
        ("def score(p, r, d):\n    return d['none']\n", "line 2: KeyError"),
        ("def score(p, r, d):\n    return float('nan')\n", "gave nan at line 9, which is no finite number"),
        ("def score(p, r, d):\n    return float('inf')\n", "gave inf"),
        ("def score(p, r, d):\n    return None\n", "gave None"),
        ("def score(p, r, d):\n    return '1'\n", "gave '1'"),
        ("def score(p, r, d):\n    return 10 ** 400\n", "no finite number"),
        ("def score(p, r, d):\n    return {}\n", "gave no value"),
        ("def score(p, r, d):\n    return {'a,b': 1}\n", "named a value 'a,b'"),
        ("def score(p):\n    return 1\n", "TypeError"),
        ("def points(p, r, d):\n    return 1\n", "has no function score"),
        ("score = 3\n", "has no function score"),
        ("def score(:\n", "cannot be loaded: line 1: SyntaxError"),
        ("import sys\nsys.exit(3)\n", "cannot be loaded: line 2: SystemExit"),
        ("def score(p, r, d):\n    raise SystemExit\n", "failed at line 9: line 2: SystemExit"),
        ("import nothing_of_this_name\n", "cannot be loaded: line 1: ModuleNotFoundError"),
        ("raise SystemError('no')\n", "cannot be loaded: line 1: SystemError: no"),
    ],
)
def test_an_error_in_the_file_is_named(near: Path, source: str, said: str) -> None:
    chosen = choose(str(write(near.parent, source, "wrong.py")))
    with pytest.raises(BenchtuiError) as error:
        chosen.values(Answer("x", ("y",), extras={"place": "line 9"}))
    assert said in str(error.value)
    assert "wrong.py" in str(error.value)


def test_a_file_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(own_file.ALLOWED, "1")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "big.py").write_bytes(b"#" * (own_file.LARGEST + 1))
    for name in ("none.py", "folder.py", "big.py"):
        with pytest.raises(UsageError, match="cannot be read"):
            choose(str(tmp_path / name)).values(Answer("x", ("y",)))


def test_a_wrong_parameter_is_named() -> None:
    with pytest.raises(UsageError, match="better=higher"):
        choose("near.py:best=lower")


def test_the_name_of_a_built_in_metric_before_a_colon_is_no_file() -> None:
    chosen = choose(r"regex:pattern=main\.py")
    assert (chosen.metric.name, chosen.options["pattern"]) == ("regex", r"main\.py")
    assert is_own("regex.py")
    assert is_own("near.py:better=lower")


@pytest.mark.parametrize(
    ("rows", "more", "target", "said"),
    [
        ({"question": "q", "answer": "4"}, {}, "4", 'Reference: "answer"'),
        ({"question": "q", "mine": "4"}, {"answer": "mine"}, "4", 'Reference: "mine"'),
        ({"question": "q", "mine": "4"}, {}, "", "Reference: none found; score() gets an empty text"),
    ],
)
def test_score_gets_the_column_of_answers_where_there_is_one(
    tmp_path: Path, rows: dict[str, str], more: dict[str, Any], target: str, said: str
) -> None:
    (tmp_path / "d.jsonl").write_text(json.dumps(rows) + "\n")
    (tmp_path / "eq.py").write_text("def score(prediction, reference, document):\n    return prediction == reference\n")
    spec = DataSpec(name="d", source=str(tmp_path / "d.jsonl"), metrics=(str(tmp_path / "eq.py"),), **more)
    made = make_task(spec, tmp_path / "tasks", metric_code=True)
    assert any(said in line for line in made.said)
    (document,) = documents_of(made)
    assert (document.target or "") == target
