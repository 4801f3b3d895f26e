"""What was said with flags, variables and benchtui.toml is in the wizard's answers, in the review and in the run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from benchtui.cli.app import command as app_command
from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.demo.workspace import demo_paths
from benchtui.plans.choice import Choice
from benchtui.plans.plan import Permissions
from screens.run.run import RunPage
from tests.screens.conftest import MODEL, Open, press, settle, shown
from tests.settings.sayings import Place


class Started:
    """The last process start of the application, held back: what it was given is parsed by the real command."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.plans: list[Choice] = []

    def __call__(self, arguments: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        assert "env" not in how, "it starts in this environment"
        words = arguments[arguments.index("run") + 1 :]
        self.plans.append(Place(Path.cwd(), {}).parse(words))
        return subprocess.CompletedProcess(arguments, 0, f"{self.run}\n", "")


@pytest.fixture
def started(models: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    held = Started(models / MODEL / "benchmarks" / "base")
    monkeypatch.setattr("benchtui.wizard.launch.subprocess.run", held)
    return held


def opened_with(flags: list[str]) -> Choice:
    """As `benchtui app` reads its flags, here and now."""
    context = app_command.make_context("app", list(flags))
    with context:
        return choice_from_flags(context.params)


async def until(pilot: Pilot[int], words: str) -> None:
    """Wait for `words` on the screen: the model is looked up in a thread that may begin late."""
    for _ in range(50):
        await settle(pilot)
        if words in shown(pilot):
            return
    raise AssertionError(f"{words} never came:\n{shown(pilot)}")


FIFTEEN = [
    "--model", MODEL, "--base", "org/other", "--format", "adapter", "--tasks", "demo_knowledge",
    "--include-path", str(demo_paths().tasks), "--limit", "1234567", "--num-fewshot", "2", "--chat-template", "off",
    "--system-instruction", "It's \"quoted\";\n$HOME -x", "--gen-kwargs", '{"temperature": 0.5}',
    "--think-end-token", "</think>", "--enable-thinking", "--max-length", "512", "--seed", "7", "--timeout", "90.5s",
    "--skip-stalled", "--batch-size", "12", "--dtype", "float32", "--device", "cpu", "--engine", "lm-eval",
    "--model-args", "add_bos_token=True", "--offline", "--decide-early", "--decide-delta", "0.5", "--rerun-base",
    "--no-readme", "--no-resume", "--allow-pickle",
]  # fmt: skip


@pytest.mark.parametrize("keys", [("enter",) * 4, ("ctrl+n",) * 4], ids=["every answer confirmed", "questions passed"])
async def test_flags_are_in_the_plan_that_is_started(
    open_app: Open, still_machine: None, started: Started, keys: tuple[str, ...]
) -> None:
    chosen = opened_with(FIFTEEN)
    app = open_app(chosen, typed=True)
    async with app.run_test(size=(140, 50)) as pilot:
        for title, key in zip(("Compare", "Backend & format", "Suite", "Batch size"), keys, strict=True):
            await until(pilot, f"New benchmark › {title}")
            await press(pilot, key)
        await until(pilot, "Also set:")
        review = re.sub(r"✓ \d \w+ ", "", " ".join(shown(pilot).split()))  # the list of steps stands beside it
        for words in ("--max-length 512", "--num-fewshot 2", "--seed 7,7,7,7", "--skip-stalled", "--allow-pickle"):
            assert words in review.split("Also set:")[1].split("$ benchtui run")[0], "no page asks for it"
        await press(pilot, "s")
        await settle(pilot)
        assert isinstance(app.screen, RunPage)
    [plan] = started.plans
    assert plan.format in ("adapter", "lora"), "two names of one form"
    assert (plan.model, plan.base, plan.tasks) == (MODEL, "org/other", ("demo_knowledge",))
    assert (plan.limit, plan.num_fewshot, plan.chat_template) == (1234567, 2, "off")
    assert plan.system_instruction == 'It\'s "quoted";\n$HOME -x'
    assert (plan.gen_kwargs, plan.think_end_token, plan.enable_thinking) == ({"temperature": 0.5}, "</think>", True)
    assert (plan.max_length, plan.seeds, plan.timeout, plan.skip_stalled) == (512, (7, 7, 7, 7), 90.5, True)
    assert (plan.batch_size, plan.dtype, plan.device, plan.more["engine"]) == (12, "float32", "cpu", "lm-eval")
    assert (plan.model_args, plan.offline, plan.decide_early) == ({"add_bos_token": True}, True, 0.5)
    assert (plan.rerun_base, plan.readme, plan.resume) == (True, False, False)
    assert plan.permissions == Permissions(pickle=True)
    assert plan.include_paths == (demo_paths().tasks,)


async def test_a_file_and_variables_are_in_the_plan_that_is_started(
    open_app: Open, still_machine: None, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("benchtui.toml").write_text(
        '[run]\nlimit = 5\nnum-fewshot = 3\nseed = [1, 2, 3, 4]\nmax-length = 300\ntimeout = "2d"\nno-readme = true\n'
        'base = "org/other"\nsuite = "mine"\n[suites.mine]\ntasks = ["piqa", {name = "gsm8k", limit = 7}]\n'
    )
    monkeypatch.setenv("BENCHTUI_BATCH_SIZE", "3")
    monkeypatch.setenv("BENCHTUI_MAX_LENGTH", "400")
    chosen = opened_with([])
    app = open_app(chosen)
    async with app.run_test(size=(140, 50)) as pilot:
        await settle(pilot)
        await press(pilot, "b", "enter", "enter", "enter", "enter")
        await press(pilot, "s")
        await settle(pilot)
    [plan] = started.plans
    assert (plan.model, plan.base, plan.suite, plan.batch_size) == (MODEL, "org/other", "mine", 3)
    assert (plan.limit, plan.default_limit, plan.num_fewshot, plan.default_num_fewshot) == (None, 5, None, 3)
    assert (plan.seeds, plan.max_length, plan.timeout, plan.readme) == ((1, 2, 3, 4), 400, 2 * 86400, False)


async def test_a_base_said_with_no_model_is_kept_when_one_is_chosen(open_app: Open, still_machine: None) -> None:
    chosen = opened_with(["--base", "org/other", "--format", "lora"])
    async with open_app(chosen, typed=True).run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "enter", "enter", "enter", "enter")
        words = " ".join(shown(pilot).split())
        assert "--base org/other --format lora" in words


async def test_every_model_is_no_wizard(open_app: Open) -> None:
    async with open_app(opened_with(["--model", "all"]), typed=True).run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "The wizard benchmarks one model." in shown(pilot)


async def test_an_unknown_suite_is_said(open_app: Open) -> None:
    async with open_app(opened_with(["--model", MODEL, "--suite", "cor"]), typed=True).run_test(
        size=(100, 30)
    ) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "enter")
        assert "There is no suite 'cor'." in shown(pilot)
