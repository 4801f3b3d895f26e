"""Files of the current folder (a model folder, somebody's outputs) are never imported as if they were libraries."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.interpreter import this_python
from tests.conftest import ROOT
from tests.e2e.tiny import make_tiny_model

LIBRARIES = (
    "argparse", "asyncio", "click", "concurrent", "contextvars", "csv", "ctypes", "dataclasses", "datasets",
    "decimal", "difflib", "email", "hashlib", "huggingface_hub", "inspect", "json", "lm_eval", "logging", "msgspec",
    "multiprocessing", "numpy", "peft", "platformdirs", "psutil", "queue", "random", "rich", "secrets", "shlex",
    "shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "textual", "threading", "tomllib", "torch",
    "tqdm", "transformers", "typing", "uuid", "yaml", "zlib",
)  # fmt: skip


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A folder in which every library lies, as a file that leaves a note when it is imported."""
    folder = tmp_path / "from-a-stranger"
    folder.mkdir()
    for name in LIBRARIES:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name} ')\n")
    return folder


def ran(planted: Path) -> str:
    note = planted.parent / "ran"
    return note.read_text() if note.exists() else ""


def start(planted: Path, *command: str, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=planted,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


SCRIPT = Path(sys.executable).with_name("benchtui")
WAYS = {
    "the command": ([str(SCRIPT)], {}),
    "python -m": ([sys.executable, "-m", "benchtui"], {}),
    "python -P -m": (this_python("-m", "benchtui"), {}),
    "an empty entry in PYTHONPATH": ([str(SCRIPT)], {"PYTHONPATH": f":{ROOT}"}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("arguments", [("models",), ("runs",), ("suites",), ("run",), ("doctor",)], ids=" ".join)
def test_nothing_in_the_folder_is_imported(planted: Path, way: str, arguments: tuple[str, ...]) -> None:
    command, env = WAYS[way]
    (planted / "outputs").mkdir()
    done = start(planted, *command, *arguments, **env)
    assert ran(planted) == "", done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_a_run_in_the_background_and_its_worker_import_nothing_of_it(planted: Path) -> None:
    make_tiny_model(planted / "outputs" / "tuned" / "merged_16bit")
    tasks = planted.parent / "tasks"
    tasks.mkdir()
    (tasks / "data.jsonl").write_text('{"q": "the", "a": 0}\n' * 2)
    (tasks / "tiny.yaml").write_text(
        f"task: planted_task\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {tasks / 'data.jsonl'}}}}}\n"
        "output_type: multiple_choice\ntest_split: test\ndoc_to_text: '{{q}}'\ndoc_to_choice: [a, b]\n"
        "doc_to_target: a\n"
    )
    arguments = ["--tasks", "planted_task", "--include-path", str(tasks), "--no-base", "--offline", "--device", "cpu"]
    code = (
        "import sys\nfrom pathlib import Path\nfrom benchtui.cli.parameters.settings import run_options\n"
        "from benchtui.cli.parameters.choice import choice_from_flags\n"
        "import click\nfrom benchtui.wizard.launch import launch\nfrom benchtui.wizard.measure import measure\n"
        "from benchtui.models.selection import find_model\nfrom benchtui.backends.hf import HF\nimport threading\n"
        "@run_options\ndef command(**values):\n"
        "    choice = choice_from_flags(values)\n"
        "    measure(choice, find_model(choice.outputs, choice.model, HF), threading.Event())\n"
        "    print(launch(choice)[-1].path)\n"
        "click.command()(command)(sys.argv[1:], standalone_mode=False)\n"
    )
    done = start(planted, *this_python("-c", code), *arguments, timeout=200, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    run = done.stdout.split()[-1]
    watched = start(planted, *this_python("-m", "benchtui", "attach", run))
    assert "finished" in watched.stdout + watched.stderr, watched.stderr
    assert ran(planted) == ""


def test_python_is_started_in_one_way_only() -> None:
    """`this_python` is the one place that names the interpreter: whatever is started there is covered."""
    files = [file for folder in ("benchtui", "screens") for file in (ROOT / folder).rglob("*.py")]
    naming = [str(file.relative_to(ROOT)) for file in files if re.search(r"sys\.executable", file.read_text())]
    assert naming == ["benchtui/interpreter.py"]
