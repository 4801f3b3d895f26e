"""`benchtui ollama create`: what was trained becomes a model of Ollama's, or there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_models_command import benchtui
from tests.worker import tiny_models
from tests.worker.answering.ollama.double import serving

if TYPE_CHECKING:
    from tests.worker.answering.ollama.creating_fake import CreatingFake

pytestmark = [pytest.mark.gguf, pytest.mark.usefixtures("llama_cpp")]


@pytest.fixture(scope="module")
def place(llama_cpp: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """outputs/tuned has a merged folder and its GGUF file; other.gguf has other weights."""
    from tests.worker.answering.gguf.files import write_gguf

    folder = tmp_path_factory.mktemp("create")
    tuned = folder / "outputs" / "tuned"
    tiny_models.make_base(tuned / "merged_16bit")
    (tuned / "gguf").mkdir()
    write_gguf(tuned / "merged_16bit", tuned / "gguf" / "tuned-F32.gguf")
    write_gguf(
        tuned / "merged_16bit",
        folder / "other.gguf",
        change=lambda tensors: {
            name: tensor[::-1].copy() if name.endswith("ffn_up.weight") else tensor for name, tensor in tensors.items()
        },
    )
    return folder


@pytest.fixture
def server(place: Path) -> Iterator[CreatingFake]:
    from tests.worker.answering.ollama.creating_fake import CreatingFake

    with serving(CreatingFake(place / "outputs" / "tuned" / "gguf" / "tuned-F32.gguf")) as fake:
        yield fake  # type: ignore[misc]


def create(place: Path, server: CreatingFake, *arguments: str) -> tuple[int, str, str]:
    done = benchtui("ollama", "create", *arguments, cwd=place, OLLAMA_HOST=server.url)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_a_gguf_file_becomes_a_model(place: Path, server: CreatingFake) -> None:
    code, out, err = create(place, server, "tuned")
    assert code == 0, err
    file = place / "outputs" / "tuned" / "gguf" / "tuned-F32.gguf"
    digest = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert server.created == [{"model": "tuned:f32", "stream": True, "files": {"tuned-F32.gguf": digest}}]
    assert out == "tuned:f32\n"
    assert "verifying conversion" in err
    assert "benchtui run --backend ollama --model tuned:f32" in err
    assert (server.deleted, "tuned:f32" in server.digests) == ([], True)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["weights", "tokenizer"])
def test_what_became_another_model_is_deleted(place: Path, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchtui.backends.ollama_server import look_at_ollama
    from benchtui.benchmark import create_in_ollama as creating
    from benchtui.errors import BenchtuiError
    from benchtui.models.discovery import discover
    from benchtui.worker.answering.ollama.created import Job, problem_of
    from tests.worker.answering.ollama.creating_fake import CreatingFake

    file = place / ("other.gguf" if wrong == "weights" else "outputs/tuned/gguf/tuned-F32.gguf")
    fake = CreatingFake(file)
    fake.more_tokens = 5 if wrong == "tokenizer" else 0
    found: list[str] = []

    def checked(creation: creating.Creation, url: str) -> str:
        found.append(problem_of(Job(url, creation.name, str(place / "outputs"), str(creation.form.path), "gguf")))
        return found[0]

    monkeypatch.setattr(creating, "_checked", checked)
    (model,) = discover(place / "outputs")
    with serving(fake):
        plan = creating.plan_creation(place / "outputs", model, None, None, None, None, None)
        with pytest.raises(BenchtuiError, match="What Ollama made is not tuned"):
            creating.create_in_ollama(plan, look_at_ollama(fake.url), lambda _: None, lambda *_: None)
    words = "it writes another token" if wrong == "weights" else "its tokenizer is another one"
    assert words in found[0]
    assert fake.deleted == ["tuned:f32"]
    assert list(fake.digests) == ["there:latest"]


def test_a_broken_answer_to_the_check_is_said_in_words(
    place: Path, server: CreatingFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchtui.errors import BenchtuiError
    from benchtui.worker.answering.ollama.created import Job, problem_of

    monkeypatch.setattr(server, "_entry", lambda *_: {"token": "a", "logprob": -1.0, "top_logprobs": [{}]})
    form = place / "outputs" / "tuned" / "gguf" / "tuned-F32.gguf"
    job = Job(server.url, "there", str(place / "outputs"), str(form), "gguf")
    with pytest.raises(
        BenchtuiError, match="Ollama gave no answer to check: a log-probability in the answer is no number"
    ):
        problem_of(job)


@pytest.mark.parametrize("name", ["there", "library/there", "registry.ollama.ai/library/there:latest", "THERE"])
def test_nothing_that_was_there_is_replaced(place: Path, server: CreatingFake, name: str) -> None:
    """Whatever the name is written like: Ollama reads all of these as the same model."""
    code, _, err = create(place, server, "tuned", "--name", name)
    assert code == 2
    assert "already; it is left as it is" in err
    assert (server.created, server.deleted, server.blobs) == ([], [], {})


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (
            ({"status": "reading"}, {"error": "tensor 'x' offset+size exceeds file size"}),
            "offset+size exceeds file size",
        ),
        (({"status": "reading"},), "its last word was 'reading'"),
    ],
)
def test_a_server_that_cannot_make_it_is_quoted(
    place: Path, server: CreatingFake, steps: tuple[dict[str, str], ...], words: str
) -> None:
    server.steps = steps
    code, out, err = create(place, server, "tuned")
    assert (code, out) == (1, "")
    assert words in err
    assert list(server.digests) == ["there:latest"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--quantize", "Q4_K_M"), "Add --format merged_16bit"),
        (("--format", "merged_16bit", "--quantize", "Q3_K"), "It makes F32, F16"),
        (("--name", "../../up"), "is no name of an Ollama model"),
        (("--from", "there"), "--from is for adapters"),
        (("--format", "lora"), "nothing here that Ollama could be given"),
    ],
)
def test_what_does_not_go_together_is_said(
    place: Path, server: CreatingFake, arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = create(place, server, "tuned", *arguments)
    assert code == 2
    assert words in err
    assert server.created == []


@pytest.mark.real
@pytest.mark.long
@pytest.mark.slow
def test_a_merged_folder_is_compared_through_transformers(real_model: Path, tmp_path: Path) -> None:
    """On a trained model: what one that was never trained writes is cut into other tokens when it is read again."""
    from tests.worker.answering.ollama.creating_fake import CreatingFake

    (tmp_path / "outputs" / "smol").mkdir(parents=True)
    (tmp_path / "outputs" / "smol" / "merged_16bit").symlink_to(real_model / "SmolLM2-135M-Instruct")
    with serving(CreatingFake(real_model / "SmolLM2-135M-Instruct.F32.gguf")) as fake:
        code, _, err = create(tmp_path, fake, "smol", "--format", "merged_16bit")  # type: ignore[arg-type]
        assert code == 0, err
        (made,) = fake.created  # type: ignore[attr-defined]
    assert made["model"] == "smol:16bit"
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= set(made["files"])
    assert set(made["files"].values()) == set(fake.blobs)  # type: ignore[attr-defined]
