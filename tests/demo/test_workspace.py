"""The demo's folder: laid out like a user's own, mended when damaged, never somebody else's, results never lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchtui.backends.hf import HF
from benchtui.benchmark.directories import lock_model
from benchtui.cli.main import main
from benchtui.demo.workspace import BASE_NAME, MARKER, MODEL_NAME, demo_paths, open_workspace
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.base import resolve_base
from benchtui.models.discovery import discover
from benchtui.models.selection import choose_format


def test_the_model_is_found_with_the_base_its_own_files_name(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "demo")
    (model,) = discover(workspace.outputs)
    assert model.name == MODEL_NAME
    assert model.usable
    for label in ("merged_16bit", "lora"):
        base = resolve_base(model, choose_format(model, HF, label), offline=True)
        assert Path(base.name).resolve() == workspace.base.resolve()
        assert not base.note


def test_all_of_it_stays_under_three_megabytes() -> None:
    paths = demo_paths()
    files = [file for folder in (paths.shipped, paths.tasks) for file in folder.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 3_000_000
    assert {file.name for file in files} >= {"model.safetensors", "adapter_model.safetensors", "loss_history.csv"}


def test_damage_is_mended_and_results_and_readmes_stay(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "demo")
    weights = workspace.base / "model.safetensors"
    original = weights.read_bytes()
    weights.write_bytes(original[:1000])
    (workspace.model / "lora" / "adapter_config.json").unlink()
    (workspace.model / "README.md").write_text("with my results\n")
    result = workspace.model / "benchmarks" / "benchmark.json"
    result.parent.mkdir()
    result.write_text("{}")

    again = open_workspace(tmp_path / "demo")

    assert {path.name for path in again.restored} == {"model.safetensors", "adapter_config.json"}
    assert weights.read_bytes() == original
    assert (workspace.model / "README.md").read_text() == "with my results\n"
    assert result.read_text() == "{}"
    assert open_workspace(tmp_path / "demo").restored == ()


def test_fresh_starts_over(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "demo")
    result = workspace.model / "benchmarks" / "benchmark.json"
    result.parent.mkdir()
    result.write_text("{}")
    open_workspace(tmp_path / "demo", fresh=True)
    assert not result.exists()
    assert (workspace.model / "merged_16bit" / "model.safetensors").is_file()


def test_fresh_leaves_a_running_benchmark_alone(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "demo")
    with lock_model(workspace.model, MODEL_NAME), pytest.raises(BenchtuiError, match="already"):
        open_workspace(tmp_path / "demo", fresh=True)
    assert (workspace.base / "model.safetensors").is_file()


@pytest.mark.parametrize("fresh", ["--fresh", "--keep"])
def test_a_folder_with_something_else_in_it_is_refused(
    tmp_path: Path, fresh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "thesis"
    (mine / "outputs" / MODEL_NAME).mkdir(parents=True)
    (mine / "outputs" / MODEL_NAME / "weights.bin").write_bytes(b"years of work")
    with pytest.raises(SystemExit) as left:
        main(["demo", str(mine), fresh])
    assert left.value.code == 2
    assert f"{mine} exists and is not a demo folder" in capsys.readouterr().err
    assert [path.name for path in mine.rglob("*") if path.is_file()] == ["weights.bin"]


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(UsageError, match="not a demo folder"):
        open_workspace(tmp_path / "demo")
    assert (tmp_path / "demo").read_text() == "mine"


def test_an_empty_folder_may_become_one(tmp_path: Path) -> None:
    open_workspace(tmp_path)
    assert (tmp_path / MARKER).is_file()


def test_a_link_in_place_of_a_file_is_replaced_not_written_through(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "demo")
    elsewhere = tmp_path / "precious.json"
    elsewhere.write_text("{}")
    config = workspace.base / "config.json"
    config.unlink()
    config.symlink_to(elsewhere)
    open_workspace(tmp_path / "demo")
    assert not config.is_symlink()
    assert elsewhere.read_text() == "{}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SystemExit) as left:
            main(["demo", str(tmp_path / "demo")])
    finally:
        tmp_path.chmod(0o700)
    assert left.value.code == 1
    assert str(tmp_path / "demo") in capsys.readouterr().err


def test_a_place_below_a_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as left:
        main(["demo", str(tmp_path / "file" / "demo")])
    assert left.value.code == 1
    assert "cannot be laid out" in capsys.readouterr().err


def test_an_incomplete_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package"
    shutil.copytree(demo_paths().tasks, package / "tasks")
    monkeypatch.setattr("importlib.resources.files", lambda _: package)
    with pytest.raises(BenchtuiError, match=f"missing: .*{BASE_NAME}"):
        open_workspace(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
