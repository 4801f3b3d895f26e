"""`benchtui doctor`, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest


def doctor(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchtui", "doctor", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "OLLAMA_HOST": "127.0.0.1:9", **env},
        check=False,
    )


@pytest.fixture
def nltk_data(tmp_path: Path) -> str:
    (tmp_path / "nltk" / "tokenizers" / "punkt_tab").mkdir(parents=True)
    return str(tmp_path / "nltk")


def test_a_machine_that_can_run_benchmarks(tmp_path: Path, nltk_data: str) -> None:
    start = time.monotonic()
    done = doctor("--json", cwd=tmp_path, NLTK_DATA=nltk_data, HF_HOME=str(tmp_path / "hf"))
    assert time.monotonic() - start < 10  # three seconds on a machine that is not busy
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == (1 if any(check["status"] == "problem" for check in checks.values()) else 0)
    assert checks["Python"]["status"] == "ok"
    assert checks["Packages"]["status"] == "ok", checks["Packages"]
    assert "lm-eval" in checks["Packages"]["message"]
    assert checks["IFEval"]["status"] == "ok"
    assert checks["NLTK data"]["message"] == f"punkt_tab in {nltk_data}"
    assert checks["Hub"]["status"] == "warning"
    assert "127.0.0.1:9" in checks["Hub"]["message"]
    assert checks["Models"]["status"] == "warning"
    assert checks["ollama backend"]["status"] == "absent", "whoever does not ask for it misses nothing"
    assert checks["ollama backend"]["next_step"].startswith("Start it with `ollama serve`")
    assert done.stderr == ""


def test_every_line_has_a_word_and_is_aligned(tmp_path: Path, nltk_data: str) -> None:
    done = doctor(cwd=tmp_path, NLTK_DATA=nltk_data)
    *lines, blank, verdict = done.stdout.splitlines()
    checks = [line for line in lines if not line.lstrip().startswith("→")]
    assert {line[2:9].strip() for line in checks} <= {"ok", "absent", "warning", "problem"}
    [start] = {line.index(line[17:].split()[0], 17) for line in checks if line[11:].startswith("Python ")}
    assert all(line[start - 2 : start] == "  " and line[start] != " " for line in checks)
    assert blank == ""
    assert "Ready to run" in verdict or "to fix" in verdict


def test_the_backend_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    done = doctor("--json", "--backend", "nobody", "--server", "http://127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 1
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert checks["nobody backend"]["status"] == "problem"
    assert "hf" in checks["nobody backend"]["next_step"]
    assert checks["hf backend"]["status"] == "ok"
    assert checks["openai backend"]["message"].startswith("http://127.0.0.1:9 does not answer")
    assert checks["openai backend"]["status"] == "warning"


def test_a_read_only_folder_is_a_problem_and_the_exit_status_says_so(tmp_path: Path, nltk_data: str) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    outputs.chmod(0o555)
    done = doctor("--json", cwd=tmp_path, NLTK_DATA=nltk_data)
    assert done.returncode == 1
    assert any(check["name"] == "Disk" and check["status"] == "problem" for check in json.loads(done.stdout))


def test_offline_without_the_sentence_model_is_a_problem(tmp_path: Path) -> None:
    done = doctor(cwd=tmp_path, HF_HUB_OFFLINE="1", NLTK_DATA=str(tmp_path), HOME=str(tmp_path))
    assert done.returncode == 1
    assert "✗ problem  NLTK data" in done.stdout
    assert "python -m nltk.downloader punkt_tab" in done.stdout
    assert "offline by HF_HUB_OFFLINE" in done.stdout
    assert "to fix before benchmarks can run" in done.stdout


def test_the_process_that_looks_imports_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from benchtui.doctor.examine import run_checks\n"
        "run_checks(Path('outputs'))\n"
        "heavy = {'torch', 'transformers', 'lm_eval', 'datasets', 'nltk', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
