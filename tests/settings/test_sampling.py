"""How tokens are drawn, said by flags of their own or by --gen-kwargs: one thing in a plan, never two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.models.utils import normalize_gen_kwargs

from benchtui.errors import UsageError
from benchtui.plans.choice import Choice
from benchtui.plans.command import run_arguments
from benchtui.settings.key_values import generation_filed, generation_typed
from benchtui.settings.sampling import is_drawn, without_effect
from tests.settings.sayings import Place, place


def said(place: Place, *arguments: str) -> dict[str, Any]:
    return place.parse(arguments).gen_kwargs


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return place(tmp_path, {}, {})


def test_flags_and_gen_kwargs_make_the_same_plan(here: Place) -> None:
    by_flags = here.parse(["--temperature", "0.7", "--top-k", "40", "--top-p", "0.9", "--min-p", "0.05"])
    by_name = here.parse(["--gen-kwargs", "temperature=0.7,do_sample=true,top_k=40,top_p=0.9,min_p=0.05"])
    assert by_flags == by_name
    assert by_flags.gen_kwargs == {"temperature": 0.7, "do_sample": True, "top_k": 40, "top_p": 0.9, "min_p": 0.05}
    assert here.parse(run_arguments(by_flags)) == by_flags


def test_a_temperature_says_whether_tokens_are_drawn(here: Place) -> None:
    """A task may say do_sample: false; lm-eval would then ignore the temperature."""
    assert said(here, "--temperature", "0.7")["do_sample"] is True
    assert said(here, "--temperature", "0") == {"temperature": 0, "do_sample": False}
    assert said(here, "--temperature", "auto") == {}
    assert said(here, "--top-p", "0.9") == {"top_p": 0.9}, "a task that draws by itself may be meant"


def test_the_same_said_twice_is_said_once(here: Place) -> None:
    assert said(here, "--temperature", "0.7", "--gen-kwargs", "temperature=0.7,max_gen_toks=5") == {
        "temperature": 0.7, "max_gen_toks": 5, "do_sample": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ("--temperature", "0.7", "--gen-kwargs", "temperature=1"),
        ("--temperature", "0.7", "--gen-kwargs", "do_sample=false"),
        ("--temperature", "0", "--gen-kwargs", "do_sample=true"),
        ("--top-k", "5", "--gen-kwargs", "top_k=50"),
    ],
)
def test_what_contradicts_itself_is_refused(here: Place, arguments: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=f"{arguments[0]} {arguments[1]} and .* contradict each other"):
        here.parse(arguments)


def test_what_is_typed_counts_before_the_environment_and_a_file(tmp_path: Path) -> None:
    variable = place(tmp_path, {}, {"BENCHTUI_GEN_KWARGS": "temperature=1,do_sample=true,top_p=0.5"})
    assert said(variable, "--temperature", "0") == {"top_p": 0.5, "temperature": 0, "do_sample": False}
    file = place(tmp_path, {"temperature": 0.5}, {})
    assert said(file) == {"temperature": 0.5, "do_sample": True}
    assert said(file, "--gen-kwargs", "temperature=1") == {"temperature": 1}
    assert said(file, "--temperature", "auto") == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("temperature=None", "temperature is null"),
        ('{"temperature": null}', "temperature is null"),
        ("top_k=null", "top_k is null"),
        ("do_sample=null", "do_sample is null"),
        ("temperature=warm", "temperature must be a number, 0 or more, not warm"),
        ("temperature=-1", "0 or more, not -1"),
        ("temperature=true", "temperature must be a number"),
        ("top_k=2.5", "top_k must be a whole number"),
        ("top_p=1.5", "top_p must be a number from 0 to 1"),
        ("do_sample=1", "do_sample must be true or false"),
    ],
)
def test_what_no_backend_can_follow_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        generation_typed(text)


def test_a_file_is_read_as_strictly() -> None:
    with pytest.raises(UsageError, match="min_p must be"):
        generation_filed({"min_p": "much"})


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "do_sample": st.booleans(),
            "temperature": st.sampled_from([0, 0.0, 0.5, 1, 2.0]),
            "top_p": st.floats(0.1, 1),
        },
    )
)
def test_tokens_are_drawn_where_lm_eval_says_so(settings: dict[str, Any]) -> None:
    """A temperature of 0 with do_sample=true is no distribution to draw from, though lm-eval passes it on."""
    read = normalize_gen_kwargs(dict(settings))
    assert is_drawn(settings) == (read["do_sample"] is True and settings.get("temperature") != 0)
    assert bool(without_effect(settings, settings)) == (
        not is_drawn(settings) and bool({"top_p"} & settings.keys() or settings.get("temperature"))
    )


def test_a_choice_without_any_is_as_before() -> None:
    assert Choice(outputs=Path("outputs")).gen_kwargs == {}
