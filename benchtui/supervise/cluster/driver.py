"""`python -m benchtui.supervise.cluster.driver DESCRIPTOR ADDRESS`: the one process that is connected to Ray.

It is given orders by its supervisor over the socket DESCRIPTOR (messages.py), and ends when that closes. Ray ends its
actors with it, however it ended.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
from typing import Any

import msgspec

from benchtui.supervise.cluster.messages import Ask, Connected, Node, NotConnected, Order, Start, Told
from benchtui.supervise.cluster.remote import Remote, Sender
from benchtui.text import one_line

LEAVE_SECONDS = 5.0
"""Until a process that Ray does not let go ends by force."""


class _Channel:
    """Reads orders in a thread of its own, so that the end of the supervisor is noticed whatever else is waited for."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._sending = threading.Lock()

    def send(self, told: Told) -> None:
        """Tell the supervisor; nothing where it is gone."""
        try:
            with self._sending:
                self._socket.sendall(msgspec.json.encode(told) + b"\n")
        except OSError:
            os._exit(1)

    def read_until_closed(self, loop: asyncio.AbstractEventLoop, orders: asyncio.Queue[Order]) -> None:
        """Put orders into the queue; then leave."""
        with self._socket.makefile("rb") as lines:
            for line in lines:
                loop.call_soon_threadsafe(orders.put_nowait, msgspec.json.decode(line, type=Order))
        _leave()


def _leave() -> None:
    timer = threading.Timer(LEAVE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
    if (ray := sys.modules.get("ray")) is not None:
        ray.shutdown()
    os._exit(0)


async def _serve(channel: _Channel, address: str) -> None:
    orders: asyncio.Queue[Order] = asyncio.Queue()
    arguments = (asyncio.get_running_loop(), orders)
    threading.Thread(target=channel.read_until_closed, args=arguments, name="orders", daemon=True).start()
    try:
        ray = await asyncio.to_thread(_connect, address)
    except Exception as error:  # noqa: BLE001 - whatever Ray raises is a reason for the user
        channel.send(NotConnected(f"No cluster was reached: {one_line(str(error), 500)}", _STEP))
        return
    channel.send(Connected(_nodes(ray)))
    remote, workers, tasks = Remote(ray), dict[int, Sender](), set[asyncio.Task[None]]()
    while True:
        order = await orders.get()
        match order:
            case Start():
                worker = workers[order.worker] = Sender(remote, order, channel.send)
                task = asyncio.create_task(worker.work())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            case Ask() if order.worker in workers:
                workers[order.worker].ask(order.to)


_STEP = "`ray status` tells whether one runs; --cluster HOST:PORT says where, and RAY_ADDRESS what `auto` means."


def _connect(address: str) -> Any:
    import ray

    ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    return ray


def _nodes(ray: Any) -> list[Node]:
    found = []
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            found.append(Node(node["NodeManagerHostname"], has.get("CPU", 0.0), has.get("GPU", 0.0)))
    return found


def main() -> None:
    """Serve one supervisor."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing phones home
    asyncio.run(_serve(_Channel(int(sys.argv[1])), sys.argv[2]))


if __name__ == "__main__":
    main()
