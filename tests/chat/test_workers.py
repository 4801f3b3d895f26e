"""Chats with a real worker: opened, struck, killed with the person's process, and opened again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchtui.benchmark.remove import remove_run
from benchtui.benchmark.resume import ResumeChoice
from benchtui.chat.listing import find_chats
from benchtui.chat.resume import resume_chat_session
from benchtui.chat.session import ChatSession
from benchtui.chat.start import start_chat
from benchtui.chat.supervision import chat_settings
from benchtui.errors import BenchtuiError
from benchtui.plans.chat_choice import ChatChoice
from benchtui.plans.choice import Choice
from benchtui.plans.plan import Permissions
from benchtui.routing.records import Sampling
from benchtui.runs.cancel import ask_to_stop
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import WorkerEnded, WorkerStarted
from benchtui.runs.kinds.chat.conversation import Answer, read_conversation
from benchtui.runs.listing import list_runs
from benchtui.runs.records import read_done, run_state
from tests.e2e.commands import benchtui
from tests.worker.tiny_models import Tensors, make_base, rewrite

GREEDY = Sampling(max_new_tokens=300)
"""A second of writing."""
TEMPLATE = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chats")
    made = make_base(folder / "outputs" / "tiny" / "merged_16bit", max_position_embeddings=8192)
    rewrite(made, never_ends)
    (made / "chat_template.jinja").write_text(TEMPLATE)
    return folder / "outputs"


def never_ends(tensors: Tensors) -> Tensors:
    """The likeliest token is never the one that ends a text: its logit is 0."""
    tensors["lm_head.weight"][1] = 0
    return tensors


def choice(outputs: Path, *models: str) -> ChatChoice:
    settings = Choice(outputs=outputs, compare=False, offline=True, device="cpu", dtype="float32")
    return ChatChoice(settings, models or ("tiny",), sampling=GREEDY)


def wait_for(session: ChatSession, what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until, session.view
        session.poll()
        time.sleep(0.005)


def writing(session: ChatSession, number: int, least: int = 5) -> Answer:
    """Wait until some tokens of an answer are there."""
    answer = session.conversation.answers[number]
    wait_for(session, lambda: len(answer.tokens) >= least)
    return answer


def over(session: ChatSession, number: int) -> Answer:
    answer = session.conversation.answers[number]
    wait_for(session, lambda: answer.over)
    return answer


def worker_of(run: RunDirectory) -> int:
    return next(event.pid for event in reversed(read_events(run.events)) if isinstance(event, WorkerStarted))


@pytest.mark.slow
def test_a_chat_survives_its_worker_and_is_opened_again(outputs: Path) -> None:
    said: list[str] = []
    session = start_chat(choice(outputs), said.append)
    with session:
        turn = session.say("the quick brown fox", None)  # before anything is loaded
        first = writing(session, 1)
        with pytest.raises(BenchtuiError, match="is open already"):
            resume_chat_session(session.run, ResumeChoice(Permissions(), chat_settings(None)), said.append)
        os.kill(worker_of(session.run), signal.SIGKILL)
        assert over(session, 1).state == "length"
        assert len(first.tokens) == GREEDY.max_new_tokens
        assert not session.problem
        again = session.regenerate(turn.number, 0)
        assert over(session, again.number).text == first.text, "it went on as if nothing had been"
        follow = session.say("the lazy dog", turn.number)
        cancelled = writing(session, session.conversation.tries(follow.number, 0)[-1].number)
        began = time.monotonic()
        session.cancel()
        wait_for(session, lambda: cancelled.over)
        assert time.monotonic() - began < 1
        assert cancelled.state == "cancelled"
    assert run_state(session.run) == "finished"
    assert session.problem == "The chat is closed."
    assert not psutil.pid_exists(worker_of(session.run))

    [kept] = [chat for chat in find_chats(outputs) if chat.run == session.run]
    assert (kept.begins, kept.models, kept.state) == ("the quick brown fox", ("tiny",), "finished")
    with resume_chat_session(kept.run, ResumeChoice(Permissions(), chat_settings(None)), said.append) as opened:
        assert [answer.text for answer in opened.conversation.answers.values()][:2] == [first.text, first.text]
        opened.change(Sampling(max_new_tokens=3), None)
        last = opened.say("and", follow.number)
        number = opened.conversation.tries(last.number, 0)[-1].number
        assert len(over(opened, number).tokens) == 3
        assert opened.conversation.answers[number].asked.messages[3].content == cancelled.text
        ask_to_stop(opened.run, "a test")  # benchtui cancel
        wait_for(opened, lambda: bool(opened.problem))
        assert "benchtui chat --resume tiny/chats/" in opened.problem
    assert run_state(kept.run) == "cancelled"
    remove_run(kept.run)
    assert kept.run not in [chat.run for chat in find_chats(outputs)]
    assert not said


PERSON = """
import sys, time
from pathlib import Path
from tests.chat.test_workers import choice, worker_of, writing
from benchtui.chat.start import start_chat

session = start_chat(choice(Path(sys.argv[1])), print)
session.say("the quick brown fox", None)
writing(session, 1)
print(session.run.path, worker_of(session.run), flush=True)
while True:
    session.poll()
    time.sleep(0.01)
"""


@pytest.mark.slow
def test_a_killed_chat_leaves_no_worker_and_is_resumed_from_its_last_token(outputs: Path) -> None:
    person = subprocess.Popen(
        [sys.executable, "-c", PERSON, str(outputs)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert person.stdout is not None
    place, worker = person.stdout.readline().rsplit(maxsplit=1)
    person.kill()
    person.wait()
    until = time.monotonic() + 10
    while psutil.pid_exists(int(worker)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(worker))
    run = RunDirectory(Path(place))
    assert run_state(run) == "died"
    before = read_conversation(run, 1, GREEDY).answers[1]
    assert 5 <= len(before.tokens) < GREEDY.max_new_tokens, "it was killed too late"

    name = f"tiny/chats/{run.path.name}"
    listed = next(listed for listed in list_runs(outputs) if listed.name == name)
    assert (listed.state, listed.next_step) == ("died", f"benchtui resume {name}")
    resumed = benchtui("resume", "--outputs", outputs, name, cwd=outputs.parent)
    assert resumed.code == 0, resumed.err
    assert not resumed.out
    after = read_conversation(run, 1, GREEDY).answers[1]
    assert after.text.startswith(before.text)
    assert after.tokens[: len(before.tokens)] == before.tokens
    assert (after.state, len(after.tokens)) == ("length", GREEDY.max_new_tokens)
    done = read_done(run)
    assert done is not None
    assert done.status == "finished"


@pytest.mark.long
def test_a_worker_that_dies_at_an_answer_again_and_again_ends_the_chat(outputs: Path) -> None:
    with start_chat(choice(outputs), print) as session:
        session.say("the quick brown fox", None)
        for least in (5, 10, 15):
            writing(session, 1, least)
            os.kill(worker_of(session.run), signal.SIGSEGV)
            pid = worker_of(session.run)
            wait_for(session, lambda pid=pid: bool(session.problem) or worker_of(session.run) != pid)  # type: ignore[misc]
        wait_for(session, lambda: bool(session.problem))
        assert "without a word (signal SIGSEGV)" in session.problem
    assert sum(isinstance(event, WorkerEnded) for event in read_events(session.run.events)) == 3
    said: list[str] = []
    with resume_chat_session(session.run, ResumeChoice(Permissions(), chat_settings(None)), said.append) as opened:
        assert over(opened, 1).state == "cancelled"
    assert said == ["What was being written when the worker failed is not continued by itself."]


@pytest.mark.long
def test_silence_counts_while_an_answer_is_asked_for_and_not_while_nothing_is(outputs: Path) -> None:
    wanted = choice(outputs)
    with start_chat(replace(wanted, settings=replace(wanted.settings, timeout=5.0)), print) as session:
        session.say("the quick brown fox", None)
        first = over(session, 1)
        quiet = time.monotonic() + 7
        wait_for(session, lambda: time.monotonic() > quiet)
        again = session.regenerate(1, 0)
        answer = writing(session, again.number)
        os.kill(worker_of(session.run), signal.SIGSTOP)  # as a driver that hangs
        assert over(session, again.number).text == first.text == answer.text
    ended = [event.reason for event in read_events(session.run.events) if isinstance(event, WorkerEnded)]
    assert ended == ["timed out"]
