"""What is known of one model, in lines: its training, its formats, its last comparison."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchtui.compare.headlines import LastBenchmark
from benchtui.durations import format_duration
from benchtui.models.layout import TrainingFacts, size_text
from benchtui.models.listing import ListedModel
from benchtui.runs.follow.view import Counts
from benchtui.runs.listing import ListedRun
from benchtui.text import one_line, printable
from benchtui.wizard.options import near
from screens.result_text import ago, headline_text, score
from screens.themes import Colours


def preview(
    listed: ListedModel, last: LastBenchmark | None, unfinished: ListedRun | None, colours: Colours, now: float
) -> RenderableType:
    """All text in it is plain. `unfinished` is the model's newest run that can be resumed."""
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(width=8, style=colours.muted)
    facts.add_column()
    for label, words in _facts(listed, now):
        facts.add_row(Text(label), Text(words))
    problems = [Text.assemble(("✗ ", colours.loss), one_line(problem, 300)) for problem in listed.problems[:4]]
    left = [_unfinished(unfinished, colours, now)] if unfinished is not None else []
    title = Text(one_line(listed.model.name, 200), style="bold")
    return Group(title, facts, *problems, *left, *last_lines(last, colours, now))


def _unfinished(run: ListedRun, colours: Colours, now: float) -> Text:
    counts = Counts(run.documents, run.documents_total).words
    words = ", ".join(part for part in (run.state, counts, ago(run.started or 0.0, now)) if part)
    return Text.assemble(("◐ ", colours.warning), f"Not finished: {words}. Press r.")


def _facts(listed: ListedModel, now: float) -> Iterator[tuple[str, str]]:
    model, training = listed.model, listed.model.training
    if listed.base is not None:
        yield "Base", near(listed.base.name)
    if words := " · ".join(_training(training)):
        yield "Training", words
    if words := " · ".join(_outcome(training)):
        yield "", words
    if model.trained_at:
        yield "Trained", ago(model.trained_at, now)
    forms = [f"{one_line(form.label, 60)} {size_text(form.bytes)}" for form in model.formats if form.usable()]
    if forms:
        more = f" and {len(forms) - 5} more" if len(forms) > 5 else ""
        yield "Formats", " · ".join(forms[:5]) + more


def _training(facts: TrainingFacts) -> Iterator[str]:
    if facts.dataset:
        yield one_line(facts.dataset, 80)
    if facts.dataset_samples:
        yield f"{facts.dataset_samples:,} samples"
    if facts.lora_rank:
        yield f"rank {facts.lora_rank}"
    if facts.learning_rate:
        yield f"learning rate {facts.learning_rate:g}"


def _outcome(facts: TrainingFacts) -> Iterator[str]:
    if facts.steps:
        yield f"{facts.steps:,} steps"
    if facts.epochs:
        yield f"{facts.epochs:g} epoch{'s' if facts.epochs != 1 else ''}"
    if facts.final_loss is not None:
        yield f"final loss {facts.final_loss:.4g}"
    if facts.seconds:
        yield f"in {format_duration(facts.seconds)}"


def last_lines(last: LastBenchmark | None, colours: Colours, now: float) -> Iterator[RenderableType]:
    """Yield what the last benchmark found."""
    yield Text("")
    if last is None:
        yield Text("Not benchmarked yet: press b.", style=colours.accent)
        return
    when = f", {ago(last.when.timestamp(), now)}" if last.when else ""
    yield Text(f"Last benchmark{when}", style=colours.muted)
    grid = Table.grid(padding=(0, 2, 0, 0))
    for headline in last.headlines[:6]:
        both = [value for value in (headline.base, headline.fine_tuned) if value is not None]
        scores = " → ".join(score(value, share=headline.share) for value in both)
        result = headline_text(headline, colours, name=False) if headline.change is not None else Text("")
        counted = " ".join(part for part in (scores, headline.n_words) if part)
        grid.add_row(Text(one_line(headline.title, 40)), result, Text(counted, style=colours.muted))
    yield grid
    if len(last.headlines) > 6:
        yield Text(f"and {len(last.headlines) - 6} more", style=colours.muted)
    for newer in last.newer[:1]:
        yield Text(printable(newer, 300), style=colours.warning)
    if last.sentence:
        yield Text("")
        yield Text(printable(last.sentence, 600))
