"""Where Ollama keeps its models on this disk: manifests and blobs, read without a server.

`<models>/manifests/<host>/<namespace>/<model>/<tag>` is JSON that lists layers, `<models>/blobs/sha256-<hex>` has one
file a layer; the sha256 of a manifest file is the digest that the server tells of the model.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.files import read_regular
from benchtui.text import one_line

SERVICE_FOLDER = Path("/usr/share/ollama/.ollama/models")
"""Where the Linux service keeps them; it belongs to the user ollama."""
_LARGEST_MANIFEST = 4 * 2**20
_LAYER = "application/vnd.ollama.image."
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}")


@dataclass(frozen=True)
class StoredModel:
    """A model in Ollama's folder: the GGUF with its weights, and the digest of the manifest that names it."""

    manifest: Path
    digest: str
    gguf: Path


class _Layer(msgspec.Struct, frozen=True):
    media: str = msgspec.field(name="mediaType", default="")
    digest: str = ""


class _Manifest(msgspec.Struct, frozen=True):
    layers: tuple[_Layer, ...] = ()


def models_folders(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The folders that a server on this machine may keep its models in, the likeliest first."""
    if named := environment.get("OLLAMA_MODELS", "").strip():
        return (Path(named).expanduser(),)
    return (Path.home() / ".ollama" / "models", SERVICE_FOLDER)


def manifest_path(name: str) -> Path:
    """Return where below `manifests` the manifest of a model lies, by the name that Ollama calls it.

    `model` is registry.ollama.ai/library/model:latest, `hf.co/user/repo:quant` has a host. Raises BenchtuiError for
    what can be no name.
    """
    path, _, tag = name.rpartition(":") if ":" in name.rsplit("/", 1)[-1] else (name, "", "latest")
    parts = path.split("/")
    whole = {1: ["registry.ollama.ai", "library", *parts], 2: ["registry.ollama.ai", *parts]}.get(len(parts), parts)
    if not 3 <= len(whole) <= 8 or not all(_PART.fullmatch(part) for part in (*whole, tag)):
        raise BenchtuiError(f"{one_line(name)!r} is no name of an Ollama model.", "`ollama list` shows the names.")
    return Path(*whole, tag)


def find_stored(name: str, digest: str, folders: Iterable[Path] | None = None) -> StoredModel:
    """Find the GGUF of the model `name`, whose manifest has the sha256 `digest` (hex) as the server tells it.

    Raises BenchtuiError that says why it cannot be read: not here, not readable, replaced, no GGUF, more than one.
    """
    looked = tuple(folders) if folders is not None else models_folders()
    below = manifest_path(name)
    for folder in looked:
        manifest = folder / "manifests" / below
        try:
            raw = read_regular(manifest, _LARGEST_MANIFEST)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            raise _unreadable(folder) from None
        except OSError as error:
            raise BenchtuiError(f"{manifest} cannot be read: {error.strerror or error}.") from None
        return _stored(folder, manifest, raw, digest)
    raise BenchtuiError(
        f"{one_line(name)} is not in {' or '.join(str(folder) for folder in looked)}, so its GGUF cannot be opened.",
        "Set OLLAMA_MODELS to the folder that the server keeps its models in, on this machine.",
    )


def _stored(folder: Path, manifest: Path, raw: bytes, digest: str) -> StoredModel:
    there = hashlib.sha256(raw).hexdigest()
    if there != digest:
        raise BenchtuiError(
            f"{manifest} is another model than the server's: sha256 {there[:12]} there, {one_line(digest[:12])} told.",
            "Set OLLAMA_MODELS to the folder of the server that answers.",
        )
    try:
        layers = msgspec.json.decode(raw, type=_Manifest).layers
    except (msgspec.MsgspecError, RecursionError):
        raise BenchtuiError(f"{manifest} cannot be read as a manifest of Ollama.", "Pull the model again.") from None
    kinds: dict[str, list[str]] = {}
    for layer in layers:
        kinds.setdefault(layer.media.removeprefix(_LAYER), []).append(layer.digest)
    if "tensor" in kinds:
        raise BenchtuiError(
            f"{manifest} lists safetensors for MLX, no GGUF: log-likelihoods cannot be read from it.",
            "Evaluate its folder with --backend hf.",
        )
    if "adapter" in kinds:
        raise BenchtuiError(
            f"{manifest} puts an adapter on its GGUF: the file alone would be the model without the training.",
            "Merge the adapter, make the model from the merged folder, or evaluate the folder with --backend hf.",
        )
    weights = kinds.get("model", [])
    if len(weights) != 1:
        raise BenchtuiError(
            f"{manifest} lists {len(weights)} files of weights; benchtui opens models of one.",
            "Evaluate the file it was made from with --backend gguf.",
        )
    return StoredModel(manifest, there, _blob(folder, weights[0], manifest))


def _blob(folder: Path, digest: str, manifest: Path) -> Path:
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise BenchtuiError(f"{manifest} names no digest of its weights: {one_line(digest)!r}.", "Pull it again.")
    blob = folder / "blobs" / f"sha256-{found[1]}"
    try:
        with blob.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise BenchtuiError(f"{blob} is missing: {manifest} names it.", "Pull or create the model again.") from None
    except PermissionError:
        raise _unreadable(folder) from None
    except OSError as error:
        raise BenchtuiError(f"{blob} cannot be read: {error.strerror or error}.") from None
    if magic != b"GGUF":
        raise BenchtuiError(f"{blob} is no GGUF file.", "Evaluate the model's folder with --backend hf.")
    return blob


def _unreadable(folder: Path) -> BenchtuiError:
    return BenchtuiError(
        f"Ollama's models in {folder} cannot be read by this user (the service keeps them as the user ollama).",
        "Add yourself to its group (sudo usermod -aG ollama $USER, then log in again), or copy them and set "
        "OLLAMA_MODELS.",
    )


def modelfile_parameters(text: str) -> dict[str, list[Any]]:
    """Return the parameters that `/api/show` lists, one a line (`stop  "<|im_end|>"`), by their names."""
    found: dict[str, list[Any]] = {}
    for line in text.split("\n"):
        name, _, value = line.strip().partition(" ")
        if name:
            value = value.strip()
            try:
                read = msgspec.json.decode(value)
            except msgspec.MsgspecError:
                read = value
            found.setdefault(name, []).append(read)
    return found
