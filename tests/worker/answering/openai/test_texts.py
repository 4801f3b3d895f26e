"""Texts from a server through lm-eval's requests: nothing that is no answer becomes one, and every setting is sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from lm_eval.api.instance import Instance

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import PromptSettings
from benchtui.runs.answer_health import AnswerFacts
from benchtui.worker.answering.http.client import Address
from benchtui.worker.answering.http.failures import RefusedError, UnansweredError
from benchtui.worker.answering.http.patience import Patience
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.openai import llama_texts
from benchtui.worker.answering.openai.answering import OpenAIAnswering
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.protocol import Unobserved
from benchtui.worker.report import Reporter
from tests.worker.answering.openai.fake import Asked, Fake, Reply, Written

QUICK = Patience(tries=3, first=0.01, longest=0.05, wait=10)


class Counted(Unobserved):
    def __init__(self) -> None:
        self.facts: list[AnswerFacts] = []
        self.lost: list[tuple[str, str]] = []
        self.first_tokens: list[float] = []
        self.told: list[tuple[str, str, str]] = []

    def decision(self, what: str, choice: str, why: str) -> None:
        self.told.append((what, choice, why))

    def first_token(self, seconds: float) -> None:
        self.first_tokens.append(seconds)

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        self.facts.append(facts)

    def unanswered(self, request_args: tuple[Any, ...], why: str) -> None:
        self.lost.append((request_args[0], why))


@contextmanager
def opened(
    fake: Fake, *, endpoint: str = "completions", think: str | None = None, patience: Patience = QUICK, **how: Any
) -> Iterator[LmEvalModel]:
    """A model that `fake` answers for, as the worker asks it; its observer counts."""
    plan: Any = SimpleNamespace(
        backend_settings={"endpoint": endpoint, "tokenizer": "none"},
        batch_size=4,
        prompts=PromptSettings(think_end_token=think),
    )
    silent: Any = SimpleNamespace(emit=lambda _event: None, close=lambda: None)
    with fake:
        server = Server(Address(fake.url), fake.model, patience=patience, **how)
        answering = OpenAIAnswering(plan, server, None, None, Reporter(silent))
        fake.asked.clear()
        try:
            yield LmEvalModel(answering, plan.prompts, Counted())
        finally:
            answering.close()


def ask(model: LmEvalModel, prompts: list[str], **settings: Any) -> list[str]:
    kwargs = {"until": ["\n"], "max_gen_toks": 12, **settings}
    requests = [Instance("generate_until", {}, (prompt, kwargs), 0) for prompt in prompts]
    return model.generate_until(requests, disable_tqdm=True)


def echoed(prompt: str) -> str:
    return prompt.upper()


PROMPTS = [f"prompt {number}" for number in range(20)]


def test_every_answer_belongs_to_its_prompt_and_never_more_than_asked_for_are_under_way() -> None:
    with opened(Fake(echoed)) as model:
        assert ask(model, PROMPTS) == [prompt.upper() for prompt in PROMPTS]
    fake = Fake(echoed)
    with opened(fake) as model:
        ask(model, PROMPTS)
        assert fake.most <= 4
        assert all(isinstance(body["prompt"], str) for body in fake.bodies()), "one prompt a request"


class TwoChoices(Fake):
    def choices(self, choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.bodies()[-1]["prompt"] == "Hello":
            return choices
        return [{**choice, "index": index} for choice in choices for index in (0, 1)]


class OtherIndex(Fake):
    def choices(self, choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return choices if self.bodies()[-1]["prompt"] == "Hello" else [{**choice, "index": 1} for choice in choices]


def test_choices_that_do_not_fit_the_prompt_stop_everything() -> None:
    with opened(TwoChoices(echoed)) as model, pytest.raises(RefusedError, match="returned 2 choices for 1 prompt"):
        ask(model, PROMPTS)
    fake = OtherIndex(echoed)
    with opened(fake) as model, pytest.raises(RefusedError, match="a choice for another prompt"):
        ask(model, PROMPTS)


class Thinks(Fake):
    """Every third answer is cut while the model thinks: `content` is null or empty."""

    field, content = "reasoning_content", None
    told = 0

    def write(self, ids: list[int], body: dict[str, Any]) -> Written:
        written = super().write(ids, body)
        if b"prompt" in bytes(ids) and int(bytes(ids).split(b"prompt ")[1].split(b"\n")[0]) % 3 == 0:
            written.text, written.finish = "", "length"
        return written

    def message(self, written: Written) -> dict[str, Any]:
        if written.finish == "length":
            return {"role": "assistant", "content": self.content, self.field: "Let me see"}
        return super().message(written)


@pytest.mark.parametrize(("field", "content"), [("reasoning_content", None), ("reasoning", None), ("reasoning", "")])
def test_content_that_is_null_is_an_empty_answer_cut_while_thinking(field: str, content: str | None) -> None:
    fake = Thinks(lambda prompt: "yes")
    fake.field, fake.content = field, content
    with opened(fake, endpoint="chat") as model:
        answers = ask(model, PROMPTS)
        observer: Any = model.observer
    assert [answer == "" for answer in answers] == [number % 3 == 0 for number in range(20)]
    assert len(fake.bodies("/v1/chat/completions")) == 20, "nothing is asked again"
    assert sum(bool(facts.thinking) for facts in observer.facts) == 7
    assert observer.lost == []


def test_stops_of_a_task_do_not_end_the_thinking() -> None:
    thoughts = "Question: how many? So four.</think>4\nQuestion: next"
    fake = Fake(lambda _prompt: thoughts)
    with opened(fake, think="</think>") as model:
        assert ask(model, ["2+2"], until=["Question:"], max_gen_toks=100) == ["4\n"]
        assert "stop" not in fake.bodies()[-1]
    with opened(fake) as model:
        ask(model, ["2+2"], until=["a1", "b2", "c3", "d4", "e5", "Question: next"], max_gen_toks=100)
        assert fake.bodies()[-1]["stop"] == ["a1", "b2", "c3", "d4"], "servers take four"
        assert ask(model, ["2+2"], until=["a1", "b2", "c3", "d4", "four"], max_gen_toks=100)[0].endswith("So ")


class Errors(Fake):
    reply = Reply()

    def fault(self, asked: Asked) -> Reply | None:
        return self.reply if asked.body.get("prompt") == "prompt 13" else None


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, {"error": {"message": "temperature must be a number", "param": "temperature"}}),
        Reply(200, {"error": {"message": "temperature must be a number", "param": "temperature"}}),
        Reply(200, {"choices": [{"index": 0, "text": ""}], "error": {"message": "temperature must be a number"}}),
    ],
)
def test_an_error_is_never_an_answer(reply: Reply) -> None:
    fake = Errors(echoed)
    fake.reply = reply
    with opened(fake) as model, pytest.raises(RefusedError, match="temperature must be a number"):
        ask(model, PROMPTS)
    assert sum(body["prompt"] == "prompt 13" for body in fake.bodies()) == 1, "it is not asked again"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(504, {}), "HTTP 504 after 3 tries"),
        (Reply(400, {"error": {"message": "maximum context length is 5 tokens"}}), "too long for the server"),
    ],
)
def test_one_request_without_an_answer_voids_no_other(reply: Reply, why: str) -> None:
    fake = Errors(echoed)
    fake.reply = reply
    with opened(fake) as model:
        answers = ask(model, PROMPTS)
        observer: Any = model.observer
    assert [prompt for prompt, _ in observer.lost] == ["prompt 13"]
    assert why in observer.lost[0][1]
    assert [answer for answer in answers if answer] == [p.upper() for p in PROMPTS if p != "prompt 13"]


@pytest.mark.parametrize("stopped", ["none", "", "abort"])
def test_half_a_text_of_llama_server_is_no_answer(stopped: str) -> None:
    """ "none" is what it says where nothing that ends a text has ended it."""
    asked = {"prompt": [1, 2], "n_predict": 8}
    whole = {"content": "ha", "tokens": [5], "tokens_predicted": 1, "tokens_evaluated": 2, "stop_type": "eos"}
    assert llama_texts.read(whole, asked, "S")[0].finish == "end"
    with pytest.raises(UnansweredError, match="S gave it up"):
        llama_texts.read({**whole, "stop_type": stopped}, asked, "S")


def test_settings_are_all_sent_and_unknown_ones_refused() -> None:
    fake = Fake(echoed)
    with opened(fake) as model:
        ask(model, ["a"])
        greedy = {"temperature": 0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
        assert greedy.items() <= fake.bodies()[-1].items()
        ask(model, ["a"], do_sample=True, temperature=0.7, repetition_penalty=1.1)
        assert fake.bodies()[-1].items() >= {"temperature": 0.7, "repetition_penalty": 1.1}.items()
        assert "seed" in fake.bodies()[-1]
        assert fake.bodies()[-1]["top_k"] == 50, "as the other backends draw"
        assert model.observer.told == []
        with pytest.raises(BenchtuiError, match="not asked with the generation setting num_beams"):
            ask(model, ["a"], num_beams=2)


class WithoutMore(Fake):
    """Refuses what OpenAI's own servers do."""

    def fault(self, asked: Asked) -> Reply | None:
        unknown = asked.body.keys() & {"top_k", "min_p", "repetition_penalty"}
        return Reply(400, {"error": {"message": f"Unrecognized request argument: {unknown}"}}) if unknown else None


def test_a_server_without_top_k_is_said_to_draw_from_all_tokens() -> None:
    with opened(WithoutMore(echoed)) as model:
        observer: Any = model.observer
        assert ask(model, PROMPTS[:3]) == [prompt.upper() for prompt in PROMPTS[:3]]
        assert observer.told == [], "greedy texts do not depend on it"
        ask(model, PROMPTS[:3], do_sample=True, temperature=0.7)
    (said,) = observer.told
    assert said[:2] == ("sampling", "from all tokens")
    assert "the 50 likeliest" in said[2]


class Queue(Fake):
    """Answers 503 when more than two are under way."""

    def fault(self, asked: Asked) -> Reply | None:
        if asked.path == "/v1/completions":
            time.sleep(0.01)
            return Reply(503, {"error": "busy"}) if self._now > 2 else None
        return None


def test_a_full_queue_loses_nothing() -> None:
    with opened(Queue(echoed)) as model:
        assert ask(model, PROMPTS) == [prompt.upper() for prompt in PROMPTS]
        observer: Any = model.observer
        assert observer.lost == []


class Killed(Fake):
    """Is killed at the tenth answer, and comes back."""

    killed = False

    def fault(self, asked: Asked) -> Reply | None:
        if asked.body.get("prompt") == "prompt 10" and not self.killed:
            self.killed = True
            threading.Thread(target=self._die).start()
            time.sleep(0.3)
        return None

    def _die(self) -> None:
        self.stop()
        time.sleep(0.3)
        self.start()


def test_a_server_that_is_killed_and_comes_back_loses_nothing() -> None:
    fake = Killed(echoed)
    with opened(fake) as model:
        assert ask(model, PROMPTS) == [prompt.upper() for prompt in PROMPTS]
    assert fake.killed


def test_texts_with_other_line_ends_arrive_whole() -> None:
    text = "a\u2028b\u0085c"
    with opened(Fake(lambda _prompt: text)) as model:
        assert ask(model, ["x"], max_gen_toks=50) == [text]


def test_log_likelihoods_need_a_tokenizer() -> None:
    with opened(Fake(echoed)) as model:
        with pytest.raises(BenchtuiError, match="without the model's tokenizer") as error:
            model.answering.check_tasks(loglikelihood=True)
        assert "--tokenizer" in error.value.next_step


class WithoutOptions(Fake):
    """Streams, and refuses `stream_options`, as servers did before OpenAI's had them."""

    def fault(self, asked: Asked) -> Reply | None:
        refused = "stream_options" in asked.body
        return (
            Reply(400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}})
            if refused
            else None
        )


class WithoutStreams(Fake):
    def fault(self, asked: Asked) -> Reply | None:
        return Reply(400, {"error": {"message": "streaming is not supported"}}) if asked.body.get("stream") else None


class WholeAtOnce(Fake):
    """Reads over `stream`, and answers in one piece."""

    def answer(self, asked: Asked) -> Reply:
        asked.body.pop("stream", None)
        return super().answer(asked)


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
@pytest.mark.parametrize(
    ("kind", "streamed"), [(Fake, True), (WithoutOptions, True), (WithoutStreams, False), (WholeAtOnce, False)]
)
def test_answers_are_streamed_where_the_server_can(kind: type[Fake], streamed: bool, endpoint: str) -> None:
    fake = kind(lambda prompt: "an answer of several words")
    with opened(fake, endpoint=endpoint) as model:
        observer: Any = model.observer
        assert ask(model, PROMPTS[:5], max_gen_toks=64) == ["an answer of several words"] * 5
        assert len(observer.first_tokens) == (5 if streamed else 0)
        assert len(fake.asked) == 5, "how it answers is found out before"


class GoesPastStops(Fake):
    def write(self, ids: list[int], body: dict[str, Any]) -> Written:
        return super().write(ids, {**body, "stop": None})


def test_a_stream_is_left_at_a_stop_that_the_server_goes_past() -> None:
    with opened(GoesPastStops(lambda prompt: "one. " + "more words. " * 300)) as model:
        observer: Any = model.observer
        assert ask(model, PROMPTS[:2], until=["."], max_gen_toks=4000) == ["one"] * 2
        assert [facts.tokens for facts in observer.facts] == [None, None], "the rest was not waited for"
