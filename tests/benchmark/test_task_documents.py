"""Documents by the process that loads data sets: those that a run's samples hold, without a run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from benchtui.benchmark.task_documents import task_documents
from benchtui.errors import BenchtuiError
from benchtui.results.documents import read_documents
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.resolve import resolve
from tests.lm_eval_runs import RealRuns
from tests.lm_eval_runs import real_runs as real_runs

TASKS = ("school", "say", "obey", "pages")


@pytest.mark.slow
def test_they_are_those_of_a_runs_samples(real_runs: RealRuns, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    resolved = resolve(load_catalogue([real_runs.first.parent.parent / "tasks"]), TASKS)
    documents = task_documents(resolved, offline=True)
    leaves = [leaf for found in resolved.leaves.values() for leaf in found]
    folder = next(path for path in real_runs.first.iterdir() if path.is_dir())
    expected = []
    for leaf in leaves:
        [file] = folder.glob(f"samples_{leaf}_*.jsonl")
        expected += read_documents(file, leaf)
    assert sorted(documents, key=repr) == sorted(expected, key=repr)
    assert {document.task for document in documents} == set(leaves)
    say = next(document for document in documents if document.task == "say")
    assert say.text == "the cat dog sat"  # the reference, "the", is in it


@pytest.mark.slow
def test_a_data_set_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with pytest.raises(BenchtuiError) as error:
        task_documents(resolve(load_catalogue(), ["gsm8k"]), offline=True)
    assert "gsm8k" in error.value.what
    assert "not in the cache" in error.value.what
    assert not list((tmp_path / "temporary").iterdir())
