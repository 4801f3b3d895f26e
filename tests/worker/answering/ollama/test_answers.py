"""What a broken answer of Ollama's becomes: another try, never a crash and never a number."""

from __future__ import annotations

import math
from typing import Any

import pytest

from benchtui.worker.answering.http.failures import PassingError
from benchtui.worker.answering.ollama.answers import TokenLogProb, read_logprobs
from tests.worker.answering.ollama.asked import texts
from tests.worker.answering.ollama.double import serving
from tests.worker.answering.ollama.fake import FakeOllama

WHOLE = {"token": " a", "logprob": -0.5, "top_logprobs": [{"token": " a", "logprob": -0.5}]}


def test_log_probabilities_are_read() -> None:
    assert read_logprobs([WHOLE]) == [TokenLogProb(" a", -0.5, ((" a", -0.5),))]
    assert read_logprobs(None) == []
    assert read_logprobs([{"token": " a", "logprob": -1, "top_logprobs": None}]) == [TokenLogProb(" a", -1.0)]


@pytest.mark.parametrize(
    "entries",
    [
        {"logprob": -1},
        ["a"],
        [{"token": " a", "logprob": None}],
        [{"token": " a", "logprob": True}],
        [{"token": " a", "logprob": math.nan}],
        [{"token": 5, "logprob": -0.5}],
        [{**WHOLE, "top_logprobs": {"a": -1}}],
        [{**WHOLE, "top_logprobs": "abc"}],
        [{**WHOLE, "top_logprobs": ["a"]}],
        [{**WHOLE, "top_logprobs": [{"token": " a"}]}],
        [{**WHOLE, "top_logprobs": [{"token": " a", "logprob": None}]}],
        [{**WHOLE, "top_logprobs": [{"token": None, "logprob": -0.5}]}],
    ],
)
def test_malformed_log_probabilities_are_a_reason_to_ask_again(entries: Any) -> None:
    with pytest.raises(PassingError, match="log-probabilit"):
        read_logprobs(entries)


def test_an_answer_with_malformed_log_probabilities_is_asked_again() -> None:
    class Broken(FakeOllama):
        broken = 1

        def written(self, *asked: Any) -> list[dict[str, Any]]:
            lines = super().written(*asked)
            if asked[0] == "two" and self.broken:
                self.broken = 0
                lines[0]["logprobs"] = [{**WHOLE, "top_logprobs": [{"token": " a"}]}]
            return lines

    with serving(fake := Broken(lambda prompt: f" {prompt}")):
        found, watching = texts(fake, ["one", "two"])
        assert found == [" one", " two"]
        assert watching.lost == []
        assert sum(body["prompt"] == "two" for body in fake.bodies()) == 2


@pytest.mark.parametrize("reason", ["", "abort", "error", None])
def test_half_a_text_that_was_given_up_is_asked_for_again(reason: str | None) -> None:
    """`done`, and no word that the text is whole: what Ollama says where a connection inside it was closed."""

    class GivingUp(FakeOllama):
        times = 1

        def written(self, *asked: Any) -> list[dict[str, Any]]:
            lines = super().written(*asked)
            if asked[0] == "two" and self.times:
                self.times = 0
                end = {name: value for name, value in lines[-1].items() if name != "done_reason"}
                return [*lines[:1], end if reason is None else {**end, "done_reason": reason}]
            return lines

    with serving(fake := GivingUp(lambda prompt: f" {prompt} times two")):
        found, watching = texts(fake, ["one", "two"])
        assert found == [" one times two", " two times two"]
        assert watching.lost == []
        assert sum(body["prompt"] == "two" for body in fake.bodies()) == 2
