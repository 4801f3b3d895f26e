"""`benchtui serve`: the application in a browser, on this machine."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

import click

from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import BenchtuiError, ExitCode, UsageError
from benchtui.interpreter import this_python
from benchtui.settings.rows import SETTING


@click.command("serve", short_help="Open the application in a browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--host", default="localhost", show_default=True, help="Where to listen; only this machine by default.")
@click.option("--allow-others", is_flag=True, help="Listen where other machines can reach it, not encrypted.")
@setting_option("outputs")
def command(port: int, host: str, allow_others: bool, outputs: Path) -> int:
    """Open the same application in a browser, on this machine.

    The address printed has a token in it, new at every start, without which nobody gets in. Whoever has it can start
    and delete runs as you; it listens on localhost unless told otherwise.
    """
    if importlib.util.find_spec("textual_serve") is None:
        raise BenchtuiError("The browser version needs textual-serve.", "python -m pip install textual-serve")
    from benchtui.cli.terminal.browser import BrowserServer, is_local

    if not is_local(host) and not allow_others:
        raise UsageError(
            f"--host {host} can be reached from other machines, and what is sent is not encrypted.",
            f"Use localhost (over SSH: ssh -L {port or 8000}:localhost:{port or 8000} …), or add --allow-others.",
        )
    arguments = this_python("-m", "benchtui", "app", *SETTING["outputs"].arguments(outputs))
    chosen = port or _free_port(host)
    server = BrowserServer(shlex.join(arguments), host=host, port=chosen)
    click.echo(f"benchtui is on {server.address} until Ctrl+C. Keep this address to yourself.", err=True)
    try:
        server.serve()
    except OSError as error:
        raise BenchtuiError(
            f"{host}:{chosen} cannot be listened on: {error.strerror or error}.",
            "Use another --port; 0 takes a free one.",
        ) from None
    return ExitCode.DONE


def _free_port(host: str) -> int:
    import socket

    with socket.create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])
