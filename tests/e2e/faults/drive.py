"""Driving `benchtui` in real processes while something goes wrong, and seeing what is left afterwards."""

from __future__ import annotations

import json
import os
import pty
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Event, Results, WorkerStarted
from benchtui.runs.journal.shards import answered_in
from benchtui.runs.records import DoneRecord, read_done
from tests.e2e.faults.workshop import CHOICES, WRITES, Workshop

TOKEN = "FAULT_TOKEN"
TASKS = (WRITES, CHOICES)
HF = ("--engine", "lm-eval", "--offline")
"""Flags of the backend that most faults strike."""


class References:
    """Uninterrupted runs to compare with, each made when it is first asked for."""

    def __init__(self, workshop: Workshop, root: Path) -> None:
        self._workshop = workshop
        self._root = root
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self._made: dict[str, tuple[Place, dict[str, int]]] = {}

    def place(self, model: str, *flags: str, batch: int = 4, backend: Sequence[str] = HF) -> Place:
        return self._make(model, flags, batch, backend)[0]

    def memory(self, model: str) -> dict[str, int]:
        """What the worker of an uninterrupted run took at most, in bytes: VmPeak, VmHWM and RssFile of proc(5)."""
        return self._made[model][1]

    def _make(
        self, model: str, flags: Sequence[str], batch: int, backend: Sequence[str]
    ) -> tuple[Place, dict[str, int]]:
        with self._lock:
            making = self._making.setdefault(model, threading.Lock())
        with making:
            if model not in self._made:
                place = Place(self._workshop, self._root / model, self)
                place.add(getattr(self._workshop, model.split("-")[0], self._workshop.merged), model)
                run = place.run(model, *flags, batch=batch, backend=backend)
                memory = run.memory_of_worker()
                assert run.ended() == 0, run.text
                self._made[model] = (place, memory)
        return self._made[model]


class Pause:
    """A worker started with `env` waits when it comes to the document it scores as the `at`-th, until `release`."""

    def __init__(self, folder: Path, at: int) -> None:
        folder.mkdir()
        self._folder = folder
        self.env = {"FAULT_PAUSE": f"{at}:{folder}"}

    def reached(self, times: int = 1) -> bool:
        """Whether so many workers have come to it."""
        return len(list(self._folder.glob("reached-*"))) >= times

    def release(self) -> None:
        (self._folder / "go").touch()


class Place:
    """One fault's own outputs folder and environment; every process started here carries its mark."""

    def __init__(self, workshop: Workshop, root: Path, references: References) -> None:
        self.workshop = workshop
        self.references = references
        self.root = root
        self.outputs = root / "outputs"
        self.outputs.mkdir(parents=True, exist_ok=True)
        self._token = secrets.token_hex(8)
        self.environment = {TOKEN: self._token, "HF_HUB_OFFLINE": "1"}

    def add(self, model: Path, name: str) -> Path:
        return self.workshop.copy(model, self.outputs, name)

    def pause(self, at: int) -> Pause:
        return Pause(self.root / f"pause-{len(list(self.root.glob('pause-*')))}", at)

    def merged(self) -> RunDirectory:
        """Put the whole model into outputs; the uninterrupted run to compare with."""
        self.add(self.workshop.merged, "merged")
        return self.references.place("merged").runs("merged")[0]

    def lora(self) -> tuple[RunDirectory, RunDirectory]:
        """The same for the adapter: uninterrupted base and fine-tuned runs."""
        self.add(self.workshop.lora, "lora")
        reference = self.references.place("lora")
        return reference.base("lora"), reference.runs("lora")[0]

    def run(
        self, model: str, *flags: str, timeout: str = "20s", batch: int = 4, backend: Sequence[str] = HF, **how: Any
    ) -> Running:
        """`benchtui run` of the two tasks on `model`, alone (give `--base` to have it otherwise)."""
        alone = () if "--base" in flags or model.startswith("lora") else ("--no-base",)
        tasks = () if "--tasks" in flags else ("--tasks", ",".join(TASKS))
        return self.start(
            "run", "--model", model, *alone, *tasks, "--include-path", str(self.workshop.tasks),
            *backend, "--batch-size", str(batch), "--timeout", timeout, *flags, **how,
        )  # fmt: skip

    def resume(self, *flags: str, timeout: str = "20s", **how: Any) -> Running:
        tasks = str(self.workshop.tasks)
        return self.start("resume", "--include-path", tasks, "--timeout", timeout, *flags, **how)

    def start(
        self,
        command: str,
        *arguments: str,
        env: dict[str, str] | None = None,
        on_terminal: bool = False,
        before: Sequence[str] = (),
    ) -> Running:
        """`before` stands in front of the command line (prlimit …)."""
        line = [*before, sys.executable, "-P", "-m", "benchtui", command, "--outputs", str(self.outputs), *arguments]
        environment = {**os.environ, **self.environment, **(env or {})}
        return Running(self, line, environment, self.root, on_terminal)

    def runs(self, model: str) -> list[RunDirectory]:
        """Fine-tuned runs, oldest first."""
        folder = self.outputs / model / "benchmarks" / "fine-tuned"
        return [RunDirectory(entry) for entry in sorted(folder.iterdir())] if folder.is_dir() else []

    def base(self, model: str) -> RunDirectory:
        return RunDirectory(self.outputs / model / "benchmarks" / "base")

    def left(self) -> list[int]:
        """Ids of living processes that were started here, whatever session they went to."""
        deadline = time.monotonic() + 2
        while (found := self._living()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    def _living(self) -> list[int]:
        found = []
        for process in psutil.process_iter(["pid", "status"]):
            with suppress(psutil.Error, OSError):
                living = process.info["status"] != psutil.STATUS_ZOMBIE
                if living and process.environ().get(TOKEN) == self._token:
                    found.append(process.pid)
        return found

    def kill_everything(self) -> None:
        for pid in self._living():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Running:
    """One command in its own process; `text` is all it has printed so far."""

    def __init__(self, place: Place, line: list[str], env: dict[str, str], cwd: Path, on_terminal: bool) -> None:
        self.place = place
        self.peak = 0
        self._text: list[bytes] = []
        self.master = -1
        self.began = time.time()
        if on_terminal:
            self.master, slave = pty.openpty()
            self.process = subprocess.Popen(
                line, env={**env, "TERM": "xterm-256color"}, cwd=cwd, stdin=slave, stdout=slave, stderr=slave,
                start_new_session=True, preexec_fn=_take_terminal,
            )  # fmt: skip
            os.close(slave)
            source = self.master
        else:
            self.process = subprocess.Popen(
                line, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
            assert self.process.stdout is not None
            source = self.process.stdout.fileno()
        self._reader = threading.Thread(target=self._read, args=(source,), daemon=True)
        self._reader.start()

    def _read(self, source: int) -> None:
        with suppress(OSError):
            while data := os.read(source, 65536):
                self._text.append(data)

    @property
    def text(self) -> str:
        return b"".join(self._text).decode(errors="replace")

    @property
    def raw(self) -> bytes:
        return b"".join(self._text)

    def until(self, condition: Callable[[], Any], seconds: float = 90, *, ended_is_fine: bool = False) -> Any:
        """Wait for something while the command runs. Raises AssertionError with what it printed."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            self._measure()
            if self.process.poll() is not None and not ended_is_fine:
                if found := condition():
                    return found
                raise AssertionError(f"ended with {self.process.returncode} too early:\n{self.text}")
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing of it within {seconds} s:\n{self.text}")
            time.sleep(0.01)
        return found

    def _measure(self) -> None:
        """Its largest resident size so far, in bytes."""
        self.peak = max(self.peak, _memory_of(self.process.pid).get("VmHWM", 0))

    def memory_of_worker(self) -> dict[str, int]:
        """What its worker took at most, once the command has ended."""
        worker = self.worker(self.newest_run())
        seen: dict[str, int] = {}

        def look() -> bool:
            seen.update(_memory_of(worker))
            return self.process.poll() is not None

        self.until(look, ended_is_fine=True)
        return seen

    def newest_run(self) -> RunDirectory:
        """The run directory that this command works in."""

        def find() -> RunDirectory | None:
            launches = self.place.outputs.glob("*/benchmarks/**/run/launch.json")
            fresh = [launch for launch in launches if launch.stat().st_mtime >= self.began - 0.05]
            return RunDirectory(max(fresh, key=lambda p: p.stat().st_mtime).parent.parent) if fresh else None

        found: RunDirectory = self.until(find)
        return found

    def paused(self, pause: Pause) -> RunDirectory:
        """Wait until the worker waits; the directory of its run."""
        self.until(pause.reached)
        return self.newest_run()

    def worker(self, run: RunDirectory) -> int:
        """The process id of the worker that this command started last."""

        def find() -> int | None:
            return next((e.pid for e in reversed(events_of(run)) if _started_since(e, self.began)), None)  # type: ignore[union-attr]

        pid: int = self.until(find)
        return pid

    def alive(self, pid: int) -> bool:
        return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = 120) -> int:
        """Its exit status."""
        self.until(lambda: self.process.poll() is not None, seconds, ended_is_fine=True)
        self._reader.join(5)
        return int(self.process.returncode)


def _memory_of(pid: int) -> dict[str, int]:
    found = {}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("VmPeak", "VmHWM", "RssFile")):
                found[line.split(":")[0]] = 1024 * int(line.split()[1])
    return found


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _started_since(event: Event, moment: float) -> bool:
    return isinstance(event, WorkerStarted) and event.t >= moment


def events_of(run: RunDirectory) -> list[Event]:
    return read_events(run.events)


def results_events(run: RunDirectory) -> list[Results]:
    return [event for event in events_of(run) if isinstance(event, Results)]


def done_record(run: RunDirectory) -> DoneRecord:
    record = read_done(run)
    assert record is not None, f"{run.path} has no done record"
    return record


def results_of(run: RunDirectory) -> dict[str, Any]:
    """The one results file of a run."""
    files = list(run.lm_eval.glob("results_*.json"))
    assert len(files) == 1, files
    content: dict[str, Any] = json.loads(files[0].read_text())
    return content


def samples_of(run: RunDirectory) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Sample records by (task, filter, doc_id), the answers as they were journaled."""
    found = {}
    for task in TASKS:
        for file in run.lm_eval.glob(f"samples_{task}_*.jsonl"):
            for line in file.read_text().splitlines():
                record = json.loads(line)
                found[task, record["filter"], record["doc_id"]] = record
    return found


def on_disk(run: RunDirectory) -> str:
    """What a run left, in a few words; fails unless all of it is whole and readable."""
    parts = [f"{answered_in(run)} answers"] if run.journal.exists() or run.shards() else ["no journal"]
    files = list(run.lm_eval.glob("results_*.json"))
    if files:
        coverage = results_of(run)["benchtui"]["documents"]
        done = "+".join(str(coverage[task]["done"]) for task in TASKS if task in coverage)
        total = "+".join(str(coverage[task]["total"]) for task in TASKS if task in coverage)
        parts.append(f"scores of {done}/{total}")
        samples_of(run)
    record = read_done(run)
    parts.append(record.status if record else "no done record")
    return ", ".join(parts)


def same_results(run: RunDirectory, reference: RunDirectory, *, tolerance: float = 0.0) -> str:
    """That a finished run equals an uninterrupted one: every metric, every sample record, every answer.

    `tolerance`, relative, for log-likelihoods where the batches were not the same; 0 demands equality to the last bit.
    """
    ours, theirs = results_of(run), results_of(reference)
    assert not ours["benchtui"]["partial"]
    _assert_equal(ours["results"], theirs["results"], tolerance, "results")
    assert ours["n-samples"] == theirs["n-samples"]
    mine, expected = samples_of(run), samples_of(reference)
    assert mine.keys() == expected.keys()
    for key, record in expected.items():
        _assert_equal(mine[key], record, tolerance, str(key))
    return "equal" if not tolerance else f"equal to {tolerance:g}"


def _assert_equal(ours: Any, theirs: Any, tolerance: float, where: str) -> None:
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key, value in theirs.items():
            _assert_equal(ours[key], value, tolerance, f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for number, value in enumerate(theirs):
            _assert_equal(ours[number], value, tolerance, f"{where}[{number}]")
    elif tolerance and (numbers := _numbers(ours, theirs)):
        assert abs(numbers[0] - numbers[1]) <= tolerance * max(abs(numbers[1]), 1.0), f"{where}: {ours} is not {theirs}"
    else:
        assert ours == theirs, f"{where}: {ours!r} is not {theirs!r}"


def _numbers(*values: Any) -> tuple[float, ...]:
    """As floats if all of them are numbers; lm-eval writes log-likelihoods of samples as text."""
    try:
        return tuple(float(value) for value in values)
    except (TypeError, ValueError):
        return ()
