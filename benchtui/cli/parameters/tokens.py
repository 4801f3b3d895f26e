"""The flags of `benchtui tokens compare` that are no settings of a run, and the choice that is made of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

import click
from click.core import ParameterSource

from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.parameters.options import SIZE
from benchtui.cli.parameters.settings import SectionedOption
from benchtui.errors import UsageError
from benchtui.models.layout import size_text
from benchtui.plans.token_choice import KEPT_TOP, LARGEST, OF_SAMPLING, TOKEN_SETTINGS, TokensChoice
from benchtui.plans.tokens import Sampling
from benchtui.settings.forms import TASKS
from benchtui.settings.rows import NO_SUITE, SETTING, SETTINGS
from benchtui.text import one_line
from benchtui.tokens.modes import Keep, Mode

F = TypeVar("F", bound=Callable[..., Any])

MODELS, TEXTS, HOW, KEEP = "Which models", "Which texts", "How they are compared", "What is kept"


def _option(section: str, *names: str, help: str, **more: Any) -> Callable[[F], F]:
    return click.option(*names, cls=SectionedOption, section=section, help=help, **more)


_OPTIONS = (
    _option(MODELS, "--names", metavar="A,B", help="What the models are called, in their order."),
    _option(
        MODELS, "--checkpoints", is_flag=True, help="Add the checkpoints of each trained model, in the order of their "
        "steps, before it.",
    ),
    _option(
        TEXTS, "--answers", multiple=True, metavar="RUN", help="What a run answered, or a model's run that counts; "
        "last: both runs of the last comparison. May be repeated.",
    ),
    _option(
        TEXTS, "--flips", is_flag=True, help="Of the answers of two runs, by default those of the last comparison, the "
        "documents that changed side, and as many of the same tasks that did not.",
    ),
    _option(
        TEXTS, "--score-prompts", is_flag=True, help="With --answers and --flips: score the tokens of the questions "
        "too (not those of examples), so that models are also compared before they answer.",
    ),
    _option(
        TEXTS, "--tasks", "task_names", metavar="A,B", help="References of lm-eval's tasks, behind their prompts; "
        "with --answers and --flips: only these tasks.",
    ),
    _option(
        TEXTS, "--prompt", "prompt_text", metavar="TEXT", help="A prompt; without --answer its own tokens are "
        "compared. With --data: the column that is asked, or a template.",
    ),
    _option(
        TEXTS, "--answer", "answer_text", metavar="TEXT", help="The text behind --prompt. With --data: the column, or "
        "template, with the right answer.",
    ),
    _option(TEXTS, "--chat", is_flag=True, help="--prompt is what a user says: put it into the chat template."),
    _option(
        HOW, "--mode", type=click.Choice(get_args(Mode)), default="given", show_default=True, help="given: all models "
        "read the same texts. own: each writes its own.",
    ),
    _option(
        HOW, "--max-new-tokens", type=click.IntRange(1, 1 << 20), default=Sampling().max_new_tokens, metavar="N",
        help=f"With --mode own: the most tokens of a text. [default: {Sampling().max_new_tokens}]",
    ),
    _option(
        HOW, "--stop", multiple=True, metavar="TEXT", help="With --mode own: a text ends before this; may be repeated.",
    ),
    _option(
        HOW, "--all-pairs", is_flag=True, help="Compare each model with each. Otherwise with the first one, and with "
        "the one before it.",
    ),
    _option(HOW, "--experiment", metavar="NAME", default="", help="A name that is kept with the result."),
    _option(
        KEEP, "--keep", type=click.Choice(get_args(Keep)), help="hidden: what the output head reads, from which all "
        "can be computed again; full: all log-probabilities; topk: those of the likeliest tokens; scalars: only the "
        "numbers. [default: hidden, or the most that a backend tells]",
    ),
    _option(
        KEEP, "--keep-top", type=click.IntRange(1, 1 << 16), default=KEPT_TOP, metavar="K", help="How many of the "
        f"likeliest tokens are kept. [default: {KEPT_TOP}]",
    ),
    _option(
        KEEP, "--keep-heads", is_flag=True, help="Keep the output heads too, so that all can be computed again when "
        "the models are gone.",
    ),
    _option(
        KEEP, "--largest", type=SIZE, default=LARGEST, metavar="SIZE", help="The most that may be written. "
        f"[default: {size_text(LARGEST)}]",
    ),
)  # fmt: skip


def token_options(command: F) -> F:
    """Add the flags that are no settings of a run."""
    for add in reversed(_OPTIONS):
        command = add(command)
    return command


OF_COMPARISONS: dict[str, Any] = {
    "checkpoints": False, "answers": (), "flips": False, "score_prompts": False, "keep": None, "keep_top": KEPT_TOP,
    "keep_heads": False, "largest": LARGEST, "all_pairs": False, "experiment": "",
}  # fmt: skip
"""The flags that only `benchtui tokens compare` has, as they are where nobody types them."""
_OF_A_RUN = ("task_names", "prompt_text", "answer_text", "chat", "mode", "max_new_tokens", "stop", "largest")
"""Of them those of the commands that write one file: what is kept, and which pairs, such a command says itself."""
RUN_SETTINGS = tuple(name for name in TOKEN_SETTINGS if name not in ("prompt", "answer", "detach", "json"))
"""The settings of those commands."""


def run_options(command: F) -> F:
    """Add the flags that are no settings of a run to a command that writes one file."""
    for add in reversed(_OPTIONS):
        command = add(command)
        known: list[click.Parameter] = command.__click_params__  # type: ignore[attr-defined]
        if known[-1].name not in _OF_A_RUN:
            known.pop()
    return command


def run_choice(models: tuple[str, ...], values: Mapping[str, Any]) -> TokensChoice:
    """Make the choice of the values of a command that has `run_options`. Raises UsageError for combinations that make
    no sense, and where no texts are named."""
    if not (values["task_names"] or values["data"] or values["prompt_text"] is not None):
        raise UsageError("No texts are named.", "Give --data, --tasks or --prompt.")
    plain = {"names": None, "detach": False, "json": False, "top_k": None}
    return tokens_choice(models, OF_COMPARISONS | plain | dict(values))


def tokens_choice(models: tuple[str, ...], values: Mapping[str, Any]) -> TokensChoice:
    """Make the choice of the values of all flags. Raises UsageError for combinations that make no sense."""
    said = dict(values)
    sampling = _sampling(said)
    about_data = bool(said["data"])
    prompt, answer = said.pop("prompt_text"), said.pop("answer_text")
    tasks = _tasks(said.pop("task_names"))
    defaults = {row.parameter: row.default for row in SETTINGS}
    names = {SETTING[name].parameter for name in TOKEN_SETTINGS}
    settings = {name: value for name, value in said.items() if name in names}
    if about_data:
        settings |= {"prompt": prompt, "answer": answer}
    elif answer is not None and prompt is None:
        raise UsageError("--answer is the text behind a prompt, and none is given.", "Give --prompt as well.")
    elif said["chat"] and prompt is None:
        raise UsageError("--chat says nothing without --prompt, which is not given.", "Give both.")
    if said["score_prompts"] and not (said["answers"] or said["flips"]):
        raise UsageError("--score-prompts is of stored answers, and none are named.", "Give --answers or --flips.")
    choice = choice_from_flags(defaults | settings | {"tasks": tasks, "no_base": True, "suite": NO_SUITE})
    return TokensChoice(
        settings=choice,
        models=models,
        names=tuple(name.strip() for name in said["names"].split(",")) if said["names"] else (),
        checkpoints=said["checkpoints"],
        answers=said["answers"],
        flips=said["flips"],
        score_prompts=said["score_prompts"],
        prompt=None if about_data else prompt,
        answer=None if about_data else answer,
        chat=said["chat"],
        mode=said["mode"],
        sampling=sampling,
        keep=said["keep"],
        kept_top=said["keep_top"],
        keep_heads=said["keep_heads"],
        largest=said["largest"],
        all_pairs=said["all_pairs"],
        experiment=said["experiment"],
    )


def _sampling(said: dict[str, Any]) -> Sampling:
    """Take the flags of how a text is written out of `said`. Raises UsageError where they are typed and no text is."""
    names = [SETTING[name].parameter for name in OF_SAMPLING]
    drawn = {name: said.pop(name) for name in names}
    if said["mode"] == "given":
        if typed := [name for name in (*names, "max_new_tokens", "stop") if _typed(name)]:
            raise UsageError(
                f"--{typed[0].replace('_', '-')} says how a model writes, and here all read the same texts.",
                "Give --mode own as well, or leave it out.",
            )
        return Sampling()
    given = {name: value for name, value in drawn.items() if value is not None}
    return Sampling(**given, max_new_tokens=said["max_new_tokens"], stop=said["stop"])


def _tasks(typed: str | None) -> tuple[str, ...]:
    try:
        found: tuple[str, ...] = TASKS.typed(typed or "")
    except ValueError as error:
        raise UsageError(f"--tasks: {one_line(str(typed), 60)!r} is not {error}.") from None
    return found


def _typed(name: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
