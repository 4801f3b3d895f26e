"""`benchtui models` beside an Ollama server: its models, and which files of outputs/ they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.models.gguf.same import Contents
from tests.cli.test_models_command import benchtui
from tests.models.gguf_files import tensors, write_gguf
from tests.worker.answering.ollama.double import serving
from tests.worker.answering.ollama.fake import FakeOllama
from tests.worker.answering.openai.fake import Fake


def keep(store: Path, name: str, file: Path) -> str:
    """Put a file into Ollama's folder as the model `name`; returns its digest."""
    content = hashlib.sha256(file.read_bytes()).hexdigest()
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    (store / "blobs" / f"sha256-{content}").write_bytes(file.read_bytes())
    manifest = store / "manifests/registry.ollama.ai/library" / name / "latest"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{content}", "size": 1}
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
    return hashlib.sha256(manifest.read_bytes()).hexdigest()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeOllama]:
    """outputs/tuned has two files; Ollama has the first with its tensors in another order, and another model."""
    gguf, store = tmp_path / "outputs" / "tuned" / "gguf", tmp_path / "store"
    first, second = tensors(seed=1), tensors(seed=2)
    write_gguf(gguf / "tuned-F32.gguf", first)
    write_gguf(gguf / "tuned-other.gguf", second)
    fake = FakeOllama(lambda prompt: "")
    rewritten = write_gguf(tmp_path / "rewritten.gguf", dict(reversed(first.items())))
    third = write_gguf(tmp_path / "third.gguf", tensors(seed=3))
    fake.digests = {"mine:latest": keep(store, "mine", rewritten), "third:latest": keep(store, "third", third)}
    fake.digests["away:latest"] = "b" * 64
    with serving(fake):
        yield fake


def test_each_model_with_the_file_that_it_is(tmp_path: Path, server: FakeOllama) -> None:
    env = {
        "OLLAMA_HOST": server.url,
        "OLLAMA_MODELS": str(tmp_path / "store"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for _ in ("read", "remembered"):
        done = benchtui("models", cwd=tmp_path, **env)
        assert done.returncode == 0, done.stderr
        shown = done.stdout.split("Ollama at ")[1].splitlines()
        assert shown[0] == f"{server.url}: --backend ollama --model NAME evaluates these."
        mine, third, away = shown[2:]
        assert mine.split() == [
            "mine:latest",
            "5",
            "B",
            "F32",
            server.digests["mine:latest"][:12],
            "tuned",
            "(tuned-F32.gguf)",
        ]
        assert third.split()[-1] == "—"
        assert "not known: away:latest is not in" in away
    records = json.loads(benchtui("models", "--json", cwd=tmp_path, **env).stdout)
    assert [record["name"] for record in records] == ["tuned", "mine:latest", "third:latest", "away:latest"]
    assert records[1]["same_as"] == [{"model": "tuned", "format": "tuned-F32.gguf"}]
    assert (records[1]["server"], records[1]["digest"]) == (server.url, server.digests["mine:latest"])


def test_ollamas_models_are_listed_where_there_is_no_outputs_folder(tmp_path: Path, server: FakeOllama) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = benchtui("models", cwd=elsewhere, OLLAMA_HOST=server.url, OLLAMA_MODELS=str(tmp_path / "store"))
    assert "mine:latest" in done.stdout
    assert "outputs" in done.stderr


def test_a_server_that_does_not_answer_is_not_waited_for(tmp_path: Path, server: FakeOllama) -> None:
    done = benchtui("models", cwd=tmp_path, OLLAMA_HOST="127.0.0.1:9")
    assert done.returncode == 0
    assert "Ollama" not in done.stdout + done.stderr


def test_what_is_remembered_is_of_the_file_as_it_was(tmp_path: Path) -> None:
    one, other = write_gguf(tmp_path / "a.gguf", tensors(seed=1)), write_gguf(tmp_path / "b.gguf", tensors(seed=1))
    assert Contents(tmp_path / "cache").same(one, [other]) == [other]
    write_gguf(other, tensors(seed=2))
    assert Contents(tmp_path / "cache").same(one, [other]) == []
    (tmp_path / "cache" / "gguf-contents.json").write_text("{")
    write_gguf(other, tensors(seed=1))
    assert Contents(tmp_path / "cache").same(one, [other, tmp_path / "gone.gguf"]) == [other]


def test_what_a_named_server_has_is_listed(tmp_path: Path, server: FakeOllama) -> None:
    env = {"OLLAMA_HOST": "127.0.0.1:9", "OLLAMA_MODELS": str(tmp_path / "store")}
    of_ollama = benchtui("models", "--server", server.url, cwd=tmp_path, **env)
    assert of_ollama.returncode == 0, of_ollama.stderr
    assert f"Ollama at {server.url}" in of_ollama.stdout
    with Fake() as other:
        shown = benchtui("models", "--server", f"{other.url}/v1", cwd=tmp_path, **env).stdout
        assert f"openai: --backend openai --server {other.url} --model NAME evaluates these." in shown
        assert shown.splitlines()[-1].split() == ["fake-1", "4,096", "—"]
        (record,) = json.loads(benchtui("models", "--json", "--server", other.url, cwd=tmp_path, **env).stdout)[1:]
        assert (record["kind"], record["name"], record["window"]) == ("served", "fake-1", 4096)
    gone = benchtui("models", "--server", other.url, cwd=tmp_path, **env)
    assert gone.returncode == 1
    assert "tuned" in gone.stdout
    assert f"{other.url} does not answer as a server" in gone.stderr
