"""A worker that is told to put its model on all devices that it sees: accelerate's map is asked for, and what fits
nowhere is refused. Without a GPU the machine's memory is the only place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchtui.plans.lm_eval_command import equivalent_command
from benchtui.runs.events import EventWriter
from benchtui.runs.worker_contract import MODEL_DEVICES
from benchtui.worker.answering.hf import load
from benchtui.worker.answering.hf.answering import HFAnswering
from benchtui.worker.answering.hf.load import NoRoomForModelError
from benchtui.worker.report import Reporter
from tests.runs.laid_out import Laid


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    reporter = Reporter(EventWriter(tmp_path / "events.jsonl"))
    yield reporter
    reporter.close()


def opened(laid: Laid, reporter: Reporter, **model_args: Any) -> HFAnswering:
    plan = laid.prepared().base
    assert plan is not None
    prompts = msgspec.structs.replace(plan.prompts, model_args=model_args)
    return HFAnswering.open(msgspec.structs.replace(plan, prompts=prompts), reporter, 1.0)


def asked_of_lm_eval(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []
    own = load._engine

    def engine(name: str) -> Any:
        def made(**arguments: Any) -> Any:
            asked.append(arguments)
            return own(name)(**arguments)

        return made

    monkeypatch.setattr(load, "_engine", engine)
    return asked


def test_the_map_is_asked_for_where_the_worker_has_several_devices(
    tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid, asked = Laid(tmp_path), asked_of_lm_eval(monkeypatch)
    opened(laid, reporter).close()
    assert "parallelize" not in asked[-1]
    monkeypatch.setenv(MODEL_DEVICES, "2")
    found = opened(laid, reporter, max_cpu_memory="4GiB")
    assert asked[-1]["parallelize"] is True
    assert asked[-1]["offload_folder"] is None
    tuned = laid.prepared().fine_tuned
    found.adapt(tuned, reporter, 1.0)  # the same weights in memory are not placed again
    found.close()


def test_what_fits_nowhere_is_refused_and_no_folder_is_made(
    tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL_DEVICES, "2")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(NoRoomForModelError, match="does not fit into the memory of the GPUs together") as raised:
        opened(Laid(tmp_path), reporter, max_cpu_memory="1KiB")
    assert "max_cpu_memory" in raised.value.next_step
    assert not list(Path.cwd().iterdir())


def test_the_command_of_lm_eval_names_it(tmp_path: Path) -> None:
    plan = Laid(tmp_path).prepared().base
    assert plan is not None
    assert "parallelize=True" in equivalent_command(plan, devices=2)
    assert "parallelize" not in equivalent_command(plan)
