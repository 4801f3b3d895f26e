"""`benchtui chat`: the command that is shown means the same anywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from benchtui.cli.chat import command
from benchtui.cli.parameters.chat import chat_choice
from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.chat_choice import CHAT_SETTINGS, ChatChoice
from benchtui.routing.records import Sampling
from benchtui.settings.rows import SETTING
from tests.settings.sayings import HOSTILE, NAMES, TEXTS, Place, files_of, flags_of, place, variables_of

ROWS = [SETTING[name] for name in CHAT_SETTINGS]
OWN = {
    "--names": st.sampled_from(["a,b", "a, b", *(text for text in HOSTILE if text.strip())]),
    "--system": TEXTS,
    "--max-new-tokens": st.sampled_from(["1", "4096"]),
    "--stop": TEXTS,
    "--votes": st.sampled_from(["1", "30"]),
}
OWN_FLAGS = st.lists(
    st.sampled_from(sorted(OWN)).flatmap(lambda flag: OWN[flag].map(lambda said: [flag, said])) | st.just(["--blind"]),
    max_size=6,
).map(lambda said: [part for parts in said for part in parts])
MODELS = st.lists(NAMES, max_size=3)


def parse(here: Place, arguments: list[str]) -> ChatChoice:
    with here._here(), (context := command.make_context("chat", arguments)):
        values = dict(context.params)
        found = chat_choice(values.pop("models"), values)
    return replace(found, settings=replace(found.settings, command=()))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(flags_of(ROWS), OWN_FLAGS, MODELS, files_of(ROWS), variables_of(ROWS), files_of(ROWS), variables_of(ROWS))
def test_the_shown_command_means_the_same_under_any_file_and_environment(
    tmp_path: Path,
    flags: list[str],
    own: list[str],
    models: list[str],
    file: dict[str, Any],
    variables: dict[str, str],
    other_file: dict[str, Any],
    other_variables: dict[str, str],
) -> None:
    try:
        chosen = parse(place(tmp_path, file, variables), [*flags, *own, "--", *models])
    except (BenchtuiError, click.UsageError):
        assume(False)
    if not chosen.blind:
        chosen = replace(chosen, votes=None)
    shown = list(chosen.command)
    assert shown[:3] == ["benchtui", "chat", "--isolated"]
    elsewhere = place(tmp_path, other_file, other_variables)
    try:
        parse(elsewhere, ["--isolated"])
    except UsageError:
        assume(False)  # a file that makes no sense stops everything
    assert parse(elsewhere, shown[2:]) == chosen


def test_how_models_answer(tmp_path: Path) -> None:
    here = place(tmp_path, {}, {})
    plain = parse(here, ["a"])
    assert (plain.sampling, plain.system, plain.blind) == (Sampling(max_new_tokens=1024), None, False)
    flags = ["--temperature", "0.7", "--top-k", "40", "--min-p", "0.05", "--seed", "7", "--stop", "\n", "--system", ""]
    found = parse(here, [*flags, "--max-new-tokens", "99", "a"])
    assert found.sampling == Sampling(temperature=0.7, top_k=40, min_p=0.05, max_new_tokens=99, stop=("\n",))
    assert (found.settings.seeds, found.settings.gen_kwargs, found.system) == ((7, 7, 7, 7), {}, "")


def test_prompts_of_a_vote_are_single_messages(tmp_path: Path) -> None:
    here = place(tmp_path, {}, {})
    file = tmp_path / "p.jsonl"
    file.write_text('{"prompt": "One?"}\n{"prompt": "Two?"}')
    found = parse(here, ["a", "b", "--blind", "--file", str(file), "--votes", "2"])
    assert (found.prompts, found.prompts_file, found.votes) == (("One?", "Two?"), str(file), 2)
    file.write_text('{"messages": [{"role": "user", "content": "A"}, {"role": "user", "content": "B"}]}')
    with pytest.raises(UsageError, match="more than one message"):
        parse(here, ["a", "b", "--blind", "--file", str(file)])
