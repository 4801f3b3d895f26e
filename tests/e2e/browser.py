"""A real browser for tests: Chromium without a window, in front of `benchtui serve`."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and its driver are not installed")

# The terminal is drawn on a canvas: what the application sends is read from the web socket instead.
_LISTEN = """
window.__sent = '';
const Original = window.WebSocket;
window.WebSocket = class extends Original {
  constructor(...args) {
    super(...args);
    const decoder = new TextDecoder();
    this.addEventListener('message', async (event) => {
      const data = event.data;
      if (data instanceof Blob) window.__sent += decoder.decode(await data.arrayBuffer());
      else if (data instanceof ArrayBuffer) window.__sent += decoder.decode(data);
    });
  }
};
"""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07")
KEYS = {"Enter": "\ue007", "Escape": "\ue00c"}


class Browser:
    """Chromium without a window, spoken to in the WebDriver protocol."""

    def __init__(self, folder: Path) -> None:
        assert DRIVER
        port = free_port()
        self._driver = subprocess.Popen(
            [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._base = f"http://127.0.0.1:{port}"
        self._folder = folder
        wait_until_answers(f"{self._base}/status")
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,800", "--disable-dev-shm-usage"]
        flags.append(f"--user-data-dir={folder / 'profile'}")
        options = {"browserName": "chrome", "goog:chromeOptions": {"binary": CHROMIUM, "args": flags}}
        session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": options}})
        self._session = f"/session/{session['sessionId']}"
        listen = {"cmd": "Page.addScriptToEvaluateOnNewDocument", "params": {"source": _LISTEN}}
        self._call("POST", f"{self._session}/goog/cdp/execute", listen)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        kind = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._base + path, data, kind, method=method)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode(errors='replace')[:2000]}") from error

    def open(self, url: str) -> None:
        self._call("POST", f"{self._session}/url", {"url": url})

    def press(self, key: str) -> None:
        """A character, or a name in KEYS."""
        self.type(KEYS.get(key, key))

    def type(self, text: str) -> None:
        """Press the key of each character of a text."""
        focus = {"script": "document.querySelector('.xterm-helper-textarea').focus()", "args": []}
        self._call("POST", f"{self._session}/execute/sync", focus)
        keys = [{"type": action, "value": key} for key in text for action in ("keyDown", "keyUp")]
        body = {"actions": [{"type": "key", "id": "keyboard", "actions": keys}]}
        self._call("POST", f"{self._session}/actions", body)

    def resize(self, width: int, height: int) -> None:
        """Make the window another size, in pixels."""
        self._call("POST", f"{self._session}/window/rect", {"width": width, "height": height})

    def title(self) -> str:
        """What the window is called."""
        return str(self._call("GET", f"{self._session}/title"))

    def sent(self) -> str:
        script = {"script": "return window.__sent || ''", "args": []}
        return _ESCAPES.sub("", self._call("POST", f"{self._session}/execute/sync", script))

    def wait_for(self, words: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while words not in self.sent():
            if time.monotonic() > end:
                picture = self._folder / "browser.png"
                picture.write_bytes(base64.b64decode(self._call("GET", f"{self._session}/screenshot")))
                raise AssertionError(
                    f"{words!r} was not sent within {seconds:.0f} s; picture: {picture}\n{self.sent()[-3000:]}"
                )
            time.sleep(0.2)

    def close(self) -> None:
        try:
            self._call("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.wait(10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until_answers(url: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - loopback
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < end, f"nothing answers at {url}"
            time.sleep(0.1)
        else:
            return


@contextmanager
def served_application(folder: Path, arguments: Sequence[str | Path]) -> Iterator[str]:
    """Run `benchtui serve` in `folder`, on a free port; yields its URL."""
    command = [sys.executable, "-m", "benchtui", "serve", "--port", "0", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        url = next(word for word in server.stderr.readline().split() if word.startswith("http"))
        wait_until_answers(url)
        yield url
    finally:
        server.terminate()
        server.wait(20)
