"""Scores with and without the documents that overlap: what compare says of runs that never had them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.overlap import documents_of_runs, groups_of_run, overlap_with, scores_without
from benchtui.compare.records import Kind, Row
from benchtui.compare.without import without_documents
from benchtui.results.read import read_run
from benchtui.tasks.data.rows import Row as DataRow
from benchtui.tasks.overlap.index import Index
from benchtui.tasks.overlap.training import search_rows
from tests.lm_eval_runs import RealRuns
from tests.synthetic import Task, early_stop, ifeval, write_run

N = 300
NAMES = [f"document {i} of the task" for i in range(N)]


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def sides(folder: Path, keep: np.ndarray, rng_seed: int = 5) -> tuple[Path, Path]:
    """A group of two tasks, one with 0/1 scores and one with shares, and a task of several scores a document; only the
    documents `keep` of each."""
    rng = np.random.default_rng(rng_seed)
    made = []
    for side, chance in (("base", 0.4), ("fine-tuned", 0.6)):
        right = [bool(x) for x in rng.random(N) < chance]
        share = [float(x) for x in np.round(rng.random(N) ** (1 / chance), 3)]
        several = [[bool(x) for x in rng.random(1 + i % 3) < chance] for i in range(N)]
        chosen = np.flatnonzero(keep).tolist()
        names = [NAMES[i] for i in chosen]
        tasks = {
            "one": Task({("acc", "none"): [right[i] for i in chosen]}, documents=names),
            "two": Task({("acc", "none"): [right[N - 1 - i] for i in chosen]}, documents=names),
            "f": Task({("f1", "none"): [share[i] for i in chosen]}, documents=names),
            "ifeval": ifeval([all(several[i]) for i in chosen], inst=[several[i] for i in chosen], documents=names,
                             total=len(chosen)),
        }  # fmt: skip
        made.append(write_run(folder / side, tasks, groups={"both": ["one", "two"]}))
    return made[0], made[1]


def figures(row: Row) -> tuple[object, ...]:
    found = row.difference
    assert found is not None
    assert row.verdict is None or row.verdict.kind is not Kind.NOT_COMPARABLE
    sizes = (row.first.n, row.second.n, row.first.total, row.second.total, found.n)
    numbers = [row.first.value, row.second.value, row.change, found.p, found.p_holm]
    for interval in (row.first.interval, row.second.interval, found.interval):
        numbers += [interval.low, interval.high] if interval is not None else [None, None]
    word = row.verdict.word if row.verdict else None
    return row.task, row.key, word, sizes, [None if number is None else round(number, 9) for number in numbers]


def test_without_documents_is_what_compare_says_of_runs_that_never_had_them(tmp_path: Path) -> None:
    keep = np.arange(N) % 7 != 3
    whole = [read_run(place) for place in sides(tmp_path / "whole", np.ones(N, dtype=bool))]
    rest = [read_run(place) for place in sides(tmp_path / "rest", keep)]
    gone = frozenset(digest(NAMES[i]) for i in np.flatnonzero(~keep))
    restricted = without_documents(whole[0], whole[1], dict.fromkeys(("one", "two", "f", "ifeval"), gone))
    found, expected = compare_runs(*restricted), compare_runs(*rest)
    assert len(expected.rows) == 8  # the group, its tasks, the shares, and IFEval's four metrics
    assert [figures(row) for row in found.rows] == [figures(row) for row in expected.rows]


def test_one_task_that_loses_nothing_stays_as_it_is(tmp_path: Path) -> None:
    first, second = (read_run(place) for place in sides(tmp_path, np.ones(N, dtype=bool)))
    everything = compare_runs(first, second)
    without = compare_runs(*without_documents(first, second, {"one": frozenset({digest(NAMES[0])})}))
    same = {row.key: figures(row) for row in everything.rows if row.task == "f"}
    assert {row.key: figures(row) for row in without.rows if row.task == "f"} == same
    group = next(row for row in without.rows if row.task == "both")
    assert (group.first.n, group.difference and group.difference.n) == (2 * N - 1, 2 * N - 1)


def test_a_gain_that_only_overlapping_documents_made_is_not_shown_without_them(tmp_path: Path) -> None:
    leaked = 60
    base = [i % 2 == 0 for i in range(N)]
    tuned = [True] * leaked + base[leaked:]
    runs = [
        read_run(write_run(tmp_path / side, {"acc_task": Task({("acc", "none"): right}, documents=NAMES)}))
        for side, right in (("base", base), ("fine-tuned", tuned))
    ]
    documents = documents_of_runs(runs)
    assert [document.doc_hash for document in documents] == [digest(name) for name in NAMES]
    index = Index([document.text for document in documents])
    rows = (DataRow(number, number, {"text": f"He said: {name}!"}) for number, name in enumerate(NAMES[:leaked], 1))
    search_rows(index, "train.jsonl", rows, lambda _: None)
    found = overlap_with(documents, index.overlaps(), groups_of_run(runs[1]))
    assert (found.tasks[0].documents, found.tasks[0].overlapping) == (N, leaked)
    assert found.documents[7].place == "line 8"
    scores = scores_without(runs[0], runs[1], found)
    [(row, without)] = scores.rows()
    assert without is not None
    assert row.change == pytest.approx(30 / N)
    assert row.verdict is not None
    assert row.verdict.kind.is_gain
    assert without.change == 0
    assert without.verdict is not None
    assert without.verdict.kind is Kind.WITHIN
    assert without.second.n == N - leaked


def test_a_task_of_which_nothing_is_left_or_that_stopped_early_has_no_scores_without(tmp_path: Path) -> None:
    right = [i % 3 == 0 for i in range(60)]
    block = early_stop("higher", 0.05, 0.2)
    runs = []
    for side in ("base", "fine-tuned"):
        tasks = {"ifeval": ifeval(right), "all_gone": Task({("acc", "none"): right[:8]})}
        extra = block if side == "fine-tuned" else {"fingerprint": "base-1"}
        runs.append(read_run(write_run(tmp_path / side, tasks, block=extra)))
    gone = {
        "ifeval": frozenset({digest("document 3")}),
        "all_gone": frozenset(digest(f"document {i}") for i in range(8)),
    }
    first, second = without_documents(runs[0], runs[1], gone)
    assert [score.task for score in second.scores] == []
    assert compare_runs(first, second).rows == ()


def test_real_runs_keep_lm_evals_weighting_of_groups(real_runs: RealRuns) -> None:
    """lm-eval's own files: groups by size and plain, perplexities, several instructions a document."""
    first, second = read_run(real_runs.first), read_run(real_runs.second)
    documents = documents_of_runs([first, second])
    gone = {
        task.name: frozenset(document.doc_hash for document in documents if document.task == task.name and
                             document.name in ("1", "2"))
        for task in second.tasks
    }  # fmt: skip
    restricted = without_documents(first, second, gone)
    without = compare_runs(*restricted)
    assert {row.task for row in without.headlines} == {row.task for row in compare_runs(first, second).headlines}
    for side in restricted:
        for group, by_size in (("school", True), ("plainschool", False)):
            score = side.score(group, "acc", "none")
            assert score is not None
            parts = [side.score(f"{group}_{name}", "acc", "none") for name in ("alpha", "beta", "gamma")]
            values, sizes = zip(*((part.value, part.n) for part in parts if part is not None), strict=True)
            assert score.value == pytest.approx(np.average(values, weights=sizes if by_size else None))
            assert sum(sizes) == score.n < 28
    pages = [row for row in without.rows if row.task == "pages"]
    assert len(pages) == 3
    assert all(row.difference is not None and row.difference.n == 10 for row in pages)
