"""Room for two models, estimated before anything is loaded: against the files themselves, and what is said where there
is too little of it."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import pytest

from benchtui.backends.access import Access
from benchtui.backends.backend import Machine
from benchtui.backends.hybrid_parts import Part, find_part
from benchtui.backends.hybrid_room import LIBRARIES, Asked, check_room, room_for
from benchtui.demo.workspace import BASE_NAME, MODEL_NAME, SMALL_NAME, open_workspace
from benchtui.errors import BenchtuiError
from tests.cli.results_commands import benchtui
from tests.models.gguf_files import write_gguf

PLENTY = Machine("cpu", 8 * 10**9)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_workspace(tmp_path_factory.mktemp("room") / "d").root


def part(demo: Path, name: str, wanted: str | None = None) -> Part:
    return find_part(demo / "outputs", name, Access(), wanted)


def pair(demo: Path) -> tuple[Part, Part]:
    return part(demo, str(demo / "models" / SMALL_NAME)), part(demo, str(demo / "models" / BASE_NAME))


def numbers(folder: Path) -> int:
    """How many weights a safetensors file has, from its header."""
    raw = (folder / "model.safetensors").read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return sum(prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


@pytest.mark.parametrize(
    ("device", "dtype", "width", "precision"),
    [
        ("cpu", "auto", 4, "float32"),
        ("cpu", "bfloat16", 2, "bfloat16"),
        ("cuda", "auto", 2, "bfloat16"),
        ("cuda", "float32", 4, "float32"),
    ],
)
def test_weights_are_counted_in_the_precision_that_they_will_have(
    demo: Path, device: str, dtype: str, width: int, precision: str
) -> None:
    room = room_for(pair(demo), Machine(device, 10**9), Asked(dtype))
    assert room.small.weights == width * numbers(demo / "models" / SMALL_NAME)
    assert room.large.weights == width * numbers(demo / "models" / BASE_NAME)
    assert {room.small.precision, room.large.precision} == {precision}
    assert room.needed == room.small.all + room.large.all + (LIBRARIES if device == "cpu" else 0)


def test_the_cache_is_that_of_a_text_as_long_as_the_window(demo: Path) -> None:
    config = json.loads((demo / "models" / BASE_NAME / "config.json").read_text())
    heads = config["num_key_value_heads"] * config.get(
        "head_dim", config["hidden_size"] // config["num_attention_heads"]
    )
    room = room_for(pair(demo), PLENTY, Asked())
    assert room.large.tokens == config["max_position_embeddings"]
    assert room.large.cache == 2 * config["num_hidden_layers"] * heads * 4 * room.large.tokens
    assert room_for(pair(demo), PLENTY, Asked(max_length=16)).large.cache == room.large.cache * 16 // room.large.tokens


def test_a_base_and_its_adapter_have_their_weights_once(demo: Path) -> None:
    base, adapter = part(demo, str(demo / "models" / BASE_NAME)), part(demo, MODEL_NAME, "lora")
    room = room_for((base, adapter), PLENTY, Asked())
    assert room.shared == room.small.weights == 4 * numbers(demo / "models" / BASE_NAME)
    assert room.large.weights > room.shared, "the adapter's own beside it"
    assert "of them shared" in check_room((base, adapter), PLENTY, Asked())


def test_half_precision_is_named_where_it_would_fit(demo: Path) -> None:
    parts = pair(demo)
    halved = room_for(parts, PLENTY, Asked("bfloat16")).needed
    with pytest.raises(BenchtuiError, match="do not fit into memory together") as caught:
        check_room(parts, Machine("cpu", halved), Asked())
    assert caught.value.next_step.startswith("This would fit: --dtype bfloat16 (")
    assert check_room(parts, Machine("cpu", halved), Asked("bfloat16")).startswith("Memory: about")


def test_a_gguf_file_of_the_same_model_is_named_and_so_is_the_other_device(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = pair(demo)
    file = write_gguf(demo / "models" / f"{BASE_NAME}.Q4_0.gguf", quantize="Q4_0")
    (demo / "models" / f"{BASE_NAME}-broken.gguf").write_bytes(b"GGUF" + bytes(file.stat().st_size))
    with_file = room_for((parts[0], part(demo, str(file))), Machine("cuda", 0), Asked())
    assert with_file.large.weights == file.stat().st_size, "the file is mapped whole"
    monkeypatch.setattr("benchtui.backends.backend.free_memory", lambda: 8 * 10**9)
    with pytest.raises(BenchtuiError) as caught:
        check_room(parts, Machine("cuda", with_file.needed), Asked())
    first, second = caught.value.next_step.removeprefix("This would fit: ").split("; ")
    assert first.startswith(f"--large {file} (")
    assert second.startswith("--device cpu (")


def test_where_nothing_fits_each_is_evaluated_by_itself(demo: Path) -> None:
    with pytest.raises(BenchtuiError) as caught:
        check_room(pair(demo), Machine("cpu", 1000), Asked())
    assert "benchtui hybrid defer RUN_SMALL RUN_LARGE" in caught.value.next_step


def test_a_run_without_room_is_refused_before_anything_is_written(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo)
    monkeypatch.setattr("benchtui.backends.backend.free_memory", lambda: LIBRARIES)
    monkeypatch.setattr("benchtui.backends.backend.free_gpu_memory", lambda *_: None)
    models = ("--small", f"models/{SMALL_NAME}", "--large", f"models/{BASE_NAME}")
    ended = benchtui("hybrid", "run", *models, "--tasks", "hellaswag")
    assert ended.code == 1
    assert "do not fit into memory together: about 60" in ended.err
    assert "600 MB free" in ended.err
    assert not (demo / "outputs" / f"{SMALL_NAME}+{BASE_NAME}").exists()
