"""`benchtui hybrid profile`: how unsure a small model is, and which threshold to take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from benchtui.cli.parameters.hybrid import dashed
from benchtui.cli.parameters.options import json_option
from benchtui.cli.parameters.settings import SectionedCommand, SectionedOption, setting_options
from benchtui.cli.parameters.tokens import MODELS, OF_COMPARISONS, RUN_SETTINGS, TEXTS, run_options, tokens_choice
from benchtui.cli.terminal.written import write_out
from benchtui.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from benchtui.compare.hybrid.profiled import Profiled
    from benchtui.results.tokens import TokensResults

F = TypeVar("F", bound=Callable[..., Any])

_WHAT = "What is told"


class _Command(SectionedCommand):
    """Reads flags with underscores too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        flags = {flag for parameter in self.params if isinstance(parameter, click.Option) for flag in parameter.opts}
        return super().parse_args(ctx, dashed(args, flags))


def _shares(_context: click.Context, _option: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        found = tuple(float(each) / 100 for each in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value[:60]!r} are no numbers.") from None
    if not all(0 <= each <= 1 for each in found):
        raise click.BadParameter("each must be from 0 to 100.")
    return found


def _option(section: str, *names: str, help: str, **more: Any) -> Callable[[F], F]:
    return click.option(*names, cls=SectionedOption, section=section, help=help, **more)


@click.command("profile", cls=_Command)
@_option(MODELS, "--small", "--slm", metavar="A", help="The small model: name, path or hub id.")
@_option(MODELS, "--large", "--llm", metavar="B", help="The large model: says which signal finds what it does better.")
@_option(
    TEXTS, "--answers", multiple=True, metavar="RUN", help="What a run answered; that of the large model makes "
    "predictions of drafting exact.",
)  # fmt: skip
@_option(TEXTS, "--run", metavar="RUN", help="A comparison by token that is there: nothing is computed.")
@_option(
    _WHAT, "--shares", default="10,20,30,50", show_default=True, metavar="X,Y", callback=_shares, help="In percent: "
    "the shares of tokens for which a threshold is wanted.",
)  # fmt: skip
@_option(
    _WHAT, "--cost", type=click.FloatRange(0, 100, min_open=True), metavar="C", help="A step of the small model by one "
    "of the large.  [default: how long each has read the texts]",
)  # fmt: skip
@_option(_WHAT, "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write FILE.json.")
@json_option("Print the profile as JSON.")
@run_options
@setting_options(*RUN_SETTINGS)
def command(
    small: str | None,
    large: str | None,
    answers: tuple[str, ...],
    run: str | None,
    shares: tuple[float, ...],
    cost: float | None,
    output: Path | None,
    as_json: bool,
    outputs: Path,
    **values: Any,
) -> int:
    """Profile a small model on texts: how unsure it is, and from which threshold on a large one should write.

    For every signal: mean, spread and percentiles of its values, and the threshold above which 10, 20, 30 and 50 % of
    the tokens lie. With a large model too: how well each signal finds the tokens that the large one would write
    differently (AUROC: 0.5 is chance, 1 is perfect), which signal to take, and what speculative decoding would do with
    drafts of every length. Thresholds of the signal to take are checked on other texts than they were chosen on.

    The texts are references of tasks, your own data, a prompt, or stored answers of runs; with --mode own the small
    model writes them, without a large one. Each model reads them once, one model in memory at a time, in a run that is
    kept and resumed like others: --run profiles it again.

    \b
    benchtui hybrid profile --small A --large B --tasks gsm8k --limit 100
    benchtui hybrid profile --small A --large B --answers my-large-model
    benchtui hybrid profile --small A --tasks gsm8k --limit 100 --mode own
    """
    models = _models(small, large)
    if run is not None:
        from benchtui.results.tokens import find_tokens

        tell(_chosen(find_tokens(outputs, run), small, large, shares, cost), output, as_json=as_json)
        return int(ExitCode.DONE)
    if not models:
        raise UsageError("No model is named.", "Give --small A, and --large B; or --run RUN.")
    if not (values["task_names"] or values["data"] or values["prompt_text"] is not None or answers):
        raise UsageError("No texts are named.", "Give --tasks, --data, --prompt or --answers.")
    plain = {"names": None, "detach": False, "json": False}
    choice = tokens_choice(models, OF_COMPARISONS | plain | values | {"answers": answers, "outputs": outputs})
    from benchtui.benchmark.tokens import compare_tokens
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.compare.hybrid.profiled import profiled
    from benchtui.results.tokens import read_tokens
    from benchtui.supervise.control import Control, say_on_stderr

    with Control(say_on_stderr) as control:
        outcome = compare_tokens(choice, Terminal(resume=choice.settings.resume), control)
    if outcome.exit_code != ExitCode.DONE:
        return int(outcome.exit_code)
    found = read_tokens(outcome.run.path)
    tell(profiled(found, 0, None if large is None else 1, shares, cost), output, as_json=as_json)
    return int(ExitCode.DONE)


def _models(small: str | None, large: str | None) -> tuple[str, ...]:
    if small is None and large is not None:
        raise UsageError("--large is given without --small.", "Name the small model too.")
    return tuple(model for model in (small, large) if model is not None)


def _chosen(
    found: TokensResults, small: str | None, large: str | None, shares: tuple[float, ...], cost: float | None
) -> Profiled:
    """Profile models of a comparison by their names in it: the first, beside the second, where none is named."""
    from benchtui.compare.hybrid.profiled import profiled

    labels = list(found.store.header.labels)
    first = 0 if small is None else _place(labels, small)
    beside = None if large is None else _place(labels, large)
    if small is None and len(labels) > 1 and found.store.header.mode == "given":
        beside = 1
    return profiled(found, first, beside, shares, cost)


def _place(labels: list[str], name: str) -> int:
    if name not in labels:
        raise UsageError(f"The comparison has no model {name[:80]!r}.", f"It has {', '.join(labels)}.")
    return labels.index(name)


def tell(found: Profiled, output: Path | None, *, as_json: bool) -> None:
    """Print a profile, or write it as JSON. Raises UsageError for another ending than .json, BenchtuiError where the
    file cannot be written."""
    from benchtui.reports.hybrid.profile import print_profile, profile_json
    from benchtui.reports.stdout import stdout_console

    if output is not None:
        if output.suffix != ".json":
            raise UsageError(f"--output {output}: what is to be written is not known.", "Name a file .json.")
        write_out(profile_json(found), output)
    if as_json:
        click.echo(profile_json(found), nl=False)
    elif output is None:
        print_profile(found, stdout_console(elsewhere=120))
