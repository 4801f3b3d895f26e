"""A table: every command that takes RUN, by every way to name a run, for models with odd names."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import DoneRecord, write_record
from tests.cli.results_commands import Ended, benchtui
from tests.run_stories import dead_process, launch, make_run
from tests.synthetic import ifeval, write_run

STAMP = "2026-11-20T10-30-15"
MODELS = (
    "plain",
    "with spaces  inside",
    "ünïcode-模型-🦙",
    "-leading-dash",
    "dots.v1.2..final",
    "$HOME;`quoted'\"",
    "[bold]markup",
    "org__name",
    "base",
    "benchmarks-2026",
    "x" * 200,
    "experiment/nested one",
)


@dataclass(frozen=True)
class Way:
    """How a run is named, given the outputs folder, the model and the run's folder; `side` is what it means."""

    name: str
    text: Callable[[Path, str, Path], str]
    side: str


WAYS = (
    Way("as runs prints it", lambda _, model, run: f"{model}/{run.name}", "fine-tuned"),
    Way("the base as runs prints it", lambda _, model, run: f"{model}/base", "base"),
    Way("MODEL", lambda _, model, run: model, "model"),
    Way("MODEL/", lambda _, model, run: f"{model}/", "model"),
    Way("path", lambda _, model, run: str(run), "fine-tuned"),
    Way("path with a slash", lambda _, model, run: f"{run}/", "fine-tuned"),
    Way("relative path", lambda _, model, run: os.path.relpath(run), "fine-tuned"),
    Way("path of lm-eval/", lambda _, model, run: f"{run}/lm-eval", "fine-tuned"),
    Way("path of the model", lambda outputs, model, run: str(outputs / model), "model"),
    Way("path of the base", lambda outputs, model, run: str(outputs / model / "benchmarks" / "base"), "base"),
)

COMMANDS = ("compare", "gate", "summarize", "readme", "history", "note", "attach", "cancel", "resume", "overlap",
            "rescore", "hybrid show", "hybrid defer")  # fmt: skip

EXPECTED: dict[str, dict[str, tuple[int, str]]] = {
    "fine-tuned": {
        "compare": (0, "63.0"),
        "gate": (0, ""),
        "summarize": (0, "63.0"),
        "readme": (0, f"Results of the run {STAMP}."),
        "history": (0, STAMP[:10]),
        "note": (0, "note of the fine-tuned run"),
        "attach": (0, ""),
        "cancel": (1, f"{STAMP} is not running: it finished."),
        "resume": (1, "has finished: there is nothing to resume."),
        "overlap": (1, "has no training_metrics.json"),
        "rescore": (1, "holds no answers."),
        "hybrid show": (1, "is no sweep."),
        "hybrid defer": (2, f"/{STAMP}"),
    },
    "base": {
        "compare": (1, "is the base itself"),
        "gate": (1, "is the base itself"),
        "summarize": (1, "is a run of the base model"),
        "readme": (1, "is a run of the base model"),
        "history": (0, STAMP[:10]),
        "note": (0, "note of the base run"),
        "attach": (0, ""),
        "cancel": (1, "base is not running: it finished."),
        "resume": (1, "has finished: there is nothing to resume."),
        "overlap": (1, "has no training_metrics.json"),
        "rescore": (1, "holds no answers."),
        "hybrid show": (1, "is no sweep."),
        "hybrid defer": (2, "/base"),
    },
}

EXPECTED["model"] = EXPECTED["fine-tuned"] | {
    "cancel": (1, " is running."),
    "resume": (1, " is unfinished."),
    "hybrid show": (1, "There is no finished sweep of "),
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished base and fine-tuned run of each model."""
    outputs = tmp_path_factory.mktemp("names") / "outputs"
    for model in MODELS:
        benchmarks, leaves = outputs / model / "benchmarks", {"ifeval": ["ifeval"]}
        base = make_run(benchmarks / "base", "base", model=model, leaves=leaves, bench_id=model)
        tuned = make_run(benchmarks / "fine-tuned" / STAMP, model=model, leaves=leaves, bench_id=model)
        for run, right in ((base, 0.5), (tuned, 0.63)):
            launch(run, time.time() - 60, dead_process())
            answers = {"ifeval": ifeval([i < 541 * right for i in range(541)])}
            write_run(run.path, answers, stamp=STAMP, block={"fingerprint": run.plan().fingerprint})
            write_record(run.done, DoneRecord("finished", "", time.time(), results=f"results_{STAMP}.json"))
            side = "base" if run.path.name == "base" else "fine-tuned"
            (run.path / "note.txt").write_text(f"note of the {side} run")
    return outputs


def ask(outputs: Path, command: str, name: str) -> Ended:
    if command == "overlap":  # its arguments are training data
        return benchtui(command, "--outputs", outputs, f"--run={name}")
    names = (name, name) if command == "hybrid defer" else (name,)  # of a small and of a large model
    return benchtui(*command.split(), "--outputs", outputs, "--", *names)


@pytest.mark.parametrize("model", MODELS, ids=[model[:20] for model in MODELS])
@pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
def test_it_means_the_same_run_to_every_command(outputs: Path, model: str, way: Way) -> None:
    text = way.text(outputs, model, outputs / model / "benchmarks" / "fine-tuned" / STAMP)
    for command in COMMANDS:
        code, words = EXPECTED[way.side][command]
        ended = ask(outputs, command, text)
        said = ended.out + ended.err
        assert "Traceback" not in said, (command, text)
        assert ended.code == code, (command, text, said)
        assert words in said, (command, text, said)


def test_what_runs_prints_is_what_the_table_names(outputs: Path) -> None:
    listed = json.loads(benchtui("runs", "--outputs", outputs, "--json").out)
    assert {run["name"] for run in listed} == {f"{model}/{run}" for model in MODELS for run in ("base", STAMP)}
    for run in listed:
        found = ask(outputs, "cancel", run["name"])
        assert f"{Path(run['path']).name} is not running" in found.err, run["name"]
    assert RunDirectory(Path(listed[0]["path"])).exists()


@pytest.mark.parametrize(
    "name", ["nothing-like-it", "", " ", "/", "..", "\0", "y" * 5000, "plain/nothing", "../../etc"]
)
def test_what_names_nothing_is_one_line(outputs: Path, name: str) -> None:
    for command in COMMANDS:
        ended = ask(outputs, command, name)
        assert ended.code in (1, 2), (command, ended.out)
        assert "Traceback" not in ended.err
        assert len(ended.err.strip().splitlines()) <= 2, (command, ended.err)
