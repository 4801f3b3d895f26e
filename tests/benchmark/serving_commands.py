"""Runs of models of every form, and commands that are pasted into a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchtui.benchmark.serving import Served, served
from benchtui.models.source import Source
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.plans.plan import write_plan
from benchtui.runs.directory import RunDirectory
from benchtui.tasks.suites import TaskPlan

REPOSITORY = Path(__file__).parents[2]


def evaluated(folder: Path, source: Source) -> Path:
    """Write a run of the model in `folder`; returns its directory."""
    run = RunDirectory(folder / "benchmarks" / "fine-tuned" / "2026-11-20T10-30-15")
    plan = BenchmarkPlan(
        model_name=folder.name,
        role="fine-tuned",
        source=source,
        tasks=(TaskPlan("ifeval"),),
        prompts=PromptSettings(),
        bench_id="bench",
        created="2026-11-20T10:30:15+00:00",
        leaves={"ifeval": ("ifeval",)},
    )
    write_plan(run.plan_file, plan)
    return run.path


def served_as(folder: Path, source: Source) -> Served:
    """Say how a model in an outputs folder is served."""
    return served(folder.parent, folder, evaluated(folder, source))


def command(found: Served, server: str) -> str:
    return next(each.command for each in found.servings if each.server == server)


def why(found: Served, server: str) -> str:
    return next(each.why for each in found.servings if each.server == server)


def program(folder: Path, name: str, text: str) -> Path:
    """Write a program of this Python's that a shell finds in `folder`; returns the folder."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!{sys.executable}\n{text}")
    file.chmod(0o755)
    return folder


def pasted(line: str, programs: Path, cwd: Path, **env: str) -> subprocess.Popen[str]:
    """Start a line in a shell that finds `programs` and benchtui."""
    path = os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.Popen(
        ["/bin/sh", "-c", line],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), **env},
        start_new_session=True,
    )
