"""What went wrong elsewhere between harnesses and servers, each with the score that must come out.

| what went wrong | test |
|---|---|
| choices on the wrong questions (1) | `test_texts.py`: every answer belongs to its prompt; choices that do not fit |
| content null while thinking (2), a stop inside it (4) | `test_texts.py`: content that is null; stops of a task |
| nobody owns the start token (5) | here, and a wrong server of `test_probe.py` that adds a second one |
| lists too short (7), order (8), tempered values (46), drafts (50) | `test_probe.py`: a wrong server |
| forwards and backwards (8), top-p (46) | here |
| samplers in scoring requests, infinite values and floors (9) | `test_probe.py`: no sampler settings; a missing score |
| one failure voids all, down from the start (10) | `tests/backends/test_openai.py`; gone after twelve answers: here |
| an error's text as an answer (12) | `test_texts.py`: an error is never an answer |
| defaults that nobody named (13) | here |
| the client's own load (22) | `test_texts.py`: a full queue; `test_faults.py`: a storm |
| lines broken inside a text (36) | `test_texts.py`, `test_stream.py` |
| found here: wrong counts, a prompt cut on the left, clamped values, a null, a filtered answer | here |
"""

from __future__ import annotations

from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.client import Address
from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.http.patience import Patience
from benchtui.worker.answering.openai.echo import EchoScorer
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.protocol import Score, ScoreRequest
from tests.worker.answering.openai.fake import Asked, Fake, Reply, Written, loglikelihood, logprob
from tests.worker.answering.openai.test_probe import Bytes, ids_of, proven
from tests.worker.answering.openai.test_texts import PROMPTS, ask, echoed, opened

PAIRS = [(f"The capital of {land} is", f" {city}") for land in ("Italy", "Spain", "France", "Water") for city in
         ("Rome", "Madrid", "Paris", "x", "zero")]  # fmt: skip


def test_scores_do_not_depend_on_the_order_that_they_are_asked_in() -> None:
    requests = [ScoreRequest(ids_of(context), ids_of(ending), (context, ending)) for context, ending in PAIRS]

    def one_by_one(server: Server, asked: list[ScoreRequest]) -> list[Score]:
        tokenizer: Any = Bytes()
        scorer = EchoScorer(server, tokenizer)
        return [server.run(scorer.score([request]))[0] for request in asked]

    with Fake() as fake:
        server = Server(Address(fake.url), fake.model)
        forwards, backwards = one_by_one(server, requests), one_by_one(server, requests[::-1])[::-1]
        server.close()
    assert [one.loglikelihood for one in forwards] == [one.loglikelihood for one in backwards]
    assert [one.loglikelihood for one in forwards] == pytest.approx([loglikelihood(*pair) for pair in PAIRS], abs=1e-9)


class AddsStartToText(Fake):
    """As llama.cpp and vLLM do: a start token before text, none before ids. Keeps what the model reads."""

    bos = (1,)

    def __init__(self, reply: Any = None) -> None:
        super().__init__(reply)
        self.read: list[bytes] = []

    def write(self, ids: list[int], body: dict[str, Any]) -> Written:
        self.read.append(bytes(ids))
        return super().write(ids, body)


def test_text_gets_the_start_token_from_the_server_alone() -> None:
    fake = AddsStartToText(lambda prompt: "yes")
    with opened(fake) as model:
        ask(model, ["one", "two"])
    assert sorted(fake.read[-2:]) == [b"\x01one", b"\x01two"], "once, and by the server"


class TopP(Fake):
    """Its log-probabilities are those after top-p: what is left out has none."""

    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        return super().one_logprob(before, token, body) if logprob(before[-3:], token) > -2 else float("-inf")


class Halved(Fake):
    """Counts half of what it reads."""

    def _completions(self, body: dict[str, Any]) -> Reply:
        reply = super()._completions(body)
        if isinstance(reply.body, dict) and "usage" in reply.body:
            reply.body["usage"]["prompt_tokens"] //= 2
        return reply


class CutsLeft(Fake):
    """Reads the last forty tokens of a longer prompt and says nothing of it."""

    def prompt_ids(self, prompt: str | list[int]) -> list[int]:
        return super().prompt_ids(prompt)[-40:]


class NullInside(Fake):
    def prompt_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[float | None]:
        found = super().prompt_logprobs(ids, body)
        return [*found[:5], None, *found[6:]]


class Clamped(Fake):
    """Writes nearly 0 for everything, however unlikely."""

    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        return max(super().one_logprob(before, token, body), -0.001)


@pytest.mark.parametrize(
    ("fake", "words"),
    [
        (TopP, "missing or infinite"),
        (Halved, "it read"),
        (CutsLeft, "it read 40 tokens"),
        (NullInside, "missing or infinite"),
        (Clamped, "constant|no likelier"),
    ],
)
def test_numbers_that_are_not_the_models_are_refused(fake: type[Fake], words: str) -> None:
    with pytest.raises(BenchtuiError, match=words):
        proven(fake())


class Penalises(Fake):
    """Applies the penalty of a file that nobody named, unless the request says another."""

    def write(self, ids: list[int], body: dict[str, Any]) -> Written:
        written = super().write(ids, body)
        if body.get("repetition_penalty") != 1.0 or body.get("temperature") != 0:
            written.text = "penalised"
        return written


def test_defaults_of_the_server_change_no_text() -> None:
    with opened(Penalises(echoed)) as model:
        assert ask(model, PROMPTS[:3]) == [prompt.upper() for prompt in PROMPTS[:3]]


class Filters(Fake):
    """Its filter keeps the answer back."""

    reason, left = "content_filter", ""

    def write(self, ids: list[int], body: dict[str, Any]) -> Written:
        written = super().write(ids, body)
        return Written(self.left, self.reason) if b"prompt 7" in bytes(ids) else written


class FiltersHalf(Filters):
    """Its filter cuts the answer, under another name."""

    reason, left = "SAFETY", "y"


class Whole(Filters):
    """It does not stream."""

    def _streamed(self, *_: Any, **__: Any) -> Reply:
        return Reply(400, {"error": {"message": "no streams"}})


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
@pytest.mark.parametrize("fake", [Filters, FiltersHalf, Whole])
def test_an_answer_that_is_filtered_is_none_and_all_others_are(fake: type[Filters], endpoint: str) -> None:
    server = fake(lambda prompt: "yes")
    with opened(server, endpoint=endpoint) as model:
        assert ask(model, PROMPTS) == ["" if prompt == "prompt 7" else "yes" for prompt in PROMPTS]
        observer: Any = model.observer
    lost = [(text.removeprefix("<user>").removesuffix("\n<assistant>"), why) for text, why in observer.lost]
    assert lost == [("prompt 7", f"the server's filter kept the answer back (finish reason {fake.reason})")]


class ExitsAfterTwelve(Fake):
    def fault(self, asked: Asked) -> Reply | None:
        if len([body for body in self.bodies() if body["prompt"] != "Hello"]) > 12:
            self.stop()
        return None


def test_a_server_that_is_gone_after_twelve_answers_leaves_those(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []
    with opened(ExitsAfterTwelve(echoed), patience=Patience(tries=3, first=0.01, longest=0.05, wait=0.3)) as model:
        monkeypatch.setattr(model.cache_hook, "add_partial", lambda _kind, _args, text: kept.append(text))
        with pytest.raises(BenchtuiError, match="gave no answer for") as error:
            ask(model, PROMPTS)
    assert "benchtui resume" in error.value.next_step
    assert 9 <= len(kept) <= 12, "those under way at that moment may be lost"
    assert set(kept) <= {prompt.upper() for prompt in PROMPTS}


def test_a_null_for_a_choice_is_no_answer_to_it() -> None:
    class NullLast(Fake):
        def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> Any:
            return None if token == ord("x") else super().one_logprob(before, token, body)

    with pytest.raises(UnansweredError, match="no score for a token"):
        proven(NullLast())
