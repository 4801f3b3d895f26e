"""What several models at once get of the machine, and which of them waits."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchtui.benchmark.directories import BenchRuns
from benchtui.benchmark.lanes import Job, Waiting, lanes_of, models_at_once
from benchtui.errors import BenchtuiError, UsageError
from benchtui.gpus import Gpu
from benchtui.plans.prepare import PreparedBench
from benchtui.supervise.settings import SuperviseSettings
from tests.runs.laid_out import Laid, end

GPUS = tuple(Gpu(number, str(number)) for number in range(4))


@pytest.mark.parametrize(
    ("devices", "asked", "workers", "placed"),
    [
        (2, "auto", "auto", [("0", 1), ("1", 1)]),
        (4, 2, "auto", [("02", 2), ("13", 2)]),
        (4, 3, "auto", [("03", 2), ("1", 1), ("2", 1)]),
        (4, 1, "auto", [("0123", 4)]),
        (2, 3, "auto", [("0", 1), ("1", 1), ("0", 1)]),
        (0, 2, "auto", [("", 1), ("", 1)]),
        (0, 2, 3, [("", 3), ("", 3)]),
        (0, "auto", "auto", [("", 1)]),
    ],
)
def test_devices_are_dealt_out(devices: int, asked: Any, workers: Any, placed: list[tuple[str, int]]) -> None:
    settings = SuperviseSettings(devices=GPUS[:devices])
    lanes = lanes_of(settings, models_at_once(asked, settings, 9), workers)
    assert [("".join(gpu.name for gpu in lane.devices), lane.workers) for lane in lanes] == placed


def test_no_more_lanes_than_models() -> None:
    assert models_at_once("auto", SuperviseSettings(devices=GPUS), 3) == 3
    assert models_at_once(8, SuperviseSettings(), 2) == 2


def test_on_a_cluster_models_take_turns() -> None:
    there = SuperviseSettings(workers=0, cluster="auto")
    assert models_at_once("auto", there, 9) == models_at_once(1, there, 9) == 1
    with pytest.raises(UsageError, match="--models-at-once 2: on a cluster models are evaluated one after another"):
        models_at_once(2, there, 9)


def waiting(prepared: dict[str, PreparedBench | BenchtuiError], laid: Laid, **more: Any) -> tuple[Waiting, list[str]]:
    skipped: list[str] = []

    def prepare(job: Job) -> PreparedBench:
        found = prepared[job.model.name]
        if isinstance(found, BenchtuiError):
            raise found
        return found

    model = laid.prepared().model
    models = [dataclasses.replace(model, name=name) for name in prepared]
    rules: dict[str, Any] = {"fits": lambda _: True, "stop_requested": lambda: False} | more
    return Waiting(models, prepare=prepare, skip=lambda job, _: skipped.append(job.model.name), **rules), skipped


def of_base(laid: Laid, identity: str) -> PreparedBench:
    made = laid.prepared()
    assert made.base is not None
    source = msgspec.structs.replace(made.base.source, identity=identity)
    return dataclasses.replace(made, base=msgspec.structs.replace(made.base, source=source))


def taken(queue: Waiting, within: float = 5.0) -> Job | None:
    """What is taken, in a thread of its own; fails where nothing is within the time."""
    found: list[Job | None] = []
    thread = threading.Thread(target=lambda: found.append(queue.take(SuperviseSettings())), daemon=True)
    thread.start()
    thread.join(within)
    if not found:
        raise TimeoutError
    return found[0]


def test_models_with_other_bases_start_first_and_the_same_base_is_waited_for(laid: Laid) -> None:
    queue, _ = waiting({"a": of_base(laid, "one"), "b": of_base(laid, "one"), "c": of_base(laid, "two")}, laid)
    first, second = taken(queue), taken(queue)
    assert first is not None
    assert second is not None
    assert [first.model.name, second.model.name] == ["a", "c"]
    with pytest.raises(TimeoutError):
        taken(queue, 1.2)


def test_a_base_with_results_is_waited_for_no_longer(laid: Laid) -> None:
    queue, _ = waiting({"a": of_base(laid, "one"), "b": of_base(laid, "one")}, laid)
    first = taken(queue)
    assert first is not None
    runs = laid.lay_out()
    first.runs = runs
    found: list[Job | None] = []
    thread = threading.Thread(target=lambda: found.append(queue.take(SuperviseSettings())), daemon=True)
    thread.start()
    time.sleep(0.7)
    assert not found, "its base is being evaluated"
    assert runs.base is not None
    end(runs.base, "finished")
    thread.join(5)
    assert found[0] is not None
    assert found[0].model.name == "b"
    assert queue.evaluated() == [first.model.path]


def test_a_model_that_failed_is_no_reason_to_wait(laid: Laid) -> None:
    queue, _ = waiting({"a": of_base(laid, "one"), "b": of_base(laid, "one")}, laid)
    first = taken(queue)
    assert first is not None
    queue.end(first)
    assert taken(queue) is not None
    assert queue.evaluated() == []


def test_what_cannot_be_prepared_is_left_out(laid: Laid) -> None:
    queue, skipped = waiting({"a": BenchtuiError("It is cut short."), "b": of_base(laid, "one")}, laid)
    job = taken(queue)
    assert job is not None
    assert (job.model.name, skipped) == ("b", ["a"])
    queue.end(job)
    assert taken(queue) is None


def test_what_does_not_fit_waits_until_the_other_has_ended(laid: Laid) -> None:
    sizes = {"a": of_base(laid, "one"), "large": of_base(laid, "two"), "c": of_base(laid, "three")}

    def fits(jobs: Any) -> bool:
        return not any(job.model.name == "large" for job in jobs)

    queue, _ = waiting(sizes, laid, fits=fits)
    first, second = taken(queue), taken(queue)
    assert first is not None
    assert second is not None
    assert second.model.name == "c", "a smaller one goes before it"
    queue.end(first)
    with pytest.raises(TimeoutError):
        taken(queue, 1.2)
    queue.end(second)


def test_alone_everything_may_start(laid: Laid) -> None:
    queue, _ = waiting({"large": of_base(laid, "one")}, laid, fits=lambda _: False)
    assert taken(queue) is not None


def test_after_a_stop_nothing_is_given_out(laid: Laid) -> None:
    queue, _ = waiting({"a": of_base(laid, "one")}, laid, stop_requested=lambda: True)
    assert taken(queue) is None


def test_an_unknown_base_is_nobodys(laid: Laid, tmp_path: Path) -> None:
    alone = dataclasses.replace(laid.prepared(), base=None)
    queue, _ = waiting({"a": alone, "b": alone}, laid)
    first = taken(queue)
    assert first is not None
    first.runs = BenchRuns(laid.lay_out().fine_tuned, None)
    assert taken(queue) is not None
