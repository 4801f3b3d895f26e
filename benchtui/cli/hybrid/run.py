"""`benchtui hybrid run`: the main job, for a small and a large model that answer as one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.parameters.hybrid import OF_THE_SEED, HybridCommand, hybrid_choice, hybrid_options
from benchtui.cli.parameters.hybrid_seed import seed_options, with_template
from benchtui.cli.run import start
from benchtui.errors import ExitCode

if TYPE_CHECKING:
    from benchtui.compare.summary import Summary
    from benchtui.plans.choice import Choice


@click.command("run", cls=HybridCommand)
@hybrid_options
@seed_options
def command(
    output_dir: Path | None,
    output_name: str | None,
    log_samples: bool,
    report_content: bool,
    report_routing_metrics: bool,
    verbosity: str | None,
    show_config: bool,
    **values: Any,
) -> int:
    """Benchmark a small and a large model that answer as one model, by a strategy.

    This is `benchtui run --backend hybrid`, and takes all of its settings: what `benchtui compare`, gate and resume do
    with other runs they do with this one. Models are named as for `benchtui run`, a GGUF file by its path; both must
    have the same tokenizer, and fit into memory together. A higher threshold leaves more to the small model.

    The flags of eval_hybrid.py (--slm, --llm, --use_slm_only, --num_drafts, …) are read too; its file of results is
    then written beside the run.

    \b
    benchtui hybrid run --small A --large B --tasks gsm8k --strategy uncertainty --threshold 0.5
    benchtui hybrid run --small A --large B --tasks gsm8k --strategy speculative --num-drafts 4
    benchtui hybrid run --small A --large B --tasks hellaswag --small-only
    """
    del report_routing_metrics, verbosity
    choice = hybrid_choice(with_template(values))
    if show_config:
        _show(choice)
        return ExitCode.DONE
    folder = output_dir or (Path(OF_THE_SEED) if output_name or log_samples or report_content else None)
    if folder is None:
        return start(choice)

    def copy(summary: Summary) -> None:
        from benchtui.reports.hybrid_results import write_hybrid_results

        if summary.fine_tuned is not None:
            written = write_hybrid_results(
                summary.fine_tuned, folder, output_name, samples=log_samples, content=report_content
            )
            click.echo(f"Written: {written}", err=True)

    return start(choice, copy)


def _show(choice: Choice) -> None:
    """Print every setting with its value, and the command that means the same."""
    from benchtui.cli.parameters.hybrid import shown_settings
    from benchtui.plans.command import command_line
    from benchtui.routing.strategies import strategy_of
    from benchtui.text import printable

    strategy_of({name.replace("_", "-"): value for name, value in choice.more.items()})  # refuses what means nothing
    for name, value in shown_settings(choice):
        click.echo(printable(f"{name:<22} {value or 'none'}"))
    click.echo(printable(f"\nThe same: {command_line(choice)}"))
