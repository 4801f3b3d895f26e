"""Whatever a user gets wrong: one line that names the thing, the next step, and the exit code scripts rely on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchtui.errors import ExitCode
from tests.e2e.commands import Finished, benchtui
from tests.e2e.tiny import make_tiny_model

NOWHERE = {"HF_ENDPOINT": "http://127.0.0.1:9"}
"""A hub that refuses every connection."""


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine") / "outputs" / "tuned" / "merged_16bit"
    make_tiny_model(folder)
    benchtui("tasks", "ifeval", cwd=folder)  # reads lm-eval's task files, and says so, once
    return folder.parents[1]


@pytest.fixture
def place(tmp_path: Path, pristine: Path) -> Path:
    shutil.copytree(pristine, tmp_path / "outputs")
    return tmp_path


def merged(place: Path) -> Path:
    return place / "outputs" / "tuned" / "merged_16bit"


def no_outputs(place: Path) -> tuple[str, ...]:
    shutil.rmtree(place / "outputs")
    return ()


def no_model(place: Path) -> tuple[str, ...]:
    shutil.rmtree(place / "outputs" / "tuned")
    (place / "outputs" / "notes").mkdir()
    return ("--model", "notes")


def truncated_weights(place: Path) -> tuple[str, ...]:
    weights = merged(place) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    return ("--no-base",)


def broken_config(place: Path) -> tuple[str, ...]:
    (merged(place) / "config.json").write_text("{oops")
    return ("--no-base",)


def no_tokenizer(place: Path) -> tuple[str, ...]:
    for file in merged(place).glob("tokenizer*"):
        file.unlink()
    return ("--no-base",)


def pickled_weights(place: Path) -> tuple[str, ...]:
    (merged(place) / "model.safetensors").rename(merged(place) / "pytorch_model.bin")
    return ("--no-base", "--model", "tuned")


def unknown_setting(place: Path) -> tuple[str, ...]:
    (place / "benchtui.toml").write_text("[run]\nbatch-sise = 4\n")
    return ()


CASES: dict[str, tuple[Callable[[Path], tuple[str, ...]], ExitCode, tuple[str, ...]]] = {
    "no outputs folder": (no_outputs, ExitCode.USAGE, ("outputs", "--outputs")),
    "a folder without a model": (no_model, ExitCode.FAILED, ("notes", "benchtui models")),
    "truncated safetensors": (truncated_weights, ExitCode.FAILED, ("model.safetensors", "cut short")),
    "config.json that is not JSON": (broken_config, ExitCode.FAILED, ("config.json", "not JSON")),
    "no tokenizer": (no_tokenizer, ExitCode.FAILED, ("merged_16bit", "tokenizer")),
    "pickled weights": (pickled_weights, ExitCode.FAILED, ("merged_16bit", "--allow-pickle")),
    "an unknown setting": (unknown_setting, ExitCode.USAGE, ("benchtui.toml", "batch-sise", "batch-size")),
    "an unknown task": (lambda _: ("--tasks", "ifevall", "--no-base"), ExitCode.USAGE, ("ifevall", "ifeval")),
    "an unknown suite": (lambda _: ("--suite", "qick", "--no-base"), ExitCode.USAGE, ("qick", "quick")),
    "an unknown model": (lambda _: ("--model", "tunned",), ExitCode.USAGE, ("tunned", "tuned")),
    "an unknown format": (lambda _: ("--format", "gptq", "--no-base"), ExitCode.USAGE, ("gptq", "merged_16bit")),
    "an unknown backend": (lambda _: ("--backend", "mlx", "--no-base"), ExitCode.USAGE, ("mlx", "hf")),
    "a hub that cannot be reached": (
        lambda _: ("--base", "org/base"), ExitCode.FAILED, ("org/base", "reached", "--no-base")
    ),
    "nothing that names the base": (lambda _: (), ExitCode.FAILED, ("base", "--base", "--no-base")),
    "base and no base": (lambda _: ("--base", "org/base", "--no-base"), ExitCode.USAGE, ("--base", "--no-base")),
    "code that a model wrote": (
        lambda _: ("--tasks", "humaneval", "--no-base"), ExitCode.USAGE, ("humaneval", "--confirm-unsafe-code")
    ),
    "answers longer than the model's window": (
        lambda _: ("--no-base", "--tasks", "ifeval"),
        ExitCode.USAGE,
        ("ifeval", "1280", "512", "--max-length", "max_gen_toks"),
    ),
    "no duration": (lambda _: ("--timeout", "soon"), ExitCode.USAGE, ("soon", "30min")),
    "a duration of zero": (lambda _: ("--timeout", "0"), ExitCode.USAGE, ("'0'", "30min")),
    "a negative limit": (lambda _: ("--limit", "-3"), ExitCode.USAGE, ("-3", "--limit")),
    "a flag that does not exist": (lambda _: ("--sweet", "core"), ExitCode.USAGE, ("--sweet", "--help")),
    "a model argument with a flag of its own": (
        lambda _: ("--model-args", "trust_remote_code=True"), ExitCode.USAGE, ("--trust-remote-code",)
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused_in_one_line(case: str, place: Path) -> None:
    break_it, code, words = CASES[case]
    finished = benchtui("run", *break_it(place), cwd=place, env=NOWHERE, timeout=60)
    assert finished.code == code, finished.err
    assert_one_line(finished)
    for word in words:
        assert word in finished.err


@pytest.fixture
def read_only(place: Path) -> Iterator[Path]:
    """The model folder on a file system that cannot be written; for root, who may write anywhere, made immutable."""
    model = place / "outputs" / "tuned"
    model.chmod(0o555)
    if os.geteuid() == 0 and os.system(f"chattr +i '{model}' 2>/dev/null") != 0:  # noqa: S605 - a path of pytest's
        pytest.skip("root may write here, and the file system knows no immutable folders")
    yield place
    if os.geteuid() == 0:
        os.system(f"chattr -i '{model}'")  # noqa: S605
    model.chmod(0o755)


def test_a_folder_that_cannot_be_written(read_only: Path) -> None:
    finished = benchtui("run", "--no-base", "--tasks", "hellaswag", cwd=read_only, env=NOWHERE, timeout=60)
    assert finished.code == ExitCode.FAILED
    assert_one_line(finished)
    assert "tuned/benchmarks cannot be written" in finished.err


def assert_one_line(finished: Finished) -> None:
    """One line that says what, one that says what to do; no traceback, nothing on stdout."""
    lines = finished.err.rstrip().splitlines()
    assert len(lines) == 2, finished.err
    assert lines[0].startswith("benchtui: ")
    assert lines[1].startswith("  → ")
    assert "Traceback" not in finished.err
    assert finished.out == ""
