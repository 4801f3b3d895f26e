"""The digest of a task's data: equal for equal data, another for whatever could change a score or a prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import datasets
import pytest
from lm_eval.api.task import ConfigurableTask

from benchtui.runs.kinds.benchmark.task_data import TaskData, how_data_differ
from benchtui.worker.benchmark.tasks.data import task_data
from benchtui.worker.benchmark.tasks.load import LoadedTask
from tests.e2e.local_tasks import QUESTIONS

Documents = list[dict[str, Any]]


def loaded(documents: Documents, *, examples: Documents = QUESTIONS, shots: int = 2, limit: int | None = None) -> Any:
    config = {
        "task": "mine",
        "custom_dataset": lambda **_: {
            "test": datasets.Dataset.from_list(documents),
            "train": datasets.Dataset.from_list(examples),
        },
        "test_split": "test",
        "fewshot_split": "train",
        "num_fewshot": shots,
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{gold}}",
    }
    return LoadedTask("mine", ConfigurableTask(config=config), limit)


def data(documents: Documents = QUESTIONS, **settings: Any) -> TaskData:
    return task_data(loaded(documents, **settings))


CHANGES: dict[str, Callable[[Documents], Documents]] = {
    "another question": lambda documents: [documents[0] | {"question": "the dog counts to"}, *documents[1:]],
    "another answer key": lambda documents: [documents[0] | {"gold": 2}, *documents[1:]],
    "another order": lambda documents: documents[::-1],
    "a question less": lambda documents: documents[:-1],
    "a question more": lambda documents: [*documents, documents[0]],
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen(change: str) -> None:
    changed = CHANGES[change](QUESTIONS)
    assert how_data_differ(data(), data(changed))
    assert how_data_differ(data(), data(examples=changed)) == "other examples in the prompts"
    assert not how_data_differ(data(shots=0), data(shots=0, examples=changed)), "no prompt holds one"


def test_the_same_data_are_the_same() -> None:
    assert data() == data()
    assert data().total == data().count == len(QUESTIONS)


def test_documents_that_are_not_asked_do_not_count() -> None:
    changed = [*QUESTIONS[:-1], QUESTIONS[-1] | {"gold": 0, "question": "?"}]
    assert not how_data_differ(data(limit=3), data(changed, limit=3))
    assert how_data_differ(data(limit=3), data(QUESTIONS[:-1], limit=3))
    assert not how_data_differ(data(limit=3), data())


def test_nothing_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task may draw random numbers where it reads its documents, which would change its prompts."""
    task = loaded(QUESTIONS)
    expected = task_data(task)
    monkeypatch.setattr(ConfigurableTask, "test_docs", lambda _: pytest.fail("read again"))
    assert task_data(task) == expected


def test_text_that_no_encoding_has_is_no_obstacle() -> None:
    class Odd(ConfigurableTask):  # the datasets library refuses such text itself
        @property
        def task_docs(self) -> Any:
            return [{"question": "\ud800"}]

        @task_docs.setter
        def task_docs(self, _: Any) -> None:
            pass

    task = loaded(QUESTIONS).task
    task.__class__ = Odd
    assert task_data(LoadedTask("mine", task, 1)).count == 1
