"""Ollama's own folder, read without a server."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError
from benchtui.models import ollama_store
from benchtui.models.ollama_store import (
    SERVICE_FOLDER,
    find_stored,
    manifest_path,
    modelfile_parameters,
    models_folders,
)

WEIGHTS = b"GGUF and more"
HEX = hashlib.sha256(WEIGHTS).hexdigest()
LAYER = "application/vnd.ollama.image."


def store(folder: Path, name: str = "registry.ollama.ai/library/m/latest", *kinds: str, digest: str = "") -> str:
    """Lay out a model with layers of these kinds; returns the digest that a server tells of it."""
    blob = folder / "blobs" / f"sha256-{HEX}"
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(WEIGHTS)
    layers = [
        {"mediaType": LAYER + kind, "digest": digest or f"sha256:{HEX}", "size": len(WEIGHTS)}
        for kind in kinds or ("model", "template", "params")
    ]
    manifest = folder / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "config": {"digest": "sha256:0"}, "layers": layers}))
    return hashlib.sha256(manifest.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("m", "registry.ollama.ai/library/m/latest"),
        ("m:1b-q4", "registry.ollama.ai/library/m/1b-q4"),
        ("me/m", "registry.ollama.ai/me/m/latest"),
        ("hf.co/me/m-GGUF:Q4_K_M", "hf.co/me/m-GGUF/Q4_K_M"),
    ],
)
def test_every_kind_of_name_is_found(tmp_path: Path, name: str, path: str) -> None:
    digest = store(tmp_path, path)
    found = find_stored(name, digest, [tmp_path / "not there", tmp_path])
    assert found.gguf == tmp_path / "blobs" / f"sha256-{HEX}"
    assert found.gguf.read_bytes() == WEIGHTS
    assert found.digest == digest
    assert found.manifest == tmp_path / "manifests" / path


@pytest.mark.parametrize("name", ["../m", "a/../../etc:passwd", "", "m:..", "/m", "m:a/b:c", "a//b", "a b"])
def test_a_name_never_leads_out_of_the_folder(name: str) -> None:
    with pytest.raises(BenchtuiError, match="is no name of an Ollama model"):
        manifest_path(name)


def test_where_models_are_looked_for() -> None:
    assert models_folders({"OLLAMA_MODELS": "/data/m"}) == (Path("/data/m"),)
    assert models_folders({}) == (Path.home() / ".ollama" / "models", SERVICE_FOLDER)


def test_a_model_of_another_server_is_not_taken_for_this_one(tmp_path: Path) -> None:
    store(tmp_path)
    with pytest.raises(BenchtuiError, match=r"is another model than the server's: sha256 .* there, ffffffffffff told"):
        find_stored("m", "f" * 64, [tmp_path])


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (("tensor", "tensor"), "safetensors for MLX, no GGUF"),
        (("model", "adapter"), "puts an adapter on its GGUF"),
        (("model", "model"), "lists 2 files of weights"),
        (("template",), "lists 0 files of weights"),
    ],
)
def test_what_cannot_be_opened_alone_is_told(tmp_path: Path, kinds: tuple[str, ...], words: str) -> None:
    digest = store(tmp_path, "registry.ollama.ai/library/m/latest", *kinds)
    with pytest.raises(BenchtuiError, match=words):
        find_stored("m", digest, [tmp_path])


def test_a_model_that_is_not_here(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match=r"m:1 is not in .*, so its GGUF cannot be opened") as error:
        find_stored("m:1", "0" * 64, [tmp_path])
    assert "OLLAMA_MODELS" in error.value.next_step


def test_broken_stores_are_told(tmp_path: Path) -> None:
    digest = store(tmp_path)
    blob = tmp_path / "blobs" / f"sha256-{HEX}"
    blob.write_bytes(b"PK")
    with pytest.raises(BenchtuiError, match="is no GGUF file"):
        find_stored("m", digest, [tmp_path])
    blob.unlink()
    with pytest.raises(BenchtuiError, match="is missing"):
        find_stored("m", digest, [tmp_path])
    other = store(tmp_path, digest="sha256:../../../etc/passwd")
    with pytest.raises(BenchtuiError, match="names no digest of its weights"):
        find_stored("m", other, [tmp_path])
    manifest = tmp_path / "manifests/registry.ollama.ai/library/m/latest"
    manifest.write_bytes(b"[1")
    with pytest.raises(BenchtuiError, match="cannot be read as a manifest"):
        find_stored("m", hashlib.sha256(b"[1").hexdigest(), [tmp_path])


def test_a_folder_of_the_service_says_how_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, limit: int) -> bytes:  # root, as whom tests may run, is refused nothing
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(ollama_store, "read_regular", refused)
    with pytest.raises(BenchtuiError, match="cannot be read by this user") as error:
        find_stored("m", store(tmp_path), [tmp_path])
    assert "usermod" in error.value.next_step


def test_parameters_of_a_modelfile() -> None:
    text = 'stop                           "<|im_start|>"\nstop    "<|im_end|>"\nnum_ctx   1024\ntemperature 0.2\n\nodd'
    assert modelfile_parameters(text) == {
        "stop": ["<|im_start|>", "<|im_end|>"],
        "num_ctx": [1024],
        "temperature": [0.2],
        "odd": [""],
    }
