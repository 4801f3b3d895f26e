import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchtui.errors import UsageError
from benchtui.tasks.catalogue import Catalogue, load_catalogue
from benchtui.tasks.resolve import ResolvedTasks, resolve


def worker_index(resolved: ResolvedTasks) -> dict[str, Any]:
    """An index of just these files, made by lm-eval's own code."""
    from lm_eval.tasks._index import TaskIndex
    from lm_eval.tasks._yaml_loader import load_yaml

    index: dict[str, Any] = {}
    for file in dict.fromkeys(resolved.task_files.values()):
        TaskIndex.process_cfg(load_yaml(file, resolve_func=False), Path(file), index)
    return index


def leaves_in(index: dict[str, Any], name: str) -> set[str]:
    """The tasks that lm-eval's factory would build for `name` from `index`; KeyError when one is missing."""
    from lm_eval.tasks._index import Kind

    entry = index[name]
    if entry.kind == Kind.TAG:
        return {leaf for member in entry.tags for leaf in leaves_in(index, member)}
    if entry.kind == Kind.GROUP:
        return {
            leaf
            for member in entry.cfg["task"]
            for leaf in leaves_in(index, member if isinstance(member, str) else member["task"])
        }
    return {name}


@pytest.mark.parametrize(
    ("name", "tasks"),
    [("ifeval", 1), ("gsm8k", 1), ("hellaswag", 1), ("mmlu", 57), ("mmlu_stem", 19), ("ai2_arc", 2), ("bbh", 27)],
)  # fmt: skip
def test_lm_evals_own_index_of_just_these_files_holds_all_that_is_needed(
    catalogue: Catalogue, name: str, tasks: int
) -> None:
    resolved = resolve(catalogue, [name])
    assert leaves_in(worker_index(resolved), name) == set(resolved.leaves[name])
    assert len(resolved.leaves[name]) == tasks
    assert all(Path(file).is_absolute() and Path(file).is_file() for file in resolved.task_files.values())


def test_mmlu_is_a_group_of_groups_of_tags(catalogue: Catalogue) -> None:
    resolved = resolve(catalogue, ["mmlu"])
    assert resolved.names == ("mmlu",)
    assert {"mmlu", "mmlu_stem", "mmlu_other", "mmlu_humanities", "mmlu_social_sciences"} <= set(resolved.task_files)
    assert len(resolved.tags["mmlu_stem_tasks"]) == 19
    assert len(resolved.task_files) == 62
    assert resolved.unsafe == ()


def test_mmlu_loads_far_faster_than_the_full_index(catalogue: Catalogue) -> None:
    import lm_eval.tasks  # noqa: F401 - its import is not what is measured

    start = time.perf_counter()
    index = worker_index(resolve(catalogue, ["mmlu"]))
    took = time.perf_counter() - start
    assert len(leaves_in(index, "mmlu")) == 57
    assert took < 0.5  # the full index takes 4 s and more


@pytest.mark.parametrize("name", ["humaneval", "mbpp"])
def test_tasks_that_run_the_models_code_are_named(catalogue: Catalogue, name: str) -> None:
    assert resolve(catalogue, [name, "piqa"]).unsafe == (name,)


def test_a_pattern_runs_every_task_that_fits_once(catalogue: Catalogue) -> None:
    resolved = resolve(catalogue, ["gpqa_*_zeroshot"])
    fitting = {
        name for name, e in catalogue.entries.items()
        if e.kind == "task" and name.startswith("gpqa_") and name.endswith("_zeroshot")
    }  # fmt: skip
    assert set(resolved.names) == fitting
    assert resolved.requested == {"gpqa_*_zeroshot": resolved.names}
    everything = [leaf for found in resolve(catalogue, ["mmlu_*"]).leaves.values() for leaf in found]
    assert len(everything) == len(set(everything)) > 1000


def test_a_group_whose_tasks_stand_in_its_own_file(catalogue: Catalogue) -> None:
    resolved = resolve(catalogue, ["flan_held_in"])
    assert "flan_held_in::anli_r1_flan::anli_r1_prompt-0" in resolved.leaves["flan_held_in"]
    assert list(resolved.task_files) == ["flan_held_in"]


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        (["gsm8l"], ["'gsm8l'", "gsm8k"]),
        (["nothing_like_this_*"], ["nothing_like_this_*"]),
        (["zzzzqqqq"], ["zzzzqqqq", "benchtui tasks"]),
        (["mmlu", "mmlu_anatomy"], ["mmlu_anatomy would run twice", "part of mmlu"]),
        (["ai2_arc", "arc_easy"], ["arc_easy would run twice", "ai2_arc"]),
        (["missing.yaml"], ["missing.yaml", "cannot be read"]),
        (["t0_eval"], ["t0_eval", "without a name"]),
        (["\x1b[31mred"], ["red"]),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(catalogue: Catalogue, specs: list[str], words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(catalogue, specs)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert len(message.splitlines()) == 1
    assert "\x1b" not in message


def test_a_name_asked_for_twice_runs_once(catalogue: Catalogue) -> None:
    assert resolve(catalogue, ["piqa", "piqa"]).names == ("piqa",)


def test_a_task_given_as_a_file(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("task: my_task\ndataset_path: json\nunsafe_code: true\n")
    spec = str(tmp_path / "my.yaml")
    resolved = resolve(catalogue, [spec, "piqa"])
    assert resolved.requested[spec] == ("my_task",)
    assert resolved.task_files["my_task"] == spec
    assert resolved.unsafe == ("my_task",)
    assert "my_task" not in catalogue


@pytest.mark.parametrize("text", ["dataset_path: json\n", "- a\n- b\n", "task: [unclosed\n", ""])
def test_a_file_that_is_no_task(catalogue: Catalogue, tmp_path: Path, text: str) -> None:
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"my\.yaml"):
        resolve(catalogue, [str(tmp_path / "my.yaml")])


def test_a_group_that_lists_an_unknown_task(task_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text("group: my_group\ntask: [piqa, not_there]\n")
    catalogue = load_catalogue([tmp_path], cache=task_cache)
    with pytest.raises(UsageError, match="my_group lists not_there"):
        catalogue.expand(["my_group"])


def test_a_group_that_contains_itself(task_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text("group: outer\ntask: [inner_group]\n")
    (tmp_path / "h.yaml").write_text("group: inner_group\ntask: [outer]\n")
    with pytest.raises(UsageError, match="contains itself"):
        load_catalogue([tmp_path], cache=task_cache).expand(["outer"])


BUILD = """
import json, sys
from pathlib import Path
from lm_eval.tasks._factory import TaskFactory
from lm_eval.tasks._index import TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml
index = {}
for file in json.loads(sys.argv[1]).values():
    TaskIndex.process_cfg(load_yaml(file, resolve_func=False), Path(file), index)
group = TaskFactory().build(index["family"], registry=index)
print(json.dumps(sorted(task.task_name for task in group.get_all_tasks())))
"""


def test_lm_eval_builds_a_group_from_the_resolved_files_alone(task_cache: Path, tmp_path: Path) -> None:
    """Real task objects with real data: a group of a group, a tag, and a task defined inside the group's YAML."""
    data = tmp_path / "data.jsonl"
    data.write_text('{"q": "1+1", "a": "2"}\n')
    common = (
        f"dataset_path: json\ndataset_kwargs: {{data_files: {{test: {data}}}}}\ntest_split: test\n"
        "doc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\n"
    )
    (tmp_path / "_common").write_text(common)
    for name, tag in (("one", "pair"), ("two", "pair"), ("three", "alone")):
        (tmp_path / f"{name}.yaml").write_text(f"include: _common\ntask: {name}\ntag: {tag}\n")
    (tmp_path / "inner.yaml").write_text("group: inside\ntask: [pair]\n")
    (tmp_path / "outer.yaml").write_text(
        "group: family\ntask:\n  - inside\n  - group: unnamed\n    task: [three]\n  - task: here\n"
        + "".join(f"    {line}\n" for line in common.splitlines())
    )
    resolved = resolve(load_catalogue([tmp_path], cache=task_cache), ["family"])
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    built = subprocess.run(
        [sys.executable, "-c", BUILD, json.dumps(dict(resolved.task_files))],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[-2000:]
    assert json.loads(built.stdout.splitlines()[-1]) == sorted(resolved.leaves["family"])
    assert set(resolved.leaves["family"]) == {"one", "two", "three", "family::here"}
