"""Servers that speak OpenAI's language in a chat: their chat route, what they refuse, and how their answers break."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from benchtui.runs.kinds.chat.asked import Message
from tests.worker.answering.openai.fake import Asked, Fake, Reply, Written, wait_until
from tests.worker.chat.served import asking, openai_model


class Told(Fake):
    """Tells tokens by its chat route, counts what it had in memory, and says whatever `lines` says instead."""

    refused: tuple[str, ...] = ()
    lines: list[bytes] | Iterator[bytes] | None = None
    tells = True

    def fault(self, asked: Asked) -> Reply | None:
        if "chat" not in asked.path:
            return None
        if refused := [name for name in self.refused if name in asked.body]:
            message = f"Unrecognized request argument supplied: {refused[0]}"
            return Reply(400, {"error": {"message": message, "param": refused[0], "code": None}})
        if self.lines is not None and asked.body["stream"]:
            return Reply(lines=self.lines)  # type: ignore[arg-type]
        if not self.tells or not asked.body.get("logprobs"):
            return None
        entry = {"token": " a", "logprob": -0.5, "top_logprobs": [{"token": " a", "logprob": -0.5}]}
        document = {"choices": [{"index": 0, "delta": {"content": " a"}, "finish_reason": None,
                                 "logprobs": {"content": [entry]}}]}  # fmt: skip
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
        usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1,
                                          "prompt_tokens_details": {"cached_tokens": 8}}}  # fmt: skip
        if not asked.body["stream"]:
            document["choices"][0] |= {"message": {"content": " a"}, "finish_reason": "length"}
            return Reply(body=document)
        return Reply(lines=[event(one) for one in (document, end, usage)])


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def piece(**delta: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def over(reason: str = "stop") -> bytes:
    return event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


@pytest.fixture
def fake() -> Iterator[Told]:
    with Told() as found:
        assert isinstance(found, Told)
        yield found


def test_messages_settings_and_tokens(fake: Told) -> None:
    with asking(openai_model(fake.url)) as said:
        ended = said.ask(Message("system", "Be brief."), "Hello", "Hi!", "Again", temperature=0.5, top_k=0, seed=2**33)
        assert (ended.finish, ended.tokens, ended.prompt, ended.cached) == ("window", 1, 9, 8)
        (token,) = said.tokens
        assert (token.id, token.text, token.logprob, token.top[0].text) == (-1, " a", -0.5, " a")
        assert said.speaker.ready.tells_tokens
    sent = fake.bodies("/v1/chat/completions")[-1]
    assert [one["content"] for one in sent["messages"]] == ["Be brief.", "Hello", "Hi!", "Again"]
    wanted = {"temperature": 0.5, "top_k": -1, "top_p": 1.0, "min_p": 0.0, "seed": 0, "max_tokens": 16}
    assert wanted.items() <= sent.items()
    assert "stop" not in sent, "stop strings are looked for here"


def test_what_a_server_does_not_take_is_refused_by_name_and_not_left_out(fake: Told) -> None:
    fake.refused = ("top_k", "min_p", "logprobs", "stream_options")
    with asking(openai_model(fake.url)) as said:
        assert said.speaker.ready.why_not.startswith(
            "The server tells no log-probabilities by its chat route. It writes"
        )
        ended = said.ask("Hello", temperature=1.0)
        assert ended.finish == "length"
        assert len(said.text) == 16
        ended = said.ask("Hello", temperature=1.0, top_k=5)
        assert ended.finish == "failed"
        assert "top_k" in ended.what
        assert "min_p" in said.ask("Hello", temperature=1.0, min_p=0.1).what


def test_thoughts_stop_strings_and_halves_of_characters(fake: Told) -> None:
    with asking(openai_model(fake.url)) as said:
        fake.lines = [
            piece(role="assistant", content=""), piece(reasoning_content="Hm"), piece(reasoning_content=" …"),
            piece(content="One\n"), piece(content="two \ud83d"), over(),
        ]  # fmt: skip
        assert said.ask("Hello", stop=("\n\n",)).finish == "end"
        assert said.text == "<think>\nHm …\n</think>\n\nOne\ntwo ?"
        assert said.ask("Hello", stop=("\ntw",)).finish == "stop"
        assert said.text == "<think>\nHm …\n</think>\n\nOne"
        fake.lines = [piece(reasoning="Hm"), over("length")]
        said.ask("Hello")
        assert said.text == "<think>\nHm"
        fake.lines = [over()]
        ended = said.ask("Hello")
        assert (said.text, ended.finish) == ("", "end")
        assert "before it wrote anything" in ended.what


def test_thoughts_behind_a_mark_of_the_models_own_are_not_sent_back(fake: Told) -> None:
    with asking(openai_model(fake.url, think_end_token="</reason>")) as said:
        said.ask("Hello", "Hm, what now?</reason>Hi!", "Again")
    sent = fake.bodies("/v1/chat/completions")[-1]
    assert [one["content"] for one in sent["messages"]] == ["Hello", "Hi!", "Again"]


BROKEN = [
    ([piece(content="half")], "ended without saying that it is complete"),
    ([], "ended without saying that it is complete"),
    ([piece(content="half"), event({"error": {"code": 500, "message": "out of memory"}})], "error 500 in the answer"),
    ([piece(content="half"), event({"error": {"message": "\x1b[2Jno"}})], "no"),
    ([piece(content="half"), b"data: {\n\n"], "no JSON in the answer"),
    ([piece(content="half"), over("content_filter")], "filter kept the answer back"),
    ([piece(content="half"), over("abort")], "gave it up"),
    ([piece(content="half"), over(), piece(content="more")], "after the end of the answer"),
    ([event({"choices": "none"})], "ended without saying that it is complete"),
]


def test_what_is_no_whole_answer_ends_in_words_and_keeps_what_came(fake: Told) -> None:
    with asking(openai_model(fake.url)) as said:
        for lines, words in BROKEN:
            fake.lines = lines
            ended = said.ask("Hello")
            assert ended.finish == "failed", words
            assert words in ended.what
            assert "\x1b" not in ended.what
            assert said.text in ("", "half")
        fake.lines = None
        fake.stop()
        ended = said.ask("Hello")
        assert ended.finish == "failed"
        assert ended.next_step
        fake.start()
        assert said.ask("Hello").finish == "window", "it is asked again when it is there again"


def test_another_model_in_its_place_is_noticed_after_a_connection_was_lost(fake: Told) -> None:
    with asking(openai_model(fake.url)) as said:
        fake.stop()
        assert said.ask("Hello").finish == "failed"
        fake.model = "another-2"
        fake.start()
        ended = said.ask("Hello")
        assert ended.finish == "failed"
        assert "fake-1" in ended.what


def test_a_busy_server_is_asked_again_and_a_prompt_that_is_too_long_is_not(fake: Told) -> None:
    with asking(openai_model(fake.url)) as said:
        busy = [Reply(503, {"error": {"message": "Loading model"}}, {"Retry-After": "0"})]
        right = fake.fault
        fake.fault = lambda asked: busy.pop() if busy else right(asked)  # type: ignore[method-assign]
        assert said.ask("Hello").finish == "window"
        assert not busy
        long = {"error": {"message": "This model's maximum context length is 4096 tokens", "code": 400}}
        fake.fault = lambda asked: Reply(400, long)  # type: ignore[method-assign]
        before = len(fake.asked)
        assert "maximum context length is 4096" in said.ask("Hello").what
        assert len(fake.asked) == before + 2


def test_an_answer_goes_up_to_the_end_of_a_window_that_does_not_hold_all_that_may_be_written(fake: Told) -> None:
    fake.tells, fake.window = False, 64
    fake.write = lambda ids, body: Written("short", "length", [1] * 5)  # type: ignore[method-assign]
    with asking(openai_model(fake.url)) as said:
        ended = said.ask("Hello", max_new_tokens=1024)
        assert (said.text, ended.finish, ended.tokens) == ("short", "window", 5)
        assert said.ask("Hello" * 20).finish == "failed"
        fake.refused = ("max_tokens",)  # as vLLM refuses more of them than its whole window
        assert said.ask("Hello", max_new_tokens=1024).finish == "window"


def test_cancelled_within_200_ms_in_silence_and_while_it_writes(fake: Told) -> None:
    gone: list[bool] = []

    def slow(seconds: float) -> Iterator[bytes]:
        try:
            for _ in range(200):
                time.sleep(seconds)
                yield piece(content="word ")
        finally:
            gone.append(True)

    with asking(openai_model(fake.url)) as said:
        for place, seconds in enumerate((0.02, 0.6)):
            fake.lines = slow(seconds)
            said.begin("Hello")
            time.sleep(0.3)
            asked = time.monotonic()
            said.cancel()
            assert said.over().finish == "cancelled"
            assert time.monotonic() - asked < 0.2
            assert bool(said.text) is (place == 0)
        fake.lines = None
        assert said.ask("Hello").finish == "window"
        wait_until(lambda: len(gone) >= 1)


def test_an_answer_is_continued_where_the_product_can(fake: Told) -> None:
    with asking(openai_model(fake.url)) as said:
        assert "begins each answer anew" in said.ask("Hello", begin="One").what
    fake.routes = (*fake.routes, "/version")
    fake.owned_by = "vllm"
    with asking(openai_model(fake.url)) as said:
        said.ask("Hello", begin="One", written=" two")
    sent = fake.bodies("/v1/chat/completions")[-1]
    assert sent["messages"][-1] == {"role": "assistant", "content": "One two"}
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)
