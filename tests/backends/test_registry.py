"""Backends are found by name: our own, and those of packages that were installed beside us."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend, Gives, Need
from benchtui.backends.hf import HF
from benchtui.backends.registry import BUILT_IN, GROUP, all_backends, find_backend
from benchtui.backends.vllm import VLLM
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.describe import ModelDescription
from benchtui.models.layout import Kind, ModelFormat
from benchtui.models.source import hugging_face
from benchtui.models.tokenizer.chat_template import ChatTemplate
from benchtui.models.weights.architecture import Architecture
from benchtui.plans.abilities import check_abilities
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.resolve import resolve
from tests.cli.results_commands import benchtui
from tests.runs.laid_out import Laid

PARROT = Backend(
    "parrot",
    "parrot",
    takes=("merged_16bit",),
    gives=Gives(generate=True),
    answering="parrot",
    harmless_arguments=frozenset({"feathers"}),
)
MERGED = ModelFormat("merged_16bit", Path("m"))
DESCRIBED = ModelDescription("m", "", None, 0, None, False, None, ChatTemplate(), True, Architecture())


def installed(folder: Path, name: str, value: str) -> None:
    """A package in `folder` that names a backend."""
    info = folder / "parrots-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parrots\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")


def test_an_unknown_name_is_refused_with_all_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "parrot", f"{__name__}:PARROT")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="There is no backend 'vlm'") as error:
        find_backend("vlm")
    assert error.value.next_step == "This version evaluates with hf, gguf, ollama, openai, vllm, hybrid, parrot."


def test_an_installed_backend_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "parrot", f"{__name__}:PARROT")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_backend("parrot").gives == Gives(generate=True)
    assert [backend.name for backend in all_backends()] == [*BUILT_IN, "parrot"]


def test_no_package_takes_the_name_of_one_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "hf", f"{__name__}:PARROT")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_backend("hf") is HF
    assert all_backends() == list(BUILT_IN.values())


@pytest.mark.parametrize(
    ("value", "words"), [("no_such_module:X", "cannot be imported: ModuleNotFoundError"), ("os:sep", "no description")]
)
def test_a_broken_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, words: str) -> None:
    installed(tmp_path, "parrot", value)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BenchtuiError, match=words) as error:
        find_backend("parrot")
    assert f"parrot ({value})" in error.value.what
    assert all_backends() == list(BUILT_IN.values())


def test_a_missing_package_is_named_with_the_line_that_installs_it() -> None:
    needy = Backend("x", "X", (), Gives(), "x", needs=(Need("no-such-package", "pip install no-such-package"),))
    with pytest.raises(BenchtuiError, match="The x backend needs the package no-such-package") as error:
        needy.check()
    assert error.value.next_step == "pip install no-such-package"


def test_a_task_that_needs_what_is_not_given_is_refused_with_the_backend_that_gives_it() -> None:
    tasks = resolve(load_catalogue(()), ["ifeval", "hellaswag"])
    check_abilities(HF, MERGED, DESCRIBED, tasks, Access())
    with pytest.raises(UsageError, match="hellaswag needs log-likelihoods; the parrot backend gives none") as error:
        check_abilities(PARROT, MERGED, DESCRIBED, tasks, Access())
    assert error.value.next_step == "Use --backend hf, which opens the same files."
    with pytest.raises(UsageError) as error:
        check_abilities(PARROT, ModelFormat("gguf", Path("m.gguf")), DESCRIBED, tasks, Access())
    assert error.value.next_step == "Use --backend gguf, which opens the same files."


def test_such_a_task_and_a_missing_package_are_refused_before_anything_is_laid_out(
    laid: Laid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path / "packages", "parrot", f"{__name__}:PARROT")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    with pytest.raises(UsageError, match="laid_first and laid_second need log-likelihoods; the parrot"):
        laid.lay_out(backend="parrot")
    monkeypatch.setattr(f"{__name__}.PARROT", dataclasses.replace(PARROT, needs=(Need("seeds", "pip install seeds"),)))
    with pytest.raises(BenchtuiError, match="needs the package seeds") as error:
        laid.lay_out(backend="parrot")
    assert error.value.next_step == "pip install seeds"
    assert not (laid.outputs / "tuned" / "benchmarks").exists()


@pytest.mark.parametrize("kind", ["checkpoint", "epoch", "hub"])
def test_an_adapter_that_a_backend_would_leave_off_is_refused(kind: Kind) -> None:
    adapter = dataclasses.replace(DESCRIBED, name="trained/checkpoint-5", adapter=True)
    form, access = ModelFormat(kind, Path("trained/checkpoint-5"), adapter=True), Access(None)
    with pytest.raises(UsageError, match="trained/checkpoint-5 is an adapter; the parrot backend loads whole") as error:
        PARROT.source(form, adapter, DESCRIBED, access)
    assert "Merge it into its base first" in error.value.next_step
    for backend in (HF, VLLM):
        assert hugging_face(backend.source(form, adapter, DESCRIBED, access)).adapter == "trained/checkpoint-5"


def test_finding_our_own_backends_searches_no_packages() -> None:
    code = (
        "import sys; from benchtui.backends.registry import find_backend; find_backend('hf'); "
        "sys.exit('importlib.metadata' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-S", "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_model_arguments_of_a_folders_file_are_judged_by_the_backend_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path / "packages", "parrot", f"{__name__}:PARROT")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.chdir(tmp_path)
    Path("benchtui.toml").write_text('[run]\nbackend = "parrot"\nmodel-args = ["feathers=evil/kernel"]\n')
    monkeypatch.setenv("BENCHTUI_BACKEND", "hf")  # harmless to the parrot only
    ended = benchtui("run", "--model", "nothing")
    assert ended.code == 2
    assert "feathers can load files and code" in ended.err
    monkeypatch.setenv("BENCHTUI_BACKEND", "parrot")
    assert "feathers" not in benchtui("run", "--model", "nothing").err
