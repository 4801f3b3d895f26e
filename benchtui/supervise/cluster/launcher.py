"""Workers on a cluster: a process of its own is connected to Ray, so that nothing heavy is loaded here."""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.supervise.cluster.address import check_address
from benchtui.supervise.cluster.messages import (
    Ask,
    Connected,
    Ended,
    Node,
    NotConnected,
    Order,
    Placed,
    Printed,
    Start,
    Told,
)
from benchtui.supervise.cluster.room import Room, room_for
from benchtui.supervise.launcher import WorkerJob
from benchtui.supervise.process import LocalWorker, has_ended

CONNECT_SECONDS = 90.0
"""Until Ray has to have answered; what cannot be reached at all is found out before."""
END_SECONDS = 15.0
"""A worker that is ended has so long to end on its machine, and to hand over what it journalled there."""
LEAVE_SECONDS = 10.0
LOST = "the connection to the cluster was lost"


class ClusterWorker:
    """A worker somewhere on the cluster."""

    def __init__(self, number: int, send: Callable[[Order], None]) -> None:
        self._number = number
        self._send = send
        self._ended = threading.Event()
        self._code = -signal.SIGKILL
        self.pid = 0
        self.output_bytes = 0
        self.left_alive: tuple[int, ...] = ()
        self.waits = True
        self.fate = ""
        self.killed_for_memory = False

    def hear(self, told: Placed | Printed | Ended) -> None:
        """Note what the process connected to Ray tells of it; called in the thread that reads."""
        match told:
            case Placed():
                self.pid, self.waits = told.pid, not told.pid  # while files are sent, it has not begun
            case Printed():
                self.output_bytes = told.output_bytes
            case Ended():
                self._code, self.fate, self.waits = told.code, told.fate, False
                self.killed_for_memory = told.killed_for_memory
                self._ended.set()

    def poll(self) -> int | None:
        return self._code if self._ended.is_set() else None

    def dump_stacks(self) -> None:
        self._send(Ask(self._number, "stacks"))

    def end(
        self,
        grace: float,
        *,
        wait: Callable[[float], None] = time.sleep,
        busy: Callable[[], bool] = lambda: False,
        hurry: Callable[[], bool] = lambda: False,
    ) -> bool:
        self._send(Ask(self._number, "stop"))
        return has_ended(self.poll, grace, wait=wait, busy=busy, hurry=hurry)

    def reap(self) -> int:
        """As of a Worker. One whose machine does not answer is left to Ray, which ends it there."""
        if not self._ended.is_set():
            self._send(Ask(self._number, "end"))
            if not self._ended.wait(END_SECONDS):
                self.fate = "its machine did not answer any more"
        return self._code


class ClusterLauncher:
    """Starts workers on the cluster at `address`, for runs on `device`. What Ray and its process say is kept in `log`.

    Use it as a context manager: opening it connects, leaving it ends whatever is left of its workers. Raises
    BenchtuiError where the cluster cannot be reached or does not fit.
    """

    def __init__(self, address: str, log: Path, *, workers: int, device: str) -> None:
        self._address = address
        self._log = log
        self._wanted = workers
        self._device = device
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._connection: _Connection | None = None
        self.room = Room(1, 1, 0)

    def __enter__(self) -> ClusterLauncher:
        check_address(self._address)
        self._connection = _Connection(self._address, self._log)
        try:
            self.room = room_for(self._wanted, self._device, self._connection.nodes)
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def start(self, job: WorkerJob) -> ClusterWorker:
        if job.shard is None:
            raise OSError(f"{job.module} is not one of several workers")
        connection, number = self._open_connection(), next(self._numbers)
        worker = ClusterWorker(number, connection.send)
        connection.add(number, worker)
        connection.send(
            Start(
                worker=number,
                module=job.module,
                options=job.options,
                runs=tuple(map(str, job.runs)),
                shard=job.shard,
                environment=dict(job.environment),
                cpus=self.room.cpus,
                gpus=self.room.gpus,
            )
        )
        return worker

    def _open_connection(self) -> _Connection:
        """The one that is there, or another one where the process that spoke with Ray died."""
        with self._lock:
            if self._connection is None or self._connection.closed:
                if self._connection is not None:
                    self._connection.close()
                try:
                    self._connection = _Connection(self._address, self._log)
                except BenchtuiError as error:
                    raise OSError(f"{error.what} {error.next_step}") from error
            return self._connection


class _Connection:
    """The process connected to Ray, and the workers that it was given. Raises BenchtuiError where it does not reach
    the cluster."""

    def __init__(self, address: str, log: Path) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._reader = ours.makefile("rb")
        self._sending = threading.Lock()
        self._workers: dict[int, ClusterWorker] = {}
        self._guard = threading.Lock()
        self.closed = False
        number = theirs.fileno()
        with theirs:
            self._process = LocalWorker(
                (str(number), address), log, module="benchtui.supervise.cluster.driver", inherited=(number,)
            )
        try:
            self.nodes = self._connected(log)
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._read, name="cluster", daemon=True).start()

    def _connected(self, log: Path) -> Sequence[Node]:
        self._socket.settimeout(CONNECT_SECONDS)
        try:
            line = self._reader.readline()
        except TimeoutError:
            raise BenchtuiError(
                f"The cluster did not answer within {CONNECT_SECONDS:.0f} seconds.", f"{log} may say why."
            ) from None
        self._socket.settimeout(None)
        told = msgspec.json.decode(line, type=Told) if line else None
        if isinstance(told, NotConnected):
            raise BenchtuiError(told.what, told.next_step)
        if not isinstance(told, Connected):
            raise BenchtuiError("The process connected to Ray ended without saying why.", f"{log} may say why.")
        return told.nodes

    def add(self, number: int, worker: ClusterWorker) -> None:
        """Have a worker told what is said of this number."""
        with self._guard:
            self._workers[number] = worker

    def send(self, order: Order) -> None:
        """Send an order. Where the process has died nothing is sent: its workers have been told that they ended."""
        try:
            with self._sending:
                self._socket.sendall(msgspec.json.encode(order) + b"\n")
        except OSError:
            self._lose()

    def _read(self) -> None:
        try:
            for line in self._reader:
                told = msgspec.json.decode(line, type=Told)
                if isinstance(told, Placed | Printed | Ended) and (worker := self._workers.get(told.worker)):
                    worker.hear(told)
        except (OSError, ValueError, msgspec.MsgspecError):
            pass  # as if it had died: it is, or says what nobody understands
        self._lose()

    def _lose(self) -> None:
        """Tell all workers that nothing more will be heard of them: Ray ends what belongs to a process that died."""
        with self._guard:
            self.closed = True
            left = [(number, worker) for number, worker in self._workers.items() if worker.poll() is None]
        for number, worker in left:
            worker.hear(Ended(number, -signal.SIGKILL, LOST))

    def close(self) -> None:
        """End the process; Ray ends its workers."""
        self.closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + LEAVE_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self._process.reap()
        self._socket.close()
