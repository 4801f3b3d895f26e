"""Sample files, line by line: only what is needed, damage named, torn ends forgiven."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError
from benchtui.results.read import read_run
from benchtui.results.samples import read_samples
from benchtui.runs.result_files import sample_files
from tests.lm_eval_runs import RealRuns
from tests.synthetic import Task, write_samples


def test_real_samples_carry_hashes_and_every_metric(real_runs: RealRuns) -> None:
    results = read_run(real_runs.first)
    files = sample_files(results.folder, results.stamp)
    assert set(files) == {task.name for task in results.tasks}
    samples = list(read_samples(files["obey"], "obey"))
    assert [sample.doc_id for sample in samples] == list(range(12))
    raw = [json.loads(line) for line in files["obey"].read_text().splitlines()]
    for sample, line in zip(samples, raw, strict=True):
        assert (sample.doc_hash, sample.prompt_hash, sample.filter) == (line["doc_hash"], line["prompt_hash"], "none")
        assert dict(sample.values) == {name: line[name] for name in line["metrics"]}


def test_a_torn_last_line_is_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "samples_t_2026-11-20T10-30-15.jsonl"
    write_samples(file, Task({("acc", "none"): [1.0, 0.0, 1.0]}))
    file.write_bytes(file.read_bytes()[:-40])
    with caplog.at_level(logging.WARNING):
        assert [sample.doc_id for sample in read_samples(file, "t")] == [0, 1]
    assert "line 3 is torn" in caplog.text


def test_damage_inside_is_an_error_that_names_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "samples_t.jsonl"
    write_samples(file, Task({("acc", "none"): [1.0, 0.0, 1.0]}))
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[1][:30] + b"\n" + lines[2])
    with pytest.raises(BenchtuiError, match=r"samples_t.jsonl is damaged in line 2"):
        list(read_samples(file, "t"))


def test_scores_that_json_does_not_know_are_read(tmp_path: Path) -> None:
    file = tmp_path / "samples_t.jsonl"
    line = {"doc_id": 0, "filter": "none", "doc_hash": "h", "prompt_hash": "p", "metrics": ["ppl"], "ppl": float("inf")}
    file.write_text(json.dumps(line) + "\n")
    assert next(read_samples(file, "t")).values == (("ppl", float("inf")),)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match=r"gone\.jsonl cannot be read"):
        list(read_samples(tmp_path / "gone.jsonl", "t"))


names = st.text(min_size=1, max_size=12).filter(lambda name: "\x00" not in name)


@given(
    st.dictionaries(names, st.booleans() | st.floats(allow_nan=False) | st.lists(st.booleans(), min_size=1), max_size=4)
)
def test_metrics_may_have_any_name_and_shape(
    tmp_path_factory: pytest.TempPathFactory, metrics: dict[str, object]
) -> None:
    file = tmp_path_factory.mktemp("samples") / "samples_t.jsonl"
    reserved = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"}
    metrics = {name: value for name, value in metrics.items() if name not in reserved and not name.endswith("_hash")}
    line = {"doc_id": 3, "filter": "f", "doc_hash": "h", "metrics": list(metrics), "doc": {"x": 1}, **metrics}
    file.write_text(json.dumps(line) + "\n")
    (found,) = read_samples(file, "t")
    assert dict(found.values) == metrics
    assert (found.doc_id, found.filter, found.doc_hash) == (3, "f", "h")
