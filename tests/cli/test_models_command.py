"""`benchtui models`, as a user runs it: lines in a pipe, a table on a terminal, JSON for scripts."""

from __future__ import annotations

import json
import os
import pty
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

BOLD, PLAIN = "\x1b[1m", "\x1b[0m"
KEYS = {"warnings", "name", "path", "usable", "formats", "base", "trained", "training", "last_result", "problems"}


def benchtui(*arguments: str | os.PathLike[str], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchtui", *map(os.fspath, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **env},
        check=False,
    )


def on_a_terminal(*arguments: str, cwd: Path, width: int = 100) -> str:
    """What appears on a terminal of `width` columns."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchtui", *arguments], stdout=slave, stderr=slave, cwd=cwd, stdin=slave
    )
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:
        pass  # Linux reports the end of a terminal as an error
    os.close(master)
    assert process.wait() == 0
    return shown.decode()


def make_model(folder: Path, name: str = "llama-gsm8k") -> Path:
    model = folder / name
    merged = model / "merged_16bit"
    merged.mkdir(parents=True)
    (merged / "config.json").write_text(json.dumps({"model_type": "llama", "_name_or_path": "unsloth/X-bnb-4bit"}))
    (merged / "tokenizer.json").write_text("{}")
    numbers = {"embed_tokens": 49_984, "layers.0.mlp.up_proj": 8, "norm": 8}
    tensors = {f"model.{name}.weight": np.ones((count // 8, 8), "float16") for name, count in numbers.items()}
    save_file(tensors, merged / "model.safetensors")
    (model / "training_metrics.json").write_text(json.dumps({"timestamp": "2026-11-01T12:00:00", "lora_rank": 16}))
    return model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with outputs/: a good model with a result, and one with a broken config.json."""
    model = make_model(tmp_path / "outputs")
    comparison = {
        "gsm8k": {"metric": "exact_match,strict-match", "base_accuracy": 0.02, "finetuned_accuracy": 0.031, "n": 100},
        "ifeval": {"metric": None, "base_accuracy": "odd", "finetuned_accuracy": None},
        "hellaswag": {"metric": "acc_norm,none", "base_accuracy": 0.3, "finetuned_accuracy": 0.25},
    }
    (model / "benchmarks").mkdir()
    summary = {"timestamp": "2026-11-02T08:00:00", "comparison": comparison}
    (model / "benchmarks" / "benchmark.json").write_text(json.dumps(summary))
    broken = make_model(tmp_path / "outputs", "broken")
    (broken / "merged_16bit" / "config.json").write_text("{")
    return tmp_path


def test_one_line_a_model_and_what_is_wrong_below(folder: Path) -> None:
    done = benchtui("models", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["Model", "Formats", "Base", "Trained", "Result"]
    (good,) = [line for line in lines if line.startswith("llama-gsm8k")]
    assert "merged_16bit 100 KB" in good
    assert "unsloth/X, from config.json" in good
    assert "2026-11-01" in good
    assert "gsm8k 2.0% → 3.1% (n=100), ifeval not a number, hellaswag 30.0% → 25.0%" in good
    assert lines[lines.index(next(line for line in lines if line.startswith("broken"))) + 1] == (
        "  ! merged_16bit: config.json is not JSON (line 1)"
    )
    assert len({line.index("2026-11-01") for line in (good,)}) == 1


def test_a_table_on_a_terminal(folder: Path) -> None:
    shown = on_a_terminal("models", cwd=folder, width=100)
    assert "merged_16bit 100 KB" in shown
    assert "gsm8k 2.0% → 3.1%" in shown
    assert "✗ broken  merged_16bit: config.json is not JSON (line 1)" in shown.replace(BOLD, "").replace(PLAIN, "")
    narrow = on_a_terminal("models", cwd=folder, width=80)
    lines = narrow.replace("\r", "").replace(BOLD, "").replace(PLAIN, "").splitlines()
    assert max(map(len, lines)) <= 80


def test_json_for_scripts(folder: Path) -> None:
    records: list[dict[str, Any]] = json.loads(benchtui("models", "--json", cwd=folder).stdout)
    assert [set(record) for record in records] == [KEYS, KEYS]
    good, broken = sorted(records, key=lambda record: not record["usable"])
    assert good["name"] == "llama-gsm8k"
    assert good["base"]["name"] == "unsloth/X"
    assert "unsloth/X-bnb-4bit" in good["base"]["note"]
    assert good["formats"][0]["kind"] == "merged_16bit"
    assert good["formats"][0]["path"] == str(folder / "outputs" / "llama-gsm8k" / "merged_16bit")
    assert good["training"]["lora_rank"] == 16
    assert good["last_result"]["tasks"][0] == {
        "task": "gsm8k", "metric": "exact_match,strict-match", "base": 0.02, "fine_tuned": 0.031, "n": 100,
    }  # fmt: skip
    assert broken["problems"] == ["merged_16bit: config.json is not JSON (line 1)"]
    assert broken["formats"][0]["problem"] == "config.json is not JSON (line 1)"


def test_no_outputs_folder(tmp_path: Path) -> None:
    done = benchtui("models", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "benchtui: There is no folder outputs."
    assert "--outputs DIR" in done.stderr


def test_an_empty_outputs_folder(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    done = benchtui("models", "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (1, [])
    assert "There are no trained models in outputs." in done.stderr


def test_where_the_models_are_by_flag_environment_and_file(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    make_model(elsewhere / "by-file", "named-in-file")
    make_model(elsewhere / "by-environment", "named-in-environment")
    (elsewhere / "benchtui.toml").write_text('[run]\noutputs = "by-file"\n')
    assert "named-in-file" in benchtui("models", cwd=elsewhere).stdout
    environment = {"BENCHTUI_OUTPUTS": "by-environment"}
    assert "named-in-environment" in benchtui("models", cwd=elsewhere, **environment).stdout
    assert "llama-gsm8k" in benchtui("models", "--outputs", folder / "outputs", cwd=elsewhere, **environment).stdout


def test_hostile_names_reach_the_terminal_as_text(tmp_path: Path) -> None:
    make_model(tmp_path / "outputs", "evil\x1b[31m[bold]name[red]\x07")
    make_model(tmp_path / "outputs", os.fsdecode(b"caf\xe9"))
    plain = benchtui("models", cwd=tmp_path)
    assert plain.returncode == 0
    shown = on_a_terminal("models", cwd=tmp_path)
    for output in (plain.stdout, shown):
        assert "\x1b[31m" not in output
        assert "\x07" not in output
        assert "evil[bold]name[red]" in output
        assert "caf\\udce9" in output
    names = [record["name"] for record in json.loads(benchtui("models", "--json", cwd=tmp_path).stdout)]
    assert os.fsdecode(b"caf\xe9") in names


@pytest.mark.parametrize("content", ["{", "[]", '{"comparison": []}', '{"comparison": {"t": 3}}', "{}"])
def test_a_result_file_that_makes_no_sense_stops_nothing(folder: Path, content: str) -> None:
    (folder / "outputs" / "llama-gsm8k" / "benchmarks" / "benchmark.json").write_text(content)
    done = benchtui("models", cwd=folder)
    assert done.returncode == 0
    assert "llama-gsm8k" in done.stdout
    if content in ("{", "[]"):
        assert "! benchmarks/benchmark.json is not" in done.stdout


def test_a_result_without_a_base_is_shown_alone(folder: Path) -> None:
    results = {"arc_easy": {"alias": "arc_easy", "acc_stderr,none": 0.01, "acc,none": 0.5}}
    summary = {"comparison": {}, "fine_tuned_model": {"results": results}}
    (folder / "outputs" / "llama-gsm8k" / "benchmarks" / "benchmark.json").write_text(json.dumps(summary))
    assert "arc_easy 50.0%" in benchtui("models", cwd=folder).stdout


def test_many_checkpoints_take_little_room(tmp_path: Path) -> None:
    model = make_model(tmp_path / "outputs", "run")
    for step in (100, 200, 300, 400):
        (model / "merged_16bit").rename(model / f"checkpoint-{step}")
        make_model(tmp_path / "outputs", "run") if step < 400 else None
    shown = benchtui("models", cwd=tmp_path).stdout
    assert "checkpoint-400 100 KB, checkpoint-300 100 KB, 2 earlier checkpoints" in shown
