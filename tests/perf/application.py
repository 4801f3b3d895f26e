"""The application under load, and its first picture.

    python tests/perf/application.py            (about half a minute)

Load: a run that writes 2,000 events a second on top of 100,000 log lines; every key press must be answered within
100 ms while it is watched, and the process stays below 250 MB. Tokens: a comparison by token of 10,000 texts, one of
them 4,000 tokens on one line; half of the key presses are answered within 50 ms. Two models: ten
seconds of the events of a fast run of both are read and drawn in 50 ms, an answer of 4,000 tokens on one line is put
into lines with its authors in 1 s of processor time. Leaderboard: two thousand models with twenty runs each
(`many_models.py`). First picture: from the start of the
command in a real pseudo-terminal until the first screen is drawn, below 0.5 s. Prints the figures and fails when one
is missed.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchtui.demo.workspace import MODEL_NAME, open_workspace
from benchtui.models.source import HubSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.plans.choice import Choice
from benchtui.plans.plan import write_plan
from benchtui.reports.routed import written_lines
from benchtui.results.routed import AnswerPart
from benchtui.results.tokens import read_tokens
from benchtui.routing.answers import RoutedFacts, Work
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import encode
from benchtui.runs.kinds.benchmark.events import Routed, RoutedAnswer, RoutedDocuments
from benchtui.runs.records import LaunchRecord, this_process, write_record
from benchtui.tasks.suites import TaskPlan
from screens.app import BenchtuiApp
from screens.run.run import RunPage
from screens.settings import Settings
from screens.tokens.token_view import TokenView
from screens.widgets.rows import Rows
from tests.perf import many_models
from tests.screens.tokens.made_run import Made, made_run

EVENTS_A_SECOND = 2_000
LOG_LINES = 100_000
SECONDS = 12.0
KEYS = ("down", "up", "a", "l", "i", "l", "pagedown", "home")
ANSWERED_WITHIN = 0.1
MEMORY = 250e6
FIRST_PICTURE = 0.5
STARTS = 7

TEXTS, TOKENS = 10_000, 4_000
TOKEN_KEYS = ("right", "down", "n", "pagedown", "left", "up", "m", "N")
LIST_KEYS = ("down", "pagedown", "up", "end", "home", "s")
TOKENS_ANSWERED_WITHIN = 0.05
ROUTED_WITHIN, LINES_WITHIN = 0.05, 1.0

WRITER = """
import json, sys, time
rate, path, log = int(sys.argv[1]), sys.argv[2], sys.argv[3]
done = 0
with open(path, "a", buffering=1 << 16) as events, open(log, "a") as output:
    began = time.monotonic()
    while True:
        due = int((time.monotonic() - began) * rate)
        while done < due:
            done += 1
            now = time.time()
            kind = done % 4
            if kind == 0:
                line = {"event": "log", "t": now, "level": "info", "message": f"message {done} of a talkative library"}
            elif kind == 1:
                line = {"event": "advance", "t": now, "unit": "tokens", "done": done * 17, "task": "load"}
            elif kind == 2:
                line = {"event": "progress", "t": now, "task": "load", "documents": done // 20,
                        "documents_total": 50000, "requests": done // 20, "requests_total": 50000}
            else:
                score = {"metric": "acc", "filter": "none", "value": 0.5, "stderr": 0.01, "n": done // 20}
                line = {"event": "scores", "t": now, "task": "load", "scores": [score]}
            events.write(json.dumps(line) + "\\n")
            output.write(f"printed line {done}\\n")
        events.flush()
        output.flush()
        time.sleep(0.01)
"""


def busy_run(model: Path) -> RunDirectory:
    run = RunDirectory(model / "benchmarks" / "fine-tuned" / "2026-01-01T00-00-00")
    source = HubSource(path="org/base", identity="x")
    plan = BenchmarkPlan(
        model_name=MODEL_NAME,
        role="fine-tuned",
        source=source,
        tasks=(TaskPlan("load"),),
        prompts=PromptSettings(),
        bench_id="load",
        created="2026-01-01T00:00:00",
    )
    write_plan(run.plan_file, plan)
    write_record(run.launch, LaunchRecord(this_process(), time.time(), "load"))
    tasks = [{"task": "load", "documents": 50_000, "requests": 50_000, "answered": 0, "kind": "generate_until"}]
    first = [{"event": "planned", "t": time.time(), "tasks": tasks}]
    first.append({"event": "phase", "t": time.time(), "name": "evaluating", "task": "load"})
    with run.events.open("w") as events:
        events.writelines(json.dumps(line) + "\n" for line in first)
        for number in range(LOG_LINES):
            words = f"log line {number} with some words in it"
            events.write(json.dumps({"event": "log", "t": time.time(), "level": "info", "message": words}) + "\n")
    run.worker_log.write_text("".join(f"output line {number}\n" for number in range(LOG_LINES)))
    return run


class Timed(BenchtuiApp):
    """Takes the time from a key press until what it changed is drawn."""

    async def answer(self) -> float:
        """Of the key just pressed: a second one behind it in the same queue says when its turn was over."""
        began = time.perf_counter()
        drawn = asyncio.Event()
        self.screen.call_later(lambda: self.screen.call_after_refresh(drawn.set))
        await drawn.wait()
        return time.perf_counter() - began

    async def drawn(self) -> float:
        """Until also the messages that the key caused have had their turn, and what they changed is drawn."""
        began = time.perf_counter()
        drawn = asyncio.Event()
        screen = self.screen
        self.call_later(lambda: screen.call_later(lambda: screen.call_after_refresh(drawn.set)))
        await drawn.wait()
        return time.perf_counter() - began


async def watch(outputs: Path, run: RunDirectory) -> tuple[list[float], int]:
    """How long each key press took, in seconds, and the most memory that this process had, in bytes."""
    app = Timed(Settings(Choice(outputs=outputs)))
    took: list[float] = []
    most = 0
    process = psutil.Process()
    async with app.run_test(size=(120, 36)) as pilot:
        app.open_runs([run])
        await pilot.pause(1.0)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            app.simulate_key(KEYS[len(took) % len(KEYS)])
            took.append(await app.answer())
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(0.05)
    return took, most


def token_texts(model: Path) -> RunDirectory:
    long = "".join(f" word{number % 40}" for number in range(TOKENS))
    texts = [Made(f"made #{number}", "Q:", f" {number % 97} and {number % 89} are more") for number in range(1, TEXTS)]
    return made_run(model, [Made("long #0", "Q:", long), *texts])


async def look(outputs: Path, run: RunDirectory) -> list[float]:
    """How long each key press took in the list of texts, and in the long text, in seconds."""
    app = Timed(Settings(Choice(outputs=outputs)))
    took: list[float] = []

    async def press(keys: tuple[str, ...]) -> None:
        for key in keys * 6:
            app.simulate_key(key)
            took.append(await app.drawn())
            await asyncio.sleep(0.02)

    async with app.run_test(size=(120, 36)) as pilot:
        app.open_tokens(run.path, "documents")
        while not any(isinstance(one, Rows) and one.count == TEXTS for one in app.screen.query(Rows)):
            await pilot.pause(0.1)
        await press(LIST_KEYS)
        found = await asyncio.to_thread(read_tokens, run.path)
        app.push_screen(TokenView(found, range(TEXTS), 0))
        await pilot.pause(1.0)
        await press(TOKEN_KEYS)
    return took


async def follow(outputs: Path, run: RunDirectory) -> list[float]:
    """How long it took to read and draw ten seconds of the events of a run of two models, each time, in seconds."""
    app = Timed(Settings(Choice(outputs=outputs)))
    took: list[float] = []
    work = RoutedFacts(Work(100, 200, 81), Work(17, 210, 19))
    events = b"".join(
        encode(
            Routed(
                t=time.time(),
                task="load",
                work=work,
                documents=RoutedDocuments(both=30),
                answers=[RoutedAnswer(20 * second + k, 30, 10, "0480" * 10) for k in range(20)],
            )
        )
        + b"\n"
        for second in range(20)
    )
    async with app.run_test(size=(120, 36)) as pilot:
        app.open_runs([run])
        await pilot.pause(1.0)
        page = app.screen
        assert isinstance(page, RunPage)
        for _ in range(9):
            with run.events.open("ab") as file:
                file.write(events)
            began = time.perf_counter()
            page._reader.read()
            page._draw(page._reader.snapshot)
            took.append(time.perf_counter() - began)
    return took


def long_answer() -> float:
    """Processor time of putting an answer of two models into lines, in seconds."""
    parts = [AnswerPart("small" if number % 2 else "large", 5) for number in range(TOKENS)]
    began = time.process_time()
    lines = list(written_lines("word " * TOKENS, parts, 78, {"small": "cyan", "large": "magenta", "": "dim"}))
    assert lines
    return time.process_time() - began


def first_picture(outputs: Path) -> float:
    """Seconds from the start of `benchtui` until its first screen stands in the terminal."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchtui", "app", "--outputs", str(outputs)],
        stdin=follower, stdout=follower, stderr=follower, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    seen = b""
    try:
        while b"Last result" not in seen:
            ready, _, _ = select.select([leader], [], [], 20)
            if not ready:
                raise SystemExit("the application drew nothing within 20 s")
            seen += os.read(leader, 65536)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="benchtui-perf-"))
    try:
        workspace = open_workspace(folder / "demo")
        starts = sorted(first_picture(workspace.outputs) for _ in range(STARTS))
        tokens = sorted(asyncio.run(look(workspace.outputs, token_texts(workspace.model))))
        run = busy_run(workspace.model)
        routed, lines = sorted(asyncio.run(follow(workspace.outputs, run))), long_answer()
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(EVENTS_A_SECOND), str(run.events), str(run.worker_log)]
        )
        try:
            took, memory = asyncio.run(watch(workspace.outputs, run))
        finally:
            writer.kill()
            writer.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    slow = sorted(took)
    print(f"first picture: median {statistics.median(starts):.2f} s, best {starts[0]:.2f} s of {STARTS} starts")
    print(
        f"{EVENTS_A_SECOND:,} events/s on {LOG_LINES:,} log lines: {len(took)} key presses, median "
        f"{1000 * statistics.median(took):.0f} ms, 95 % below {1000 * slow[int(0.95 * len(slow))]:.0f} ms, "
        f"slowest {1000 * slow[-1]:.0f} ms; memory {memory / 1e6:.0f} MB"
    )
    print(
        f"{TEXTS:,} texts, {TOKENS:,} tokens on a line: {len(tokens)} key presses, median "
        f"{1000 * statistics.median(tokens):.0f} ms, 95 % below {1000 * tokens[int(0.95 * len(tokens))]:.0f} ms"
    )
    print(
        f"two models: ten seconds of events in {1000 * statistics.median(routed):.0f} ms, an answer of {TOKENS:,} "
        f"tokens in {lines:.2f} s of processor time"
    )
    board = many_models.measured()
    print(many_models.words(board))
    missed = [
        *many_models.missed(board),
        *(
            words
            for words, bad in (
                ("first picture", statistics.median(starts) >= FIRST_PICTURE),
                ("key presses", slow[-1] >= ANSWERED_WITHIN),
                ("tokens", statistics.median(tokens) > TOKENS_ANSWERED_WITHIN),
                ("events of two models", statistics.median(routed) >= ROUTED_WITHIN),
                ("an answer of two models", lines >= LINES_WITHIN),
                ("memory", memory >= MEMORY),
            )
            if bad
        ),
    ]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
