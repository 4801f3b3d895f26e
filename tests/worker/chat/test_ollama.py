"""Models of an Ollama server in a chat: its own stream, its silent traps, and what it answered when it failed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter
from benchtui.runs.kinds.chat.asked import AskedWriter, Message, Turn, Write, asked_file
from benchtui.runs.kinds.chat.events import ChatPiece, ChatUnready
from benchtui.runs.kinds.chat.thinking import part
from tests.conftest import absent
from tests.worker.answering.ollama.double import serving
from tests.worker.answering.ollama.fake import FakeOllama
from tests.worker.answering.ollama.recorded import NEW, OLD, exchange_named
from tests.worker.answering.openai.fake import wait_until
from tests.worker.chat.served import asking, ollama_model, talk
from tests.worker.chat.talks import GREEDY


def echo(prompt: str) -> str:
    return f"You said {len(prompt.split())} words."


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with serving(FakeOllama(echo)) as found:
        assert isinstance(found, FakeOllama)
        yield found


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_turns_are_answered_by_its_own_route_or_behind_the_prompt_that_is_rendered_here(
    fake: FakeOllama, endpoint: str
) -> None:
    with asking(ollama_model(fake.url, endpoint)) as said:
        ended = said.ask(Message("system", "Be brief."), "Hello there")
        assert (said.text, ended.finish, ended.tokens) == (f"You said {ended.prompt} words.", "end", 4)
        said.ask("Hello there", "Hi!", "Again", temperature=0.5, top_k=7, top_p=0.9, min_p=0.1, seed=11)
    sent = fake.requests[-1][1]
    wanted = {"temperature": 0.5, "top_k": 7, "top_p": 0.9, "min_p": 0.1, "seed": 11, "num_predict": 16}
    assert wanted.items() <= sent["options"].items()
    assert sent["truncate"] is sent["shift"] is False
    if endpoint == "chat":
        assert [one["content"] for one in sent["messages"]] == ["Hello there", "Hi!", "Again"]
    else:
        assert sent["prompt"] == said.prompt == "<user>Hello there <assistant>Hi! <user>Again <assistant>"


def test_a_chat_of_a_worker_is_cancelled_and_its_connection_closed(fake: FakeOllama, tmp_path: Path) -> None:
    def slow(body: dict[str, Any]) -> Iterator[str] | None:
        def lines() -> Iterator[str]:
            for _ in range(400):
                yield json.dumps({"message": {"content": " word"}, "done": False})
                time.sleep(0.02)

        return lines() if body.get("messages") and body["messages"][-1]["content"] == "slowly" else None

    fake.stream = slow
    fake.digests["other:latest"] = "b" * 64
    missing = ollama_model(fake.url, name="other:latest")
    del fake.digests["other:latest"]
    with talk(tmp_path, ollama_model(fake.url), missing) as chat:
        turn = chat.say("slowly")
        number = chat.ask(turn)
        answer = chat.conversation.answers[number]
        chat.until(lambda: len(answer.text) > 10)
        asked = time.monotonic()
        chat.cancel(number)
        chat.until(lambda: answer.over)
        assert time.monotonic() - asked < 0.2
        assert answer.state == "cancelled"
        wait_until(lambda: fake.left == ["/api/chat"])
        assert chat.answer(chat.ask(chat.say("Hello there", turn))).text.startswith("You said")
        chat.until(lambda: 1 in chat.conversation.ready)
        assert isinstance(chat.conversation.ready[1], ChatUnready), "the other model of the server is gone"


def test_an_answer_is_cancelled_while_the_prompt_is_read(fake: FakeOllama) -> None:
    def silent(body: dict[str, Any]) -> Iterator[str]:
        time.sleep(1.0)
        yield "{}"

    with asking(ollama_model(fake.url)) as said:
        fake.stream = silent
        said.begin("Hello")
        time.sleep(0.2)
        asked = time.monotonic()
        said.cancel()
        assert said.over().finish == "cancelled"
        assert time.monotonic() - asked < 0.2


def test_thoughts_are_told_apart_and_not_sent_back(fake: FakeOllama) -> None:
    fake.thinks, fake.thoughts = True, "Hm, what now?"
    with asking(ollama_model(fake.url, enable_thinking=True)) as said:
        said.ask("Hello")
        assert said.text == "<think>\nHm, what now?\n</think>\n\nYou said 3 words."
        assert part(said.text).said == "You said 3 words."
        said.ask("Hello", said.text, "Again")
        assert fake.requests[-1][1]["messages"][1]["content"] == "You said 3 words."
        said.ask("Hello", max_new_tokens=2)
        assert part(said.text).thinks, "it was cut while it thought"
        assert said.ended is not None
        assert said.ended.finish == "length"


def test_a_stop_string_ends_an_answer_wherever_it_is_cut(fake: FakeOllama) -> None:
    fake.answer = lambda prompt: "One two three four"
    with asking(ollama_model(fake.url)) as said:
        ended = said.ask("Hello", stop=("o thr",))
        assert (said.text, ended.finish) == ("One tw", "stop")
        assert said.ask("Hello", stop=("four more",)).finish == "end"
        assert said.text == "One two three four"


def test_a_prompt_that_does_not_fit_is_no_answer_and_a_full_window_says_so(fake: FakeOllama) -> None:
    with asking(ollama_model(fake.url, max_length=8)) as said:
        ended = said.ask("one two three four five six seven eight nine")
        assert ended.finish == "failed"
        assert "11 tokens, num_ctx is 8" in ended.what
        said.ask("one two three four")  # with the roles 6 words: 2 are left
        assert said.ended is not None
        assert (said.ended.finish, said.ended.tokens) == ("window", 2)


def test_an_old_server_that_would_cut_messages_in_silence_is_refused(fake: FakeOllama) -> None:
    fake.version = "0.9.6"
    with pytest.raises(BenchtuiError, match="cuts messages that are too long"), asking(ollama_model(fake.url)):
        pass


def test_half_an_answer_is_continued_behind_a_rendered_prompt_only(fake: FakeOllama) -> None:
    with asking(ollama_model(fake.url, "completions")) as said:
        said.ask("Hello", begin="You", written=" said")
        assert said.prompt.endswith("<assistant>You said")
    with asking(ollama_model(fake.url)) as said:
        ended = said.ask("Hello", begin="You")
        assert ended.finish == "failed"
        assert "begins each answer anew" in ended.what


FAULTS = [
    (f"{NEW}-faults", "runner-killed-mid-stream", "model"),
    (f"{NEW}-faults", "server-killed-mid-stream", "ended without saying that it is complete"),
    (f"{OLD}-faults", "runner-killed-mid-stream", ""),
]


@pytest.mark.parametrize(("file", "name", "words"), FAULTS)
def test_what_a_real_server_answered_when_it_failed_ends_an_answer_in_words(
    fake: FakeOllama, file: str, name: str, words: str
) -> None:
    with asking(ollama_model(fake.url, "completions")) as said:
        try:
            lines = exchange_named(file, name).lines
        except StopIteration:
            absent("recordings", f"no recording {name}")
        fake.stream = lambda body: lines
        ended = said.ask("Hello")
        assert ended.finish == "failed"
        assert words in ended.what
        assert ended.next_step
        assert said.text == "".join(json.loads(line).get("response", "") for line in lines), "what came is kept"
        fake.stream = lambda body: None
        assert said.ask("Hello there").finish == "end", "the next answer is asked for as ever"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "ended without saying that it is complete"),
        (["{}", "no JSON"], "no JSON in the stream"),
        (['{"response": " no"}'] * 31, "repetition guard"),
        (['{"error": "\\u001b[2Jout of memory"}'], "out of memory"),
        (['{"response": "", "done": true, "done_reason": "load"}'], "only answers that it did load"),
    ],
)
def test_what_is_no_answer_ends_in_words(fake: FakeOllama, lines: list[str], words: str) -> None:
    with asking(ollama_model(fake.url, "completions")) as said:
        fake.stream = lambda body: lines
        ended = said.ask("Hello")
        assert ended.finish == "failed"
        assert words in ended.what
        assert "\x1b" not in ended.what


def test_tokens_are_told_with_their_likeliest_where_the_server_has_them(fake: FakeOllama) -> None:
    def told(body: dict[str, Any]) -> list[str]:
        top = [{"token": " Paris", "logprob": -0.25}, {"token": "\ud83d", "logprob": -3.0}]
        line = {"response": " Paris", "logprobs": [{"token": " Paris", "logprob": -0.25, "top_logprobs": top}]}
        end = {"response": "", "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
        return [json.dumps(line), json.dumps(end)]

    fake.stream = told
    with asking(ollama_model(fake.url, "completions")) as said:
        assert said.speaker.ready.tells_tokens
        said.ask("Hello")
        (token,) = said.tokens
        assert (token.id, token.text, token.logprob, token.entropy) == (-1, " Paris", -0.25, None)
        assert [(one.text, one.logprob) for one in token.top] == [(" Paris", -0.25), ("?", -3.0)]
        assert fake.requests[-1][1]["top_logprobs"] == 5


def test_after_a_crash_an_answer_goes_on_behind_what_is_written_of_it(fake: FakeOllama, tmp_path: Path) -> None:
    fake.answer = lambda prompt: " three four"
    model = ollama_model(fake.url, "completions")
    run = RunDirectory(tmp_path / "m" / "chats" / "one")
    asked = AskedWriter(asked_file(run))
    asked.write(Turn(number=1, text="Count"))
    asked.write(Write(number=1, turn=1, model=0, messages=(Message("user", "Count"),), sampling=GREEDY))
    asked.close()
    EventWriter(run.events).emit(ChatPiece(answer=1, text="One two"))
    with talk(tmp_path, model) as chat:
        assert chat.answer(1).text == "One two three four"
        assert fake.bodies()[-1]["prompt"].endswith("<assistant>One two")
