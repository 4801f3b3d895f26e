"""A plan that came from somebody else: nothing of it runs, whatever it names, until the user gives it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchtui.benchmark.directories import BenchRuns
from benchtui.benchmark.resume_benchmark import runs_to_resume
from benchtui.benchmark.trust import check_arguments, trusted_folders, trusted_tasks
from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.plan import Permissions, read_plan, write_plan
from benchtui.runs.directory import RunDirectory
from benchtui.tasks.cache import lm_eval_tasks_folder
from benchtui.tasks.suites import TaskPlan
from tests.runs.laid_out import Laid, answer, end

NOTHING = Permissions()


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A task whose YAML runs the Python file beside it, somewhere else on the disk."""
    folder = tmp_path / "elsewhere" / "evil"
    folder.mkdir(parents=True)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef doc(d): return d\n")
    (folder / "arc_easy.yaml").write_text("task: laid_first\ndataset_path: json\ndoc_to_text: !function evil.doc\n")
    return folder


def unfinished(laid: Laid) -> BenchRuns:
    runs = laid.lay_out()
    assert runs.base is not None
    for run in (runs.base, runs.fine_tuned):
        answer(run, 1)
        end(run, None)
    return runs


def change(run: RunDirectory, **changes: Any) -> None:
    write_plan(run.plan_file, msgspec.structs.replace(run.plan(), **changes))


def through_include_paths(plan: BenchmarkPlan, evil: Path, tmp_path: Path) -> dict[str, Any]:
    return {"include_paths": (str(evil),)}


def through_a_relative_path(plan: BenchmarkPlan, evil: Path, tmp_path: Path) -> dict[str, Any]:
    return {"include_paths": ("elsewhere/evil",)}


def through_dots(plan: BenchmarkPlan, evil: Path, tmp_path: Path) -> dict[str, Any]:
    return {"include_paths": (str(tmp_path / "base" / ".." / "elsewhere" / "evil"),)}


def through_a_link(plan: BenchmarkPlan, evil: Path, tmp_path: Path) -> dict[str, Any]:
    if not (tmp_path / "innocent").is_symlink():
        (tmp_path / "innocent").symlink_to(evil)
    return {"include_paths": (str(tmp_path / "innocent"),)}


def through_task_files(plan: BenchmarkPlan, evil: Path, tmp_path: Path) -> dict[str, Any]:
    files = dict.fromkeys(plan.task_files, str(evil / "arc_easy.yaml"))
    return {"include_paths": (), "task_files": files}


def through_a_task_that_is_a_path(plan: BenchmarkPlan, evil: Path, tmp_path: Path) -> dict[str, Any]:
    task = msgspec.structs.replace(plan.tasks[0], name=str(evil / "arc_easy.yaml"))
    return {"include_paths": (), "tasks": (task,)}


def through_a_pattern(plan: BenchmarkPlan, evil: Path, tmp_path: Path) -> dict[str, Any]:
    task = msgspec.structs.replace(plan.tasks[0], name=f"{evil}/*.yaml")
    return {"include_paths": (str(evil),), "tasks": (task,)}


WAYS: list[Callable[[BenchmarkPlan, Path, Path], dict[str, Any]]] = [
    through_include_paths,
    through_a_relative_path,
    through_dots,
    through_a_link,
    through_task_files,
    through_a_task_that_is_a_path,
    through_a_pattern,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_task_code_that_a_plan_names_is_refused(
    laid: Laid, evil: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[..., dict[str, Any]]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = unfinished(laid)
    assert runs.base is not None
    for run in (runs.base, runs.fine_tuned):
        change(run, **way(run.plan(), evil, tmp_path))
    before = runs.fine_tuned.plan_file.read_bytes()
    with pytest.raises(BenchtuiError, match="is not one of lm-eval's") as raised:
        runs_to_resume(runs.fine_tuned, NOTHING)
    assert "--include-path" in raised.value.next_step
    assert "\n" not in str(raised.value)
    assert runs.fine_tuned.plan_file.read_bytes() == before


def test_what_the_user_gives_again_counts_and_nothing_else(laid: Laid, evil: Path) -> None:
    runs = unfinished(laid)
    assert runs.base is not None
    for run in (runs.base, runs.fine_tuned):
        change(run, include_paths=(str(evil),), task_files={"laid_first": str(evil / "arc_easy.yaml")})
    found = runs_to_resume(runs.fine_tuned, NOTHING, [laid.tasks])
    for run in found.to_evaluate:
        plan = run.plan()
        assert plan.include_paths == (str(laid.tasks),)
        assert set(map(str, map(Path, plan.task_files.values()))) == {
            str(laid.tasks / "first.yaml"),
            str(laid.tasks / "second.yaml"),
        }


def test_a_name_of_lm_evals_leads_to_lm_evals_file(laid: Laid, evil: Path) -> None:
    plan = msgspec.structs.replace(
        laid.lay_out().fine_tuned.plan(),
        tasks=(TaskPlan("arc_easy"), TaskPlan("mmlu")),
        task_files=dict.fromkeys(("arc_easy", "mmlu", "mmlu_anatomy"), str(evil / "arc_easy.yaml")),
        leaves={"arc_easy": ("laid_first",), "mmlu": (str(evil / "arc_easy.yaml"),)},
        include_paths=(str(evil),),
    )
    found = trusted_tasks(plan, [], "tuned", laid.tasks.parent / "outputs" / "tuned")
    assert len(found.task_files) > 57
    assert all(Path(file).is_relative_to(lm_eval_tasks_folder()) for file in found.task_files.values())
    assert found.leaves["arc_easy"] == ("arc_easy",)


def test_the_demos_own_tasks_need_no_leave(laid: Laid) -> None:
    from benchtui.demo.workspace import demo_paths

    plan = msgspec.structs.replace(
        laid.lay_out().fine_tuned.plan(), include_paths=(str(demo_paths().tasks), str(laid.tasks))
    )
    assert trusted_folders(plan, []) == [demo_paths().tasks.resolve()]


@pytest.mark.parametrize(
    ("prompts", "named"),
    [
        ({"gen_kwargs": {"custom_generate": "somebody/repository", "trust_remote_code": True}}, "custom_generate"),
        ({"model_args": {"attn_implementation": "somebody/kernel"}}, "attn_implementation"),
        ({"model_args": {"delta": "somebody/weights"}}, "delta"),
        ({"model_args": {"tokenizer": "/somewhere"}}, "tokenizer"),
        ({"model_args": {"quantization_config": {"quant_method": "x"}}}, "quantization_config"),
        ({"model_args": {"cache_dir": "/home"}}, "cache_dir"),
        ({"model_args": {"offload_folder": "/home"}}, "offload_folder"),
        ({"model_args": {"trust_remote_code": True}}, "trust_remote_code"),
        ({"model_args": {"revision": {"a": 1}}}, "revision"),
    ],
)
def test_arguments_that_lead_to_code_are_refused(laid: Laid, prompts: dict[str, Any], named: str) -> None:
    plan = laid.lay_out().fine_tuned.plan()
    check_arguments(plan, NOTHING)
    changed = msgspec.structs.replace(plan, prompts=msgspec.structs.replace(plan.prompts, **prompts))
    with pytest.raises(BenchtuiError, match=named) as raised:
        check_arguments(changed, NOTHING)
    assert "benchtui run" in raised.value.next_step


def test_harmless_arguments_are_kept(laid: Laid) -> None:
    plan = laid.lay_out().fine_tuned.plan()
    prompts = msgspec.structs.replace(
        plan.prompts,
        gen_kwargs={"temperature": 0.7, "max_gen_toks": 20},
        model_args={"parallelize": True, "attn_implementation": "flash_attention_2", "add_bos_token": True},
    )
    check_arguments(msgspec.structs.replace(plan, prompts=prompts), NOTHING)


@pytest.mark.parametrize(
    "base_run", ["../../elsewhere", "/etc", "fine-tuned/x", "base/../..", "base/previous/..", "base/x"]
)
def test_a_plan_names_no_base_outside_its_place(laid: Laid, base_run: str) -> None:
    runs = unfinished(laid)
    change(runs.fine_tuned, base_run=base_run)
    with pytest.raises(BenchtuiError, match="is gone"):
        runs_to_resume(runs.fine_tuned, NOTHING, [laid.tasks])


def test_a_plan_of_a_newer_benchtui_is_refused_in_one_line(laid: Laid) -> None:
    run = laid.lay_out().fine_tuned
    content = json.loads(run.plan_file.read_text())
    run.plan_file.write_text(json.dumps(content | {"schema_version": 99, "tasks": {"shape": "unknown"}}))
    with pytest.raises(BenchtuiError, match="made by a newer benchtui") as raised:
        read_plan(run.plan_file, BenchmarkPlan)
    assert "Update benchtui" in raised.value.next_step
    with pytest.raises(BenchtuiError, match="made by a newer benchtui"):
        runs_to_resume(run, NOTHING)
