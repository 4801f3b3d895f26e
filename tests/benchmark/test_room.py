"""Whether several workers fit beside each other, told before any is started."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from benchtui.benchmark.resume import ResumeChoice, resume
from benchtui.benchmark.room import check_copies, free_on, needed
from benchtui.errors import BenchtuiError, UsageError
from benchtui.gpus import find_gpus
from benchtui.plans.devices import check_served
from benchtui.plans.plan import Permissions, write_plan
from benchtui.plans.prepare import PreparedBench
from benchtui.runs.directory import RunDirectory
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from tests.benchmark.test_conclude import Notebook
from tests.gpus_here import put_gpus_here
from tests.runs.laid_out import Laid

GB = 10**9


def of(laid: Laid, loaded: int, backend: str = "hf") -> PreparedBench:
    made = laid.prepared()
    plan = msgspec.structs.replace(made.fine_tuned, backend=backend)
    return dataclasses.replace(made, fine_tuned=plan, loaded=loaded)


def test_weights_are_those_of_the_model_in_the_precision_of_the_device(laid: Laid) -> None:
    stored = laid.weights.stat().st_size
    assert laid.prepared(device="cpu").loaded == pytest.approx(stored, rel=0.2), "tiny models are stored in float32"
    assert laid.prepared(device="cuda").loaded == pytest.approx(stored / 2, rel=0.2)


def test_copies_on_the_processor_that_do_not_fit_are_refused_with_figures(
    laid: Laid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchtui.benchmark.room.free_memory", lambda: 10 * GB)
    check_copies(of(laid, 4 * GB), SuperviseSettings(workers=2))
    check_copies(of(laid, 40 * GB), SuperviseSettings(workers=1))
    with pytest.raises(BenchtuiError) as caught:
        check_copies(of(laid, 4 * GB), SuperviseSettings(workers=4))
    assert caught.value.what == (
        "4 workers on the processor take about 18.4 GB of memory, 4.0 GB of weights each, and 10.0 GB are free."
    )
    assert caught.value.next_step == "Use --workers 2."
    check_copies(of(laid, 4 * GB, backend="gguf"), SuperviseSettings(workers=4))
    check_copies(of(laid, 4 * GB), SuperviseSettings(workers=4, cluster="auto"))  # they are in the memory of others


def test_each_gpu_holds_its_own_workers(laid: Laid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_gpus_here(tmp_path / "bin", monkeypatch, memory="0, 81000\n1, 9000\n2, 81000\n")
    gpus = tuple(find_gpus())
    assert free_on(gpus[:2]) == 9000 * 1024 * 1024
    one_each = SuperviseSettings(workers=3, devices=gpus)
    assert needed(of(laid, 8 * GB), one_each) == 8 * GB
    check_copies(of(laid, 90 * GB), one_each)
    with pytest.raises(BenchtuiError, match=r"2 workers on GPU 0 .* take about 16.0 GB of memory"):
        check_copies(of(laid, 8 * GB), SuperviseSettings(workers=4, devices=gpus[:2]))


@pytest.mark.parametrize(("workers", "devices", "said"), [(3, None, "--workers 3"), ("auto", "0,1", "--devices 0,1")])
@pytest.mark.parametrize("name", ["ollama", "openai"])
def test_a_server_has_its_devices_to_itself(name: str, workers: int, devices: str | None, said: str) -> None:
    from benchtui.backends.registry import find_backend

    with pytest.raises(UsageError) as caught:
        check_served(find_backend(name), workers, devices)
    assert caught.value.what.startswith(f"{said}: the {name} backend asks a server")
    assert "--batch-size" in caught.value.next_step


def resumed(run: RunDirectory, settings: SuperviseSettings, devices: str | None = None) -> None:
    resume(run, ResumeChoice(Permissions(), settings, devices=devices), Notebook(), Control())  # type: ignore[arg-type]


@pytest.mark.parametrize(("planned", "devices"), [("auto", "cpu"), ("cpu", "0"), ("cuda:1", "0,1"), ("cuda", "cpu")])
def test_a_run_stays_on_the_kind_of_device_that_it_was_planned_for(laid: Laid, planned: str, devices: str) -> None:
    run = laid.lay_out(device=planned).fine_tuned
    with pytest.raises(UsageError) as caught:
        resumed(run, SuperviseSettings(), devices)
    assert caught.value.what.startswith(f"This run was planned with --device {planned}, and --devices {devices} ")


@pytest.mark.parametrize("kind", ["tokens", "switching", "sweep"])
def test_kinds_whose_parts_depend_on_each_other_have_one_worker(laid: Laid, kind: str) -> None:
    run = laid.lay_out().fine_tuned
    write_plan(run.plan_file, msgspec.structs.replace(run.plan(), kind=kind))
    with pytest.raises(UsageError, match=f"A run of the kind {kind} has one worker"):
        resumed(run, SuperviseSettings(workers=2))
