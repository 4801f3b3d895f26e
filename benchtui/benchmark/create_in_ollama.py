"""Make a model in Ollama from what was trained, and keep it only where it is the same model."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from benchtui.backends.ollama_create import (
    QUANTISATIONS,
    Progressed,
    Said,
    check_name,
    check_room,
    create,
    default_name,
    delete,
    digests_of,
    upload,
)
from benchtui.backends.ollama_server import OllamaServer, look_at_ollama
from benchtui.errors import BenchtuiError, UsageError
from benchtui.interpreter import this_python
from benchtui.models.gguf.parts import files_of
from benchtui.models.layout import ModelFormat, TrainedModel
from benchtui.runs.worker_contract import SUPERVISOR_PID
from benchtui.text import one_line

_COMPARING_SECONDS = 3600.0
_END = 64 * 2**10
_FOLDER_FILES = (".safetensors", ".json", ".model", ".jinja", ".txt")
"""What Ollama reads of a model's folder: weights, configuration, tokenizer, template. Never pickles or code."""


@dataclass(frozen=True)
class Creation:
    """What is made: `form` of `model` as `name`; `quantize` "" leaves the weights as they are. `parent` is the name in
    Ollama that an adapter is put on, `base` what benchtui loads it on, to check."""

    outputs: Path
    model: TrainedModel
    form: ModelFormat
    name: str
    quantize: str = ""
    parent: str | None = None
    base: str | None = None


def plan_creation(
    outputs: Path,
    model: TrainedModel,
    wanted: str | None,
    name: str | None,
    quantize: str | None,
    parent: str | None,
    base: str | None,
) -> Creation:
    """Settle what is made of a trained model: a GGUF file where there is one, else a merged folder, else an adapter.

    Raises UsageError naming what does not go together.
    """
    forms = [form for form in model.formats if form.usable() and not form.hub_id and form.kind != "merged_4bit"]
    if wanted is not None:
        forms = [form for form in forms if wanted in (form.label, form.kind, form.path.name)]
    order = {"gguf": 0, "merged_16bit": 1, "full": 1, "lora": 3}
    forms.sort(key=lambda form: order.get(form.kind, 2))
    if not forms:
        there = ", ".join(one_line(form.label, 60) for form in model.formats) or "nothing"
        raise UsageError(
            f"{one_line(model.name, 80)} has nothing here that Ollama could be given: there is {there}.",
            "Name a format with --format: a GGUF file, merged_16bit, or lora.",
        )
    form = forms[0]
    if form.parts:
        raise UsageError(
            f"{one_line(form.label, 80)} is in several parts.", "Join them first: llama-gguf-split --merge."
        )
    if form.kind == "gguf" and quantize:
        raise UsageError("Ollama quantises folders with safetensors, no GGUF file.", "Add --format merged_16bit.")
    if quantize and quantize.upper() not in QUANTISATIONS:
        raise UsageError(
            f"Ollama does not make {one_line(quantize, 40)!r} of a model.", f"It makes {', '.join(QUANTISATIONS)}."
        )
    if form.adapter and parent is None:
        raise UsageError(
            "An adapter is put on a model that Ollama has.", "Name it: --from NAME, the same base it was trained on."
        )
    if parent is not None and not form.adapter:
        raise UsageError("--from is for adapters; this is a whole model.", "Leave it out, or add --format lora.")
    label = quantize or form.quantization or ("lora" if form.adapter else "16bit")
    made = check_name(name or default_name(model.name, label))
    return Creation(outputs, model, form, made, (quantize or "").upper(), parent, base)


def create_in_ollama(creation: Creation, server: OllamaServer, say: Said, progress: Progressed) -> None:
    """Make the model, compare it with what it was made from, and delete it where it is another one.

    Nothing that was there before is replaced or deleted. Raises BenchtuiError saying why there is no such model now.
    """
    _refuse_replacing(creation, server)
    if creation.parent is not None:
        server.model(creation.parent)
    files = _files(creation.form)
    say(check_room(server.url, sum(path.stat().st_size for path in files)))
    digests = digests_of(files)
    for path in files:
        upload(server.url, path, digests[path], progress)
    _refuse_replacing(creation, look_at_ollama(server.url))  # sending takes a while: somebody may have made it
    try:
        create(server.url, creation.name, _request(creation, files, digests), say)
        say("comparing its answers with the model's own")
        problem = _checked(creation, server.url)
    except BaseException:
        _take_back(creation, server, say)
        raise
    if problem:
        try:
            delete(server.url, creation.name)
            left = "It was deleted."
        except BenchtuiError:
            left = f"It could not be deleted: `ollama rm {creation.name}` does."
        raise BenchtuiError(
            f"What Ollama made is not {one_line(creation.model.name, 80)}: {one_line(problem, 300)}. {left}",
            "Make it of a GGUF file that llama.cpp's own converter wrote (--format NAME.gguf), or evaluate the folder "
            "with --backend hf.",
        )


def _refuse_replacing(creation: Creation, server: OllamaServer) -> None:
    if server.find(creation.name) is not None:
        raise UsageError(
            f"Ollama has a model {creation.name} already; it is left as it is.", "Give another name: --name NAME"
        )


def _take_back(creation: Creation, server: OllamaServer, say: Said) -> None:
    """Delete what was half made or could not be compared; what cannot be deleted is said."""
    try:
        if look_at_ollama(server.url).find(creation.name) is not None:
            delete(server.url, creation.name)
            say(f"{creation.name} was deleted again")
    except BenchtuiError as error:
        say(f"{creation.name} may be left at the server: {error}")


def _files(form: ModelFormat) -> list[Path]:
    if form.kind == "gguf":
        return list(files_of(form.path).files)
    return sorted(path for path in form.path.iterdir() if path.suffix in _FOLDER_FILES and path.is_file())


def _request(creation: Creation, files: list[Path], digests: dict[Path, str]) -> dict[str, Any]:
    named = {path.name: digests[path] for path in files}
    if creation.form.adapter:
        return {"from_": creation.parent, "adapters": named}
    return {"files": named, **({"quantize": creation.quantize} if creation.quantize else {})}


def _checked(creation: Creation, url: str) -> str:
    """What shows that the server's model is another one, found by a process of its own: it loads the model."""
    form = creation.form
    job = {
        "url": url,
        "name": creation.name,
        "outputs": str(creation.outputs),
        "model": creation.model.name if creation.model.path.parent == creation.outputs else str(creation.model.path),
        "backend": "gguf" if form.kind == "gguf" else "hf",
        "format": form.label,
        "base": creation.base,
        "quantised": bool(creation.quantize) or form.adapter or form.quantization not in ("", "F32", "F16", "BF16"),
    }
    if form.kind == "gguf":
        job |= {"model": str(form.path), "format": None}
    said, complaint = _in_a_process(msgspec.json.encode(job).decode())
    try:
        found = msgspec.json.decode(said.strip().split(b"\n")[-1], type=dict[str, str])
    except msgspec.MsgspecError:
        last = complaint.decode(errors="replace").strip().split("\n")[-1]
        raise BenchtuiError(f"The model could not be compared: {one_line(last, 300)}.") from None
    if "error" in found:
        raise BenchtuiError(f"The model could not be compared: {one_line(found['error'], 400)}")
    return found["problem"]


def _in_a_process(job: str) -> tuple[bytes, bytes]:
    """The ends of what the comparing process says and complains of. It dies with this one: it holds a model."""
    reading, writing = os.pipe()  # open as long as this process lives: the other one watches it
    command = this_python("-m", "benchtui.worker.answering.ollama.created", job)
    environment = {**os.environ, SUPERVISOR_PID: str(os.getpid())}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                command, stdin=reading, stdout=out, stderr=err, env=environment, start_new_session=True
            )
            try:
                process.wait(_COMPARING_SECONDS)
            except subprocess.TimeoutExpired:
                raise BenchtuiError(f"The comparison took longer than {_COMPARING_SECONDS // 60:g} minutes.") from None
            finally:
                process.kill()
                process.wait()
        finally:
            os.close(reading)
            os.close(writing)
        return _end_of(out), _end_of(err)


def _end_of(file: IO[bytes]) -> bytes:
    file.seek(max(file.seek(0, os.SEEK_END) - _END, 0))
    return file.read(_END)
