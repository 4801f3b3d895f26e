"""Backends that are only described, as an installed package would bring them: for what is asked before a run starts."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend, Gives, Need
from benchtui.backends.registry import GROUP
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.layout import ModelFormat, TrainedModel

EVIL = "[bold red]evil[/] \x1b[31m[@click=app.quit]x[/] \u202eabc"


def _get(url: str) -> bytes:
    """Not by urllib: its opener and its proxies are the process's, and other tests have set them."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read(20_000)
    finally:
        connection.close()


class _Library(Backend):
    """Lists the models of a server, which answers a GET with a JSON list of names."""

    def list_models(self, outputs: Path, access: Access) -> list[TrainedModel]:
        if access.server is None:
            raise UsageError("No server is named.", "Type its URL.")
        try:
            names = json.loads(_get(access.server))
        except OSError as error:
            raise BenchtuiError(f"Nothing answers at {access.server}.", "Start it with `library serve`.") from error
        return [self._model(outputs, name) for name in names]

    def find(self, outputs: Path, selector: str | None, access: Access) -> TrainedModel:
        for model in self.list_models(outputs, access):
            if model.name == selector:
                return model
        raise UsageError(f"The server has no model {selector!r}.", "")

    def _model(self, outputs: Path, name: str) -> TrainedModel:
        place = outputs.absolute() / name.replace("/", "--")
        form = ModelFormat("served", place, 98_000_000, note="Q4_1, digest 0b5e1118", served_name=name)
        return TrainedModel(name, place, (form,))


FILES = Backend(
    "files",
    "a reader of GGUF files",
    takes=("gguf",),
    gives=Gives(generate=True, loglikelihood=True, distributions="full", chat=True),
    answering="nothing",
    costs="memory: little more than the file",
)
WRITER = Backend(
    "writer",
    "a writer of texts",
    takes=("merged_16bit",),
    gives=Gives(generate=True),
    answering="nothing",
)
NEEDY = Backend(
    "needy",
    "fast [b]kernels[/]",
    takes=("merged_16bit", "lora"),
    gives=Gives(generate=True, loglikelihood=True),
    answering="nothing",
    needs=(Need("no-such-package", "python -m pip install no-such-package"),),
)
LIBRARY = _Library(
    "library",
    "a server of models",
    takes=("served",),
    gives=Gives(generate=True),
    answering="nothing",
    served=True,
    costs="memory: the server's",
    unverified="not verified on a live server",
)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make these of the descriptions above (FILES, …) those of an installed package."""
    info = folder / "described-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: described\nVersion: 1.0\n")
    lines = [f"{name.lower()} = {__name__}:{name}" for name in names]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]) + "\n")
    monkeypatch.syspath_prepend(folder)


@contextmanager
def library_server(*names: str, silent: float = 0.0) -> Iterator[str]:
    """A server with these models, which takes `silent` seconds to answer; gives its URL."""
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            closing.wait(silent)
            body = json.dumps(names).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.daemon_threads = True
    threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{found.server_address[1]}"
    finally:
        closing.set()
        found.shutdown()
        found.server_close()
