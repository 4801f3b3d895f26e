from pathlib import Path

import pytest

from benchtui.tasks.catalogue import Catalogue, load_catalogue
from benchtui.tasks.resolve import resolve


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "_base").write_text("process_results: !function score.points\n")
    (tasks / "mine.yaml").write_text(
        "include: _base\ntask: mine\ntag: pair\ndoc_to_text: !function prompts.ask\n"
        "dataset_path: json\ndataset_kwargs: {data_files: {test: data.jsonl}}\n"
    )
    (tasks / "other.yaml").write_text("task: other\ntag: pair\n")
    (tasks / "group.yaml").write_text("group: both\ntask: [pair]\n")
    (tasks / "score.py").write_text("from . import rules\n")
    (tasks / "prompts.py").write_text("import wording as w\n")
    for name in ("rules", "wording", "unrelated"):
        (tasks / f"{name}.py").write_text("x = 1\n")
    (tmp_path / "data.jsonl").write_text("{}\n")
    monkeypatch.chdir(tmp_path)
    return tasks


def digest(folder: Path, cache: Path, name: str) -> str:
    found = resolve(load_catalogue([folder], cache=cache), [name]).digests[name]
    assert len(found) == 16
    return found


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("mine.yaml", True),
        ("_base", True),
        ("score.py", True),
        ("rules.py", True),
        ("prompts.py", True),
        ("wording.py", True),
        ("../data.jsonl", True),
        ("unrelated.py", False),
        ("other.yaml", False),
    ],
)
def test_a_digest_changes_with_every_file_behind_the_task_and_no_other(
    folder: Path, task_cache: Path, file: str, changes: bool
) -> None:
    before = digest(folder, task_cache, "mine")
    with (folder / file).open("a") as opened:
        opened.write("\n# changed\n")
    assert (digest(folder, task_cache, "mine") != before) == changes


@pytest.mark.parametrize("name", ["both", "pair"])
@pytest.mark.parametrize("file", ["other.yaml", "rules.py"])
def test_a_group_changes_with_its_tasks(folder: Path, task_cache: Path, name: str, file: str) -> None:
    before = digest(folder, task_cache, name)
    with (folder / file).open("a") as opened:
        opened.write("\n# changed\n")
    assert digest(folder, task_cache, name) != before


def test_a_digest_is_the_same_wherever_the_files_are(folder: Path, task_cache: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in folder.iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    assert digest(folder, task_cache, "both") == digest(moved, task_cache, "both")


def test_python_that_does_not_parse_still_has_a_digest(folder: Path, task_cache: Path) -> None:
    (folder / "score.py").write_text("def broken(:\n")
    assert digest(folder, task_cache, "mine")


def test_ifeval_includes_the_code_of_its_checks(catalogue: Catalogue) -> None:
    from benchtui.tasks.digest import SourceDigests

    file = catalogue.file("ifeval")
    assert file is not None
    names = {path.name for path in SourceDigests().sources(file)}
    assert names == {"ifeval.yaml", "utils.py", "instructions.py", "instructions_registry.py", "instructions_util.py"}


DATA_TASKS = {
    "a folder as dataset_path": ("dataset_path: corpus\n", "corpus/test.jsonl"),
    "a folder below it": ("dataset_path: corpus\ndataset_kwargs: {data_dir: part}\n", "corpus/part/a.csv"),
    "data_dir from here": ("dataset_path: json\ndataset_kwargs: {data_dir: corpus}\n", "corpus/part/a.csv"),
    "a pattern": ("dataset_path: json\ndataset_kwargs: {data_files: {test: 'corpus/*.jsonl'}}\n", "corpus/test.jsonl"),
    "a deep pattern": ("dataset_path: csv\ndataset_kwargs: {data_files: 'corpus/**/*.csv'}\n", "corpus/part/a.csv"),
    "a name in the folder": ("dataset_path: corpus\ndataset_kwargs: {data_files: [test.jsonl]}\n", "corpus/test.jsonl"),
    "data_files in data_dir": (
        "dataset_path: json\ndataset_kwargs: {data_dir: corpus, data_files: test.jsonl}\n",
        "corpus/test.jsonl",
    ),
    "a loading script": ("dataset_path: corpus/load.py\n", "corpus/load.py"),
    "the data set's card": ("dataset_path: corpus\n", "corpus/README.md"),
    "a packed file": ("dataset_path: corpus\n", "corpus/more.jsonl.gz"),
    "a module of a package": ("process_results: !function score.points\n", "tasks/helpers/rules.py"),
    "a package's own file": ("process_results: !function score.points\n", "tasks/helpers/__init__.py"),
    "a package's sub-package": ("process_results: !function score.points\n", "tasks/helpers/deep/inner.py"),
    "what a package imports in turn": ("process_results: !function score.points\n", "tasks/helpers/words.py"),
    "a function of a package": ("doc_to_text: !function helpers.deep.inner.ask\n", "tasks/helpers/deep/inner.py"),
}  # fmt: skip


@pytest.fixture
def with_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("corpus/test.jsonl", "corpus/part/a.csv", "corpus/load.py", "corpus/README.md", "corpus/more.jsonl.gz",
                 "corpus/.cache/x.jsonl", "corpus/weights.bin", "outside.jsonl", "tasks/helpers/__init__.py",
                 "tasks/helpers/words.py", "tasks/helpers/deep/__init__.py",
                 "tasks/helpers/deep/inner.py"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "tasks" / "helpers" / "rules.py").write_text("from .words import x\nfrom helpers.deep import inner\n")
    (tmp_path / "tasks" / "score.py").write_text("from helpers.rules import points\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("case", DATA_TASKS)
def test_data_and_packages_behind_a_local_name(with_data: Path, task_cache: Path, case: str) -> None:
    lines, changed = DATA_TASKS[case]
    (with_data / "tasks" / "mine.yaml").write_text(f"task: mine\n{lines}")
    tasks, before = with_data / "tasks", digest(with_data / "tasks", task_cache, "mine")
    for unrelated in ("outside.jsonl", "corpus/.cache/x.jsonl", "corpus/weights.bin"):
        (with_data / unrelated).write_text("x = 2\n")
    assert digest(tasks, task_cache, "mine") == before
    (with_data / changed).write_text("x = 3\n")
    assert digest(tasks, task_cache, "mine") != before


def test_a_file_that_comes_or_goes_in_a_folder_of_data(with_data: Path, task_cache: Path) -> None:
    tasks = with_data / "tasks"
    (tasks / "mine.yaml").write_text("task: mine\ndataset_path: corpus\n")
    before = digest(tasks, task_cache, "mine")
    (with_data / "corpus" / "train.jsonl").write_text("{}")
    more = digest(tasks, task_cache, "mine")
    assert more != before
    (with_data / "corpus" / "train.jsonl").unlink()
    assert digest(tasks, task_cache, "mine") == before


def test_data_named_in_an_included_file_count_as_the_task_sets_them(with_data: Path, task_cache: Path) -> None:
    tasks = with_data / "tasks"
    (tasks / "_base").write_text("dataset_path: json\ndataset_kwargs: {data_files: outside.jsonl}\n")
    (tasks / "mine.yaml").write_text("task: mine\ninclude: _base\ndataset_path: corpus\ndataset_kwargs: {}\n")
    before = digest(tasks, task_cache, "mine")
    (with_data / "outside.jsonl").write_text("{}")
    assert digest(tasks, task_cache, "mine") == before
    (with_data / "corpus" / "test.jsonl").write_text("{}")
    assert digest(tasks, task_cache, "mine") != before


@pytest.mark.parametrize("name", ["https://example.org/x.jsonl", "org/name", "x" * 5000, "a\\0b", "/", "."])
def test_what_is_no_local_data_or_all_of_a_disk_ends(with_data: Path, task_cache: Path, name: str) -> None:
    tasks = with_data / "tasks"
    (tasks / "mine.yaml").write_text(f'task: mine\ndataset_path: "{name}"\ndataset_kwargs: {{data_files: "{name}"}}\n')
    assert digest(tasks, task_cache, "mine")


def test_installed_packages_are_no_part_of_a_task(catalogue: Catalogue) -> None:
    """The files of lm-eval's own tasks lie in a package, and import what is installed beside it."""
    from benchtui.tasks.digest import SourceDigests

    sources, tasks = (
        SourceDigests(),
        ("gsm8k", "mmlu_abstract_algebra", "hellaswag", "truthfulqa_mc2", "minerva_math_algebra"),
    )
    for name in tasks:
        file = catalogue.file(name)
        assert file is not None
        assert {path.suffix for path in sources.sources(file)} <= {".yaml", "", ".py"}
        assert all("tasks" in path.parts[-4:] for path in sources.sources(file)), name
