"""Files made to exhaust memory or time, or to run code: `models` says a line for each and goes on."""

from __future__ import annotations

import json
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models.model_folders import adapter, full_model, write_json

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n"
MEMORY = 2 * 1024**3
"""Bytes of address space that the command may have: an interpreter and its libraries take half a gigabyte of it."""


def safetensors(folder: Path, header: bytes, *, claimed: int | None = None) -> None:
    full_model(folder)
    length = len(header) if claimed is None else claimed
    (folder / "model.safetensors").write_bytes(length.to_bytes(8, "little") + header)


def tensor(shape: list[int], end: int) -> bytes:
    return json.dumps({"a": {"dtype": "F16", "shape": shape, "data_offsets": [0, end]}}).encode()


def file_of(folder: Path, name: str, content: str) -> None:
    full_model(folder)
    (folder / name).write_text(content)


def index(folder: Path, weight_map: str) -> None:
    file_of(folder, "model.safetensors.index.json", f'{{"weight_map":{weight_map}')
    (folder / "model.safetensors").unlink()


def gguf(folder: Path, tensors: int, values: int, rest: bytes = b"") -> None:
    folder.mkdir()
    (folder / "m.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, tensors, values) + rest)


def of_adapter(folder: Path, name: str, content: str) -> None:
    (adapter(folder) / name).write_text(content)


KEY = struct.pack("<Q", 1) + b"k"
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def many_in_one_layer(folder: Path) -> None:
    names = [f"model.layers.0.{number}.weight" for number in range(20_000)]
    header = {
        name: {"dtype": "F16", "shape": [1], "data_offsets": [2 * place, 2 * place + 2]}
        for place, name in enumerate(names)
    }
    file_of(folder, "config.json", json.dumps({"model_type": "llama", "num_hidden_layers": 9_999}))
    raw = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(2 * len(names)))


BOMBS: dict[str, tuple[Callable[[Path], None], str]] = {
    "header-of-an-exabyte": (lambda f: safetensors(f, b"{" + b" " * 99, claimed=10**18), "is not a safetensors file"),
    "header-longer-than-the-file": (lambda f: safetensors(f, b"{ }", claimed=10**7), "is cut short"),
    "tensor-of-an-exabyte": (lambda f: safetensors(f, tensor([10**18], 2 * 10**18)), "damaged header"),
    "tensor-beyond-64-bits": (lambda f: safetensors(f, tensor([10**40], 10**40)), "damaged header"),
    "negative-shape": (lambda f: safetensors(f, tensor([-4], -8)), "damaged header"),
    "shape-and-place-differ": (lambda f: safetensors(f, tensor([1000, 1000], 4) + b"1234"), "damaged header"),
    "million-dimensions": (lambda f: safetensors(f, tensor([1] * 1_000_000, 2)), "damaged header"),
    "nested-header": (
        lambda f: safetensors(f, b'{"__metadata__":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        "damaged header",
    ),
    "nested-config": (lambda f: file_of(f, "config.json", '{"a":' * 100_000), "config.json is not sensible JSON"),
    "digits-config": (lambda f: file_of(f, "config.json", f'{{"a":{"9" * 100_000}}}'), "is not sensible JSON"),
    "huge-config": (lambda f: file_of(f, "config.json", f'{{"a":"{"x" * 50_000_000}"}}'), "larger than 4 MB"),
    "huge-auto-map": (
        lambda f: file_of(f, "config.json", json.dumps({"auto_map": {f"A{n}": "evil.Boom" for n in range(300_000)}})),
        "larger than 4 MB",
    ),
    "trillion-layers": (
        lambda f: file_of(f, "config.json", '{"model_type": "llama", "num_hidden_layers": 1000000000000}'),
        "1,000,000,000,000 layers, the file holds 2",
    ),
    "ten-thousand-layers-of-as-many-tensors": (many_in_one_layer, "9,999 layers, the file holds 1"),
    "nested-tokenizer": (lambda f: file_of(f, "tokenizer.json", "[" * 3_000_000), "tokenizer.json is cut short"),
    "empty-tokenizer": (lambda f: file_of(f, "tokenizer.json", ""), "tokenizer.json is empty"),
    "nested-adapter-config": (lambda f: of_adapter(f, "adapter_config.json", '{"a":' * 100_000), "not sensible JSON"),
    "nested-metrics": (lambda f: of_adapter(f, "training_metrics.json", "[" * 100_000), "is not sensible JSON"),
    "yaml-laughs": (lambda f: of_adapter(f, "training_params.yaml", LAUGHS), ""),
    "yaml-nested": (lambda f: of_adapter(f, "training_params.yaml", "[" * 100_000), "is not sensible YAML"),
    "yaml-of-a-gigabyte-of-keys": (lambda f: of_adapter(f, "training_params.yaml", "? " * 200_000), "larger than"),
    "shards-by-the-thousand": (
        lambda f: index(f, "{" + ",".join(f'"t{n}":"s{n}.safetensors"' for n in range(200_000)) + "}}"),
        "names 200,000 shards, which no model has",
    ),
    "nested-index": (lambda f: index(f, '{"a":' * 100_000), "is not a list of shards"),
    "index-of-elsewhere": (lambda f: index(f, '{"a":"/etc/passwd"}}'), "not a file of this folder"),
    "gguf-counts": (lambda f: gguf(f, 2**63, 2**63), "damaged header"),
    "gguf-million-values": (lambda f: gguf(f, 1, 9_999_999, bytes(9_000_000)), "damaged header"),
    "gguf-million-tensors": (lambda f: gguf(f, 1_000_000, 0, bytes(24_000_000)), "damaged header"),
    "gguf-endless-text": (lambda f: gguf(f, 1, 1, struct.pack("<Q", 2**63) + b"k"), "damaged header"),
    "gguf-endless-array": (lambda f: gguf(f, 1, 1, KEY + struct.pack("<IIQ", 9, 0, 2**62)), "damaged header"),
    "gguf-million-texts": (
        lambda f: gguf(f, 1, 1, KEY + struct.pack("<IIQ", 9, 8, 9_999_999) + bytes(80_000_000)),
        "damaged header",
    ),
    "gguf-nested-arrays": (
        lambda f: gguf(f, 1, 1, KEY + b"".join(struct.pack("<IQ", 9, 90_000) for _ in range(50))),
        "damaged header",
    ),
    "gguf-dimensions": (
        lambda f: gguf(f, 1, 0, KEY + struct.pack("<I8QIQ", 8, *[2**63] * 8, 0, 2**63)),
        "damaged header",
    ),
    "gguf-no-tensors": (lambda f: gguf(f, 0, 0), "holds no tensors"),
    "lfs-config": (lambda f: file_of(f, "config.json", POINTER), "config.json is a Git LFS pointer"),
    "lfs-weights": (lambda f: file_of(f, "model.safetensors", POINTER), "model.safetensors is a Git LFS pointer"),
    "lfs-tokenizer": (lambda f: file_of(f, "tokenizer.json", POINTER), "tokenizer.json is a Git LFS pointer"),
    "lfs-adapter": (lambda f: of_adapter(f, "adapter_model.safetensors", POINTER), "is a Git LFS pointer"),
}  # fmt: skip


def models(outputs: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "benchtui", "models", "--outputs", str(outputs)],
        capture_output=True, text=True, check=False, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_each_has_one_line_in_bounded_memory_and_the_others_are_listed(tmp_path: Path) -> None:
    for name, (make, _) in BOMBS.items():
        make(tmp_path / name)
    full_model(tmp_path / "sound")
    lines = models(tmp_path)
    assert any(line.startswith("sound ") and "full" in line for line in lines)
    for name, (_, said) in BOMBS.items():
        at = next(number for number, line in enumerate(lines) if line.startswith(f"{name} "))
        below = [line for line in lines[at + 1 : at + 3] if line.startswith("  ")]
        if said:
            assert len(below) == 1, (name, below)
            assert said in below[0], name
            assert len(below[0]) < 410
    assert not any("Traceback" in line for line in lines)


def test_an_lfs_pointer_is_no_pickle_and_no_broken_gguf(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_text(POINTER)
    (tmp_path / "gguf").mkdir()
    (tmp_path / "gguf" / "m.gguf").write_text(POINTER)
    assert sum("is a Git LFS pointer" in line for line in models(tmp_path)) == 2


@pytest.mark.parametrize("what", ["auto_map", "yaml"])
def test_listing_runs_no_code_of_a_model(tmp_path: Path, what: str) -> None:
    folder, ran = full_model(tmp_path / "outputs" / "m"), tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w')\n"
    if what == "auto_map":
        names = dict.fromkeys(("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer"), "evil.Boom")
        config = json.loads((folder / "config.json").read_text())
        write_json(folder / "config.json", {**config, "auto_map": names})
        write_json(folder / "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Boom", None]}})
        for file in ("evil.py", "__init__.py", "sitecustomize.py", "json.py"):
            (folder / file).write_text(code)
    else:
        (folder / "training_params.yaml").write_text(f'!!python/object/apply:builtins.exec ["{code.strip()}"]\n')
    assert any(line.startswith("m ") for line in models(tmp_path / "outputs"))
    run = [sys.executable, "-m", "benchtui", "run", "--outputs", str(tmp_path / "outputs"), "--no-base", "--offline"]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300)
    if what == "auto_map":
        assert "--trust-remote-code" in done.stderr
    assert done.returncode != 0
    assert not ran.exists()
