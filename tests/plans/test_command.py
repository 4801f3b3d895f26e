"""The command that the wizard shows means what was chosen: read again, it is the same choice."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.backends.registry import BUILT_IN
from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.parameters.settings import run_options
from benchtui.errors import UsageError
from benchtui.plans.choice import Choice
from benchtui.plans.command import command_line, other_settings, run_arguments
from benchtui.plans.plan import Permissions


def read_again(arguments: list[str], file: dict[str, Any] | None = None) -> Choice:
    """`file`: what a benchtui.toml says of every run."""
    read: list[Choice] = []

    @click.command()
    @run_options
    def command(**values: object) -> None:
        read.append(choice_from_flags(values))

    command.main(args=arguments, standalone_mode=False, default_map=file)
    return replace(read[0], command=())


NAMES = st.text("abcdefgh-_0123456789", min_size=1, max_size=12).filter(lambda text: not text.startswith("-"))
WORDS = st.text(min_size=1, max_size=30).filter(lambda text: not text.startswith("-") and "\0" not in text)
CHOICES = st.builds(
    Choice,
    outputs=st.sampled_from([Path("outputs"), Path("a folder/models")]),
    model=st.none() | NAMES,
    model_checkpoint=st.none(),
    base=st.none() | NAMES,
    rerun_base=st.booleans(),
    verify=st.booleans(),
    more=st.fixed_dictionaries(
        {
            own.name.replace("-", "_"): st.sampled_from(own.choices) if own.choices else st.just(own.default)
            for backend in BUILT_IN.values()
            for own in backend.settings
        }
    ),
    format=st.none() | NAMES,
    suite=NAMES,
    tasks=st.lists(NAMES, max_size=3).map(tuple),
    include_paths=st.lists(st.sampled_from([Path("tasks"), Path("more tasks")]), max_size=2).map(tuple),
    limit=st.none() | st.integers(1, 5000).map(float) | st.sampled_from([0.1, 0.25, math.inf]),
    decide_early=st.none() | st.sampled_from([0.5, 2.0, 5.0]),
    num_fewshot=st.none() | st.integers(0, 8),
    chat_template=st.sampled_from(["auto", "on", "off"]),
    system_instruction=st.none() | WORDS,
    gen_kwargs=st.dictionaries(st.sampled_from(["temperature", "top_p"]), st.floats(0, 1), max_size=2),
    enable_thinking=st.none() | st.booleans(),
    max_length=st.none() | st.integers(2, 9000),
    batch_size=st.just("auto") | st.integers(1, 64),
    dtype=st.sampled_from(["auto", "float32", "bfloat16"]),
    device=st.sampled_from(["auto", "cpu", "cuda:1"]),
    model_args=st.dictionaries(
        st.sampled_from(["add_bos_token", "prefix_token_id"]), st.booleans() | st.integers(0, 9)
    ),
    seeds=st.tuples(*[st.integers(0, 9999)] * 4),
    timeout=st.none() | st.integers(1, 90_000).map(float),
    skip_stalled=st.booleans(),
    offline=st.booleans(),
    permissions=st.builds(Permissions, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
)


@given(CHOICES, st.booleans())
def test_read_again_it_is_the_same_choice(choice: Choice, compare: bool) -> None:
    if not compare:
        choice = replace(choice, compare=False, decide_early=None)
    if choice.tasks:
        choice = replace(choice, suite="quick")  # tasks stand instead of it
    assert read_again(run_arguments(choice)) == choice


def test_the_line_is_quoted_for_a_shell() -> None:
    choice = Choice(outputs=Path("my models"), model="a; rm -rf /", system_instruction="it's $HOME")
    assert shlex.split(command_line(choice))[2:] == run_arguments(choice)


@pytest.mark.parametrize("default", [Choice(outputs=Path("outputs"))])
def test_defaults_are_left_out(default: Choice) -> None:
    assert command_line(default) == "benchtui run --isolated --suite quick"


def test_a_loss_is_told_only_to_a_run_that_asks_about_it() -> None:
    with pytest.raises(UsageError, match="--decide-loss has no use with --decide-for sign") as refused:
        read_again(["--decide-early", "--decide-for", "sign", "--decide-loss", "5"])
    assert "--decide-for sign,loss" in str(refused.value.next_step)
    asked = read_again(["--decide-early", "--decide-loss", "5"])
    assert "--decide-loss 5" in command_line(asked)
    assert "--decide-loss" not in command_line(replace(asked, decide_for=("sign",)))


def test_a_file_that_limits_and_decides_early_can_be_undone() -> None:
    file = {"default_limit": 5.0, "decide_early": True}
    chosen = read_again([], file)
    assert (chosen.default_limit, chosen.limit, chosen.decide_early) == (5.0, None, 2.0)
    assert read_again(run_arguments(chosen), {}) == chosen
    whole = replace(chosen, default_limit=None, decide_early=None)
    assert read_again(run_arguments(whole), file) == whole
    assert read_again(["--default-limit", "all", "--no-decide-early"], file) == whole, "typed by hand"
    alone = read_again(["--no-base"], file)
    assert alone.decide_early is None, "a file says it in general; there is nothing to decide here"
    with pytest.raises(UsageError, match="needs a base"):
        read_again(["--no-base", "--decide-early"])


def test_settings_of_two_models_are_reviewed_where_there_are_two_and_together() -> None:
    alone = Choice(Path("outputs"))
    alone = replace(alone, more={**alone.more, "num_drafts": "7", "min_stay": "3", "threads": "2"})
    assert other_settings(alone) == ["--threads 2"]
    reviewed = other_settings(replace(alone, backend="hybrid"))
    assert reviewed.index("--min-stay 3") == reviewed.index("--num-drafts 7") + 1
    assert "--num-drafts 7" in command_line(alone), "the command says all that was chosen"
