"""Whatever goes wrong on a node or with its files here, the supervisor is told that the worker has ended, and why."""

from __future__ import annotations

import asyncio
import errno
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from benchtui.runs import events as ev
from benchtui.runs.chunks import Chunk, ChunkWriter
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.worker_contract import NO_ROOM
from benchtui.supervise.cluster import remote
from benchtui.supervise.cluster.messages import Ended, Start
from benchtui.supervise.cluster.node import Facts
from tests.run_stories import make_run

FACTS = msgspec.msgpack.encode(Facts("far", {}, {}))


class _RayError(Exception):
    pass


class _RayTaskError(_RayError):
    pass


class Method:
    """One method of an actor: `remote` gives what `answer` returns, or raises, or waits for ever."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def remote(self, *_: Any) -> Any:
        return self._now()

    async def _now(self) -> Any:
        if self._answer is Ellipsis:
            await asyncio.Event().wait()
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class _Close:
    @staticmethod
    def remote() -> Any:
        done: Future[None] = Future()
        done.set_result(None)
        return SimpleNamespace(future=lambda: done)


def ended(monkeypatch: pytest.MonkeyPatch, run: RunDirectory, **answers: Any) -> Ended:
    """How a worker ends whose actor answers so."""
    methods = {"facts": FACTS, "begin": 7, "news": Ellipsis, "give": None, **answers}
    actor = SimpleNamespace(**{name: Method(answer) for name, answer in methods.items()}, close=_Close)
    found = SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda: actor))
    exceptions = SimpleNamespace(RayError=_RayError, RayTaskError=_RayTaskError)
    ray = SimpleNamespace(remote=lambda _: found, exceptions=exceptions, kill=lambda _: None)
    monkeypatch.setattr(remote, "_check_versions", lambda *_: None)

    async def setup(*_: Any) -> dict[str, str]:
        return {}

    monkeypatch.setattr(remote.Sender, "_setup", setup)
    sent: list[Any] = []
    start = Start(0, "benchtui.worker", (), (str(run.path),), 0, {}, 1, 0)
    with_writer = ChunkWriter(run.files_of(0).chunks)
    with_writer.write(Chunk(1, "arc", 0, 5))
    asyncio.run(asyncio.wait_for(remote.Sender(remote.Remote(ray), start, sent.append).work(), 20))
    with_writer.close()
    (last,) = [told for told in sent if isinstance(told, Ended)]
    assert sent[-1] == last
    return last


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return make_run(tmp_path / "outputs" / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)})


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"facts": b"\xc1"}, "DecodeError"),
        ({"news": b"\xc1"}, "DecodeError"),
        ({"news": KeyError("x")}, "KeyError"),
        ({"give": ValueError("cannot be given")}, "ValueError: cannot be given"),
        ({"begin": OSError("no such folder")}, "Its files cannot be written here: no such folder"),
    ],
)
def test_it_says_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch, run: RunDirectory, answers: dict[str, Any], said: str
) -> None:
    assert ended(monkeypatch, run, **answers).code == 1
    (failed,) = [event for event in read_events(run.files_of(0).events) if isinstance(event, ev.Failed)]
    assert said in failed.message


@pytest.mark.parametrize("where", ["news", "give"])
def test_a_full_disk_is_one(monkeypatch: pytest.MonkeyPatch, run: RunDirectory, where: str) -> None:
    assert ended(monkeypatch, run, **{where: OSError(errno.ENOSPC, "no space")}).code == NO_ROOM


def test_a_node_that_is_lost_is_named(monkeypatch: pytest.MonkeyPatch, run: RunDirectory) -> None:
    told = ended(monkeypatch, run, news=_RayError("the actor died"))
    assert told.fate.startswith("its node far was lost: the actor died")
    assert not [event for event in read_events(run.files_of(0).events) if isinstance(event, ev.Failed)]
