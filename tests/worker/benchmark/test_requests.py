"""From answers to the journal: whole batches, each answer to its own question, nothing asked twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from lm_eval.api.instance import Instance

from benchtui.errors import BenchtuiError
from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.journal.journal import Journal
from benchtui.worker.benchmark.answers.requests import TaskRequests


def instances(documents: int = 4, choices: int = 2, repeats: int = 1, text: str = "prompt") -> list[Instance]:
    """A multiple-choice task's requests, in lm-eval's order."""
    return [
        Instance(
            request_type="loglikelihood",
            doc={},
            arguments=(f"{text} {doc}", f" choice {choice}"),
            idx=choice,
            metadata=("task", doc, repeats),
        )
        for doc in range(documents)
        for choice in range(choices)
    ]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    found = Journal(tmp_path / "journal.sqlite")
    found.bind({"fingerprint": "x"})
    return found


def test_answers_find_their_requests_in_whatever_order_they_come(journal: Journal) -> None:
    done: list[int] = []
    asked = instances()
    requests = TaskRequests("task", asked, journal, done.append)
    assert requests.pending() == asked
    for instance in reversed(asked):
        requests.add_partial("loglikelihood", instance.args, (-float(instance.idx), instance.doc_id == 1))
    assert done == []
    assert journal.count() == 0, "a batch is journaled together"
    requests.keep()
    assert done == [3, 2, 1, 0]
    assert requests.pending() == []
    assert [instance.resps for instance in asked[:4]] == [
        [(0.0, False)],
        [(-1.0, False)],
        [(0.0, True)],
        [(-1.0, True)],
    ]


def test_a_resumed_run_asks_only_what_is_missing(journal: Journal) -> None:
    asked = instances()
    requests = TaskRequests("task", asked, journal, lambda _: None)
    requests.pending()
    for instance in asked[:3]:
        requests.add_partial("loglikelihood", instance.args, (-1.5, True))
    requests.keep()
    again = instances()
    done: list[int] = []
    resumed = TaskRequests("task", again, journal, done.append)
    resumed.restore()
    assert done == [0], "one document is whole, another half"
    assert resumed.answered == 3
    assert resumed.pending() == again[3:]
    assert again[0].resps == [(-1.5, True)], "JSON has no tuples, lm-eval wants them"


def test_documents_given_up_on_are_neither_asked_nor_scored(journal: Journal) -> None:
    asked = instances()
    requests = TaskRequests("task", asked, journal, lambda _: None)
    requests.pending()
    for instance in asked[:4]:
        requests.add_partial("loglikelihood", instance.args, (-1.0, False))
    requests.keep()
    journal.skip("task", 1, "hung while it was scored")
    journal.skip("task", 3, "hung while it was answered")
    done: list[int] = []
    again = instances()
    resumed = TaskRequests("task", again, journal, done.append)
    resumed.restore()
    assert done == [0]
    assert {instance.doc_id for instance in resumed.pending()} == {2}
    assert again[2].resps == []


def test_samples_drawn_repeatedly_of_one_request(journal: Journal) -> None:
    asked = instances(documents=2, choices=1, repeats=3)
    done: list[int] = []
    requests = TaskRequests("task", asked, journal, done.append)
    assert len(requests.pending()) == 6
    assert requests.total == 6
    for text in ("a", "b", "c"):
        requests.add_partial("loglikelihood", asked[0].args, text)
    requests.keep()
    assert asked[0].resps == ["a", "b", "c"]
    assert done == [0]
    again = instances(documents=2, choices=1, repeats=3)
    resumed = TaskRequests("task", again, journal, lambda _: None)
    resumed.restore()
    assert len(resumed.pending()) == 3


def test_equal_prompts_of_two_documents_get_one_answer_each(journal: Journal) -> None:
    asked = [
        Instance(request_type="generate_until", doc={}, arguments=("same", {}), idx=0, metadata=("task", doc, 1))
        for doc in range(2)
    ]
    requests = TaskRequests("task", asked, journal, lambda _: None)
    requests.pending()
    requests.add_partial("generate_until", ("same", {}), "first")
    requests.add_partial("generate_until", ("same", {}), "second")
    requests.keep()
    assert [instance.resps for instance in asked] == [["first"], ["second"]]


def test_an_answer_to_nothing_that_was_asked_is_an_error(journal: Journal) -> None:
    requests = TaskRequests("task", instances(), journal, lambda _: None)
    requests.pending()
    with pytest.raises(RuntimeError, match="not asked"):
        requests.add_partial("loglikelihood", ("another prompt", "x"), (0.0, True))


def test_an_answer_to_another_prompt_is_refused(journal: Journal) -> None:
    requests = TaskRequests("task", instances(), journal, lambda _: None)
    requests.take_rest(requests.pending(), [(-1.0, True)] * 8)
    requests.keep()
    changed = TaskRequests("task", instances(text="Prompt"), journal, lambda _: None)
    with pytest.raises(BenchtuiError, match="different prompt"):
        changed.restore()


def test_what_the_model_only_returned_is_kept_too(journal: Journal) -> None:
    asked = instances()
    requests = TaskRequests("task", asked, journal, lambda _: None)
    pending = requests.pending()
    requests.add_partial("loglikelihood", asked[0].args, (-7.0, True))
    requests.take_rest(pending, [(-float(number), False) for number in range(8)])
    requests.keep()
    assert asked[0].resps == [(-7.0, True)], "told first, it is not taken again"
    assert asked[1].resps == [(-1.0, False)]
    assert journal.count() == 8


def test_a_scoring_that_fails_loses_no_answer(journal: Journal) -> None:
    done: list[int] = []

    def score(doc_id: int) -> None:
        done.append(doc_id)
        if doc_id == 1 and done.count(1) == 1:
            raise MemoryError

    requests = TaskRequests("task", instances(choices=1), journal, score)
    requests.take_rest(requests.pending(), [(-1.0, True)] * 4)
    with pytest.raises(MemoryError):
        requests.keep()
    assert journal.count() == 4
    requests.keep()
    assert done == [0, 1, 2, 3]
    assert requests.pending() == []


def test_the_documents_of_a_batch(journal: Journal) -> None:
    asked = instances()
    requests = TaskRequests("task", asked, journal, lambda _: None)
    requests.pending()
    requests.add_partial("loglikelihood", asked[0].args, (-1.0, True))
    batch = [instance.args for instance in asked[:4]]
    assert requests.in_flight(batch, "loglikelihood") == [0, 1]
    assert requests.in_flight(batch, "generate_until") == []


def written(text: str = "prompt") -> list[Instance]:
    """A generation task's requests with two answers each."""
    return [
        Instance("generate_until", {}, (f"{text} {doc}", {"until": []}), 0, metadata=("task", doc, 2))
        for doc in range(2)
    ]


def test_what_was_counted_goes_with_its_answer_and_comes_back_with_it(journal: Journal) -> None:
    asked = written()
    requests = TaskRequests("task", asked, journal, lambda _: None)
    first, _, *second = requests.pending()
    for number, instance in enumerate([second[0], first, second[1]]):
        requests.answer_facts((instance.args[0],), AnswerFacts(prompt=5, lost=0, tokens=number, at_limit=False))
        requests.add_partial("generate_until", instance.args, f"answer {number}")
    requests.keep()
    counted = [(found.answer, found.facts and found.facts.tokens) for found in requests.answers_of(1)]
    assert counted == [("answer 0", 0), ("answer 2", 2)]
    resumed = TaskRequests("task", written(), journal, lambda _: None)
    resumed.restore()
    assert resumed.answers_of(1) == requests.answers_of(1)
    assert resumed.answers_of(0) == requests.answers_of(0)


def test_what_was_counted_of_a_batch_that_was_lost_is_forgotten(journal: Journal) -> None:
    requests = TaskRequests("task", written(), journal, lambda _: None)
    first, *_ = requests.pending()
    requests.answer_facts((first.args[0],), AnswerFacts(tokens=99, at_limit=True))
    requests.pending()  # memory ran out: the same is asked again
    requests.answer_facts((first.args[0],), AnswerFacts(tokens=3, at_limit=False))
    requests.add_partial("generate_until", first.args, "answer")
    requests.keep()
    assert [found.facts for found in requests.answers_of(0)] == [AnswerFacts(tokens=3, at_limit=False)]


def test_an_answer_that_nobody_counted_has_no_counts(journal: Journal) -> None:
    requests = TaskRequests("task", written(), journal, lambda _: None)
    first, *_ = requests.pending()
    requests.add_partial("generate_until", first.args, "answer")
    requests.keep()
    assert [found.facts for found in requests.answers_of(0)] == [None]


def drawn(repeats: int = 3) -> list[Instance]:
    """Two documents that ask the same, several answers drawn to each."""
    return [
        Instance("generate_until", {}, ("prompt", {"temperature": 1.0}), 0, metadata=("task", doc, repeats))
        for doc in range(2)
    ]


def test_each_drawn_text_has_its_own_place_in_whatever_order_they_come(journal: Journal) -> None:
    """Texts end in another order than they began, and their random numbers belong to one place each."""
    asked = drawn()
    requests = TaskRequests("task", asked, journal, lambda _: None)
    for instance in reversed(requests.pending()):
        requests.add_partial("generate_until", instance.args, f"text of {instance.args[2]}")
    requests.keep()
    assert asked[0].resps == ["text of (0, 0, 0)", "text of (0, 0, 1)", "text of (0, 0, 2)"]
    assert asked[1].resps == ["text of (1, 0, 0)", "text of (1, 0, 1)", "text of (1, 0, 2)"]


def test_a_resumed_run_draws_just_the_texts_that_are_missing(journal: Journal) -> None:
    requests = TaskRequests("task", drawn(), journal, lambda _: None)
    began = requests.pending()
    for place in (4, 1):
        requests.add_partial("generate_until", began[place].args, "text")
    requests.keep()
    done: list[int] = []
    resumed = TaskRequests("task", drawn(), journal, done.append)
    resumed.restore()
    missing = [instance.args for instance in resumed.pending()]
    assert missing == [instance.args for place, instance in enumerate(began) if place not in (4, 1)]
    assert done == [], "a document with two of three answers is not scored"


def test_log_likelihoods_that_depend_on_each_other_are_asked_together_again(journal: Journal) -> None:
    asked = instances()
    requests = TaskRequests("task", asked, journal, lambda _: None)
    requests.pending()
    for instance in asked[:3]:
        requests.add_partial("loglikelihood", instance.args, (-1.5, True))
    requests.keep()
    again = instances()
    done: list[int] = []
    resumed = TaskRequests("task", again, journal, done.append, whole_documents=True)
    resumed.restore()
    assert done == [0]
    assert resumed.pending() == again[2:], "the half document as a whole"
    resumed.take_rest(again[2:], [(-2.0, False)] * 6)
    resumed.keep()
    assert done == [0, 1, 2, 3]
    assert again[2].resps == [(-2.0, False)], "what was answered apart from the others does not count"


def test_a_text_does_not_depend_on_the_log_likelihoods_of_its_document(journal: Journal) -> None:
    def mixed() -> list[Instance]:
        text = Instance(request_type="generate_until", doc={}, arguments=("p", {}), idx=2, metadata=("task", 0, 1))
        return [*instances(documents=1), text]

    asked = mixed()
    requests = TaskRequests("task", asked, journal, lambda _: None)
    requests.pending()
    requests.add_partial("loglikelihood", asked[0].args, (-1.5, True))
    requests.add_partial("generate_until", asked[2].args, "written")
    requests.keep()
    resumed = TaskRequests("task", again := mixed(), journal, lambda _: None, whole_documents=True)
    resumed.restore()
    assert resumed.pending() == again[:2]
