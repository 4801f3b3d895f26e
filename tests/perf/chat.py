"""A chat on the screen while its models write.

    python tests/perf/chat.py            (about half a minute)

An adapter and its base on one set of weights answer a hundred messages, then both write without end, as fast as they
can, in a real worker. Keys are pressed meanwhile, among the answers and where one writes: 95 of a hundred
are answered within 50 ms, until what they changed is drawn. Esc ends both answers within 200 ms. Prints the figures and
fails when one is missed.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchtui.chat.session import ChatSession
from benchtui.chat.start import start_chat
from benchtui.plans.chat_choice import ChatChoice
from benchtui.plans.choice import Choice
from benchtui.routing.records import Sampling
from screens.chat.chat import ChatPage
from screens.chat.composer import Composer
from screens.settings import Settings
from tests.e2e.chat.scripted import Place, make_place
from tests.perf.application import Timed

TURNS = 100
ANSWERED_WITHIN = 0.05
CANCELLED_WITHIN = 0.2
ROUNDS = 6
AMONG_ANSWERS = ("up", "right", "down", "left", "pageup", "pagedown", "home", "end")
WRITING = ("a", "b", "left", "backspace", "right", "backspace")


@dataclass(frozen=True)
class Measured:
    """`keys` and `cancelled` in seconds; `tokens` written meanwhile by both, and `work` of this process, in seconds of
    processor time, in `seconds`."""

    keys: list[float]
    cancelled: float
    tokens: int
    work: float
    seconds: float


async def measure(place: Place) -> Measured:
    """Press keys while both models write at the end of a long chat."""
    settings = Choice(outputs=place.outputs, device="cpu")
    choice = ChatChoice(settings, ("counts", "base"), sampling=Sampling(max_new_tokens=30_000))
    session = await asyncio.to_thread(start_chat, choice, lambda _: None)
    app = Timed(Settings(Choice(outputs=place.outputs)))
    try:
        async with app.run_test(size=(120, 36)) as pilot:
            page = ChatPage(lambda _: session, ("counts", "base"))
            await app.push_screen(page)
            for number in range(TURNS):
                page.post_message(Composer.Sent(f"{number} tell short"))
                await until(session, number + 1)
            page.post_message(Composer.Sent("tell long"))
            while sum(bool(answer.tokens) for answer in session.conversation.open_answers()) < 2:
                await pilot.pause(0.01)
            return await pressed(app, page, session)
    finally:
        await asyncio.to_thread(session.close)


async def until(session: ChatSession, turns: int) -> None:
    """Wait until so many turns are answered by both."""
    end = time.monotonic() + 60
    while sum(answer.over for answer in session.conversation.answers.values()) < 2 * turns:
        if time.monotonic() > end or session.problem:
            raise SystemExit(f"turn {turns} was not answered within 60 s. {session.problem}")
        await asyncio.sleep(0.01)


async def pressed(app: Timed, page: ChatPage, session: ChatSession) -> Measured:
    """What it takes to answer keys, then to cancel."""
    took: list[float] = []
    began, worked = time.perf_counter(), time.process_time()
    before = written(session)
    for keys, widget in ((AMONG_ANSWERS, page.view), (WRITING, page.query_one(Composer))):
        widget.focus()
        await app.drawn()
        for key in keys * ROUNDS:
            app.simulate_key(key)
            took.append(await app.drawn())
            await asyncio.sleep(0.02)
    work, seconds, tokens = time.process_time() - worked, time.perf_counter() - began, written(session) - before
    going = list(session.conversation.open_answers())
    if len(going) < 2:
        raise SystemExit("an answer ended before the keys were pressed")
    asked = time.time()
    app.simulate_key("escape")
    while not all(answer.over for answer in going):
        await asyncio.sleep(0.005)
    cancelled = max(answer.ended.t - asked for answer in going if answer.ended is not None)
    return Measured(took, cancelled, tokens, work, seconds)


def written(session: ChatSession) -> int:
    """Tokens of both so far."""
    return sum(len(answer.tokens) for answer in session.conversation.answers.values())


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="benchtui-perf-"))
    try:
        found = asyncio.run(measure(make_place(folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keys = sorted(found.keys)
    middle, most = statistics.median(keys), keys[int(0.95 * len(keys))]
    print(
        f"{TURNS} turns, both models write {found.tokens / found.seconds:.0f} tokens/s together: {len(keys)} key "
        f"presses, median {1000 * middle:.0f} ms, 95 % below {1000 * most:.0f} ms, slowest {1000 * keys[-1]:.0f} ms; "
        f"the application takes {100 * found.work / found.seconds:.0f} % of a processor; cancelled in "
        f"{1000 * found.cancelled:.0f} ms"
    )
    missed = [
        words
        for words, bad in (("key presses", most > ANSWERED_WITHIN), ("cancel", found.cancelled > CANCELLED_WITHIN))
        if bad
    ]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
