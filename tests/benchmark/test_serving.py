from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from benchtui.benchmark.serving import LLAMA_SERVER, OLLAMA, VLLM, served
from benchtui.demo.workspace import open_workspace
from benchtui.errors import BenchtuiError
from benchtui.models.source import FolderSource, GgufSource, HubSource, ServedSource
from tests.benchmark.serving_commands import command, evaluated, pasted, program, served_as, why
from tests.conftest import absent
from tests.llama_server import free_port

ODD = "it's $HOME & more"
"""A model's name that a shell would read otherwise."""


def merged(folder: Path) -> Path:
    found = folder / "merged_16bit"
    found.mkdir(parents=True)
    (found / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}))
    (found / "model.safetensors").write_bytes(b"\0" * 8)
    return found


def test_a_merged_folder(tmp_path: Path) -> None:
    folder = merged(tmp_path / ODD)
    found = served_as(folder.parent, FolderSource(str(folder), "identity", "merged_16bit"))
    assert found.place == str(folder)
    words = shlex.split(command(found, VLLM))
    assert words[:3] == ["vllm", "serve", str(folder)]
    assert words[3:] == ["--served-model-name", "it-s-home-more", "--host", "127.0.0.1", "--port", "8000"]
    assert "GGUF" in why(found, LLAMA_SERVER)
    create, run = command(found, OLLAMA).split(" && ")
    assert shlex.split(create)[:4] == ["benchtui", "ollama", "create", ODD]
    assert shlex.split(create)[4:] == [
        "--outputs", str(tmp_path), "--format", "merged_16bit", "--name", "it-s-home-more:16bit",
    ]  # fmt: skip
    assert run == "ollama run it-s-home-more:16bit"


def test_a_moved_folder_is_found_where_it_is_now(tmp_path: Path) -> None:
    folder = merged(tmp_path / "model")
    found = served_as(folder.parent, FolderSource("/gone/model/merged_16bit", "identity", "merged_16bit"))
    assert found.place == str(folder)
    shutil.rmtree(folder)
    gone = served_as(folder.parent, FolderSource("/gone/model/merged_16bit", "identity", "merged_16bit"))
    assert (gone.servings, gone.note) == ((), "the folder is not there any more")


def test_a_name_that_cannot_be_pasted_has_no_command(tmp_path: Path) -> None:
    folder = merged(tmp_path / "evil\x1b[2J\nrm")
    found = served_as(folder.parent, FolderSource(str(folder), "identity", "merged_16bit"))
    assert [each.command for each in found.servings] == ["", "", ""]
    assert "cannot be pasted" in why(found, VLLM)
    dashed = merged(tmp_path / "-rf")
    found = served_as(dashed.parent, FolderSource(str(dashed), "identity", "merged_16bit"))
    assert shlex.split(command(found, OLLAMA))[3] == str(dashed.parent)


def test_an_adapter_on_its_base(tmp_path: Path) -> None:
    place = open_workspace(tmp_path)
    lora = place.model / "lora"
    source = FolderSource(str(place.base), "identity", "lora", adapter=str(lora))
    found = served_as(place.model, source)
    assert found.place == str(lora)
    words = shlex.split(command(found, VLLM))
    assert words[:3] == ["vllm", "serve", str(place.base)]
    words.remove("--enable-lora")
    given = dict(zip(words[3::2], words[4::2], strict=True))
    rank = json.loads((lora / "adapter_config.json").read_text())["r"]
    assert int(given.pop("--max-lora-rank")) >= rank
    assert given == {
        "--tokenizer": str(lora),
        "--lora-modules": f"{place.model.name}-lora={lora}",
        "--host": "127.0.0.1",
        "--port": "8000",
    }
    assert "--from NAME" in why(found, OLLAMA)


def test_an_adapter_that_vllm_does_not_compute(tmp_path: Path) -> None:
    place = open_workspace(tmp_path)
    config = place.model / "lora" / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "use_dora": True}))
    source = FolderSource(str(place.base), "identity", "lora", adapter=str(config.parent))
    assert "it is a DoRA adapter" in why(served_as(place.model, source), VLLM)


def test_models_of_the_hub_of_servers_and_in_four_bits(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    hub = served_as(folder, HubSource("org/model", "identity", revision="abc"))
    assert "vllm serve org/model --revision abc " in command(hub, VLLM)
    ollama = served_as(folder, ServedSource("tuned:q8_0", "identity", server="http://x", product="ollama"))
    assert command(ollama, OLLAMA) == "ollama run tuned:q8_0"
    other = served_as(folder, ServedSource("tuned", "identity", server="http://x:1", product="vllm"))
    assert (other.servings, other.note) == ((), "it is served already: http://x:1")
    bits = served_as(folder, HubSource("org/model", "identity", load_in_4bit=True))
    assert [each.command for each in bits.servings] == ["", "", ""]


def test_a_run_that_does_not_say_what_it_evaluated(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="does not say which files"):
        served(tmp_path, tmp_path / "model", tmp_path / "model" / "run")


_LLAMA_SERVER = """
import argparse, sys
from tests.llama_server import _serve
parser = argparse.ArgumentParser()
for flag in ("--model", "--alias", "--host", "--port"):
    parser.add_argument(flag, required=True)
given = parser.parse_args()
assert given.host == "127.0.0.1"
_serve({"model": given.model, "model_alias": [given.alias], "port": int(given.port), "slots": 1, "context": 512,
        "f32_cache": False})
"""


@pytest.mark.llama_server
@pytest.mark.hub
@pytest.mark.slow
def test_a_real_llama_server_answers_after_the_command_was_pasted(tmp_path: Path) -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        absent("llama_server", "xllamacpp is not installed")
    from tests.worker.answering.openai.llama_asking import S260

    if not S260.is_file():
        absent("hub", "no hub beside the checkout")
    folder = tmp_path / ODD
    file = folder / "gguf" / "its file.gguf"
    file.parent.mkdir(parents=True)
    shutil.copy(S260, file)
    run = evaluated(folder, GgufSource(str(file), "identity", file.name, quantization="F32"))
    found = served(tmp_path, folder, run)
    assert found.place == str(file)
    port = free_port()
    line = command(found, LLAMA_SERVER)
    assert line.endswith("--port 8080")
    process = pasted(
        line.replace("8080", str(port)), program(tmp_path / "bin", "llama-server", _LLAMA_SERVER), tmp_path
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process)
        (model,) = httpx.get(f"{url}/v1/models", trust_env=False).json()["data"]
        assert model["id"] == "it-s-home-more-f32"
        body = {"model": model["id"], "prompt": "Once upon a time", "max_tokens": 5, "temperature": 0}
        answer = httpx.post(f"{url}/v1/completions", json=body, timeout=60, trust_env=False).json()
        assert answer["choices"][0]["text"].startswith(", there was")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _wait(url: str, process: subprocess.Popen[str]) -> None:
    """Return as soon as the server is healthy."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()[0]
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", trust_env=False).json() == {"status": "ok"}:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not answer within a minute")


@pytest.mark.gguf
@pytest.mark.slow
def test_ollama_makes_the_model_and_runs_it_after_the_command_was_pasted(tmp_path: Path, llama_cpp: None) -> None:
    from tests.worker import tiny_models
    from tests.worker.answering.gguf.files import write_gguf
    from tests.worker.answering.ollama.creating_fake import CreatingFake
    from tests.worker.answering.ollama.double import serving

    folder = tmp_path / "outputs" / ODD
    tiny_models.make_base(folder / "merged_16bit")
    (folder / "gguf").mkdir()
    file = folder / "gguf" / "tuned-F32.gguf"
    write_gguf(folder / "merged_16bit", file)
    run = evaluated(folder, GgufSource(str(file), "identity", file.name, quantization="F32"))
    line = command(served(tmp_path / "outputs", folder, run), OLLAMA)
    told = "import sys\nopen('ran', 'w').write(' '.join(sys.argv[1:]))\n"
    with serving(CreatingFake(file)) as fake:
        assert isinstance(fake, CreatingFake)
        process = pasted(line, program(tmp_path / "bin", "ollama", told), tmp_path, OLLAMA_HOST=fake.url)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert [made["model"] for made in fake.created] == ["it-s-home-more:f32"]
    assert fake.deleted == []
    assert (tmp_path / "ran").read_text() == "run it-s-home-more:f32"
