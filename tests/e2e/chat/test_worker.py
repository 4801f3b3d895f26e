"""A real worker with a base and its adapter on one set of weights, whose texts are known."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.events import ChatReady
from tests.e2e.chat.scripted import BASE, TUNED, make_place
from tests.worker.chat.talks import Talk, chat_plan

ENDLESS = Sampling(max_new_tokens=30_000)
CANCELLED_WITHIN = 0.2


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    place = make_place(tmp_path_factory.mktemp("scripted"))
    models = {"counts": place.model, "base": place.root / "models" / "counts-base"}
    with Talk(RunDirectory(place.model / "chats" / "one"), chat_plan(place.outputs, models)) as talk:
        yield talk


def test_both_models_write_their_own_text_on_the_same_weights(talk: Talk) -> None:
    turn = talk.say("tell short")
    answers = [talk.answer(talk.ask(turn, model)) for model in (0, 1)]
    assert [answer.text for answer in answers] == [TUNED["short"].text, BASE["short"].text]
    ready = talk.conversation.ready[0]
    assert isinstance(ready, ChatReady)
    assert ready.shares == 1, "the adapter is on the weights of the base"


@pytest.mark.parametrize("word", ["hostile", "fox", "think"])
def test_whatever_a_model_writes_is_kept_as_it_is(talk: Talk, word: str) -> None:
    answer = talk.answer(talk.ask(talk.say(f"tell {word}"), 1, Sampling(max_new_tokens=64)))
    assert (answer.text, answer.state) == (BASE[word].text, "end")


def test_answers_that_are_cancelled_end_within_the_limit(talk: Talk) -> None:
    turn = talk.say("tell long")
    numbers = [talk.ask(turn, model, ENDLESS) for model in (0, 1)]
    answers = [talk.conversation.answers[number] for number in numbers]
    talk.until(lambda: all(len(answer.tokens) >= 3 for answer in answers))
    asked = time.time()
    talk.cancel()
    for answer in map(talk.answer, numbers):
        assert answer.ended is not None
        assert answer.state == "cancelled"
        assert answer.ended.t - asked < CANCELLED_WITHIN
        assert answer.text.startswith(("base 1, base 2, ", "tuned 1, tuned 2, "))
