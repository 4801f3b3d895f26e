"""The commands that serve a model as it was evaluated: by Ollama, llama-server and vLLM."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import msgspec

from benchtui.backends.ollama_create import default_name
from benchtui.backends.vllm_adapters import largest_rank, why_not
from benchtui.errors import BenchtuiError
from benchtui.models.describe import describe
from benchtui.models.discovery import absolute, inspect_model
from benchtui.models.layout import ModelFormat
from benchtui.models.source import FolderSource, GgufSource, HubSource, ServedSource
from benchtui.runs.directory import RunDirectory
from benchtui.settings.rows import SETTING
from benchtui.text import one_line

OLLAMA, LLAMA_SERVER, VLLM = "Ollama", "llama-server", "vLLM"
_HERE = ("--host", "127.0.0.1")


class Serving(msgspec.Struct, frozen=True):
    """How one server serves the model: a command for a shell, or why there is none."""

    server: str
    command: str = ""
    why: str = ""


class Served(msgspec.Struct, frozen=True):
    """Where the model is (`place`: a file, a folder, a hub id, a server's name for it), and how it is served. `note`
    says what is to be known before, "" for nothing."""

    place: str
    servings: tuple[Serving, ...] = ()
    note: str = ""


def served(outputs: Path, folder: Path, run: Path) -> Served:
    """Say how the model that `run` evaluated is served; `folder` is the model's folder, which may have been moved.

    Raises BenchtuiError where the run does not say what it evaluated.
    """
    plan = RunDirectory(run).readable_plan()
    if plan is None:
        raise BenchtuiError(f"{run} does not say which files it evaluated.", "Evaluate the model again.")
    source = plan.source
    if isinstance(source, ServedSource):
        return _by_its_server(source)
    if not isinstance(source, FolderSource | HubSource | GgufSource):
        return Served(source.path, note="two models that answer as one are served by none of these servers")
    form = next((form for form in inspect_model(folder).formats if form.label == source.format), None)
    if isinstance(source, GgufSource):
        return _gguf(outputs, folder, form, source)
    return _hugging_face(outputs, folder, form, source)


def _by_its_server(source: ServedSource) -> Served:
    if source.product == "ollama":
        return Served(source.path, (_serving(OLLAMA, _shell("ollama", "run", source.path)),))
    return Served(source.path, note=f"it is served already: {source.server}")


# GGUF files


def _gguf(outputs: Path, folder: Path, form: ModelFormat | None, source: GgufSource) -> Served:
    place = form.path if form is not None else Path(source.path)
    if not place.is_file():
        return Served(str(place), note="the file is not there any more")
    label = source.quantization or place.stem
    alias = _name(folder, label)
    server = _shell("llama-server", "--model", place, "--alias", alias, *_HERE, "--port", "8080")
    return Served(
        str(place),
        (
            _ollama(outputs, folder, form, label),
            _serving(LLAMA_SERVER, server),
            Serving(VLLM, why="it reads GGUF files only in part; give it the folder that the file was made of"),
        ),
    )


def _ollama(outputs: Path, folder: Path, form: ModelFormat | None, label: str) -> Serving:
    """Have Ollama make the model by `benchtui ollama create`, which looks whether it is the same one afterwards."""
    if form is None or form.hub_id:
        return Serving(OLLAMA, why="the files do not lie in a model's folder here")
    if form.parts:
        return Serving(OLLAMA, why="it takes one file: join the parts with llama-gguf-split --merge")
    name = default_name(folder.name, label)
    by_name = absolute(folder.parent) == absolute(outputs) and not folder.name.startswith("-")
    named = folder.name if by_name else str(absolute(folder))
    there = () if outputs == SETTING["outputs"].default else ("--outputs", outputs)
    create = _shell("benchtui", "ollama", "create", named, *there, "--format", form.label, "--name", name)
    return _serving(OLLAMA, f"{create} && {_shell('ollama', 'run', name)}")


# Models in Hugging Face's format


def _hugging_face(outputs: Path, folder: Path, form: ModelFormat | None, source: FolderSource | HubSource) -> Served:
    model = source.adapter or source.path
    if form is not None and not form.hub_id:
        model = str(form.path)
    if Path(model).is_absolute() and not Path(model).is_dir():
        return Served(model, note="the folder is not there any more")
    needs_file = Serving(LLAMA_SERVER, why="it reads GGUF files; llama.cpp's convert_hf_to_gguf.py makes one")
    if source.load_in_4bit:
        why = "it was loaded in 4 bits by transformers, which this server computes in another way"
        return Served(model, (Serving(OLLAMA, why=why), needs_file, Serving(VLLM, why=why)))
    if source.adapter:
        ollama = Serving(
            OLLAMA, why="it puts an adapter on a model that it has: benchtui ollama create --format … --from NAME"
        )
        return Served(model, (ollama, needs_file, _adapter_in_vllm(folder, model, source)))
    label = "16bit" if source.format in ("merged_16bit", "full") else source.format
    name = _name(folder, "" if source.format in ("merged_16bit", "full", "hub") else source.format)
    vllm = _vllm(model, source, "--served-model-name", name)
    return Served(model, (_ollama(outputs, folder, form, label), needs_file, _serving(VLLM, vllm)))


def _adapter_in_vllm(folder: Path, adapter: str, source: FolderSource | HubSource) -> Serving:
    if Path(source.path).is_absolute() and not Path(source.path).is_dir():
        return Serving(VLLM, why=f"its base is not there any more: {one_line(source.path, 200)}")
    try:
        own = describe(adapter, offline=True)
        base = describe(source.path, revision=source.revision, offline=True)
        if why := why_not(own, base):
            return Serving(VLLM, why=f"it does not put this adapter on its base: {why}")
        rank = largest_rank(own)
    except BenchtuiError as error:
        return Serving(VLLM, why=one_line(error.what, 300))
    name = _name(folder, source.format)
    module = f"{name}={adapter}"
    if "=" in adapter or "," in adapter:
        module = json.dumps({"name": name, "path": adapter})
    lora = ("--enable-lora", "--max-lora-rank", str(rank), "--lora-modules", module)
    return _serving(VLLM, _vllm(source.path, source, *lora, adapter=adapter))


def _vllm(model: str, source: FolderSource | HubSource, *more: str, adapter: str = "") -> str:
    revision = ("--revision", source.revision) if source.revision else ()
    tokenizer = source.tokenizer_place
    if adapter and tokenizer == source.adapter:
        tokenizer = adapter
    own = ("--tokenizer", tokenizer) if tokenizer not in (source.path, model) else ()
    return _shell("vllm", "serve", model, *revision, *own, *more, *_HERE, "--port", "8000")


def _name(folder: Path, form: str) -> str:
    """Return a name for requests, of characters that no server or shell reads otherwise."""
    name = default_name(folder.name, form)
    return name.replace(":", "-") if form else name.partition(":")[0]


def _serving(server: str, command: str) -> Serving:
    """Return the command, unless a terminal would change it when it is shown and pasted."""
    if command != one_line(command, len(command)):
        return Serving(server, why="the path has characters that cannot be pasted")
    return Serving(server, command)


def _shell(*words: str | Path) -> str:
    return shlex.join(map(str, words))
