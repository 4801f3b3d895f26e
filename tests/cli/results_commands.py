"""What the tests of the commands that read results share: running one in this process, and a small outputs/."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchtui.cli.main import main
from tests.synthetic import Task, ifeval, write_run


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def benchtui(*arguments: str | Path) -> Ended:
    """Run a command as the console script does; its exit code and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def flips(n: int, fixed: int, broken: int) -> tuple[list[bool], list[bool]]:
    """Two runs of `n` documents, half of them right in the first."""
    first = [i % 2 == 0 for i in range(n)]
    change = {i for i, v in enumerate(first) if not v and i < 2 * fixed} | {
        i for i, v in enumerate(first) if v and i < 2 * broken
    }
    return first, [v != (i in change) for i, v in enumerate(first)]


def write_model(
    outputs: Path, name: str, fixed: int, broken: int, *, n: int = 541, stamp: str = "2026-11-20T10-30-15"
) -> Path:
    """A model with a base and one fine-tuned run of IFEval and a second task that did not change."""
    sides = flips(n, fixed, broken)
    even = [i % 3 == 0 for i in range(1319)]
    for run, strict in (("base", sides[0]), (f"fine-tuned/{stamp}", sides[1])):
        tasks = {
            "ifeval": ifeval(strict),
            "gsm8k": Task({("exact_match", "strict-match"): even, ("exact_match", "flexible-extract"): even}),
        }
        write_run(outputs / name / "benchmarks" / run, tasks, stamp=stamp)
    return outputs / name


def one_line_error(ended: Ended, code: int, words: Sequence[str]) -> None:
    """Exit code, no traceback, the thing named, and nothing on stdout."""
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""
    for word in words:
        assert word in ended.err
