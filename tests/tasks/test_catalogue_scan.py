"""Our reading of task folders against lm-eval's own."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from benchtui.tasks.catalogue import Catalogue
from benchtui.tasks.scan import scan

PERF = Path(__file__).parent.parent / "perf" / "catalogue.py"


@pytest.fixture(scope="module")
def perf() -> ModuleType:
    spec = importlib.util.spec_from_file_location("perf_catalogue", PERF)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.long
def test_names_kinds_files_and_tags_are_those_of_lm_evals_own_index(catalogue: Catalogue, perf: ModuleType) -> None:
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._index import Kind

    index = TaskManager().task_index
    assert len(index) > 10_000
    assert perf.differences(catalogue, perf.names_kinds_files(index, catalogue.root)) == []
    tags = {name: tuple(sorted(entry.tags)) for name, entry in index.items() if entry.kind == Kind.TAG}
    assert tags == {name: entry.members for name, entry in catalogue.entries.items() if entry.kind == "tag"}


names = st.sampled_from(["a", "b", "c", "d"])
files = st.sampled_from(
    ["one.yaml", "two.yaml", "sub/three.yaml", "sub/_base", "sub/.hidden.yaml", "__pycache__/x.yaml"]
)
configs = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "task": names
            | st.lists(names | st.fixed_dictionaries({"task": names}), max_size=2)
            | st.none()
            | st.just(3),
            "group": names,
            "tag": names | st.lists(names, max_size=2),
            "class": st.just("X"),
            "include": files | st.lists(files, max_size=2) | st.none(),
            "output_type": st.just("multiple_choice"),
        },
    ),
    st.just([]),
    st.just(": : not yaml"),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.dictionaries(files, configs, max_size=5))
def test_any_folder_is_read_as_lm_eval_reads_it(
    tmp_path_factory: pytest.TempPathFactory, perf: ModuleType, tree: dict[str, object]
) -> None:
    # A tag that only a task without a name carries: lm-eval lists it, and fails when it is asked for.
    assume(
        not any(isinstance(c, dict) and not isinstance(c.get("task", ""), str) and "tag" in c for c in tree.values())
    )
    folder = tmp_path_factory.mktemp("tree")
    for name, config in tree.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(config if isinstance(config, str) else yaml.safe_dump(config), encoding="utf-8")
    ours = {name: (entry.kind, entry.file) for name, entry in scan(folder, relative=True).items()}
    theirs = perf.lm_eval_index(folder)
    # A name that is not text (`task: null`) cannot be asked for, so only lm-eval lists it.
    assert ours == {name: where for name, where in theirs.items() if isinstance(name, str)}


def test_what_a_task_inherits(tmp_path: Path) -> None:
    (tmp_path / "_base").write_text(
        "tag: [family]\noutput_type: multiple_choice\ndataset_path: someone/data\nnum_fewshot: 2\nunsafe_code: true\n"
    )
    (tmp_path / "child.yaml").write_text("include: _base\ntask: child\nnum_fewshot: 3\ntask_alias: The child\n")
    child = scan(tmp_path)["child"]
    assert (child.output_type, child.dataset, child.shots, child.tags) == (
        "multiple_choice", "someone/data", 3, ("family",),
    )  # fmt: skip
    assert child.unsafe_code
    assert child.description == "The child"
    assert child.file == str(tmp_path / "child.yaml")
    assert scan(tmp_path)["family"].members == ("child",)


def test_facts_about_known_tasks(catalogue: Catalogue) -> None:
    facts = {
        name: (entry.kind, entry.output_type, entry.shots, entry.dataset, entry.unsafe_code)
        for name in ("ifeval", "gsm8k", "hellaswag", "humaneval", "wikitext")
        if (entry := catalogue.get(name))
    }
    assert facts == {
        "ifeval": ("task", "generate_until", 0, "google/IFEval", False),
        "gsm8k": ("task", "generate_until", 5, "openai/gsm8k", False),
        "hellaswag": ("task", "multiple_choice", None, "Rowan/hellaswag", False),
        "humaneval": ("task", "generate_until", 0, "openai/openai_humaneval", True),
        "wikitext": ("task", "loglikelihood_rolling", None, "EleutherAI/wikitext_document_level", False),
    }


def test_python_tasks_are_tasks(catalogue: Catalogue) -> None:
    entry = catalogue.get("squadv2")
    assert entry is not None
    assert (entry.kind, entry.output_type) == ("task", "")
