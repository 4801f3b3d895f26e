"""Which rows a leaderboard has: whatever was evaluated, and whatever a user names."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.compare.history.history import all_history
from benchtui.compare.leaderboard import candidates
from benchtui.compare.leaderboard.candidates import find_candidates
from benchtui.compare.leaderboard.records import Candidate, CandidateRun, Key
from benchtui.compare.leaderboard.rows import Row
from benchtui.errors import BenchtuiError
from benchtui.models.layout import TrainingFacts
from benchtui.models.source import FolderSource, GgufSource
from benchtui.models.training import read_training
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings, Role
from benchtui.plans.plan import write_plan
from benchtui.runs.directory import RunDirectory
from tests.synthetic import Task, ifeval, write_run

EVEN = [i % 2 == 0 for i in range(40)]


def acc(share: float, n: int = 40) -> Task:
    return Task({("acc", "none"): [i < share * n for i in range(n)]})


def evaluated(
    outputs: Path,
    model: str,
    form: str,
    tasks: dict[str, Task],
    *,
    day: int = 1,
    role: Role = "fine-tuned",
    backend: str = "hf",
    training: TrainingFacts | None = None,
) -> Path:
    """Write a finished run with a plan, as benchtui leaves it."""
    path = str(outputs / model / form)
    gguf = form.endswith(".gguf")
    source = GgufSource(path, "i", form, quantization="Q8_0") if gguf else FolderSource(path, "i", form)
    told = {"backend": backend, **({"quantization": "Q8_0"} if gguf else {})}
    place = f"base/previous/{day}" if role == "base" and day > 1 else "base"
    run = RunDirectory(
        outputs / model / "benchmarks" / (place if role == "base" else f"fine-tuned/2026-11-{day:02d}T00-00-00")
    )
    write_run(run.path, tasks, stamp=f"2026-11-{day:02d}T00-00-00", block={"plan": told})
    plan = BenchmarkPlan(
        model_name=model,
        bench_id="b",
        created="",
        role=role,
        source=FolderSource("org/base", "i", "base") if role == "base" else source,
        tasks=(),
        prompts=PromptSettings(),
        backend=backend,
        training=training,
    )
    run.records.mkdir(exist_ok=True)
    write_plan(run.plan_file, plan)
    run.done.write_text(json.dumps({"status": "finished", "message": "", "t": 1.0}))
    return run.path


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A model with a base, three forms of it, and a second model of the same base with a task more."""
    outputs = tmp_path / "outputs"
    for model in ("m", "other"):
        evaluated(outputs, model, "base", {"t": acc(0.5)}, role="base")
    for day, (form, share) in enumerate((("lora", 0.6), ("checkpoint-20", 0.55), ("m.Q8_0.gguf", 0.4)), 1):
        evaluated(outputs, "m", form, {"t": acc(share)}, day=day, role="model" if "gguf" in form else "fine-tuned")
    evaluated(outputs, "other", "lora", {"t": acc(0.7), "u": acc(0.1)})
    return outputs


def scores(found: list[Candidate]) -> dict[str, dict[str, float]]:
    return {c.name: {outcome.task: outcome.value for outcome in c.outcomes} for c in found}


def test_every_form_is_a_row_and_a_base_is_one_row(outputs: Path) -> None:
    found = find_candidates(outputs)
    assert scores(found) == {
        "org/base": {"t": 0.5},
        "m/checkpoint-20": {"t": 0.55},
        "m/lora": {"t": 0.6},
        "m/Q8_0.gguf": {"t": 0.4},
        "other": {"t": 0.7, "u": 0.1},
    }
    by_name = {candidate.name: candidate for candidate in found}
    assert by_name["m/checkpoint-20"].step == 20
    assert by_name["m/Q8_0.gguf"].key.quantization == "Q8_0"
    assert by_name["m/lora"].base_runs["t"] == outputs / "m" / "benchmarks" / "base"
    assert {c.base_name for c in found if not c.key.base} == {"org/base"}


def test_scores_are_those_of_the_log(outputs: Path) -> None:
    by_run = {experiment.run: experiment.outcomes for experiment in all_history(outputs)}
    for candidate in find_candidates(outputs):
        if not candidate.key.base and candidate.key.quantization == "":
            assert all(candidate.outcome(o.task) in by_run[candidate.runs[o.task]] for o in candidate.outcomes)


def test_the_newest_full_run_counts_and_the_others_unfold(outputs: Path) -> None:
    evaluated(outputs, "m", "lora", {"t": acc(0.8)}, day=9)
    evaluated(outputs, "m", "lora", {"t": Task({("acc", "none"): [True] * 5}, total=40)}, day=10)  # limited
    evaluated(outputs, "m", "lora", {"v": acc(0.3)}, day=8)
    (lora,) = (c for c in find_candidates(outputs) if c.name == "m/lora")
    assert scores([lora]) == {"m/lora": {"t": 0.8, "v": 0.3}}
    assert {task: path.name[8:10] for task, path in lora.runs.items()} == {"t": "09", "v": "08"}
    assert [run.path.name[8:10] for run in lora.others] == ["01", "10"], "full ones first, whenever they were made"


def test_backends_are_rows_of_their_own(outputs: Path) -> None:
    evaluated(outputs, "m", "lora", {"t": acc(0.65)}, day=9, backend="vllm")
    names = set(scores(find_candidates(outputs)))
    assert {"m/lora (hf)", "m/lora (vllm)"} <= names


def test_damaged_runs_are_rows_that_say_what_is_wrong_and_cost_no_other_row(outputs: Path) -> None:
    whole = scores(find_candidates(outputs))
    broken = evaluated(outputs, "m", "full", {"t": acc(0.9)}, day=20)
    next((broken / "lm-eval").glob("results*")).write_text("{")
    unplanned = evaluated(outputs, "other", "full", {"t": acc(0.9)}, day=21)
    (unplanned / "run" / "plan.json").write_text("no plan")
    found = {candidate.name: candidate for candidate in find_candidates(outputs)}
    assert "damaged" in found["m/full"].problem
    assert found["m/full"].outcomes == ()
    assert found["other/2026-11-21T00-00-00"].problem
    assert {name: row for name, row in scores(list(found.values())).items() if row} == {
        **{name: row for name, row in whole.items() if name != "other"},
        "other/lora": whole["other"],
    }


def test_with_a_damaged_base_the_model_keeps_its_own_score(outputs: Path) -> None:
    next((outputs / "m" / "benchmarks" / "base" / "lm-eval").glob("results*")).write_text("{")
    found = {candidate.name: candidate for candidate in find_candidates(outputs)}
    assert scores([found["m/lora"]]) == {"m/lora": {"t": 0.6}}
    (base,) = (candidate for candidate in found.values() if candidate.key.base)
    assert scores([base]) == {"org/base": {"t": 0.5}}, "the copy that the other model has"
    assert "damaged" in next(run.problem for run in base.others)


def test_models_runs_paths_and_rows_can_be_named(outputs: Path, tmp_path: Path) -> None:
    def named(*texts: str) -> list[str]:
        return [candidate.name for candidate in find_candidates(outputs, texts)]

    assert named("other") == ["org/base", "other"]
    assert named("m/checkpoint-20") == ["org/base", "m/checkpoint-20"]
    assert named("m/2026-11-01T00-00-00") == ["org/base", "m/2026-11-01T00-00-00"]
    assert named("m/2026-11-01T00-00-00", "m/2026-11-02T00-00-00")[1:] == [
        "m/2026-11-02T00-00-00", "m/2026-11-01T00-00-00",
    ]  # fmt: skip
    assert named("m", "m") == named("m")
    assert named("m", "m/Q8_0.gguf") == named("m")
    assert named("org/base") == ["org/base"]
    strange = write_run(tmp_path / "elsewhere", {"t": acc(0.2)}, model="org/theirs")
    assert named(str(strange), str(outputs / "other")) == ["org/base", "org/theirs", "other"]
    for nothing in ("nothing", "", "m/nothing"):
        with pytest.raises(BenchtuiError):
            named(nothing)
    (outputs / "empty").mkdir()
    with pytest.raises(BenchtuiError, match="empty has no results yet"):
        named("empty")


def test_seeds_of_one_recipe_share_it_and_other_settings_do_not(tmp_path: Path) -> None:
    told = {"model_name": "org/base", "dataset_name": "d", "learning_rate": 1e-4, "final_loss": 0.5, "seed": 1}
    found = []
    for changes in (
        {},
        {"seed": 2, "final_loss": 0.4, "trained_date": "20260101_000000"},
        {"lora_rank": 8},
        {"seed": None},
    ):
        file = tmp_path / "training_metrics.json"
        file.write_text(json.dumps({**told, **changes}))
        found.append(read_training([file])[0])
    for number, training in enumerate(found):
        evaluated(tmp_path / "outputs", f"m{number}", "lora", {"t": acc(0.5)}, training=training)
    rows = find_candidates(tmp_path / "outputs")
    assert [row.seed for row in rows] == [1, 2, 1, None]
    assert rows[0].recipe == rows[1].recipe != ""
    assert rows[2].recipe not in ("", rows[0].recipe)
    assert rows[3].recipe == ""


HOSTILE = (
    "\x1b[31mred",
    "=cmd|'calc'!A0",
    "<script>alert(1)<_script>",
    "a\nb",
    "[bold]x[_]",
    "\u202eabc",
    "-rf",
    "\u00e4" * 80,
)


def test_hostile_names_are_rows_with_those_names(tmp_path: Path) -> None:
    for name in HOSTILE:
        write_run(tmp_path / name / "benchmarks" / "fine-tuned" / "r", {"ifeval": ifeval(EVEN)}, model=name)
    found = find_candidates(tmp_path)
    assert {candidate.name for candidate in found} == set(HOSTILE)
    for candidate in found:
        assert [c.name for c in find_candidates(tmp_path, (str(tmp_path / candidate.name),))] == [candidate.name]


KEYS = st.builds(
    Key,
    st.sampled_from(["a", "a/b", "/x/a", "/y/a", "a (2)"]),
    st.sampled_from(["", "b", "a.gguf", "a-Q8.gguf", "b (hf)"]),
    st.sampled_from(["", "hf"]),
    st.sampled_from(["", "Q8"]),
    base=st.booleans(),
)


@settings(deadline=None)
@given(st.lists(KEYS, max_size=12, unique=True))
def test_no_two_rows_have_one_name(keys: list[Key]) -> None:
    rows = [Row(key, "", (CandidateRun(str(n), None, "finished", 2),), ()) for n, key in enumerate(keys)]
    names = [candidate.name for candidate in candidates._candidates(candidates._together(rows))]
    assert len(set(names)) == len(keys)


# The index.


def age(place: Path) -> None:
    for file in (*place.rglob("*"), place):
        os.utime(file, (1e9, 1e9))


def test_what_was_found_once_is_found_again_without_reading_any_run(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(outputs)
    first = find_candidates(outputs)
    monkeypatch.setattr("benchtui.compare.leaderboard.index.RunReader", None)
    assert find_candidates(outputs) == first


@pytest.mark.parametrize("damage", ["", "cut", "not an index"])
def test_changes_are_noticed_and_a_damaged_index_is_made_anew(outputs: Path, damage: str) -> None:
    age(outputs)
    first = find_candidates(outputs)
    index = outputs / "m" / "benchmarks" / ".leaderboard-index"
    if damage:
        index.write_bytes(index.read_bytes()[:-9] if damage == "cut" else damage.encode())
        assert find_candidates(outputs) == first
    run = outputs / "m" / "benchmarks" / "fine-tuned" / "2026-11-01T00-00-00"
    file = next((run / "lm-eval").glob("results*"))
    file.write_text(file.read_text().replace("0.6", "0.9"))
    assert scores(find_candidates(outputs))["m/lora"] == {"t": 0.9}
    shutil.rmtree(run)
    assert "m/lora" not in scores(find_candidates(outputs))
    evaluated(outputs, "m", "merged_16bit", {"t": acc(0.3)}, day=28)
    assert scores(find_candidates(outputs))["m/merged_16bit"] == {"t": 0.3}
    (outputs / "m").rename(outputs / "n")
    assert "n/merged_16bit" in scores(find_candidates(outputs))
    shutil.rmtree(outputs / "n" / "benchmarks" / "base")
    moved = next(c for c in find_candidates(outputs) if c.name == "n/merged_16bit")
    assert moved.base_runs == {}


def test_the_index_may_be_read_from_any_folder_and_moved(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def runs(where: Path) -> set[Path]:
        found = {
            run for row in find_candidates(where) for run in (*row.runs.values(), *row.base_runs.values()) if row.runs
        }
        assert all(run.is_dir() for run in found)
        return found

    monkeypatch.chdir(outputs.parent)
    told = runs(Path(outputs.name))
    monkeypatch.chdir("/")
    assert runs(outputs) == told
    moved = outputs.rename(outputs.with_name("moved"))
    assert len(runs(moved)) == len(told)
