"""`benchtui models`: what is in outputs/, and what a server has, as a table or as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchtui.cli.parameters.options import json_option
from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import BenchtuiError
from benchtui.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from benchtui.backends.backend import Backend
    from benchtui.backends.ollama_server import OllamaServer
    from benchtui.models.layout import TrainedModel
    from benchtui.models.listing import ListedModel

_SAID_FROM = 2**30
"""Bytes from which on a list tells that it reads a file: that takes seconds."""
_TABLE_LIMIT = 200
"""More models than this are printed as plain lines even on a terminal: nobody reads a table that long."""


@click.command(name="models", short_help="List the trained models in outputs/.")
@setting_option("outputs")
@setting_option("server", "Also list the models of this server, of Ollama or any that speaks OpenAI's language.")
@json_option("Print a JSON list instead of a table.")
@click.option("--verify", metavar="NAME", help="Read every weight file of this model and print its SHA-256.")
def command(outputs: Path, server: str | None, as_json: bool, verify: str | None) -> None:
    """List the trained models in outputs/: formats and sizes, base model, last result, and what is wrong.

    Below them, the models of the server that --server names, or of an Ollama server that answers (at OLLAMA_HOST, or
    its usual port): size, quantisation, digest, and which GGUF file of outputs/ each of Ollama's is, by its content.
    """
    from benchtui.backends.registry import DEFAULT_BACKEND, find_backend
    from benchtui.settings.config import load_config

    backend = find_backend(load_config().run_defaults.get("backend", DEFAULT_BACKEND))
    if verify is not None:
        _print_hashes(outputs, verify, backend)
        return
    from benchtui.reports.model_list import model_lines, model_record, print_model_table

    listed, problem = _of_outputs(outputs, backend)
    if as_json:
        _, records = _of_server(server, [item.model for item in listed])
        click.echo(json.dumps([*(model_record(item) for item in listed), *records], indent=2))
    else:
        if listed and sys.stdout.isatty() and len(listed) <= _TABLE_LIMIT:
            print_model_table(listed)
        else:
            for line in model_lines(listed) if listed else ():
                click.echo(line)
        lines, _ = _of_server(server, [item.model for item in listed])  # may read files: what is known is shown before
        for line in (*([""] if listed and lines else ()), *lines):
            click.echo(line)
    if problem is not None:
        raise problem


def _of_outputs(outputs: Path, backend: Backend) -> tuple[list[ListedModel], BenchtuiError | None]:
    """What is in outputs/, or why there is nothing."""
    from benchtui.models.listing import list_models

    try:
        return list_models(outputs, backend), None
    except BenchtuiError as error:
        return [], error


def _of_server(named: str | None, trained: Sequence[TrainedModel]) -> tuple[list[str], list[dict[str, Any]]]:
    """The lines and records of a server's models: of the named one, else of an Ollama that answers at once. Raises
    BenchtuiError where the named one does not answer."""
    from benchtui.backends.ollama_models import listed_server

    if named is None:
        ollama = listed_server()
        return _of_ollama(ollama, trained) if ollama else ([], [])
    from benchtui.backends.ollama_server import look_at_ollama
    from benchtui.backends.servers import look, server_url
    from benchtui.reports.served_list import served_lines, served_record

    url = server_url(named)
    try:
        ollama = look_at_ollama(url)
    except BenchtuiError:  # another product, or nothing: `look` says which
        facts = look(url)
        return list(served_lines(facts)), [served_record(facts, model) for model in facts.models]
    return _of_ollama(ollama, trained)


def _of_ollama(server: OllamaServer, trained: Sequence[TrainedModel]) -> tuple[list[str], list[dict[str, Any]]]:
    from benchtui.backends.ollama_models import listed_models
    from benchtui.models.gguf.same import Contents
    from benchtui.models.layout import size_text
    from benchtui.reports.ollama_list import ollama_lines, ollama_record
    from benchtui.tasks.cache import cache_folder

    def reading(path: Path, size: int) -> None:
        if size > _SAID_FROM:
            click.echo(f"Reading {one_line(path.name, 80)} ({size_text(size)}) once, to compare it.", err=True)

    served = listed_models(server, trained, Contents(cache_folder(), reading))
    lines = list(ollama_lines(server.url, served)) if served else []
    return lines, [ollama_record(server.url, item) for item in served]


def _print_hashes(outputs: Path, name: str, backend: Backend) -> None:
    """The files of every usable format as sha256sum prints them, each as soon as it is read."""
    from benchtui.models.selection import find_model
    from benchtui.models.verify import file_hashes

    model = find_model(outputs, name, backend)
    printed = False
    for form in model.formats:
        if form.usable() and not form.hub_id:
            for path, digest in file_hashes(form):
                click.echo(f"{digest}  {one_line(str(path), 400)}")
                printed = True
    if not printed:
        raise BenchtuiError(
            f"{one_line(model.name, 80)} has no files here that can be used.", "`benchtui models` says why."
        )
