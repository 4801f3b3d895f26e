"""What the pages beside the leaderboard have in common: they compare what they need while one looks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from rich.text import Text
from textual.binding import Binding, BindingType

from benchtui.files import BENCHMARKS
from benchtui.reports.leaderboard.sheets import Words
from benchtui.runs.directory import RunDirectory
from benchtui.text import one_line
from screens.background import each_in_background
from screens.page import Page
from screens.themes import Colours

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.assemble import Assembly, Missing
    from benchtui.compare.leaderboard.pairs import Pair
    from benchtui.compare.leaderboard.records import Column
    from benchtui.reports.leaderboard.views import Report


Found = TypeVar("Found")


class ViewPage(Page, Generic[Found]):
    """Shows candidates in one column after another. Sub-classes say what is `missing`, what is `made` of what is
    compared, and how to `draw` what was `found` so."""

    NAME: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "task(-1)", "Task before", tooltip="The task before", show=False),
        Binding("right_square_bracket", "task(1)", "Task", key_display="[/]", tooltip="The next task"),
        Binding("c", "copy", "Copy", tooltip="Copy it as Markdown"),
    ]

    def __init__(self, assembly: Assembly, column: int = 0, candidate: int | None = None) -> None:
        """Begin with a column, and with the candidate at a place where that matters."""
        super().__init__()
        self.candidate = candidate
        self.assembly = assembly
        self.place = min(column, max(len(assembly.columns) - 1, 0))
        self.found: Found | None = None

    @property
    def column(self) -> Column:
        return self.assembly.columns[self.place]

    @abstractmethod
    def missing(self) -> Missing:
        """Return what names the pairs that are still to be compared."""

    @abstractmethod
    def made(self) -> Callable[[Assembly], Found]:
        """Return what is called in a thread with what is compared so far."""

    @abstractmethod
    def draw(self) -> None:
        """Draw what was found."""

    @abstractmethod
    def report(self) -> Report:
        """Return what is copied."""

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.draw())
        self.fill()

    def fill(self) -> None:
        """Draw what there is, and again whenever more is compared."""
        known, missing, made = self.assembly, self.missing(), self.made()

        def compare() -> Generator[tuple[Assembly, Found], None, None]:
            from benchtui.compare.leaderboard.assemble import compare_missing

            yield known, made(known)
            for newer in compare_missing(known, missing):
                yield newer, made(newer)

        each_in_background(self, compare, self._take, self.tell, group="view")

    def _take(self, result: tuple[Assembly, Found]) -> None:
        self.assembly, self.found = result
        self.draw()

    def crumb(self, what: str, pending: int) -> None:
        """Say where one is, and how much is still to be compared."""
        way = [one_line(what, 60)] if what else []
        self.crumbs("Leaderboard", self.NAME, *way, right=f"comparing {pending:,} …" if pending else "")

    def name_of(self, place: int, limit: int = 200) -> str:
        return one_line(self.assembly.candidates[place].name, limit)

    def choose(self, pair: Pair | None) -> None:
        """Open the comparison of two runs, if there is one."""
        if pair is None:
            self.notify("Nothing to compare.", timeout=3, markup=False)
            return
        open_pair(self, pair)

    def action_task(self, by: int) -> None:
        count = len(self.assembly.columns)
        if count < 2:
            self.notify("There is one task.", timeout=3, markup=False)
            return
        self.place = (self.place + by) % count
        self.fill()

    def action_copy(self) -> None:
        self.load(
            lambda: self.report().written("markdown"), lambda text: self.navigator.copy(text, "the table"), group="copy"
        )


def open_pair(page: Page, pair: Pair) -> None:
    """Open the comparison of two runs on top of a page; of a mean that of its first task's runs."""
    from benchtui.compare.leaderboard.pairs import runs_behind
    from screens.compare.compare import ComparePage

    runs = runs_behind(pair)
    first, second = map(RunDirectory, runs)
    page.app.push_screen(ComparePage(model_of(runs[1]), (first, second)))


def model_of(run: Path) -> Path:
    """Return the folder that a run's `benchmarks` lie in; for runs elsewhere the folder that the run is in."""
    return next((above.parent for above in run.parents if above.name == BENCHMARKS), run.parent)


def coloured(words: Words, colours: Colours) -> Text:
    """Return a cell of a report in the colours of the application; its sign says the same."""
    styles = {"gain": colours.gain, "loss": colours.loss, "warning": colours.warning, "muted": colours.muted}
    return Text(one_line(words.text, 200), style=styles[words.tone] if words.tone else "")
