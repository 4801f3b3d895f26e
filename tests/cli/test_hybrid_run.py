"""`benchtui hybrid run` as it is typed: the same choice as that of `benchtui run --backend hybrid`."""

from __future__ import annotations

import datetime as dt
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from benchtui.cli.hybrid.run import command
from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.parameters.hybrid import dashed, hybrid_choice
from benchtui.cli.parameters.hybrid_seed import with_template
from benchtui.cli.run import command as run_command
from benchtui.demo.workspace import demo_paths, open_workspace
from benchtui.errors import UsageError
from benchtui.interpreter import this_python
from benchtui.plans.choice import Choice
from benchtui.plans.command import run_arguments
from benchtui.reports.hybrid_results import default_name
from benchtui.results.routing import RoutedPart, RoutedRun
from benchtui.routing.names import StrategyName
from tests.cli.results_commands import benchtui


@pytest.fixture(autouse=True)
def nothing_is_said_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchtui.settings.config.user_config_file", lambda: tmp_path / "none.toml")


def hybrid(line: str) -> Choice:
    with command.make_context("run", shlex.split(line)) as context:
        return hybrid_choice(with_template(context.params))


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


OUTPUT = {"output_dir": None, "output_name": None, "log_samples": False, "report_content": False}


def values(line: str) -> dict[str, Any]:
    with command.make_context("run", shlex.split(line)) as context:
        return {name: context.params[name] for name in OUTPUT}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--small a --large b", {}),
        ("--slm a --llm b", {"output_dir": Path("eval_results")}),
        ("--slm a --llm b --output_dir=x", {"output_dir": Path("x")}),
        ("--slm a --llm b --output-dir ''", {}),
        ("--small a --large b --output_name n.json --log_samples", {"output_name": "n.json", "log_samples": True}),
        ("--small a --large b --report-content --report-routing-metrics", {"report_content": True}),
        ("--small a --large b --verbosity DEBUG", {}),
    ],
)
def test_where_the_results_are_written_too(line: str, said: dict[str, Any]) -> None:
    assert values(line) == OUTPUT | said


@pytest.mark.parametrize("name", ["../up", "a/b", "", "..", "a\\b"])
def test_a_name_of_a_file_leads_nowhere(name: str) -> None:
    with pytest.raises(click.BadParameter, match="no name of a file"):
        values(f"--small a --large b --output_name {shlex.quote(name)}")


def test_a_chat_template_is_asked_for_once() -> None:
    assert hybrid("--small a --large b --apply-chat-template").chat_template == "on"
    assert hybrid("--small a --large b --apply_chat_template --chat-template on").chat_template == "on"
    with pytest.raises(UsageError, match="contradict"):
        hybrid("--small a --large b --apply-chat-template --chat-template off")


def test_settings_and_tasks_are_shown_without_models() -> None:
    shown = benchtui("hybrid", "run", "--show_config", "--strategy", "entropy", "--num_fewshot", "5")
    assert shown.code == 0
    lines = [line.split(maxsplit=1) for line in shown.out.splitlines()]
    assert ["strategy", "entropy"] in lines
    assert ["num-fewshot", "5"] in lines
    assert ["large", "none"] in lines
    assert "--backend hybrid --strategy entropy" in shown.out
    wrong = benchtui("hybrid", "run", "--show_config", "--threshold", "x")
    assert (wrong.code, "--threshold" in wrong.err) == (2, True)
    listed = benchtui("hybrid", "run", "--list_tasks")
    assert (listed.code, listed.out) == (0, benchtui("tasks").out)


def test_settings_of_two_models_have_a_section_of_their_own_in_the_help_of_run() -> None:
    sections = dict(re.findall(r"^(\S.*):\n((?:  .*\n)+)", benchtui("run", "--help").out, re.MULTILINE))
    flags = {name: set(re.findall(r"^  (--[a-z-]+)", section, re.MULTILINE)) for name, section in sections.items()}
    own = flags["A small and a large model (--backend hybrid)"]
    assert own == {
        "--large", "--strategy", "--threshold", "--hold", "--num-drafts", "--divergence", "--back", "--min-stay",
        "--defer-by",
    }  # fmt: skip
    assert "--engine" in flags["How it runs"], "a setting of one model too"
    assert not flags["How it runs"] & own


def test_every_model_is_no_small_one(tmp_path: Path) -> None:
    open_workspace(tmp_path / "d")
    ended = benchtui(
        "hybrid", "run", "--small", "all", "--large", demo_paths().base, "--outputs", tmp_path / "d" / "outputs"
    )
    assert (ended.code, "--model all names every one" in ended.err) == (2, True)


def test_what_truthfulqa_mc_has_become_is_said() -> None:
    ended = benchtui(
        "hybrid", "run", "--slm", demo_paths().base, "--llm", demo_paths().base, "--tasks", "truthfulqa_mc"
    )
    assert ended.code == 2
    assert "truthfulqa_mc1, truthfulqa_mc2 or truthfulqa_gen" in ended.err


@pytest.mark.parametrize(
    ("strategy", "more", "mode"),
    [
        ("small", {}, "slm_only"),
        ("large", {}, "llm_only"),
        ("speculative", {"drafts": 4}, "speculative_d4"),
        ("uncertainty", {"threshold": 0.5}, "uncertainty_t0.5"),
        ("margin", {"threshold": "p70"}, "margin_tp70"),
        ("margin", {"threshold": "/../p"}, "margin_t__..__p"),
    ],
)
def test_the_file_is_named_as_the_seed_names_it(strategy: StrategyName, more: dict[str, Any], mode: str) -> None:
    routing = RoutedRun(RoutedPart("Qwen/Qwen3-0.6B"), RoutedPart("/models/qwen-8b"), strategy, **more)
    now = dt.datetime(2025, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
    name = default_name(routing, ["hellaswag", "arc_easy"], now)
    assert name == f"hybrid_Qwen3-0.6B_vs_qwen-8b_{mode}_hellaswag_arc_easy_20250304_050607.json"
    long = default_name(routing, [f"mmlu_{number:04}" for number in range(60)], now)
    assert len(long.encode()) < 255
    assert "mmlu_0000_and_59_more" in long
