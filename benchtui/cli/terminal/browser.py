"""The server behind `benchtui serve`: textual-serve's, for whoever has its address with the token, loading nothing from
elsewhere."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import aiohttp_jinja2
from aiohttp import web
from textual_serve.server import Server

_FOREIGN_STYLE = re.compile(r'<link\b[^>]*href="https?://[^"]*"[^>]*>')
_TEMPLATE = "app_index.html"
_LARGEST_FONT = 72

_FOLLOW_ADDRESS = """<script>
{
  const socket = new URL("ws", window.location.href);
  socket.protocol = socket.protocol.replace("http", "ws");
  document.getElementById("terminal").dataset.sessionWebsocketUrl = socket.href;
}
</script>
</body>"""
"""The browser knows best by which name, port and scheme it came here: through a tunnel they are none of ours."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

NOT_INVITED = "Open the whole address that `benchtui serve` printed: its token is missing or wrong here."
FOREIGN_PAGE = "Another page may not use benchtui."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BrowserServer(Server):
    """Answers below /TOKEN/ only. `serve` runs until Ctrl+C.

    The token is part of every path and in no cookie: cookies of localhost go to every port of the machine, and so to
    the servers of its other users.
    """

    def __init__(self, command: str, *, host: str, port: int) -> None:
        super().__init__(command, host=host, port=port, title="benchtui")
        self.token = secrets.token_urlsafe(24)
        self._files = {
            file.relative_to(self.statics_path).as_posix(): file
            for file in self.statics_path.rglob("*")
            if file.is_file()
        }

    @property
    def address(self) -> str:
        """What to open in a browser."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/{self.token}/"

    def serve(self, debug: bool = False) -> None:
        """Raises OSError when the port cannot be listened on."""
        with TemporaryDirectory(prefix="benchtui-serve-") as folder:
            page = (self.templates_path / _TEMPLATE).read_text(encoding="utf-8")
            # A font from the network tells others who uses this, and waits for them where there is no network.
            page = _FOREIGN_STYLE.sub("", page).replace("</body>", _FOLLOW_ADDRESS)
            (Path(folder) / _TEMPLATE).write_text(page, encoding="utf-8")
            self.templates_path = Path(folder)
            super().serve(debug)

    def initialize_logging(self) -> None:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")

    async def on_startup(self, app: web.Application) -> None:
        """The command has said where it is."""

    async def _make_app(self) -> web.Application:
        app = web.Application(middlewares=[self._invited_only])
        loader = (await super()._make_app())[aiohttp_jinja2.APP_KEY].loader
        aiohttp_jinja2.setup(app, loader=loader)
        app.add_routes(
            [
                web.get("/{token}", self._add_slash),
                web.get("/{token}/", self.handle_index),
                web.get("/{token}/ws", self.handle_websocket),
                web.get("/{token}/static/{name:.+}", self._static),
            ]
        )
        app.on_shutdown.append(self.on_shutdown)
        return app

    @web.middleware
    async def _invited_only(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse whoever does not know the token, and other pages in the user's browser: who can talk to us can start
        and delete runs."""
        given = request.path.removeprefix("/").split("/", 1)[0].encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self.token.encode()):
            raise web.HTTPForbidden(text=NOT_INVITED, headers=_HEADERS)
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc not in _own_names(request):
            raise web.HTTPForbidden(text=FOREIGN_PAGE, headers=_HEADERS)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    async def _add_slash(self, _: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"/{self.token}/", headers=_HEADERS)

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page; everything it loads is named relative to it."""
        size = request.query.get("fontsize", "")
        context = {
            "font_size": int(size) if re.fullmatch("[0-9]{1,2}", size) and 0 < int(size) <= _LARGEST_FONT else 16,
            "app_websocket_url": f"{request.scheme.replace('http', 'ws')}://{request.host}/{self.token}/ws",
            "config": {"static": {"url": "static/"}},
            "application": {"name": self.title},
        }
        return aiohttp_jinja2.render_template(_TEMPLATE, request, context)

    async def _static(self, request: web.Request) -> web.StreamResponse:
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound(text="There is no such file.", headers=_HEADERS)
        return web.FileResponse(file)


def _own_names(request: web.Request) -> tuple[str, ...]:
    """The names by which the browser may know us: a proxy that changes Host says by which one it was asked."""
    forwarded = request.headers.get("X-Forwarded-Host", "")
    return (request.host, *(name.strip() for name in forwarded.split(",") if name.strip()))


def is_local(host: str) -> bool:
    """Whether `host` is this machine seen from itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
