"""`benchtui hybrid run` as it is typed: the same choice as that of `benchtui run --backend hybrid`."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import click
import pytest

from benchtui.cli.hybrid.run import command
from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.parameters.hybrid import dashed, hybrid_choice
from benchtui.cli.run import command as run_command
from benchtui.errors import UsageError
from benchtui.interpreter import this_python
from benchtui.plans.choice import Choice
from benchtui.plans.command import run_arguments


@pytest.fixture(autouse=True)
def nothing_is_said_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchtui.settings.config.user_config_file", lambda: tmp_path / "none.toml")


def hybrid(line: str) -> Choice:
    with command.make_context("run", shlex.split(line)) as context:
        return hybrid_choice(context.params)


def run(line: str) -> Choice:
    with run_command.make_context("run", shlex.split(line)) as context:
        return choice_from_flags(context.params)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--small a --large b", "--model a --large b"),
        ("--slm a --llm b --num_drafts 2", "--model a --large b --num-drafts 2"),
        ("--model a --large b --threshold p70", "--model a --large b --threshold p70"),
        ("--slm=a --llm=b --num_fewshot=5", "--model a --large b --num-fewshot 5"),
        ("--small a --large b --small-only", "--model a --large b --strategy small"),
        ("--slm a --llm b --use_slm_only --strategy entropy", "--model a --large b --strategy small"),
        ("--small a --large b --large-only", "--model a --large b --strategy large"),
        ("--slm a --llm b --limit 0.1 --batch_size 2", "--model a --large b --limit 0.1 --batch-size 2"),
        (
            """--slm a --llm b --gen_kwargs '{"temperature": 0.8, "max_gen_toks": 512}'""",
            "--model a --large b --gen-kwargs temperature=0.8,max_gen_toks=512",
        ),
        ("--small a --large b --tasks gsm8k hellaswag", "--model a --large b --tasks gsm8k,hellaswag"),
    ],
)
def test_it_is_the_same_as_a_run_with_that_backend(typed: str, meant: str) -> None:
    choice = hybrid(typed)
    assert choice == run(f"--backend hybrid {meant}")
    assert run(shlex.join(run_arguments(choice))) == choice, "the shown command means the same"


def test_a_variable_says_a_setting_and_never_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHTUI_BACKEND", "gguf")
    monkeypatch.setenv("BENCHTUI_STRATEGY", "entropy")
    choice = hybrid("--small a --large b")
    assert (choice.backend, choice.more["strategy"]) == ("hybrid", "entropy")


def test_contradictions_are_one_line() -> None:
    with pytest.raises(UsageError, match="contradict each other"):
        hybrid("--small a --large b --small-only --large-only")
    with pytest.raises(UsageError, match="--model and --slm say the same"):
        hybrid("--model a --slm b --large c")
    with pytest.raises(click.NoSuchOption):
        hybrid("--small a --large b --backend hf")


def test_only_flags_that_are_known_lose_their_underscores() -> None:
    typed = ["--num_drafts", "--a_b", "x_y", "--slm=a_b", "--", "--num_drafts"]
    assert dashed(typed, {"--num-drafts", "--slm"}) == ["--num-drafts", *typed[1:]]


def test_help_imports_nothing_heavy() -> None:
    heavy = ("numpy", "torch", "transformers", "lm_eval", "scipy", "pandas")
    code = (
        "import sys\n"
        "from benchtui.cli.main import main\n"
        "try: main(['hybrid', 'run', '--help'])\n"
        f"finally: print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(this_python("-c", code), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "--small, --slm" in " ".join(done.stdout.split())
    assert done.stderr.strip() == "[]"
