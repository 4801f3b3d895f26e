"""How fast a model answers: the first pass of a task left out, quartiles over tokens, kept through another worker."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from benchtui.models.source import FolderSource, HubSource, ServedSource
from benchtui.runs.journal.journal import Journal
from benchtui.worker.answering.protocol import Answering, AnsweringFacts
from benchtui.worker.benchmark.machine import PeakMemory, computing
from benchtui.worker.benchmark.speed import SpeedMeter
from tests.e2e.tiny import make_tiny_model

MIB = 1024 * 1024
NOWHERE = HubSource("a/model", "")


class Model(Answering):
    facts = AnsweringFacts("none", "1", "cpu", "float32", 8)


@pytest.fixture
def journal(tmp_path: Path):  # type: ignore[no-untyped-def]
    with Journal(tmp_path / "journal.sqlite") as opened:
        yield opened


def test_the_first_pass_of_each_kind_in_a_task_is_no_speed(journal: Journal) -> None:
    meter = SpeedMeter(journal)
    for _task in range(2):
        meter.begin()
        meter.prefilled(1000, 100.0)  # whatever had to be made ready
        meter.prefilled(1000, 1.0)
        meter.decoded(4, 100.0)
        meter.decoded(4, 0.1)
    speed = meter.speed(NOWHERE, [])
    assert speed.prefill is not None
    assert speed.decode is not None
    assert (speed.prefill.tokens, speed.prefill.seconds, speed.prefill.measured) == (2000, 2.0, 2)
    assert speed.decode.median == pytest.approx(40, rel=0.005)


def test_one_pass_alone_is_no_speed(journal: Journal) -> None:
    meter = SpeedMeter(journal)
    meter.begin()
    meter.prefilled(1000, 1.0)
    assert meter.speed(NOWHERE, []).prefill is None


def test_quartiles_are_those_of_the_tokens(journal: Journal) -> None:
    meter = SpeedMeter(journal)
    meter.begin()
    meter.prefilled(1, 1.0)
    passes = [(100 + 7 * n, 0.5 + (n * 37 % 23) / 10) for n in range(60)]
    for tokens, seconds in passes:
        meter.prefilled(tokens, seconds)
    rates = sorted(rate for tokens, seconds in passes for rate in [tokens / seconds] * tokens)
    found = meter.speed(NOWHERE, [5, 9, 30, 200]).prefill
    assert found is not None
    assert found.median == pytest.approx(statistics.median(rates), rel=0.02)
    assert found.low == pytest.approx(rates[len(rates) // 4], rel=0.02)
    assert found.high == pytest.approx(rates[3 * len(rates) // 4], rel=0.02)
    assert meter.speed(NOWHERE, [5, 9, 30, 200]).prompt_tokens == 19.5


def test_another_worker_adds_to_what_was_measured(journal: Journal) -> None:
    first = SpeedMeter(journal)
    first.begin()
    for seconds in (9.0, 2.0, 2.0):
        first.decoded(10, seconds)
    first.first_token(0.5)
    first.keep(Model(), force=True)
    second = SpeedMeter(journal)
    second.begin()
    for seconds in (9.0, 1.0):
        second.decoded(10, seconds)
    second.keep(Model(), force=True)
    speed = SpeedMeter(journal).speed(NOWHERE, [])
    assert speed.decode is not None
    assert (speed.decode.tokens, speed.decode.seconds, speed.decode.measured) == (30, 5.0, 3)
    assert speed.first_token is not None
    assert speed.first_token.measured == 1
    assert speed.machines == (computing("cpu"),), "the same machine twice is one"
    assert speed.memory is not None
    assert speed.memory > 10 * MIB


def test_of_workers_at_the_same_time_it_is_said_how_many_answered(journal: Journal) -> None:
    for shard in (0, 1, 2):
        meter = SpeedMeter(journal, shard)
        meter.begin()
        for seconds in (9.0, 1.0):
            meter.decoded(10, seconds)
        meter.keep(Model(), force=True)
    speed = SpeedMeter(journal).speed(NOWHERE, [])  # of the worker that scores what they answered
    assert speed.workers == 3
    assert speed.decode is not None
    assert (speed.decode.measured, round(speed.decode.median)) == (3, 10), "the rate of one of them"


def test_a_note_of_another_version_is_no_reason_to_stop(journal: Journal) -> None:
    journal.note("speed", {"prefill": "fast"})
    assert SpeedMeter(journal).speed(NOWHERE, []).prefill is None


def test_memory_that_was_given_back_still_counts() -> None:
    peak = PeakMemory()
    before = peak.read()
    held = bytearray(64 * MIB)
    held[::4096] = b"x" * len(held[::4096])
    during = peak.read()
    del held
    assert during - before > 48 * MIB
    assert peak.read() >= during


def test_a_servers_memory_is_not_this_processes(journal: Journal) -> None:
    meter = SpeedMeter(journal)
    meter.keep(Model(), force=True)
    served = meter.speed(ServedSource("m", "", server="http://localhost:1"), [])
    assert (served.memory, served.machines, served.each) == (None, (), "answer")


def test_the_size_of_the_weights_is_that_of_their_files(journal: Journal, tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model")
    speed = SpeedMeter(journal).speed(FolderSource(str(folder), ""), [])
    assert speed.weights == (folder / "model.safetensors").stat().st_size
    assert SpeedMeter(journal).speed(FolderSource(str(tmp_path / "gone"), ""), []).weights is None
