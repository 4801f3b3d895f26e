"""A server on a bad night: whatever passes changes no answer, what stays is one line, and nothing else is lost."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.failures import RefusedError
from benchtui.worker.answering.http.patience import Patience
from benchtui.worker.answering.protocol import ModelChangedError
from tests.worker.answering.openai.fake import Asked, Fake, Reply
from tests.worker.answering.openai.test_probe import proven
from tests.worker.answering.openai.test_texts import PROMPTS, ask, echoed, opened

ANSWERS = [echoed(prompt) for prompt in PROMPTS]
ROUTE = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}


class Once(Fake):
    """Fails at each prompt once, in its own way, and answers the second time; at the trial prompt never."""

    def __init__(self, *_: Any) -> None:
        super().__init__(lambda prompt: echoed(prompt.removeprefix("<user>").removesuffix("\n<assistant>")))
        self.failed: set[str] = set()

    def fault(self, asked: Asked) -> Reply | None:
        key = json.dumps(asked.body.get("prompt") or asked.body.get("messages"))
        if "prompt " not in key or key in self.failed:
            return None
        self.failed.add(key)
        return self.failure(asked)

    def failure(self, asked: Asked) -> Reply:
        raise NotImplementedError


class CutOff(Once):
    """Half a body, or half a stream, then the connection is cut: the half is no answer."""

    def failure(self, asked: Asked) -> Reply:
        right = self._right(asked)
        right.broken = True
        return right


class HalfJson(Once):
    """A proxy in between passes half an answer on as a whole one."""

    def failure(self, asked: Asked) -> Reply:
        reply = self._right(asked)
        body = b"".join(reply.lines or ()).decode() or json.dumps(reply.body)
        return Reply(200, body[: len(body) // 2])


class LoginPage(Once):
    def failure(self, asked: Asked) -> Reply:
        return Reply(200, "<html>Please sign in</html>")


class Silent(Once):
    """Longer than may be waited for."""

    def failure(self, asked: Asked) -> Reply:
        time.sleep(1.6)
        return Reply(504, {})


class Aborted(Once):
    """The server gives a request up (vLLM and SGLang do where they run out of room) and says so beside half a text."""

    def failure(self, asked: Asked) -> Reply:
        reply = self._right(asked)
        if reply.lines is not None:
            ends = {b'"finish_reason": "stop"', b'"finish_reason": "length"'}
            half = [line for line in reply.lines[:2] if not any(end in line for end in ends)]
            choice = {"index": 0, "text": "", "delta": {}, "finish_reason": "abort"}
            return replace(reply, lines=[*half, b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"])
        for choice in reply.body["choices"]:
            choice["finish_reason"] = "abort"
            if "text" in choice:
                choice["text"] = choice["text"][:2]
            else:
                choice["message"]["content"] = choice["message"]["content"][:2]
        return reply


class NoReason(Once):
    """A proxy ends a stream, or an answer, properly though the model was not done."""

    def failure(self, asked: Asked) -> Reply:
        reply = self._right(asked)
        if reply.lines is not None:
            ends = [b'"finish_reason": "stop"', b'"finish_reason": "length"']
            return replace(reply, lines=[line for line in reply.lines if not any(end in line for end in ends)])
        reply.body["choices"][0]["finish_reason"] = None
        return reply


class NoReasonWhole(NoReason):
    def _streamed(self, *_: Any, **__: Any) -> Reply:
        return Reply(400, {"error": {"message": "no streams"}})


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
@pytest.mark.parametrize("fake", [CutOff, HalfJson, LoginPage, Silent, Aborted, NoReason, NoReasonWhole])
def test_half_an_answer_is_asked_for_again(fake: type[Once], endpoint: str) -> None:
    server = fake()
    with opened(server, endpoint=endpoint, timeout=1.0 if fake is Silent else 60.0) as model:
        assert ask(model, PROMPTS) == ANSWERS
        observer: Any = model.observer
    assert observer.lost == []
    assert len(server.failed) == 20
    assert len(server.bodies(ROUTE[endpoint])) == 40


class Storm(Fake):
    """Refuses every other request as too many, scoring ones too, with and without a time to wait."""

    def __init__(self, reply: Any = None) -> None:
        super().__init__(reply)
        self.count = 0

    def fault(self, asked: Asked) -> Reply | None:
        if asked.path not in ROUTE.values():
            return None
        self.count += 1
        headers = {"Retry-After": "0.01"} if self.count % 4 else {}
        return Reply(429, {"error": {"message": "Rate limit"}}, headers) if self.count % 2 else None


def test_a_storm_of_refusals_uses_no_tries_up() -> None:
    with opened(Storm(echoed)) as model:
        assert ask(model, PROMPTS) == ANSWERS
        observer: Any = model.observer
        assert observer.lost == []
    assert proven(Storm()) == proven(Fake())


class SmallWindow(Fake):
    """Holds fewer tokens than two of the prompts have."""

    window = 40


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
def test_what_the_window_does_not_hold_is_one_line_each_and_nothing_else_is_lost(endpoint: str) -> None:
    server = SmallWindow(echoed if endpoint == "completions" else Once()._reply)
    long = ["a long prompt " * 5, "another long one " * 5]
    with opened(server, endpoint=endpoint) as model:
        answers = ask(model, [PROMPTS[0], long[0], PROMPTS[1], long[1], PROMPTS[2]], max_gen_toks=8)
        observer: Any = model.observer
    assert [answer for answer in answers if answer] == [echoed(prompt) for prompt in PROMPTS[:3]]
    assert [prompt for prompt, _ in observer.lost] == long
    assert all("too long for the server" in why and "40 tokens" in why for _, why in observer.lost)
    assert len(server.bodies(ROUTE[endpoint])) == 5, "they are not asked again"


class Evicts(Fake):
    """Forgets its model at the tenth prompt, as a server of many models does to make room."""

    status, message = 404, "The model `fake-1` does not exist."

    def fault(self, asked: Asked) -> Reply | None:
        if asked.path == "/v1/completions" and len(self.bodies()) > 10:
            return Reply(self.status, {"error": {"message": self.message}})
        return None


@pytest.mark.parametrize(("status", "message"), [(404, "The model `fake-1` does not exist."), (400, "Model unloaded.")])
def test_an_evicted_model_stops_the_run_in_the_servers_own_words(status: int, message: str) -> None:
    server = Evicts(echoed)
    server.status, server.message = status, message
    with opened(server) as model:
        with pytest.raises(RefusedError, match=message.replace(".", "[.]")) as error:
            ask(model, PROMPTS)
        assert len(server.bodies()) <= 10 + 4, "one refusal is enough: only what was under way comes after it"
    assert "All answers so far are kept" in error.value.next_step
    assert "benchtui resume" in error.value.next_step


class Returns(Fake):
    """Is killed at the tenth prompt and comes back with other weights under the same name."""

    killed = False

    def fault(self, asked: Asked) -> Reply | None:
        if asked.body.get("prompt") == "prompt 10" and not self.killed:
            self.killed = True
            threading.Thread(target=self._restart).start()
            time.sleep(0.3)
        return None

    def _restart(self) -> None:
        self.stop()
        self.window = 2048
        self.start()

    def model_card(self) -> dict[str, Any]:
        return {**super().model_card(), "root": f"weights-{self.window}"}


def test_another_model_after_a_restart_answers_nothing() -> None:
    server = Returns(echoed)
    with opened(server) as model, pytest.raises(ModelChangedError, match="another model than at the start") as error:
        ask(model, PROMPTS)
    assert "Start it with the first one, then `benchtui resume`" in error.value.next_step
    told = [body["prompt"] for body in server.bodies()]
    assert told.count("prompt 10") == 1, "the other model is asked nothing"


class Hangs(Fake):
    """Accepts everything and answers nothing any more from the tenth prompt on, /v1/models too."""

    def __init__(self, reply: Any) -> None:
        super().__init__(reply)
        self.over = threading.Event()

    def fault(self, asked: Asked) -> Reply | None:
        if len(self.bodies()) > 10:
            self.over.wait(20)
        return None


def test_a_server_that_hangs_for_good_ends_the_run_with_one_line() -> None:
    server = Hangs(echoed)
    patience = Patience(tries=3, first=0.01, longest=0.05, wait=0.3)
    with opened(server, patience=patience, timeout=0.2) as model:
        try:
            with pytest.raises(BenchtuiError, match="gave no answer for") as error:
                ask(model, PROMPTS)
        finally:
            server.over.set()
    assert "\n" not in str(error.value)
    assert "Everything answered so far is kept" in error.value.next_step


class Trickles(Fake):
    """Sends signs of life for one prompt, and never an answer."""

    def fault(self, asked: Asked) -> Reply | None:
        if asked.body.get("prompt") != "prompt 13":
            return None
        return Reply(lines=(time.sleep(0.05) or b": still here\n\n" for _ in range(200)))  # type: ignore[func-returns-value,arg-type]


def test_bytes_that_are_no_answer_do_not_keep_a_request_alive() -> None:
    with opened(Trickles(echoed), timeout=0.4) as model:
        answers = ask(model, PROMPTS)
        observer: Any = model.observer
    assert observer.lost == [("prompt 13", "no answer within 0.4 s after 3 tries")]
    assert sum(bool(answer) for answer in answers) == 19
