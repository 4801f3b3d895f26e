"""All runs of one model over time: a trend for each task, notes, and deleting what nobody needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import msgspec
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from benchtui.benchmark.remove import remove_run
from benchtui.compare.history.history import Experiment, Outcome, model_history
from benchtui.compare.history.notes import read_note, write_note
from benchtui.compare.history.votes import EndedVote, model_votes
from benchtui.models.layout import TrainingFacts
from benchtui.reports.log import tasks_of
from benchtui.reports.wording.numbers import direction
from benchtui.reports.wording.votes import sentence
from benchtui.results.choose import base_of
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.kind import CHAT
from benchtui.runs.kinds.registry import read_kind
from benchtui.runs.known import begun, model_runs, started_together
from benchtui.runs.listing import ListedRun, list_run
from benchtui.runs.outcome import RESUMABLE
from benchtui.runs.unfinished import fine_tuned_listed
from benchtui.tasks.words import task_title
from benchtui.text import one_line
from screens.dialogs import Ask, Enter
from screens.home.running import state_words
from screens.page import Page
from screens.result_text import change, score
from screens.run.found import FOLDERS, open_found
from screens.run.resuming import resume_from
from screens.widgets.drawing import trend
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows

MOST_TASKS = 4
"""Tasks that get a column; all of them have a trend."""
MOST_TRENDS = 8
TREND = 24
_OTHERS = {name: f"{name}: " for name in FOLDERS.values()}
"""Before the models that a comparison by token compares."""


class RunRows(Rows):
    HELP = (
        "The runs of this model, newest first. Enter compares one with its base; of a comparison by token it shows "
        "what was found."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Compare", tooltip="This run with its base; a comparison by token"),
    ]


class HistoryPage(Page):
    HELP = (
        "How the model did from run to run. Changes are against the base it was compared with; where there is a dash "
        "instead, the two cannot be compared, and Enter says why. Notes are kept beside each run."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "note", "Note", tooltip="Write down what was different about this run"),
        Binding("r", "resume", "Resume", tooltip="Resume a run that did not finish"),
        Binding("delete,x", "remove", "Delete", tooltip="Delete this run; asks first"),
    ]

    def __init__(self, model: Path) -> None:
        super().__init__()
        self._model = model
        self._runs: list[Experiment] = []
        self._tasks: list[str] = []

    def body(self) -> ComposeResult:
        yield Plain(id="trends")
        yield RunRows([Column("Run", 19)], id="history", empty="Reading results …")

    def on_mount(self) -> None:
        self.crumbs("History", self._model.name)
        self.query_one(Rows).focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        self._load()

    def _load(self) -> None:
        model, now = self._model, self.settings.clock()
        self.load(lambda: _all_runs(model, now), self._take, group="history")

    def _take(self, runs: list[Experiment]) -> None:
        self._runs = list(reversed(runs))
        self._tasks = list(tasks_of(runs))
        rows = self.query_one(Rows)
        rows.columns = (
            Column("Run", 19),
            Column("Suite", 6, grow=1, drop=5),
            *(Column(one_line(task_title(task), 30), 14, grow=2, drop=4) for task in self._tasks[:MOST_TASKS]),
            Column("Note", 8, grow=2, drop=6),
        )
        rows.empty = "This model has no runs yet."
        rows.show(len(self._runs), self._cells)
        self._draw()

    def _draw(self) -> None:
        colours = self.colours
        grid = Table.grid(padding=(0, 2, 0, 0))
        for task in self._tasks[:MOST_TRENDS]:
            found, others = comparable(task, self._runs)
            values = [outcome.value for outcome in found]
            ends = f"{_value(found[0])} → {_value(found[-1])}" if len(found) > 1 else _value(found[-1])
            ends += f" n={found[-1].n:,}"
            if others:
                ends += f" · {others:,} other {'runs are' if others > 1 else 'run is'} not comparable"
            grid.add_row(
                Text(one_line(task_title(task), 30)),
                trend(values[-TREND:], colours.primary),
                Text(ends, style=colours.muted),
            )
        self.query_one("#trends", Plain).update(grid if self._tasks else "")
        self.query_one(Rows).redraw()

    def _cells(self, index: int) -> Sequence[Text]:
        run, colours = self._runs[index], self.colours
        glyph = {"finished": ("✓ ", colours.gain), "running": ("▸ ", colours.primary)}.get(
            run.state, ("◐ ", colours.warning)
        )
        when = f"{run.created:%Y-%m-%d %H:%M}" if run.created else one_line(run.run.name, 17)
        note = Text(one_line(run.problem, 200), style=colours.loss) if run.problem else Text(one_line(run.note, 200))
        prefix = next((prefix for prefix in _OTHERS.values() if run.suite.startswith(prefix)), "")
        if prefix and not note:  # it has no scores: what it compares would be cut off
            note = Text(one_line(run.suite.removeprefix(prefix), 120), style=colours.muted)
        outcomes = [self._outcome(run.outcome(task)) for task in self._tasks[:MOST_TASKS]]
        return (Text.assemble(glyph, when), Text(one_line(run.suite, 60), style=colours.muted), *outcomes, note)

    def _outcome(self, outcome: Outcome | None) -> Text:
        colours = self.colours
        if outcome is None:
            return Text("–", style=colours.muted)
        text = Text(f"{'◐ ' if outcome.partial else ''}{_value(outcome)}")
        if outcome.change is not None:
            better = (outcome.change > 0) == outcome.higher_is_better
            style = colours.muted if not outcome.change else colours.gain if better else colours.loss
            arrow = direction(better if outcome.change else None)
            text.append(f" {arrow}{change(outcome.change, share=outcome.is_share)}", style=style)
        elif outcome.not_comparable:
            text.append(" –", style=colours.muted)
        if outcome.early:
            text.append(" early", style=colours.muted)
        return text

    # What can be done.

    @property
    def _selected(self) -> Experiment | None:
        place = self.query_one(Rows).cursor
        return self._runs[place] if place < len(self._runs) else None

    def on_rows_chosen(self, message: Rows.Chosen) -> None:
        from screens.compare.compare import ComparePage

        experiment, model = self._runs[message.index], self._model
        run = RunDirectory(experiment.run)
        if run.path.parent.name == CHAT.folder:
            self.navigator.open_ended_vote(run.path)
            return
        kind = FOLDERS.get(run.path.parent.name)
        if experiment.state == "finished" and kind is not None:
            open_found(self.navigator, kind, run.path)
            return
        if not experiment.outcomes and run.exists():
            self.load(lambda: started_together(run), self.navigator.open_runs, group="base")
            return

        def found(base: RunDirectory | None) -> None:
            if base is None:
                self.navigator.open_comparison(model, run)
            else:
                self.app.push_screen(ComparePage(model, (base, run)))

        self.load(lambda: base_of(run, model), found, group="base")

    def action_resume(self) -> None:
        run = self._selected
        if run is None or run.state not in RESUMABLE or not RunDirectory(run.run).exists():
            self.notify("This run has nothing to resume.", timeout=3, markup=False)
        else:
            resume_from(self, RunDirectory(run.run), self.navigator.open_runs)

    def action_note(self) -> None:
        run = self._selected
        if run is None:
            return

        def written(note: str | None) -> None:
            if note is not None:
                self.load(lambda: write_note(RunDirectory(run.run), note), lambda _: self._load(), group="note")

        self.app.push_screen(
            Enter("Note on this run", "What was different? An empty note removes it.", value=run.note), written
        )

    def action_remove(self) -> None:
        run = self._selected
        if run is None:
            return

        def answer(yes: bool | None) -> None:
            if yes:
                self.load(lambda: remove_run(RunDirectory(run.run)), lambda _: self._load(), group="remove")

        about = f"{run.run.name}: its results, samples and journal are deleted from the disk. This cannot be undone."
        self.app.push_screen(Ask("Delete this run?", about, yes="Delete", no="Keep"), answer)


def comparable(task: str, newest_first: Sequence[Experiment]) -> tuple[list[Outcome], int]:
    """The scores of a task that can be put into one line with that of the run that counts, oldest first, and how many
    others there are: those on other documents, data or settings."""
    runs = [(run.standing, outcome) for run in newest_first if (outcome := run.outcome(task)) is not None]
    counting = max(runs, key=lambda found: found[0])[1]  # of equal ones the newest
    line = [outcome for _, outcome in reversed(runs) if outcome.like == counting.like]
    return line, len(runs) - len(line)


def _all_runs(model: Path, now: float) -> list[Experiment]:
    """Return the model's runs, oldest first: those that left results, and those that did not, with their state."""
    scored = model_history(model)
    places = {experiment.run for experiment in scored}
    others = [_without_results(run, now) for run in fine_tuned_listed(model) if Path(run.path) not in places]
    paged = [_of_two(run, now) for run in map(list_run, model_runs(model)) if run.kind in _OTHERS]
    voted = [_of_votes(vote, now) for vote in model_votes(model)]
    return sorted(
        (*scored, *others, *paged, *voted),
        key=lambda run: (run.created.isoformat() if run.created else "", run.run.name),
    )


def _without_results(run: ListedRun, now: float) -> Experiment:
    words = run.message.replace(f"{run.path}/", "") if run.state == "unreadable" else state_words(run)
    made = dt.datetime.fromtimestamp(run.started if run.started is not None else now)  # noqa: DTZ006 - as run folders
    place = Path(run.path)
    return Experiment(
        run.model,
        place,
        made,
        "failed" if run.state == "unreadable" else run.state,
        run.suite or "",
        "",
        TrainingFacts(),
        (),
        read_note(RunDirectory(place)),
        problem=words,
    )


def _of_two(listed: ListedRun, now: float) -> Experiment:
    """A comparison by token, or a sweep: which models it is of stands where a benchmark has its suite."""
    shown = _without_results(listed, now)
    kind, plan = read_kind(RunDirectory(shown.run))
    problem = "" if listed.state == "finished" else shown.problem
    return msgspec.structs.replace(shown, suite=f"{_OTHERS[kind.name]}{kind.about(plan).weights}", problem=problem)


def _of_votes(vote: EndedVote, now: float) -> Experiment:
    """A blind vote: what it shows is beside the models, unless there is a note on it."""
    started = begun(vote.run) or now
    shown = " ".join(map(sentence, vote.votes.pairs)) if vote.votes else ""
    return Experiment(
        vote.model,
        vote.run.path,
        dt.datetime.fromtimestamp(started),  # noqa: DTZ006 - as run folders
        "finished",
        f"blind vote: {' | '.join(vote.votes.models) if vote.votes else vote.name}",
        "",
        TrainingFacts(),
        (),
        vote.note or shown,
        problem=vote.problem,
    )


def _value(outcome: Outcome) -> str:
    return score(outcome.value, share=outcome.is_share)
