"""`benchtui serve` as a real process: by every name and port it may be reached by, and by nobody without the token."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest

SCRIPT = re.compile(r'(?:src|href)="([^"]+)"')
SOCKET = re.compile(r'data-session-websocket-url="([^"]+)"')


@dataclass(frozen=True)
class Served:
    port: int
    token: str

    def at(self, host: str, port: int | None = None, token: str | None = None) -> str:
        return f"http://{host}:{port or self.port}/{self.token if token is None else token}/"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "outputs").mkdir()
    server = subprocess.Popen(
        [sys.executable, "-m", "benchtui", "serve", "--port", "0"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        found = re.search(r"http://localhost:(\d+)/([\w-]{32,})/ ", server.stderr.readline())
        assert found
        served = Served(int(found[1]), found[2])
        wait_for_port(served.port)
        yield served
    finally:
        server.terminate()
        server.wait(20)


def wait_for_port(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.1)
    raise AssertionError("the server does not listen")


@pytest.fixture
def forwarded(served: Served) -> Iterator[int]:
    """Another port whose connections are passed on byte by byte, as `ssh -L` does."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        with source, target:
            try:
                while data := source.recv(65536):
                    target.sendall(data)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                incoming, _ = listener.accept()
            except OSError:
                return
            outgoing = socket.create_connection(("127.0.0.1", served.port))
            for ends in ((incoming, outgoing), (outgoing, incoming)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.close()


async def status_of(url: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers, allow_redirects=False) as answer:
        return answer.status, (await answer.read()).decode(errors="replace")


async def first_picture(url: str, page: str) -> bytes:
    """What the application draws, over the web socket that the page names for whoever asks for it."""
    match = SOCKET.search(page)
    assert match
    assert match[1] == urljoin(url, "ws").replace("http", "ws"), "the page's socket is where the page came from"
    origin = url.split("/", 3)
    headers = {"Origin": "/".join(origin[:3])}
    drawn = b""
    address = f"{match[1]}?width=80&height=24"
    async with aiohttp.ClientSession() as session, session.ws_connect(address, headers=headers) as connection:
        while b"benchtui" not in drawn:
            message = await connection.receive(60)
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
            if message.type is aiohttp.WSMsgType.BINARY:
                drawn += message.data
    return drawn


@pytest.mark.parametrize("way", ["localhost", "127.0.0.1", "forwarded"])
def test_the_application_comes_by_every_name(served: Served, forwarded: int, way: str) -> None:
    url = served.at("localhost", forwarded) if way == "forwarded" else served.at(way)

    async def visit() -> None:
        status, page = await status_of(url)
        assert status == 200
        loaded = [urljoin(url, name) for name in SCRIPT.findall(page)]
        assert any(name.endswith("textual.js") for name in loaded)
        for name in loaded:
            assert name.startswith(url), "nothing from elsewhere, and nothing without the token"
            assert (await status_of(name))[0] == 200
        assert b"benchtui" in await first_picture(url, page)

    asyncio.run(visit())


@pytest.mark.parametrize("path", ["", "ws", "static/js/textual.js", "download/x", "../static/js/textual.js", "nothing"])
@pytest.mark.parametrize("token", ["", "guess", "é", "%00"])
def test_nobody_comes_in_without_the_token(served: Served, path: str, token: str) -> None:
    status, said = asyncio.run(status_of(served.at("localhost", token=token) + path))
    assert status == 403
    assert said == "Open the whole address that `benchtui serve` printed: its token is missing or wrong here."


def test_almost_the_token_is_not_the_token(served: Served) -> None:
    for wrong in (served.token[:-1], served.token + "x", served.token.swapcase()):
        assert asyncio.run(status_of(served.at("localhost", token=wrong)))[0] == 403


def test_a_token_in_a_query_or_cookie_opens_nothing(served: Served) -> None:
    headers = {"Cookie": f"token={served.token}"}
    assert asyncio.run(status_of(f"http://localhost:{served.port}/?token={served.token}", headers))[0] == 403


def test_another_page_in_the_users_browser_is_refused(served: Served) -> None:
    url = served.at("localhost") + "ws"
    assert asyncio.run(status_of(url, {"Origin": "http://evil.example"}))[0] == 403
    assert asyncio.run(status_of(url, {"Origin": f"http://localhost:{served.port + 1}"}))[0] == 403


def test_the_address_is_told_to_nobody(served: Served) -> None:
    async def headers() -> dict[str, str]:
        async with aiohttp.ClientSession() as session, session.get(served.at("localhost")) as answer:
            return {name.lower(): value for name, value in answer.headers.items()}

    found = asyncio.run(headers())
    assert found["referrer-policy"] == "no-referrer"
    assert found["cache-control"] == "no-store"
    assert "set-cookie" not in found


def test_it_listens_on_loopback_only(served: Served) -> None:
    listening = {
        line.split()[1].split(":")[0]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].split(":")[1], 16) == served.port
    }
    assert listening
    assert listening <= {"0100007F", "00000000000000000000000001000000"}


def test_other_machines_need_a_word_and_a_taken_port_is_named(served: Served, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "benchtui", "serve", *arguments]
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert ran.returncode
        return ran.stderr

    assert "--allow-others" in run("--host", "0.0.0.0")  # noqa: S104 - it must be refused
    said = run("--port", str(served.port))
    assert f"localhost:{served.port} cannot be listened on" in said
    assert "Traceback" not in said
