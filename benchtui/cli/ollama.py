"""`benchtui ollama create`: make a model in Ollama from what was trained, checked afterwards."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from benchtui.cli.parameters.settings import setting_option


@click.group(name="ollama", short_help="Make a trained model known to Ollama.")
def command() -> None:
    """Work with an Ollama server, found at OLLAMA_HOST or --server."""


@command.command(name="create")
@click.argument("model")
@setting_option("outputs")
@click.option("--format", "form", metavar="NAME", help="A GGUF file, merged_16bit, lora.  Default: the first there is.")
@click.option("--quantize", metavar="KIND", help="Of a merged folder: Q4_K_M, Q4_K_S, Q8_0, F16 or F32.")
@click.option("--name", metavar="NAME", help="Its name in Ollama.  Default: the model's, with its quantisation.")
@click.option("--from", "parent", metavar="NAME", help="Of an adapter: the model in Ollama that it is put on.")
@click.option("--base", metavar="ID", help="Of an adapter: its base for the comparison.  Default: what its files name.")
@click.option("--server", metavar="URL", help="Default: OLLAMA_HOST, or Ollama's own port on this machine.")
def create(
    model: str,
    outputs: Path,
    form: str | None,
    quantize: str | None,
    name: str | None,
    parent: str | None,
    base: str | None,
    server: str | None,
) -> None:
    """Give MODEL to Ollama: its GGUF file, its merged folder (quantised on request), or its adapter.

    Afterwards the number of tokens and the answers of a few prompts are compared with the model's own. One that Ollama
    read wrongly, which it does without a word, is deleted again.

    \b
    benchtui ollama create my-model                          its GGUF file, as my-model:q4_k_m
    benchtui ollama create my-model --format merged_16bit --quantize Q4_K_M
    """
    from benchtui.backends.hf import HF
    from benchtui.backends.ollama_server import look_at_ollama, ollama_url
    from benchtui.benchmark.create_in_ollama import create_in_ollama, plan_creation
    from benchtui.models.selection import find_model

    found = find_model(outputs, model, HF)
    creation = plan_creation(outputs, found, form, name, quantize, parent, base)
    there = look_at_ollama(ollama_url(server))
    create_in_ollama(creation, there, lambda words: click.echo(words, err=True), _shown)
    click.echo(creation.name)
    click.echo(f"benchtui run --backend ollama --model {creation.name}", err=True)


def _shown(name: str, sent: int, size: int) -> None:
    """Each tenth of a file that was sent: on a terminal in one line, else a line each."""
    from benchtui.models.layout import size_text
    from benchtui.text import one_line

    tenth, before = sent * 10 // size, (sent - 1) * 10 // size
    if tenth == before and sent != size:
        return
    end = "\r" if sys.stderr.isatty() and sent != size else "\n"
    sys.stderr.write(f"sending {one_line(name, 80)}: {size_text(sent)} of {size_text(size)}{end}")
    sys.stderr.flush()
