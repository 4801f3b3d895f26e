"""Making a model in an Ollama server: files are uploaded by their digests, the server writes them its own way."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchtui.backends.ollama_server import KEY_VARIABLE, full_name
from benchtui.backends.servers import is_local
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.layout import size_text
from benchtui.models.ollama_store import manifest_path, models_folders
from benchtui.text import one_line

QUANTISATIONS = ("F32", "F16", "Q4_K_S", "Q4_K_M", "Q8_0")
"""What a server makes of safetensors; it refuses others."""
_BLOCK = 2**20
_SILENCE = 1800.0
"""Seconds that a server may say nothing while it reads a file or writes its own: quantising takes minutes a step."""
_DELETE_SECONDS = 60.0
_UNSAFE = re.compile(r"[^a-z0-9_.-]+")

Said = Callable[[str], None]
Progressed = Callable[[str, int, int], None]
"""A file's name, its bytes that were sent, all of its bytes."""


def default_name(model: str, label: str) -> str:
    """Return a name for a model in Ollama: `my-model:q4_k_m`."""

    def part(text: str) -> str:
        return _UNSAFE.sub("-", text.lower()).strip("-._")

    return f"{part(model) or 'model'}:{part(label) or 'latest'}"


def check_name(name: str) -> str:
    """Return the name with its tag. Raises UsageError for what can be no name of Ollama's."""
    try:
        manifest_path(name)
    except BenchtuiError as error:
        raise UsageError(error.what, "Use letters, digits, dots and dashes: --name my-model:q4_k_m") from None
    return full_name(name)


def check_room(url: str, size: int) -> str:
    """Return in words how much room a model takes, twice its size. Raises BenchtuiError where this disk has less."""
    wanted = 2 * size
    words = f"{size_text(size)} are uploaded and written anew: {size_text(wanted)} until Ollama prunes"
    folder = next((folder for folder in models_folders() if folder.is_dir()), None)
    if not is_local(url) or folder is None:
        return f"{words}."
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise BenchtuiError(
            f"{folder} has {size_text(free)} free; {words}.", "Free some, or quantise the files before."
        )
    return f"{words}; {size_text(free)} are free."


def digests_of(files: Sequence[Path]) -> dict[Path, str]:
    """Return the SHA-256 of each file as Ollama writes it. Raises BenchtuiError for one that cannot be read."""
    found = {}
    for path in files:
        try:
            with path.open("rb") as file:
                found[path] = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        except OSError as error:
            raise BenchtuiError(f"{one_line(str(path), 200)} cannot be read: {error.strerror or error}.") from None
    return found


def upload(url: str, path: Path, digest: str, progress: Progressed) -> None:
    """Send a file, unless the server has it. Raises BenchtuiError where the server does not take it."""
    import os

    import httpx

    size, key = path.stat().st_size, os.environ.get(KEY_VARIABLE, "").strip()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address = f"{url.rstrip('/')}/api/blobs/{digest}"
    try:
        with httpx.Client(
            timeout=httpx.Timeout(60.0, read=_SILENCE), trust_env=not is_local(url), headers=headers
        ) as client:
            if client.head(address).status_code == 200:
                return
            answer = client.post(address, content=_blocks(path, size, progress), headers={"Content-Length": str(size)})
    except (httpx.HTTPError, OSError) as error:
        raise BenchtuiError(
            f"{one_line(path.name, 120)} could not be sent to {one_line(url, 200)}: {one_line(str(error), 200)}.",
            "Start again: what was sent is not sent twice.",
        ) from error
    if answer.status_code not in (200, 201):
        raise BenchtuiError(
            f"Ollama does not take {one_line(path.name, 120)} (HTTP {answer.status_code}): "
            f"{one_line(answer.text, 200)}."
        )


def _blocks(path: Path, size: int, progress: Progressed) -> Iterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
            sent += len(block)
            progress(path.name, sent, size)


def create(url: str, name: str, request: Mapping[str, Any], say: Said) -> None:
    """Have the server make the model `name` of files it was sent; what it does is said.

    Raises BenchtuiError with its words where it cannot, or ends without having said "success".
    """
    import httpx
    import ollama

    last = ""
    try:
        for step in _client(url, _SILENCE).create(name, **request, stream=True):
            status = one_line(str(step.status or ""), 200)
            if status and status != last:
                say(status)
            last = status or last
    except (ollama.ResponseError, httpx.HTTPError, ConnectionError) as error:
        raise BenchtuiError(f"Ollama could not make {name}: {one_line(str(error), 300)}.") from error
    if last != "success":
        raise BenchtuiError(f"Ollama stopped before {name} was made: its last word was {last!r}.", "Start again.")


def delete(url: str, name: str) -> None:
    """Delete a model. Raises BenchtuiError where the server does not."""
    import httpx
    import ollama

    try:
        _client(url, _DELETE_SECONDS).delete(name)
    except (ollama.ResponseError, httpx.HTTPError, ConnectionError) as error:
        raise BenchtuiError(
            f"{name} could not be deleted: {one_line(str(error), 200)}.", f"ollama rm {name}"
        ) from error


def _client(url: str, seconds: float) -> Any:
    import ollama

    # A redirect would lead to a host that nobody named.
    return ollama.Client(host=url, timeout=seconds, trust_env=not is_local(url), follow_redirects=False)
