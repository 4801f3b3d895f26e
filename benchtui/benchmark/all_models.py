"""`benchtui run --model all` and `--format all-checkpoints`: one after another, and how each ended at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchtui.backends.backend import Backend
from benchtui.errors import BenchtuiError, ExitCode, UsageError
from benchtui.models.selection import checkpoints_of
from benchtui.plans.choice import Choice
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.benchmark.evaluate import BenchOutcome
    from benchtui.models.layout import TrainedModel

What = Literal["evaluated", "evaluated in part", "failed", "skipped", "stopped", "not started"]


@dataclass(frozen=True)
class EndedModel:
    """How the evaluation of one model ended; `why` is "" where it was evaluated."""

    name: str
    what: What
    why: str = ""

    def __str__(self) -> str:
        return f"{one_line(self.name, 100)}: {self.what}{f': {self.why}' if self.why else '.'}"


@dataclass(frozen=True)
class OneOfMany:
    """One of several that are evaluated in turn: what it is called, its model, and what was chosen for it."""

    name: str
    model: TrainedModel
    choice: Choice


def every_checkpoint(choice: Choice, models: Sequence[TrainedModel], backend: Backend) -> list[OneOfMany]:
    """Return every checkpoint of the models, each model's earliest first; of several models those without one are left
    out. A base that is to be evaluated again is so once, and no README is written: a checkpoint is not the model's
    result by being the last. Raises UsageError where there is none at all."""
    found: list[OneOfMany] = []
    for model in models:
        try:
            forms = checkpoints_of(model, backend, allow_pickle=choice.permissions.pickle)
        except UsageError:
            if len(models) == 1:
                raise
            continue
        for number, form in enumerate(forms):
            base_again = choice.rerun_base and number == 0
            own = replace(choice, format=form.label, rerun_base=base_again, readme=False)
            found.append(OneOfMany(f"{model.name}/{form.label}", model, own))
    if not found:
        raise UsageError(
            f"None of the {len(models)} models has a checkpoint that can be loaded.",
            "`benchtui models` lists what is there.",
        )
    return found


def run_in_turn(
    asked: Sequence[OneOfMany],
    run: Callable[[OneOfMany, Sequence[Path]], BenchOutcome],
    *,
    stop_requested: Callable[[], bool],
    say: Callable[[str], None],
) -> ExitCode:
    """Call `run` for each, with the folders of the models evaluated before it. One that cannot be evaluated does not
    stop the others. Say one line for each at the end, and return the exit code."""
    ended: list[EndedModel] = []
    for one in asked:
        if stop_requested():
            ended.append(not_started(one.name))
            continue
        before = [other.model.path for other, end in zip(asked, ended, strict=False) if end.what == "evaluated"]
        try:
            end = ended_model(one.name, run(one, before))
        except BenchtuiError as error:
            end = skipped(one.name, error)
            say(str(end))
        ended.append(end)
    return closing_words(ended, say)


def not_started(name: str) -> EndedModel:
    """How a model ended that was never begun."""
    return EndedModel(name, "not started", "you stopped the command.")


def skipped(name: str, error: BenchtuiError) -> EndedModel:
    """How a model ended that cannot be evaluated."""
    return EndedModel(name, "skipped", one_line(str(error), 600))


def closing_words(ended: Sequence[EndedModel], say: Callable[[str], None]) -> ExitCode:
    """Say one line for each model, and return the exit code of the command."""
    for end in ended:
        say(str(end))
    done = sum(end.what == "evaluated" for end in ended)
    say(f"{done} of {len(ended)} models evaluated.")
    return exit_code(ended)


def exit_code(ended: Sequence[EndedModel]) -> ExitCode:
    """Return 0 when all models were evaluated, 130 when the command was stopped, else 3 when any left results and 1
    when none did."""
    whats = {end.what for end in ended}
    if whats & {"stopped", "not started"}:
        return ExitCode.INTERRUPTED
    if whats <= {"evaluated"}:
        return ExitCode.DONE
    return ExitCode.PARTIAL if whats & {"evaluated", "evaluated in part"} else ExitCode.FAILED


def ended_model(name: str, outcome: BenchOutcome) -> EndedModel:
    """How a model ended whose runs ended as `outcome` says."""
    whats: dict[ExitCode, What] = {
        ExitCode.DONE: "evaluated",
        ExitCode.PARTIAL: "evaluated in part",
        ExitCode.INTERRUPTED: "stopped",
    }
    base = outcome.runs.base
    reasons = [
        f"{'base' if base and path == base.path else 'fine-tuned'} {record.status}, {one_line(record.message, 300)}"
        for path, record in outcome.done.items()
        if record.status != "finished"
    ]
    return EndedModel(name, whats.get(outcome.exit_code, "failed"), "; ".join(reasons))
