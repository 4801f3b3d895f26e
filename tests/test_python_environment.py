"""The Python of another environment: what is asked of it, what it finds, and what is said where it is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import benchtui
from benchtui import python_environment
from benchtui.errors import BenchtuiError, UsageError
from benchtui.interpreter import other_python, variables_of_other
from benchtui.python_environment import OWN, OtherEnvironment, check_packages, environment_of, python_path
from tests.other_python import OtherPython, make_environment

ROOT = Path(benchtui.__file__).parents[1]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> OtherPython:
    return make_environment(tmp_path_factory.mktemp("bare"), libraries=False)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> OtherPython:
    return make_environment(tmp_path_factory.mktemp("full"))


def printed(python: Path, code: str, cwd: Path) -> str:
    done = subprocess.run(
        other_python(str(python), "-c", code),
        cwd=cwd,
        env=variables_of_other(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_finds_benchtui_and_nothing_of_our_libraries(bare: OtherPython, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the current folder')")
    code = (
        "import importlib.util, benchtui, benchtui.errors, json; from importlib.resources import files;"
        "print(benchtui.__version__, benchtui.errors.__file__, (files('benchtui') / 'errors.py').is_file(),"
        "importlib.util.find_spec('msgspec'))"
    )
    assert printed(bare.python, code, tmp_path).split() == [
        benchtui.__version__,
        str(ROOT / "benchtui" / "errors.py"),
        "True",
        "None",
    ]


def test_a_process_that_it_starts_itself_finds_benchtui_too(bare: OtherPython, tmp_path: Path) -> None:
    """As vLLM's and PyTorch's own processes do, which import the worker's main module again."""
    code = (
        "import subprocess, sys; print(subprocess.run([sys.executable, '-P', '-c',"
        "'import benchtui.errors, sys; print(sys.prefix)'], capture_output=True, text=True).stdout)"
    )
    assert printed(bare.python, code, tmp_path) == str(bare.python.parents[1])


def test_our_own_home_of_python_is_not_handed_on() -> None:
    found = variables_of_other({"PYTHONHOME": "/ours", "PYTHONPATH": "/theirs", "HOME": "/home"})
    assert found == {"PYTHONPATH": f"{ROOT}/benchtui/importable{os.pathsep}/theirs", "HOME": "/home"}


def test_it_is_asked_for_versions(full: OtherPython, bare: OtherPython) -> None:
    found = OtherEnvironment(str(full.python))
    for package in ("lm_eval", "LM-Eval", "lm.eval", "torch"):
        assert found.version_of(package) == OWN.version_of(package) is not None
    assert found.said.version == sys.version_info[:3]
    assert OtherEnvironment(str(bare.python)).version_of("lm_eval") is None
    assert OWN.version_of("no-such-package") is None


def test_all_that_is_missing_is_one_line_to_install(bare: OtherPython) -> None:
    needs = {name: f"python -m pip install {name}" for name in ("one", "two")}
    with pytest.raises(BenchtuiError) as caught:
        check_packages(environment_of(str(bare.python)), needs, "The x backend")
    what = f"The x backend needs the packages one, two, which are not in the environment of {bare.python}."
    assert caught.value.what == what
    assert caught.value.next_step == f"{bare.python} -m pip install one two"


def program(folder: Path, text: str) -> str:
    file = folder / "program"
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


OLD = """#!/bin/sh
echo 'benchtui-environment {"version": [3, 9, 2], "packages": {}}'
"""


@pytest.mark.parametrize(
    ("text", "said"),
    {
        "says nothing": ("#!/bin/sh\n", "is no Python that works here."),
        "another program": ("#!/bin/sh\necho sorry >&2\nexit 3\n", "is no Python that works here: sorry."),
        "no program": ("just text", "is no Python that works here: Exec format error."),
        "prints for ever": ("#!/bin/sh\nexec yes\n", "is no Python that works here: y."),
        "damaged": ("#!/bin/sh\necho benchtui-environment {\n", "its answer is damaged."),
        "too old": (OLD, "is Python 3.9.2; a worker needs 3.11 or newer."),
    }.values(),
)
def test_what_is_no_python_for_a_worker_is_one_line(
    tmp_path: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_environment, "_LARGEST_ANSWER", 10_000)
    python = program(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        OtherEnvironment(python).version_of("torch")
    assert caught.value.what.startswith(f"--python: {python}")
    assert caught.value.what.endswith(said)
    assert len(str(caught.value).splitlines()) == 1


def test_one_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_environment, "PATIENCE", 0.2)
    with pytest.raises(UsageError, match="is no Python that works here"):
        OtherEnvironment(program(tmp_path, "#!/bin/sh\nexec sleep 600\n")).version_of("torch")


def test_a_path_keeps_its_links_and_a_folder_is_no_path(bare: OtherPython, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bare.python.is_symlink()
    monkeypatch.chdir(bare.python.parent)
    assert python_path("./python") == str(bare.python)
    with pytest.raises(UsageError) as caught:
        python_path(str(bare.python.parents[1]))
    assert caught.value.next_step == f"Did you mean {bare.python}?"
    with pytest.raises(UsageError, match=r"there is no \./nothing"):
        python_path("./nothing")
    monkeypatch.setenv("PATH", str(bare.python.parent))
    assert python_path("python") == str(bare.python)
    with pytest.raises(UsageError, match="there is no python9"):
        python_path("python9")
