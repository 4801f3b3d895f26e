"""--model-parallel: which GPUs hold a worker's model together, and who refuses it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from benchtui.backends.backend import Machine
from benchtui.backends.registry import BUILT_IN
from benchtui.errors import UsageError
from benchtui.machine import MEMORY_PART
from benchtui.plans.devices import check_model_parallel
from benchtui.runs.worker_contract import DEVICE_NAME, MODEL_DEVICES, model_devices
from benchtui.supervise.placement import placements
from benchtui.supervise.settings import SuperviseSettings, supervise_settings
from tests.gpus_here import put_gpus_here

FOUR = "".join(f"GPU {number}: NVIDIA H100 (UUID: GPU-{number}c89b1aa-0000)\n" for number in range(4))


@pytest.fixture
def four(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_gpus_here(tmp_path / "bin", monkeypatch, FOUR)


@pytest.fixture
def none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_gpus_here(tmp_path / "bin", monkeypatch, "")


def said(
    each: int | Literal["auto"] | None,
    workers: int | Literal["auto"] = "auto",
    devices: str | None = None,
    device: str = "auto",
) -> SuperviseSettings:
    return supervise_settings(
        None, skip_stalled=False, workers=workers, devices=devices, device=device, model_parallel=each
    )


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("each", "workers", "devices", "seen"),
    [
        (2, "auto", None, ["0,1"]),
        ("auto", "auto", None, ["0,1,2,3"]),
        ("auto", 2, None, ["0,1", "2,3"]),
        (2, 2, None, ["0,1", "2,3"]),
        (2, "auto", "auto", ["0,1", "2,3"]),
        (2, "auto", "3,1", ["3,1"]),
        (2, 1, "0,1,2", ["0,1"]),
        (1, "auto", "0,1", ["0", "1"]),
        (None, "auto", "0,1", ["0", "1"]),
        ("auto", 4, None, ["0", "1", "2", "3"]),
    ],
)
def test_each_worker_sees_the_gpus_that_hold_its_model(
    each: int | Literal["auto"] | None, workers: int | Literal["auto"], devices: str | None, seen: list[str]
) -> None:
    settings = said(each, workers, devices)
    assert settings.workers == len(seen)
    found = [place.environment for place in placements(settings.workers, settings.devices)]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in found] == seen
    for one, names in zip(found, seen, strict=True):
        assert one[MEMORY_PART] == "1.0"
        several = names.count(",") + 1
        assert one.get(MODEL_DEVICES) == (str(several) if several > 1 else None)
        assert one[DEVICE_NAME] == (f"GPUs {', '.join(names.split(','))}" if several > 1 else f"GPU {names}") + (
            " (NVIDIA H100)"
        )


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("each", "workers", "devices", "words"),
    [
        (8, "auto", None, "there are 4"),
        (2, 3, None, "3 workers on 2 GPUs each"),
        (2, "auto", "0,1,2", "3 GPUs cannot be shared out 2 by 2"),
        (3, "auto", "0,1", "not enough"),
        (2, "auto", "cpu", "--devices cpu is one place"),
    ],
)
def test_too_few_gpus_are_told_before_anything_is_loaded(
    each: int, workers: int | Literal["auto"], devices: str | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        said(each, workers, devices)
    assert raised.value.next_step


def test_what_fits_is_told_by_the_memory_of_all_that_hold_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "0, 1000, 11000\n0, 0, 10000\n0, 0, 5000\n"
    put_gpus_here(tmp_path / "bin", monkeypatch, FOUR, rows)
    free = [found.free >> 20 for count in (1, 2, 64) if (found := Machine.of("auto", count))]
    assert free == [10000, 20000, 25000]


@pytest.mark.usefixtures("none")
def test_without_gpus_auto_asks_for_nothing_and_a_number_is_refused() -> None:
    assert said("auto") == said(None)
    assert said("auto", 2).devices == ()
    for device in ("auto", "cpu", "mps"):
        with pytest.raises(UsageError, match="--model-parallel 2"):
            said(2, device=device)


def test_on_a_cluster_each_worker_has_one_gpu() -> None:
    with pytest.raises(UsageError, match="--model-parallel 2: on a cluster"):
        supervise_settings(
            None, skip_stalled=False, workers="auto", devices=None, cluster="127.0.0.1:1", model_parallel=2
        )


@pytest.mark.parametrize("name", ["hf", "vllm"])
def test_backends_that_can_are_asked_in_one_way(name: str) -> None:
    backend = BUILT_IN[name]
    check_model_parallel(backend, 2)
    check_model_parallel(backend, None, {backend.spreads_by: 2})
    assert backend.is_harmless(backend.spreads_by, 2)  # as it was: lm-eval's and vLLM's own spelling
    with pytest.raises(UsageError, match=backend.spreads_by):
        check_model_parallel(backend, "auto", {backend.spreads_by: 2})


@pytest.mark.parametrize("name", sorted(set(BUILT_IN) - {"hf", "vllm"}))
def test_the_others_refuse_by_name_and_say_what_does_it(name: str) -> None:
    check_model_parallel(BUILT_IN[name], None)
    check_model_parallel(BUILT_IN[name], 1)
    with pytest.raises(UsageError, match=f"the {name} backend") as raised:
        check_model_parallel(BUILT_IN[name], 2)
    assert "eave" in raised.value.next_step


@pytest.mark.parametrize("nonsense", ["", "a", "0", "-1", "2.5", "²", "99999"])
def test_a_number_of_devices_that_is_none_is_not_believed(nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_DEVICES, nonsense)
    assert model_devices() == 1
