"""Digests of GGUF models: of the files as they are, and of what is in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from benchtui.models.gguf.header import GgufHeader, read_header
from benchtui.models.gguf.types import BLOCKS
from benchtui.models.identity import SMALL_WEIGHTS, add_samples
from benchtui.models.reading import Unreadable, open_regular
from benchtui.models.weights.safetensors import Header, Tensor

_BLOCK = 8 * 1024 * 1024


def gguf_identity(files: Sequence[Path], headers: Sequence[GgufHeader] = (), *, whole: bool = False) -> str:
    """Compute a digest of the content of a model's files, whatever they are called.

    `sha256:…` covers every byte (of one file, it is what `sha256sum` prints): used below `SMALL_WEIGHTS`, and with
    `whole`. Otherwise `sampled:…` covers the size and header of each file, blocks of every tensor, and blocks spread
    over the file. Raises FileNotFoundError, Unreadable.
    """
    if whole or sum(path.stat().st_size for path in files) < SMALL_WEIGHTS:
        digests = [_sha256(path) for path in files]
        return f"sha256:{digests[0].hex() if len(digests) == 1 else hashlib.sha256(b''.join(digests)).hexdigest()}"
    digest = hashlib.sha256()
    for path, header in zip(files, headers or [read_header(path) for path in files], strict=True):
        add_samples(digest, path, _as_safetensors(path, header))
    return f"sampled:{digest.hexdigest()}"


def content_digest(files: Sequence[Path]) -> str:
    """Compute a digest of the metadata and of every tensor (name, type, shape, numbers) of a model: `content:…`.

    It does not depend on the order of the tensors in the file, on their alignment, or on the parts that the model is
    split into: a file that Ollama stored is the same model as the one that it was given when these digests are equal
    (since 0.30 it writes the tensors in another order). Reads every byte. Raises FileNotFoundError, Unreadable.
    """
    metadata: dict[str, bytes] = {}
    tensors: dict[str, bytes] = {}
    for number, path in enumerate(files):
        header = read_header(path)
        descriptor = open_regular(path)
        try:
            for key, (start, end) in header.places.items() if number == 0 else ():
                if not key.startswith("split.") and key != "general.alignment":
                    metadata[key] = _digest_of(descriptor, start, end - start)
            for name, tensor in header.tensors.items():
                if tensor.kind not in BLOCKS:
                    raise Unreadable(f"has tensors of a type that is not known here ({tensor.kind})")
                content = _digest_of(descriptor, header.start + tensor.offset, tensor.bytes)
                tensors[name] = f"{tensor.kind} {tensor.shape} ".encode() + content
        except OSError as error:
            raise Unreadable(f"cannot be read ({(error.strerror or 'error').lower()})") from None
        finally:
            os.close(descriptor)
    digest = hashlib.sha256()
    for named in (metadata, tensors):
        digest.update(len(named).to_bytes(8, "little"))
        for name, content in sorted(named.items()):
            for piece in (name.encode("utf-8", "surrogatepass"), content):
                digest.update(len(piece).to_bytes(8, "little"))  # so that no two lists of pieces run together alike
                digest.update(piece)
    return f"content:{digest.hexdigest()}"


def _digest_of(descriptor: int, start: int, length: int) -> bytes:
    digest = hashlib.sha256()
    while length:
        block = os.pread(descriptor, min(length, _BLOCK), start)
        if not block:
            raise Unreadable("is cut short")
        digest.update(block)
        start, length = start + len(block), length - len(block)
    return digest.digest()


def _sha256(path: Path) -> bytes:
    with os.fdopen(open_regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _as_safetensors(path: Path, header: GgufHeader) -> Header:
    """Return the header in the form that is sampled by."""
    with os.fdopen(open_regular(path), "rb") as file:
        raw = file.read(header.start)
    tensors = {
        name: Tensor(data_offsets=(tensor.offset, tensor.offset + tensor.bytes))
        for name, tensor in header.tensors.items()
    }
    return Header(tensors, raw, path.stat().st_size, path.stat().st_mtime_ns)
