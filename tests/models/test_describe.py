"""What is known of a model before it is loaded, from its folder or from a hub."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.backends.hf import HF
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.base import resolve_base
from benchtui.models.describe import describe
from benchtui.models.selection import choose_format, find_model
from tests.models.model_folders import (
    LLAMA,
    LLAMA_NUMBERS,
    adapter,
    cut,
    full_model,
    sharded_model,
    weights,
    write_json,
)
from tests.models.tiny_hub import COMMIT, TinyHub, serve_tiny_hub


def test_a_local_model(tmp_path: Path) -> None:
    described = describe(full_model(tmp_path / "m"))
    assert described.name == str(tmp_path / "m")
    assert described.local
    assert described.has_tokenizer
    assert (described.parameters, described.parameters_estimated, described.dtype) == (LLAMA_NUMBERS, False, "float16")
    assert described.weight_bytes == (tmp_path / "m" / "model.safetensors").stat().st_size
    shape = described.architecture
    assert (shape.model_type, shape.max_positions, shape.vocab_size, shape.hidden_size) == ("llama", 512, 512, 64)
    assert (shape.layers, shape.kv_heads, shape.head_dim) == (2, 4, 8)
    assert not shape.remote_code


def test_shards_are_counted_together(tmp_path: Path) -> None:
    described = describe(sharded_model(tmp_path / "m", shards=3))
    assert described.parameters == LLAMA_NUMBERS


def test_an_adapter_names_its_base(tmp_path: Path) -> None:
    described = describe(adapter(tmp_path / "lora", base="meta/Base"))
    assert described.adapter
    assert described.adapter_base == "meta/Base"
    assert not described.has_tokenizer


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12}, (1024, 768, 12, 12, 64)),
        ({"hidden_size": 64, "num_attention_heads": 8, "multi_query": True}, (None, 64, None, 1, 8)),
        (
            {"text_config": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "head_dim": 16}},
            (None, 32, 3, 4, 16),
        ),
        ({"hidden_size": "many", "num_hidden_layers": -1, "num_attention_heads": True}, (None,) * 5),
    ],
)
def test_other_names_for_the_same_figures(
    tmp_path: Path, config: dict[str, object], expected: tuple[int | None, ...]
) -> None:
    write_json(full_model(tmp_path / "m") / "config.json", config)
    shape = describe(tmp_path / "m").architecture
    assert (shape.max_positions, shape.hidden_size, shape.layers, shape.kv_heads, shape.head_dim) == expected


def test_quantised_weights_and_remote_code(tmp_path: Path) -> None:
    folder = full_model(
        tmp_path / "m",
        quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True},
        auto_map={"AutoModelForCausalLM": "modeling.Model"},
    )
    weights(folder / "model.safetensors", dtype="uint8")
    described = describe(folder)
    assert (described.architecture.quantization, described.architecture.four_bit) == ("bitsandbytes", True)
    assert described.architecture.remote_code
    assert (described.parameters, described.parameters_estimated) == (2 * (64 + 8), True)


def test_the_chat_template_and_which_file_wins(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "m")
    assert describe(folder).chat_template is None
    write_json(folder / "chat_template.json", {"template_key": "llama", "template_name": "x"})  # unsloth's own record
    assert describe(folder).chat_template is None
    write_json(folder / "chat_template.json", {"chat_template": "from json"})
    assert describe(folder).chat_template is None, "transformers reads it for images and sound only"
    named = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "from list"}]
    write_json(folder / "tokenizer_config.json", {"chat_template": named})
    assert describe(folder).chat_template == "from list"
    write_json(folder / "tokenizer_config.json", {"chat_template": "from configuration"})
    assert describe(folder).chat_template == "from configuration"
    (folder / "chat_template.jinja").write_text("from jinja")
    assert describe(folder).chat_template == "from jinja"


def test_identity_changes_with_everything_that_can_change_a_score(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "m")
    seen = {describe(folder).identity}
    assert describe(folder).identity in seen
    (folder / "README.md").write_text("benchmark results")
    assert describe(folder).identity in seen
    os.utime(folder / "model.safetensors", (1, 1))
    assert describe(folder).identity in seen  # small enough to be read whole
    shutil.copytree(folder, tmp_path / "copy")
    assert describe(tmp_path / "copy").identity in seen
    changes = (
        ("config.json", json.dumps(LLAMA | {"rope_theta": 1.0})),
        ("tokenizer.json", "{}"),
        ("generation_config.json", "{}"),
        ("chat_template.jinja", "x"),
        ("modeling.py", "pass"),
    )
    for name, content in changes:
        (folder / name).write_text(content)
        identity = describe(folder).identity
        assert identity not in seen
        seen.add(identity)
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    assert describe(folder).identity not in seen


def test_broken_folders_are_named_with_the_next_step(tmp_path: Path) -> None:
    cut(full_model(tmp_path / "cut") / "model.safetensors")
    (full_model(tmp_path / "json") / "config.json").write_text("{")
    (full_model(tmp_path / "template") / "tokenizer_config.json").write_text("{")
    (tmp_path / "empty").mkdir()
    for name, reason in (
        ("cut", "model.safetensors is cut short"),
        ("json", "config.json is not JSON"),
        ("template", "tokenizer_config.json is not JSON"),
        ("empty", "has no config.json"),
    ):
        with pytest.raises(BenchtuiError) as error:
            describe(tmp_path / name)
        assert str(tmp_path / name) in error.value.what
        assert reason in error.value.what
        assert error.value.next_step


def test_pickles_are_refused_unless_allowed(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BenchtuiError, match="pickled") as error:
        describe(folder)
    assert "--allow-pickle" in error.value.next_step
    described = describe(folder, allow_pickle=True)
    assert described.pickled
    assert described.parameters_estimated


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "a/b/c", "../x", "", "a\0b", "org/na me"])
def test_what_is_neither_folder_nor_hub_id(name: str) -> None:
    with pytest.raises(UsageError, match="no model folder"):
        describe(name)


def test_a_file_is_not_a_model(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        describe(tmp_path / "x.bin")


@pytest.fixture
def tiny_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyHub]:
    folder = full_model(tmp_path / "served")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "README.md").write_text("---\nbase_model: org/base\n---\n")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with serve_tiny_hub() as hub:
        hub.repositories["org/model"] = {path.name: path.read_bytes() for path in folder.iterdir()}
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def test_a_hub_model_is_described_without_its_weights(tiny_hub: TinyHub) -> None:
    described = describe("org/model")
    assert described.name == "org/model"
    assert described.identity == described.revision == COMMIT
    assert described.weight_bytes == len(tiny_hub.repositories["org/model"]["model.safetensors"])
    assert described.chat_template == "{{ messages }}"
    assert described.has_tokenizer
    assert described.architecture.hidden_size == 64
    assert described.parameters_estimated
    assert not any("model.safetensors" in path or "README" in path for path in tiny_hub.requests)


def test_sizes_and_counts_as_the_hub_has_them(tiny_hub: TinyHub) -> None:
    tiny_hub.sizes = False
    tiny_hub.parameters["org/model"] = {"BF16": 70, "F32": 2}
    described = describe("org/model", revision="main")
    assert described.weight_bytes == len(tiny_hub.repositories["org/model"]["model.safetensors"])
    assert (described.parameters, described.parameters_estimated, described.dtype) == (72, False, "bfloat16")


def fully_cached(hub: TinyHub, cache: Path) -> None:
    """As after a run: everything of the repository in the cache."""
    describe("org/model")
    snapshot = cache / "models--org--model" / "snapshots" / COMMIT
    for name, content in hub.repositories["org/model"].items():
        if not (snapshot / name).exists():
            (snapshot / name).write_bytes(content)


def test_offline_uses_what_is_cached(tiny_hub: TinyHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fully_cached(tiny_hub, tmp_path / "hf" / "hub")
    asked = len(tiny_hub.requests)
    described = describe("org/model", offline=True)
    assert (described.revision, described.parameters, described.from_cache) == (COMMIT, LLAMA_NUMBERS, True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert describe("org/model").identity == COMMIT
    assert describe("org/model", revision=COMMIT).identity == COMMIT
    assert len(tiny_hub.requests) == asked
    with pytest.raises(BenchtuiError, match="org/other cannot be had: benchtui is offline"):
        describe("org/other")
    with pytest.raises(BenchtuiError, match="not in the cache"):
        describe("org/model", revision="v2")


def test_a_hub_out_of_reach_is_made_up_for_by_the_cache(
    tiny_hub: TinyHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fully_cached(tiny_hub, tmp_path / "hf" / "hub")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    described = describe("org/model")
    assert described.identity == COMMIT
    assert "http://127.0.0.1:9 cannot be reached" in described.note


def test_offline_with_half_a_model_says_what_is_missing(tiny_hub: TinyHub) -> None:
    describe("org/model")
    with pytest.raises(BenchtuiError, match="only partly in the cache: no weights") as error:
        describe("org/model", offline=True)
    assert "--base PATH" in error.value.next_step


def test_no_hub_and_nothing_cached(tiny_hub: TinyHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BenchtuiError) as error:
        describe("org/model")
    assert "org/model" in error.value.what
    assert "http://127.0.0.1:9" in error.value.what
    assert "\n" not in str(error.value)
    assert "--base PATH" in error.value.next_step


def test_a_hub_that_never_answers_costs_ten_seconds_at_most(tiny_hub: TinyHub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(BenchtuiError, match="cannot be had"):
            describe("org/model")
        assert time.monotonic() - start < 10


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_hub_in_trouble(tiny_hub: TinyHub, status: int) -> None:
    tiny_hub.status = status
    with pytest.raises(BenchtuiError) as error:
        describe("org/model")
    assert "org/model" in error.value.what
    assert "\n" not in str(error.value)


def test_an_endpoint_that_is_no_hub(tiny_hub: TinyHub) -> None:
    tiny_hub.status = 200
    with pytest.raises(BenchtuiError, match="does not answer as a hub does"):
        describe("org/model")


@pytest.mark.parametrize("endpoint", ["not a web address", "ftp://x", "http://"])
def test_an_endpoint_that_is_no_address(tiny_hub: TinyHub, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(BenchtuiError, match="HF_ENDPOINT"):
        describe("org/model")


def test_a_model_that_is_not_there_a_gated_one_and_a_wrong_revision(tiny_hub: TinyHub) -> None:
    with pytest.raises(BenchtuiError, match="no model org/nothing") as error:
        describe("org/nothing")
    assert "HF_TOKEN" in error.value.next_step
    with pytest.raises(BenchtuiError, match="no revision 'v9'"):
        describe("org/model", revision="v9")
    tiny_hub.gated.add("org/model")
    with pytest.raises(BenchtuiError, match="org/model is gated") as error:
        describe("org/model")
    assert f"{tiny_hub.url}/org/model" in error.value.next_step


def test_hub_repositories_that_cannot_be_used(tiny_hub: TinyHub) -> None:
    files = tiny_hub.repositories["org/model"]
    tiny_hub.repositories["org/gguf"] = {"m.gguf": b"GGUF"}
    tiny_hub.repositories["org/pickled"] = {"config.json": files["config.json"], "pytorch_model.bin": b"x" * 10}
    tiny_hub.repositories["org/broken"] = {**files, "config.json": b"{"}
    with pytest.raises(BenchtuiError, match=r"no config\.json"):
        describe("org/gguf")
    with pytest.raises(BenchtuiError, match="org/pickled has only pickled weights"):
        describe("org/pickled")
    assert describe("org/pickled", allow_pickle=True).weight_bytes == 10
    with pytest.raises(BenchtuiError, match=r"org/broken .* config\.json is not JSON"):
        describe("org/broken")


def test_the_base_of_a_hub_model_is_read_from_its_card(tiny_hub: TinyHub, tmp_path: Path) -> None:
    model = find_model(tmp_path / "outputs", "org/model", HF)
    choice = resolve_base(model, choose_format(model, HF))
    assert (choice.name, choice.source_file) == ("org/base", "README.md")


def test_the_light_process_stays_light(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "outputs" / "m")
    script = (
        "import sys; from pathlib import Path; from benchtui.models.listing import list_models\n"
        "from benchtui.backends.hf import HF\n"
        "from benchtui.models.describe import describe\n"
        f"list_models(Path({str(tmp_path / 'outputs')!r}), HF); describe({str(folder)!r})\n"
        "heavy = {'torch', 'transformers', 'numpy', 'huggingface_hub', 'pandas', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "compressed-tensors"])
def test_a_quantization_config_that_the_weights_do_not_have_is_named(tmp_path: Path, method: str) -> None:
    from tests.e2e.tiny import make_tiny_model

    folder = make_tiny_model(tmp_path / "merged")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": method}}))
    with pytest.raises(BenchtuiError, match="quantization_config") as caught:
        describe(folder)
    assert caught.value.next_step == f"Remove quantization_config from {folder / 'config.json'}."
