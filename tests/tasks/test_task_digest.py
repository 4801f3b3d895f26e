from pathlib import Path

import pytest

from benchtui.tasks import Catalogue, load_catalogue


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
    found = load_catalogue([folder], cache=cache).resolve([name]).digests[name]
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
