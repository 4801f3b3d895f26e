import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchtui.errors import BenchtuiError, UsageError
from benchtui.tasks.cache import lm_eval_version
from benchtui.tasks.catalogue import Catalogue, load_catalogue


def the_file(folder: Path) -> Path:
    (file,) = folder.glob("tasks-*.msgpack")
    return file


def test_the_second_load_reads_no_task_file(tmp_path: Path, catalogue: Catalogue) -> None:
    calls: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        calls.append((done, total))

    first = load_catalogue(progress=note, cache=tmp_path)
    assert calls[0][0] == 0
    assert calls[-1][0] == calls[-1][1] > 10_000
    calls.clear()
    second = load_catalogue(progress=note, cache=tmp_path)
    assert calls == []
    assert dict(first.entries) == dict(second.entries) == dict(catalogue.entries)
    assert lm_eval_version() in the_file(tmp_path).name


def test_the_version_in_the_name_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert lm_eval_version() == version("lm_eval")


@pytest.mark.parametrize("damage", [b"", b"not msgpack", b"\x93\xa1x\x01", b"cut"])
def test_a_damaged_cache_is_made_again(task_cache: Path, tmp_path: Path, catalogue: Catalogue, damage: bytes) -> None:
    good = the_file(task_cache).read_bytes()
    file = tmp_path / the_file(task_cache).name
    file.write_bytes(good[: len(good) // 2] if damage == b"cut" else damage)
    assert dict(load_catalogue(cache=tmp_path).entries) == dict(catalogue.entries)
    assert file.stat().st_size == len(good)
    assert list(tmp_path.iterdir()) == [file]


def test_a_cache_of_another_installation_is_not_taken(task_cache: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    stored = msgspec.msgpack.decode(the_file(task_cache).read_bytes())
    stored["root"], stored["entries"] = "/somewhere/else", []
    (tmp_path / the_file(task_cache).name).write_bytes(msgspec.msgpack.encode(stored))
    assert len(load_catalogue(cache=tmp_path)) == len(catalogue)


def test_a_cache_folder_that_cannot_be_made_only_costs_time(tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "file").write_text("in the way")
    assert len(load_catalogue(cache=tmp_path / "file" / "cache")) == len(catalogue)


def test_include_paths_are_read_anew_and_override(task_cache: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "a.yaml").write_text("task: gsm8k\noutput_type: multiple_choice\n")
    catalogue = load_catalogue([first], cache=task_cache)
    assert catalogue.file("gsm8k") == first / "a.yaml"
    (first / "b.yaml").write_text("task: brand_new\n")
    (second / "a.yaml").write_text("task: gsm8k\n")
    catalogue = load_catalogue([first, second], cache=task_cache)
    assert "brand_new" in catalogue
    assert catalogue.file("gsm8k") == second / "a.yaml"
    assert "brand_new" not in load_catalogue(cache=task_cache)


def test_an_include_path_that_is_no_folder(task_cache: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing is not a folder"):
        load_catalogue([tmp_path / "missing"], cache=task_cache)


def test_without_lm_eval_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BenchtuiError, match="pip install"):
        load_catalogue(cache=tmp_path)


PROBE = """
import sys, time
from pathlib import Path
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.resolve import resolve
start = time.process_time()  # not the wall: other tests may be running beside this one
found = load_catalogue(cache=Path(sys.argv[1])).search("hela swag")
took = time.process_time() - start
assert found[0].name == "hellaswag"
resolve(load_catalogue(cache=Path(sys.argv[1])), ["mmlu"])
heavy = {"torch", "transformers", "lm_eval", "datasets", "scipy", "pandas", "textual"} & set(sys.modules)
print(took, *heavy)
"""


def test_the_first_cached_search_takes_under_100_ms_and_imports_nothing_heavy(task_cache: Path) -> None:
    times = []
    for _ in range(5):
        probe = [sys.executable, "-c", PROBE, str(task_cache)]
        took, *heavy = subprocess.run(probe, capture_output=True, text=True, check=True).stdout.split()
        assert heavy == []
        times.append(float(took))
    assert min(times) < 0.1, times
