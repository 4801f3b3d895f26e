"""The server behind `benchtui serve`: textual-serve's, for its own pages only, loading nothing from elsewhere."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

_FOREIGN_STYLE = re.compile(r'<link\b[^>]*href="https?://[^"]*"[^>]*>')
_TEMPLATE = "app_index.html"


class BrowserServer(Server):
    """`public` when other machines may connect. `serve` runs until Ctrl+C."""

    def __init__(self, command: str, *, host: str, port: int, public: bool) -> None:
        super().__init__(command, host=host, port=port, title="benchtui")
        self._public = public

    def serve(self, debug: bool = False) -> None:
        with TemporaryDirectory(prefix="benchtui-serve-") as folder:
            page = (self.templates_path / _TEMPLATE).read_text(encoding="utf-8")
            # A font from the network tells others who uses this, and waits for them where there is no network.
            (Path(folder) / _TEMPLATE).write_text(_FOREIGN_STYLE.sub("", page), encoding="utf-8")
            self.templates_path = Path(folder)
            super().serve(debug)

    def initialize_logging(self) -> None:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")

    async def on_startup(self, app: web.Application) -> None:
        """The command has said where it is."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._own_pages_only)
        return app

    @web.middleware
    async def _own_pages_only(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:  # fmt: skip
        """Refuse what another page sends from the user's browser: who can talk to us can start and delete runs."""
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="Another page may not use benchtui.")
        if not self._public and not is_local(urlsplit(f"//{request.host}").hostname or ""):
            raise web.HTTPForbidden(text="benchtui answers on localhost only.")
        return await handler(request)


def is_local(host: str) -> bool:
    """Whether `host` is this machine seen from itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
