"""Documents side by side: what is shown of each is what was scored."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.documents import PairedDocuments
from benchtui.compare.flipped import flipped_samples
from benchtui.compare.records import Comparison, Row
from benchtui.evidence.records import Flips
from benchtui.reports.exports import comparison_csv
from benchtui.results.read import read_run
from benchtui.runs.result_files import sample_files
from tests.lm_eval_runs import RealRuns
from tests.synthetic import Task, write_run


@pytest.fixture(scope="module")
def comparison(real_runs: RealRuns) -> Comparison:
    return compare_runs(read_run(real_runs.first), read_run(real_runs.second))


def row(comparison: Comparison, task: str, metric: str, filter_name: str = "none") -> Row:
    found = next(r for r in comparison.rows if (r.task, r.filter) == (task, filter_name))
    return msgspec.structs.replace(found, metric=metric)


@pytest.mark.parametrize(
    ("metric", "weighing"), [("acc", "log-likelihood"), ("acc_norm", "log-likelihood per character")]
)
def test_the_choice_shown_is_the_one_that_the_metric_counts(comparison: Comparison, metric: str, weighing: str) -> None:
    documents = PairedDocuments(comparison.first, comparison.second, row(comparison, "school", metric))
    assert len(documents.documents) == 28
    for document in documents.documents:
        for text, value in zip(documents.read(document), (document.first, document.second), strict=True):
            assert (text.answer == text.target) == bool(value)
            assert text.weighing == weighing


def test_acc_and_acc_norm_choose_differently_here(comparison: Comparison) -> None:
    chosen = []
    for metric in ("acc", "acc_norm"):
        documents = PairedDocuments(comparison.first, comparison.second, row(comparison, "school", metric))
        chosen.append([documents.read(document)[1].answer for document in documents.documents])
    assert chosen[0] != chosen[1]


def test_a_written_answer_is_shown_with_what_the_filter_made_of_it(comparison: Comparison, real_runs: RealRuns) -> None:
    documents = PairedDocuments(
        comparison.first, comparison.second, row(comparison, "say", "exact_match", "strict-match")
    )
    results = read_run(real_runs.second)
    lines = map(json.loads, sample_files(results.folder, results.stamp)["say"].read_text().splitlines())
    raw = {line["doc_id"]: line for line in lines if line["filter"] == "strict-match"}
    for document in documents.documents:
        text, line = documents.read(document)[1], raw[document.doc_id]
        assert text.prompt == line["arguments"]["gen_args_0"]["arg_0"]
        assert text.answer == line["resps"][0][0]
        assert text.target == line["target"]
        taken = line["filtered_resps"][0]
        assert text.extracted == ("" if taken == text.answer else taken)


def test_a_beginning_is_the_choice_where_all_endings_are_the_same(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / side, {"wino": Task({("acc", "none"): [1.0]})}) for side in "ab"]
    for folder in folders:
        (file,) = (folder / "lm-eval").glob("samples_*")
        line = json.loads(file.read_text())
        beginnings = ("Sarah was late, so Sarah", "Sarah was late, so Maria")
        line["arguments"] = {f"gen_args_{i}": {"arg_0": b, "arg_1": " ran."} for i, b in enumerate(beginnings)}
        line["filtered_resps"] = [[-9.0, False], [-3.5, False]]
        file.write_text(json.dumps(line) + "\n")
    runs = [read_run(folder) for folder in folders]
    documents = PairedDocuments(*runs, compare_runs(*runs).headlines[0])
    first, _ = documents.read(documents.documents[0])
    assert first.answer == "Sarah was late, so Maria"


def test_where_less_is_better_a_zero_is_right(tmp_path: Path) -> None:
    """A rate of bad answers: 3 documents got worse, 1 got better."""
    outcomes = {"a": [0.0, 0.0, 0.0, 1.0, 1.0, 0.0], "b": [1.0, 1.0, 1.0, 0.0, 1.0, 0.0]}
    runs = [
        read_run(write_run(tmp_path / side, {"toxic": Task({("acc", "none"): values}, higher_is_better=False)}))
        for side, values in outcomes.items()
    ]
    compared = compare_runs(*runs)
    found = compared.headlines[0]
    assert found.flips == Flips(fixed=1, broken=3, both_right=1, both_wrong=1)
    assert [flip.fixed for flip in flipped_samples(compared, found)] == [True, False, False, False]
    exported = next(csv.DictReader(io.StringIO(comparison_csv(compared))))
    assert (exported["fixed"], exported["broken"]) == ("1", "3")
