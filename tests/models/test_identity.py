"""A model's identity rests on its content, in a file of any size."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.models import identity
from benchtui.models.identity import local_identity, sampled_places
from benchtui.models.weights.safetensors import Header, read_header
from tests.models.model_folders import full_model, weights

TENSORS, EACH = 100, 800_000


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A weight file of 80 MB with a hundred tensors, which is too large to be read whole."""
    path = tmp_path / "m" / "model.safetensors"
    path.parent.mkdir()
    entries = {
        f"t{number}": {"dtype": "F16", "shape": [EACH // 2], "data_offsets": [number * EACH, (number + 1) * EACH]}
        for number in range(TENSORS)
    }
    header = json.dumps(entries).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(range(250)) * (TENSORS * EACH // 250))
    assert path.stat().st_size > identity.SMALL_WEIGHTS
    return path


def of(path: Path, *, whole: bool = False) -> str:
    return local_identity([], {path: read_header(path)}, whole=whole)


def write_in_place(path: Path, place: int, data: bytes) -> None:
    """Change the content and leave size and times as they were."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize("number", [0, 1, 37, 98, 99])
def test_any_tensor_changed_in_place_is_noticed_though_size_and_time_are_the_same(large: Path, number: int) -> None:
    before = of(large)
    assert before.startswith("sampled:")
    write_in_place(large, len(read_header(large).raw) + number * EACH, b"\xff" * EACH)
    assert of(large) != before


def test_a_copied_or_touched_model_is_the_same(large: Path, tmp_path: Path) -> None:
    before = of(large)
    os.utime(large, (1, 1))
    assert of(large) == before
    shutil.copytree(large.parent, tmp_path / "copy")
    assert of(tmp_path / "copy" / "model.safetensors") == before


def test_a_single_number_is_noticed_when_all_is_read(large: Path) -> None:
    sampled, whole = of(large), of(large, whole=True)
    assert whole.startswith("sha256:")
    header = read_header(large)
    read = sampled_places(header, large.stat().st_size)
    start = len(header.raw) + 3 * EACH
    between = next(at for at in range(start, start + EACH) if all(not a <= at < a + count for a, count in read))
    write_in_place(large, between, b"\xff")
    assert of(large) == sampled  # what the sample cannot see, and BENCHMARKING.md says so
    assert of(large, whole=True) != whole


def test_an_identity_from_before_is_recognised_for_small_weights_and_for_no_others(large: Path, tmp_path: Path) -> None:
    small = weights(tmp_path / "model.safetensors")
    before = hashlib.sha256()
    for piece in (b"model.safetensors", hashlib.sha256(small.read_bytes()).digest()):
        before.update(len(piece).to_bytes(8, "little") + piece)
    assert of(small) == f"sha256:{before.hexdigest()}"
    assert not of(large).startswith("sha256:")  # so a base stored by size and time is evaluated again


@pytest.mark.parametrize("tensors", [1, 300, 10_000, 200_000])
def test_what_is_read_is_bounded(large: Path, tensors: int) -> None:
    one = read_header(large).tensors["t0"]
    places = {f"{n}": type(one)("F16", (1 << 19,), (n << 20, (n + 1) << 20)) for n in range(tensors)}
    header = Header(places, b"", 1 << 40, 0)
    assert sum(length for _, length in sampled_places(header, 1 << 40)) <= 64 * 64 * 1024 + 16 * tensors


def test_models_prints_the_hash_of_every_file(tmp_path: Path) -> None:
    path = full_model(tmp_path / "outputs" / "m") / "model.safetensors"
    command = [sys.executable, "-m", "benchtui", "models", "--verify", "m"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}\n"
    missing = subprocess.run([*command[:-1], "nothing"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert missing.returncode == 2
