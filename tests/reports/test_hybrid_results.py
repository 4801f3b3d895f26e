"""Results of two models as eval_hybrid.py writes them: a copy of lm-eval's, or a sentence on what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from benchtui.errors import BenchtuiError
from benchtui.reports.hybrid_results import write_hybrid_results
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.results.routing import RoutedPart, RoutedRun
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal
from benchtui.runs.result_files import sample_files
from tests.synthetic import ifeval, write_run


@pytest.fixture
def results(tmp_path: Path) -> RunResults:
    """Those of a finished run that two models answered."""
    run = write_run(tmp_path / "run", {"ifeval": ifeval([True] * 541)})
    return replace(read_run(run), routing=RoutedRun(RoutedPart("small"), RoutedPart("large"), "margin", 0.5))


def test_results_are_copied_with_their_samples(results: RunResults, tmp_path: Path) -> None:
    place = write_hybrid_results(results, tmp_path / "out", "mine.json", samples=True, content=False)
    assert json.loads(place.read_text())["results"] == json.loads(results.file.read_text())["results"]
    (samples,) = sample_files(results.folder, results.stamp).values()
    assert (tmp_path / "out" / "mine_samples_ifeval.jsonl").read_bytes() == samples.read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is damaged"),
        (b'{"results": {', "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"[1, 2]", "is no object with what lm-eval writes"),
        (b'{"metadata": [1]}', "its metadata are no object"),
    ],
    ids=["missing", "empty", "cut", "bytes", "deep", "list", "metadata"],
)
def test_a_broken_results_file_is_named_and_nothing_is_written(
    results: RunResults, tmp_path: Path, content: bytes | None, said: str
) -> None:
    results.file.unlink()
    if content is not None:
        results.file.write_bytes(content)
    with pytest.raises(BenchtuiError, match=said) as refused:
        write_hybrid_results(results, tmp_path / "out", None, samples=True, content=False)
    assert str(results.file) in refused.value.what
    assert not (tmp_path / "out").exists()


def test_samples_that_cannot_be_read_are_named(results: RunResults, tmp_path: Path) -> None:
    (samples,) = sample_files(results.folder, results.stamp).values()
    samples.unlink()
    samples.mkdir()
    with pytest.raises(BenchtuiError, match="cannot be read") as refused:
        write_hybrid_results(results, tmp_path / "out", None, samples=True, content=False)
    assert str(samples) in refused.value.what


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"doc_id": 0}', b"[" * 100_000], ids=["cut", "list", "keys", "deep"])
def test_a_damaged_line_of_samples_is_named(results: RunResults, tmp_path: Path, line: bytes) -> None:
    place = RunDirectory(results.run).journal
    place.parent.mkdir()
    Journal(place).close()
    write_hybrid_results(results, tmp_path / "whole", None, samples=False, content=True)
    (samples,) = sample_files(results.folder, results.stamp).values()
    lines = samples.read_bytes().splitlines()
    samples.write_bytes(b"\n".join([*lines[:2], line, *lines[3:]]))
    with pytest.raises(BenchtuiError, match="is damaged in line 3"):
        write_hybrid_results(results, tmp_path / "out", None, samples=False, content=True)
    assert not (tmp_path / "out").exists()
