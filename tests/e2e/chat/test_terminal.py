"""A chat in a real terminal, with a base and its adapter whose texts are known: ten turns, cancelled, edited, resized,
killed and resumed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from benchtui.interpreter import this_python
from benchtui.plans.chat import ChatPlan
from benchtui.plans.plan import read_plan
from benchtui.runs.kinds.chat.asked import AskedReader, Cancel, asked_file
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.runs.kinds.chat.seats import seats
from benchtui.runs.records import read_done
from tests.e2e.chat.kept import conversation, newest, of_turn, waited
from tests.e2e.chat.scripted import BASE, TUNED, Place, make_place
from tests.e2e.terminal import Terminal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
COMMAND = ("chat", "counts", "base", "--device", "cpu", "--max-new-tokens", "30000")
CANCELLED_WITHIN = 0.2
Opened = Callable[..., Terminal]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("scripted"))


@pytest.fixture
def opened(place: Place) -> Iterator[Opened]:
    terminals: list[Terminal] = []

    def open_chat(*arguments: str) -> Terminal:
        terminals.append(Terminal(this_python("-m", "benchtui", *arguments), place.root, width=100, height=30))
        return terminals[-1]

    yield open_chat
    for terminal in terminals:
        terminal.close()


def say(terminal: Terminal, place: Place, text: str) -> list[Answer]:
    """Send a message, and wait until both have answered it."""
    terminal.type(text)
    terminal.press("Enter")
    waited(lambda: len(found := of_turn(newest(place), text)) == 2 and all(one.over for one in found))
    return of_turn(newest(place), text)


def test_ten_turns_cancelled_edited_resized(opened: Opened, place: Place) -> None:
    terminal = opened(*COMMAND)
    terminal.wait_for("Write to the models")
    terminal.type("tell short")  # the models are being loaded
    terminal.press("Enter")
    terminal.wait_for(lambda screen: TUNED["short"].text in screen and BASE["short"].text in screen)
    run = newest(place)
    assert all(len(one.text.splitlines()) == 1 for one in of_turn(run, "tell short"))

    for number in range(2, 7):
        answers = say(terminal, place, f"{number}: tell short")
        assert [one.text for one in answers] == [TUNED["short"].text, BASE["short"].text]
    say(terminal, place, "tell fox")
    terminal.wait_for(lambda screen: screen.count(BASE["fox"].text) == 2)
    hostile(terminal, place, "8: tell hostile")
    cancel(terminal, place, "9: tell long")
    say(terminal, place, "10: tell short")
    assert len(conversation(run).turns) == 10

    for width, height in ((60, 20), (130, 40), (100, 30)):
        terminal.resize(width, height)
        terminal.wait_for(lambda screen: "10: tell short" in screen and "Tuned words" in screen)

    terminal.press("Escape")  # among the answers
    terminal.wait_for("e Edit")
    beside(terminal, place)
    terminal.press("e")
    terminal.wait_for(lambda screen: "Another message in its place" in screen and "⏎ Send" in screen)
    terminal.press("Home")
    terminal.type("edited ")
    terminal.press("Enter")
    terminal.wait_for("branch 2 of 2")
    waited(lambda: len(of_turn(run, "edited 10: tell short")) == 2)
    edited, before = (of_turn(run, text)[0].asked for text in ("edited 10: tell short", "10: tell short"))
    assert edited.messages[:-1] == before.messages[:-1]
    terminal.wait_for(lambda screen: "edited 10: tell short" in screen and screen.count("complete") >= 2)
    terminal.press("Escape")
    terminal.wait_for("e Edit")
    terminal.press("[")
    terminal.wait_for(lambda screen: "branch 1 of 2" in screen and "edited" not in screen)

    terminal.press("C-q")
    assert terminal.exit_code() == 0
    done = read_done(run)
    assert done is not None
    assert done.status == "finished"


def beside(terminal: Terminal, place: Place) -> None:
    """The pages beside a chat: the answer token by token, also read by the other model, its prompt, a file, a test."""
    terminal.press("t")
    terminal.wait_for(lambda screen: "Token 1 of" in screen and "JS" in screen)
    terminal.press("Escape")
    terminal.wait_for("e Edit")
    terminal.press("p")
    terminal.wait_for(lambda screen: "Prompt" in screen and "10: tell short" in screen)
    terminal.press("Escape")
    terminal.wait_for("e Edit")
    terminal.press("s")
    terminal.wait_for("How answers are written from now on")
    terminal.press("Escape")
    terminal.wait_for(lambda screen: "How answers are written" not in screen)
    terminal.press("x")
    terminal.wait_for("Write this chat to which file?")
    terminal.press("Enter")
    waited(lambda: any(file.stat().st_size for file in place.root.glob("chat-*.html")))
    terminal.press("a")
    terminal.wait_for("Keep this as a test")
    terminal.press("Enter")
    waited(lambda: (place.root / "tasks" / "kept.jsonl").exists())
    assert '"question": "User: tell short' in (place.root / "tasks" / "kept.jsonl").read_text()


def cancel(terminal: Terminal, place: Place, text: str) -> None:
    """Stop both answers to a message while they are written; each ends in time."""
    terminal.type(text)
    terminal.press("Enter")
    terminal.wait_for(lambda screen: "tuned 12" in screen and "base 12" in screen)
    terminal.press("Escape")
    run = newest(place)
    waited(lambda: all(one.over for one in of_turn(run, text)))
    terminal.wait_for(lambda screen: screen.count("cancelled") >= 2)
    [asked] = [one for one in AskedReader(asked_file(run)).read() if isinstance(one, Cancel)]
    for answer in of_turn(run, text):
        assert answer.ended is not None
        assert answer.state == "cancelled"
        assert answer.ended.t - asked.t < CANCELLED_WITHIN


def hostile(terminal: Terminal, place: Place, text: str) -> None:
    """What a model writes is shown as text, and does nothing."""
    say(terminal, place, text)
    screen = terminal.wait_for(lambda screen: screen.count("finish") == 2)
    assert text in screen, "the screen was cleared"
    assert "owned" not in terminal.title
    for word in ("[b]bold[/b]", "/nope]", "<script>"):
        assert screen.count(word) == 2, screen
    assert not {"\u202e", "\x1b", "\x9b", "\x00", "\x08"} & set(screen)


def test_blind_vote(opened: Opened, place: Place) -> None:
    (place.root / "prompts.txt").write_text("".join(f"{number}: tell short\n" for number in range(6)))
    terminal = opened(*COMMAND, "--blind", "--file", "prompts.txt")
    for number in range(6):
        asked = f"{number}: tell short"
        screen = terminal.wait_for(
            lambda screen, asked=asked: asked in screen and TUNED["short"].text in screen and "base says" in screen
        )
        row = next(row for row in screen.splitlines() if TUNED["short"].text in row)
        time.sleep(0.5)  # votes on answers that were not seen are not taken
        terminal.press("1" if row.index(TUNED["short"].text) < 50 else "2")
    screen = terminal.wait_for("0.031")  # 2 / 2⁶
    assert "counts" in screen
    terminal.press("C-q")
    assert terminal.exit_code() == 0
    found = conversation(newest(place))
    sides = [found.answers[vote.first].asked.model for vote in found.votes.values()]
    plan = read_plan(newest(place).plan_file, ChatPlan)
    assert plan.ballot is not None
    assert sides == [seats(plan.ballot.seed, 2, number)[0] for number in range(6)]
    assert [vote.choice for vote in found.votes.values()] == ["second" if side else "first" for side in sides]


def test_killed_while_both_write_and_resumed(opened: Opened, place: Place) -> None:
    terminal = opened(*COMMAND)
    terminal.wait_for("Write to the models")
    say(terminal, place, "tell short")
    terminal.type("tell long")
    terminal.press("Enter")
    terminal.wait_for(lambda screen: "tuned 12" in screen and "base 12" in screen)
    run = newest(place)
    processes = psutil.Process(terminal.shell).children(recursive=True)
    [application] = [one for one in processes if "chat" in one.cmdline() and one.parent() is not None][:1]
    workers = application.children(recursive=True)
    assert workers
    application.kill()
    psutil.wait_procs(workers, timeout=10)
    assert not [one for one in workers if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    before = [one.text for one in of_turn(run, "tell long")]
    assert read_done(run) is None

    again = opened("chat", "--resume", str(run.path))
    again.wait_for(lambda screen: "tell long" in screen)
    waited(lambda: all(len(one.text) > len(text) for one, text in zip(of_turn(run, "tell long"), before, strict=True)))
    again.press("Escape")
    again.wait_for(lambda screen: screen.count("cancelled") >= 2)
    for answer, script in zip(of_turn(run, "tell long"), (TUNED["long"], BASE["long"]), strict=True):
        written = script.text * (len(answer.text) // len(script.text) + 1)
        assert written.startswith(answer.text)
    say(again, place, "tell fox")
    again.press("C-q")
    assert again.exit_code() == 0
