"""A run of two models that write by turns: the file it makes, what fails, what is resumed, and what is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchtui.errors import BenchtuiError
from benchtui.routing.records import Sampling
from benchtui.routing.switching_file import FILE, FOLDER
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import InFlight, Results, Warned
from benchtui.runs.journal.journal import Journal
from benchtui.runs.kinds.registry import read_kind
from benchtui.runs.kinds.switching.events import Profiled, Switched
from benchtui.worker.switching import texts
from tests.worker.switching.runs import PROMPTS, do, make_pair, make_run, seed_facts, written
from tests.worker.tiny_models import make_base


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_pair(tmp_path_factory.mktemp("models"))


def test_the_file_is_that_of_seed_003_with_ours_beside_it(models, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", models)
    found = do(run)
    said = json.loads((run.path / FOLDER / FILE).read_text())
    facts = seed_facts(found)
    assert list(facts) == [
        "model_a", "backend_a", "model_b", "backend_b", "divergence_type", "threshold", "switch_back_threshold",
        "max_new_tokens", "num_questions", "results", "summary",
    ]  # fmt: skip
    assert list(said) == [*facts, "benchtui"]
    assert [said[key] for key in ("model_a", "backend_b", "divergence_type", "threshold", "switch_back_threshold")] == [
        "first", "hf", "js", 0.06, 0.05,
    ]  # fmt: skip
    assert [line["question"] for line in facts["results"]] == list(PROMPTS)
    for line in facts["results"]:
        assert list(line) == ["question", "response", "num_switches", "switch_points"]
        assert line["num_switches"] == len(line["switch_points"])
        assert all(
            list(point) == ["position", "from_model", "to_model", "divergence"] for point in line["switch_points"]
        )
    switches = sum(line["num_switches"] for line in facts["results"])
    assert switches > 4
    assert facts["summary"] == {"total_switches": switches, "avg_switches_per_question": switches / len(PROMPTS)}
    ours = found.benchtui
    assert sum(ours.tokens_by_model) == sum(len(line.token_ids) for line in found.results)
    assert [sums["chosen"] for sums in ours.cost] == list(ours.tokens_by_model)
    kind, plan = read_kind(run)
    assert (kind.name, kind.about(plan).weights) == ("switching", "first ⇄ second")
    events = list(read_events(run.events))
    last = [event for event in events if isinstance(event, Switched)][-1]
    assert (last.documents, last.switches, last.tokens) == (4, switches, ours.tokens_by_model)
    assert [event for event in events if isinstance(event, Results)][-1].partial is False
    fold = kind.fold()
    fold.know(plan)
    for event in events:
        fold.apply(event)
    assert fold.planned
    assert [row.state for row in fold.view().rows] == ["done"]


def test_a_quantile_is_taken_from_texts_of_the_first_model_and_recorded(models, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", models, threshold="p90", back=None)
    found = do(run)
    alone = do(make_run(tmp_path / "alone", models, threshold=9.0))
    expected = float(np.quantile(np.concatenate([line.divergences for line in alone.results]), 0.9))
    assert found.threshold == pytest.approx(expected, abs=1e-12)
    assert found.switch_back_threshold == pytest.approx(expected / 2)
    profile = found.benchtui.profile
    assert profile is not None
    assert (profile.asked, profile.documents, profile.texts) == ("p90", 4, "written by first alone")
    assert profile.positions == sum(len(line.divergences) for line in alone.results)
    told = [event.threshold for event in read_events(run.events) if isinstance(event, Profiled)]
    assert told[-1] == found.threshold
    assert not [line for line in alone.results if line.num_switches]


def test_what_a_model_raises_is_the_error_of_its_text_and_the_others_are_written(
    models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = do(make_run(tmp_path / "whole", models))
    actual = texts.write_switched

    def broken(first, second, prompt, writing, document, repeat=0):
        if document == 1:
            second.begin().read([-1], 1)  # the second model is asked for a token that there is not
        return actual(first, second, prompt, writing, document, repeat)

    monkeypatch.setattr(texts, "write_switched", broken)
    run = make_run(tmp_path / "run", models)
    found = do(run)
    assert [line.error is None for line in found.results] == [True, False, True, True]
    facts = seed_facts(found)
    assert list(facts["results"][1]) == ["question", "error"]
    assert facts["summary"]["avg_switches_per_question"] == facts["summary"]["total_switches"] / 3
    events = list(read_events(run.events))
    assert [event for event in events if isinstance(event, Results)][-1].partial is True
    assert any("#2 was not written" in event.message for event in events if isinstance(event, Warned))
    monkeypatch.setattr(texts, "write_switched", actual)
    with Journal(run.journal) as journal:
        journal.forget_skipped()  # as the supervisor does when a run is resumed
    assert msgspec.structs.replace(do(run), benchtui=whole.benchtui) == whole


def test_a_run_of_which_nothing_could_be_written_fails(models, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", models, prompts=("the lazy dog " * 600,))
    with pytest.raises(BenchtuiError, match=r"None of 1 texts could be written. The first: .*window of 512"):
        do(run)
    assert not (run.path / FOLDER / FILE).exists()


def test_models_that_do_not_share_tokens_are_refused_by_the_first_that_differs(models, tmp_path: Path) -> None:
    other = make_base(tmp_path / "other")
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    ids = {number: token for token, number in vocabulary.items()}
    vocabulary[ids[40]], vocabulary[ids[41]] = 41, 40
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(BenchtuiError, match=r"do not share tokens: id 40 is '.' in first and '.' in other"):
        do(make_run(tmp_path / "run", (models[0], other)))


@pytest.mark.slow
def test_a_killed_run_is_resumed_to_the_same_file(models, tmp_path: Path) -> None:
    sampling = Sampling(temperature=1.0, max_new_tokens=120, seed=3)
    prompts = tuple(f"{prompt} {number}" for number in range(4) for prompt in PROMPTS)
    whole, run = (make_run(tmp_path / name, models, prompts, sampling=sampling) for name in ("whole", "run"))
    do(whole)
    worker = subprocess.Popen([sys.executable, "-m", "benchtui.worker", str(run.path)])
    while sum(isinstance(event, InFlight) for event in read_events(run.events)) < 4:
        assert worker.poll() is None
        time.sleep(0.02)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    with Journal(run.journal, read_only=True) as journal:
        assert 0 < journal.count("texts") < len(prompts)
    do(run)
    assert (run.path / FOLDER / FILE).read_bytes() == (whole.path / FOLDER / FILE).read_bytes()
    assert written(run).results[5].ended in ("length", "end")


def test_at_a_threshold_of_zero_the_second_model_writes_all_and_out_of_reach_the_first(models, tmp_path: Path) -> None:
    always = do(make_run(tmp_path / "always", models, threshold=0.0, back=0.0))
    never = do(make_run(tmp_path / "never", models, threshold=9.0))
    # The other way round the same two models, each alone again.
    other = do(make_run(tmp_path / "other", models[::-1], threshold=9.0))
    swapped = do(make_run(tmp_path / "swapped", models[::-1], threshold=0.0, back=0.0))
    assert [line.response for line in always.results] == [line.response for line in other.results]
    assert [line.response for line in never.results] == [line.response for line in swapped.results]
    assert [line.num_switches for line in always.results] == [1] * 4
    assert [line.response for line in always.results] != [line.response for line in never.results]
