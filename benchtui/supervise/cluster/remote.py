"""One worker on the cluster, from its place there to its end: its files sent, its news written down here."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.metadata
import os
import signal
import sqlite3
import traceback
from collections import defaultdict
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

import msgspec

import benchtui
from benchtui.backends.registry import find_backend
from benchtui.errors import BenchtuiError
from benchtui.files import no_room, read_regular
from benchtui.models.layout import size_text
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.plan import LARGEST_PLAN
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory, named_base
from benchtui.runs.journal.journal import Journal
from benchtui.runs.kinds.benchmark.task_data import TaskData, how_data_differ, read_data, stored_data
from benchtui.runs.worker_contract import NO_ROOM
from benchtui.supervise.cluster.messages import Ended, Placed, Printed, Start, Told
from benchtui.supervise.cluster.mirror import ShardMirror
from benchtui.supervise.cluster.node import Cursor, Facts, News, NodeWorker, RunCopy, RunCursor, Setup
from benchtui.supervise.cluster.trees import Tree, moved, packages_here, trees_of
from benchtui.text import one_line

CLUSTER_LOG = "run/cluster.log"
PIECE = 16 * 1024 * 1024
"""Bytes of a file that are sent at a time."""
GIVE_EVERY = 0.05
"""Seconds between looks at what the supervisor gives the worker to do."""
CLOSE_SECONDS = 5.0
_SECRETS = ("HF_TOKEN",)
"""Variables of this process that a worker is given as well, where they are set: straight to its actor, never in Ray's
runtime_env, which every user of the cluster can read."""


class Remote:
    """What the workers of one supervisor share: Ray, a lock for each machine, and the data of the tasks of each run."""

    def __init__(self, ray: Any) -> None:
        self.ray = ray
        self.actor = ray.remote(NodeWorker)
        self.sending: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._data: dict[Path, dict[str, tuple[str, TaskData]]] = {}
        self._before: dict[Path, Any] = {}

    def journal_before(self, run: RunDirectory) -> Any:
        """What the run's own journal holds, which nobody writes while workers run; None where there is none."""
        if run.path not in self._before:
            held = None
            if run.journal.is_file():
                with Journal(run.journal, read_only=True) as journal:
                    held = journal.excerpt()
            self._before[run.path] = held
        return self._before[run.path]

    def check_data(self, run: RunDirectory, node: str, journal: Journal) -> None:
        """Raise BenchtuiError where a machine has other data of a task than the run, its base or another machine."""
        known = self._data.setdefault(run.path, _known_data(run))
        for task, data in read_data(journal).items():
            where, first = known.setdefault(task, (node, data))
            if how := how_data_differ(first, data):
                raise BenchtuiError(
                    f"{one_line(node, 100)} has other data of {task} than {one_line(where, 100)}: {how}.",
                    "Give all machines the same data sets: a shared HF_HOME, or the same revision in each cache.",
                )


def _known_data(run: RunDirectory) -> dict[str, tuple[str, TaskData]]:
    base = named_base(run.benchmarks, run.plan()) if run.benchmarks is not None else None
    of_base = {task: ("the base", data) for task, data in (stored_data(base) if base is not None else {}).items()}
    return of_base | {task: ("this run before", data) for task, data in stored_data(run).items()}


class _WrongNodeError(BenchtuiError):
    """A machine cannot run the worker: why, and what to do about it."""


class Sender:
    """One worker: `work` is done when it has ended, whatever the reason, and the supervisor knows it."""

    def __init__(self, remote: Remote, start: Start, send: Callable[[Told], None]) -> None:
        self._remote = remote
        self._ray = remote.ray
        self._start = start
        self._send = send
        self._runs = [RunDirectory(Path(path)) for path in start.runs]
        self._mirror: ShardMirror | None = None
        self._actor: Any = None
        self._node, self._node_id = "", ""
        self._begun = False
        self._killed_for_memory = False
        self._ended_now = asyncio.Event()

    def ask(self, to: Literal["stop", "stacks", "end"]) -> None:
        """Pass on what the supervisor asks of the worker; one that has not begun ends at once."""
        if self._begun:
            self._actor.ask.remote(to)
        elif to != "stacks":
            self._ended_now.set()

    async def work(self) -> None:
        """Run the worker to its end."""
        code, fate = -signal.SIGKILL, ""
        try:
            self._mirror = ShardMirror(self._runs, self._start.shard)
            code, fate = await self._until_told(self._whole(self._mirror))
        except Exception as error:  # noqa: BLE001 - whatever it was, the supervisor waits to be told
            code, fate = self._reason(error)
        finally:
            try:
                await self._close()
            finally:
                self._send(Ended(self._start.worker, code, fate, self._killed_for_memory))

    def _reason(self, error: Exception) -> tuple[int, str]:
        """Tell why the worker cannot go on; its exit status, and what ended it where that was no fault of its own."""
        if isinstance(error, self._ray.exceptions.RayTaskError):  # what happened there: also of the kind it was there
            said = f"On {one_line(self._node, 100)}: {one_line(str(error.cause), 300)}."
            return self._failed(ev.Failed(message=said, next_step=f"{CLUSTER_LOG} may say more.")), ""
        if isinstance(error, self._ray.exceptions.RayError):
            return -signal.SIGKILL, self._lost(error)
        if isinstance(error, BenchtuiError):
            return self._failed(ev.Failed(message=error.what, next_step=error.next_step, reason="bad input")), ""
        if no_room(error):
            return NO_ROOM, ""
        if isinstance(error, OSError | sqlite3.Error):
            said = f"Its files cannot be written here: {one_line(str(error), 300)}."
        else:
            said = f"{type(error).__name__}: {one_line(str(error), 300)}."
        traceback.print_exception(error)  # into the log of this process, for whoever reports it
        return self._failed(ev.Failed(message=said, next_step=f"{CLUSTER_LOG} may say more.")), ""

    async def _until_told(self, whole: Coroutine[Any, Any, tuple[int, str]]) -> tuple[int, str]:
        """Do the whole work, or stop waiting for a place, for files and for a start as soon as that is asked."""
        work, told = asyncio.ensure_future(whole), asyncio.ensure_future(self._ended_now.wait())
        await asyncio.wait((work, told), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if work.done():
            return await work
        work.cancel()
        await asyncio.wait((work,))  # its files are closed next
        return -signal.SIGTERM, "it was stopped before it began"

    async def _whole(self, mirror: ShardMirror) -> tuple[int, str]:
        mirror.tell(ev.Phase(name="starting", detail="waiting for a place in the cluster"))
        mirror.tell(ev.Placed(where=""))
        options = {"num_cpus": self._start.cpus, "num_gpus": self._start.gpus, "scheduling_strategy": "SPREAD"}
        self._actor = self._remote.actor.options(max_concurrency=4, max_task_retries=0, **options).remote()
        plans = [run.plan() for run in self._runs]
        packages = _packages(plans)
        facts = msgspec.msgpack.decode(await self._actor.facts.remote(packages), type=Facts)
        self._node = facts.name
        self._send(Placed(self._start.worker, 0, self._node))
        mirror.tell(ev.Placed(where=one_line(self._node, 100)))
        _check_versions(facts, packages)
        setup = msgspec.msgpack.encode(await self._setup(mirror, facts, plans))
        pid = await self._actor.begin.remote(setup)
        self._begun = True
        self._send(Placed(self._start.worker, pid, self._node))
        following, giving = asyncio.create_task(self._follow(mirror)), asyncio.create_task(self._give(mirror))
        try:
            await asyncio.wait((following, giving), return_when=asyncio.FIRST_COMPLETED)
            if giving.done():
                giving.result()  # it ends only where something failed, which is raised here
            return await following, ""
        finally:
            following.cancel()
            giving.cancel()

    async def _setup(self, mirror: ShardMirror, facts: Facts, plans: list[BenchmarkPlan]) -> Setup:
        here = packages_here()
        roots = {here[name]: folder for name, folder in facts.folders.items() if name in here}
        copies = []
        for number, (run, plan) in enumerate(zip(self._runs, plans, strict=True)):
            for tree in await asyncio.to_thread(trees_of, plan, tuple(here.values())):
                roots[tree.root] = await self._place(mirror, tree)
            raw = moved(read_regular(run.plan_file, LARGEST_PLAN), roots)
            if msgspec.json.decode(raw, type=BenchmarkPlan).fingerprint != plan.fingerprint:
                raise _WrongNodeError(f"The plan of {run.path} would be another one on {self._node}.", "")
            copies.append(RunCopy(raw, self._remote.journal_before(run), mirror.held(number)))
        own = {name: value for name in _SECRETS if (value := os.environ.get(name))}
        start = self._start
        return Setup(start.module, start.options, start.shard, {**start.environment, **own}, copies)

    async def _place(self, mirror: ShardMirror, tree: Tree) -> str:
        """Where the machine has the files of a tree, which are sent there where it does not have them."""
        packed = msgspec.msgpack.encode(tree)
        async with self._remote.sending[self._node]:
            if place := await self._actor.holds.remote(packed):
                return str(place)
            where, size = one_line(self._node, 100), size_text(tree.size)
            why = f"{one_line(tree.root, 300)} is not there, or not the same"
            mirror.tell(ev.Decision(what=f"files for {where}", choice=f"{size} are sent", why=why))
            sent = 0
            for file in tree.files:
                for offset in range(0, max(file.size, 1), PIECE):
                    piece = await asyncio.to_thread(_piece, Path(tree.root) / file.name, offset)
                    digest = hashlib.sha256(piece).hexdigest()
                    kept = self._ray.put(piece)
                    await self._actor.receive.remote(packed, file.name, offset, kept, digest)
                    sent += len(piece)
                    mirror.tell(ev.Advance(unit="bytes", done=sent, total=tree.size))
            if place := await self._actor.keep.remote(packed):
                return str(place)
        raise _WrongNodeError(
            f"{one_line(tree.root, 300)} did not arrive whole on {where}: it changed meanwhile, or was damaged.",
            "`benchtui resume` tries again.",
        )

    async def _give(self, mirror: ShardMirror) -> None:
        while True:
            for number in range(len(self._runs)):
                offset, chunks = mirror.new_chunks(number)
                if chunks:
                    await self._actor.give.remote(number, offset, chunks)
            await asyncio.sleep(GIVE_EVERY)

    async def _follow(self, mirror: ShardMirror) -> int:
        cursor, printed = Cursor([RunCursor()] * len(self._runs)), 0
        while True:
            told = await self._actor.news.remote(msgspec.msgpack.encode(cursor))
            news = msgspec.msgpack.decode(told, type=News)
            for number in mirror.take(news):
                self._remote.check_data(self._runs[number], self._node, mirror.journal(number))
            cursor, self._killed_for_memory = news.cursor, news.killed_for_memory
            if news.output_bytes != printed:
                printed = news.output_bytes
                self._send(Printed(self._start.worker, printed))
            if news.ended is not None:
                return news.ended

    def _failed(self, failed: ev.Failed) -> int:
        """Tell why the worker cannot go on, as it would itself; its exit status."""
        if self._mirror is not None:
            try:
                for number in range(len(self._runs)):
                    self._mirror.tell(failed, number)
            except OSError as error:
                return NO_ROOM if no_room(error) else 1
        return 1

    def _lost(self, error: BaseException) -> str:
        """What ended the worker, in words."""
        if not self._node:
            return f"Ray found no place for it: {one_line(str(error), 300)}"
        return f"its node {one_line(self._node, 100)} was lost: {one_line(str(error), 200)}"

    async def _close(self) -> None:
        if self._actor is not None:
            with contextlib.suppress(self._ray.exceptions.RayError, TimeoutError):  # its machine is gone
                await asyncio.wait_for(asyncio.wrap_future(self._actor.close.remote().future()), CLOSE_SECONDS)
            self._ray.kill(self._actor)
        if self._mirror is not None:
            self._mirror.close()


def _packages(plans: list[BenchmarkPlan]) -> list[str]:
    """What has to be the same on all machines, since scores depend on it."""
    needs = {need.package for plan in plans for need in find_backend(plan.backend).needs}
    return sorted({"lm_eval", *needs})


def _check_versions(facts: Facts, packages: list[str]) -> None:
    ours = {name: importlib.metadata.version(name) for name in packages} | {"benchtui": benchtui.__version__}
    for name, version in ours.items():
        there = facts.versions.get(name, "")
        if there != version:
            found = f"{name} {there}" if there else f"no {name}"
            raise _WrongNodeError(
                f"{one_line(facts.name, 100)} has {one_line(found, 100)}, this machine {version}.",
                f'Install the same there: python -m pip install "{name}=={version}"',
            )


def _piece(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PIECE)
