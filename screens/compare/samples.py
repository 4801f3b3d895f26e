"""The documents behind a row: which were fixed, which broken, and what both models said."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Input

from benchtui.compare.records import Comparison, Row
from benchtui.tasks.data.capture import KEPT, KEPT_CHOICES, keep_row
from benchtui.text import one_line
from screens.compare.kept_row import kept_row
from screens.compare.sample_tokens import show_tokens
from screens.compare.sample_view import SampleView
from screens.dialogs import Enter
from screens.page import Page
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows

if TYPE_CHECKING:
    from benchtui.compare.documents import Document, PairedDocument, PairedDocuments

Filter = Literal["all", "fixed", "broken", "unchanged", "right", "wrong"]
FILTERS: dict[Filter, tuple[str, ...]] = {
    "all": (),
    "fixed": ("fixed", "better"),
    "broken": ("broken", "worse"),
    "unchanged": ("both right", "both wrong", "same"),
}
OF_ONE_RUN: dict[Filter, tuple[str, ...]] = {"all": (), "right": ("both right",), "wrong": ("both wrong",)}
GLYPHS = {"fixed": "▲", "better": "▲", "broken": "▼", "worse": "▼", "both right": "✓", "both wrong": "✗", "same": "·"}
HEADS_KEPT = 5000


class SampleRows(Rows):
    HELP = "The samples of this task. ▲ fixed, ▼ broken, ✓ right in both runs, ✗ wrong in both."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Read", tooltip="Read this sample: arrows scroll")
    ]


class SamplesPage(Page):
    HELP = (
        "f goes through the filters: all, fixed, broken, unchanged. / searches prompts, references and answers. Words "
        "that differ between the two answers are underlined."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "filter", "Filter", tooltip="All, fixed, broken, unchanged"),
        Binding("slash", "search", "Search", tooltip="In prompts, references and answers"),
        Binding("n", "step(1)", "Next", tooltip="The next sample", show=False),
        Binding("p", "step(-1)", "Previous", tooltip="The previous sample", show=False),
        Binding("a", "keep", "Add to tests", tooltip="Keep this sample as a test of your own"),
        Binding("t", "tokens", "Tokens", tooltip="Both answers token by token: where the models part"),
        Binding("c", "copy", "Copy", tooltip="Copy prompt and both answers"),
        Binding("escape", "leave", "Back", tooltip="End the search, or back to the comparison"),
    ]

    def __init__(self, comparison: Comparison, row: Row) -> None:
        """Show the documents of a row; of a run that is compared with itself, its answers alone."""
        super().__init__()
        self._alone = comparison.first.run == comparison.second.run
        self._filters = OF_ONE_RUN if self._alone else FILTERS
        self._comparison, self._row = comparison, row
        self._paired: PairedDocuments | None = None
        self._shown: Sequence[PairedDocument] = ()
        self._found: list[PairedDocument] | None = None
        self._filter: Filter = "all"
        self._query = ""
        self._heads: dict[int, str] = {}
        self._asked: set[int] = set()
        self._texts: tuple[Document, Document] | None = None
        self._shown_document: PairedDocument | None = None

    def body(self) -> ComposeResult:
        yield Plain(id="filters")
        yield Input(placeholder="Search prompts, references and answers; Enter", id="search", compact=True)
        with Container(id="samples"):
            yield SampleRows(
                [Column("", 1), Column("", 5, right=True), Column("", 12, grow=1)],
                header=False,
                id="sample-rows",
                empty="Reading samples …",
            )
            yield SampleView(id="sample-view")

    def on_mount(self) -> None:
        self.crumbs(
            "Samples" if self._alone else "Compare", self._comparison.second.run.parents[2].name, self._row.title
        )
        self.query_one("#search", Input).display = False
        self.set_class(self._alone, "-alone")
        self.query_one(SampleRows).focus()
        first, second, row = self._comparison.first, self._comparison.second, self._row
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw_filters())

        def read() -> PairedDocuments:
            from benchtui.compare.documents import PairedDocuments

            return PairedDocuments(first, second, row)

        self.load(read, self._take, group="samples", failed=self._failed)

    def _failed(self, what: str, next_step: str) -> None:
        rows = self.query_one(SampleRows)
        rows.empty = "No samples."
        rows.show(0, self._cells)
        self.tell(what, next_step)

    def _take(self, paired: PairedDocuments) -> None:
        self._paired = paired
        self._choose()

    # Which are shown.

    def _choose(self) -> None:
        if self._paired is None:
            return
        among = self._paired.documents if self._found is None else self._found
        wanted = self._filters[self._filter]
        self._shown = [document for document in among if not wanted or document.change in wanted]
        rows = self.query_one(SampleRows)
        rows.empty = "No sample has these words." if self._query else "No such samples."
        rows.show(len(self._shown), self._cells, cursor=0)
        self._draw_filters()
        if not self._shown:
            self.query_one(SampleView).clear()

    def _draw_filters(self) -> None:
        if self._paired is None:
            return
        colours = self.colours
        among = self._paired.documents if self._found is None else self._found
        line = Text()
        for name, wanted in self._filters.items():
            count = sum(1 for document in among if not wanted or document.change in wanted)
            here = name == self._filter
            style = f"bold {colours.accent} underline" if here else colours.muted
            line.append(f"{name} {count:,}", style=style).append("   ")
        if self._query:
            line.append(f"with {one_line(self._query, 40)!r}", style=colours.accent)
        self.query_one("#filters", Plain).update(line)

    def action_filter(self) -> None:
        order = list(self._filters)
        self._filter = order[(order.index(self._filter) + 1) % len(order)]
        self._choose()

    def action_step(self, by: int) -> None:
        self.query_one(SampleRows).action_move(by)

    # Searching.

    def action_search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._query = event.value.strip()
        self.query_one(SampleRows).focus()
        if not self._query:
            self._end_search()
            return
        self._found = []
        self._choose()
        paired, query = self._paired, self._query
        if paired is not None:
            self.query_one(SampleRows).empty = "Searching …"
            self.load(lambda: self._search(paired, query), self._searched, group="search")

    def _search(self, paired: PairedDocuments, query: str) -> tuple[str, list[PairedDocument]]:
        from textual.worker import get_current_worker

        worker = get_current_worker()
        found = []
        for document in paired.search(query, paired.documents):
            if worker.is_cancelled:
                break
            if document is not None:
                found.append(document)
        return query, found

    def _searched(self, result: tuple[str, list[PairedDocument]]) -> None:
        query, found = result
        if query == self._query:
            self._found = found
            self._choose()

    def _end_search(self) -> None:
        self._query, self._found = "", None
        field = self.query_one("#search", Input)
        field.value, field.display = "", False
        self._choose()

    def action_leave(self) -> None:
        view, rows = self.query_one(SampleView), self.query_one(SampleRows)
        if view.has_focus:
            rows.focus()
        elif self._query or self.query_one("#search", Input).display:
            self._end_search()
            rows.focus()
        else:
            self.action_back()

    # Drawing.

    def _cells(self, index: int) -> Sequence[Text]:
        document, colours = self._shown[index], self.colours
        style = {"▲": colours.gain, "▼": colours.loss}.get(GLYPHS[document.change], colours.muted)
        head = self._heads.get(id(document), "")
        if not head and id(document) not in self._asked:
            self.call_after_refresh(self._ask_heads)
        task = f"{one_line(document.task, 40)}: " if self._paired is not None and len(self._paired.tasks) > 1 else ""
        return (
            Text(GLYPHS[document.change], style=style),
            Text(str(document.doc_id), style=colours.muted),
            Text.assemble((task, colours.muted), one_line(head, 200)),
        )

    def _ask_heads(self) -> None:
        """Read the first lines of the visible documents in a thread."""
        rows, paired = self.query_one(SampleRows), self._paired
        missing = [
            d for d in (self._shown[i] for i in rows.visible_rows if i < len(self._shown)) if id(d) not in self._asked
        ]
        if not missing or paired is None:
            return
        if len(self._heads) > HEADS_KEPT:
            self._heads.clear()
            self._asked.clear()
        self._asked.update(map(id, missing))
        self.load(lambda: (missing, paired.heads(missing)), self._take_heads, group=f"heads-{id(missing[0])}")

    def _take_heads(self, found: tuple[list[PairedDocument], list[str]]) -> None:
        self._heads.update({id(document): head for document, head in zip(*found, strict=True)})
        self.query_one(SampleRows).redraw()

    def on_rows_moved(self, message: Rows.Moved) -> None:
        paired = self._paired
        if paired is None or message.index >= len(self._shown):
            return
        document = self._shown[message.index]
        self.load(lambda: (document, paired.read(document)), self._show, group="read")

    def _show(self, found: tuple[PairedDocument, tuple[Document, Document]]) -> None:
        document, self._texts = found
        self._shown_document = document
        names = (self._comparison.first_name, self._comparison.second_name)
        self.clear_notice()
        self.query_one(SampleView).show(document, self._texts, names, self.colours, alone=self._alone)

    def on_rows_chosen(self) -> None:
        self.query_one(SampleView).focus()

    def action_keep(self) -> None:
        """Ask what should have been answered, and keep question, wrong answers and that as a row of one's own data."""
        if self._texts is None or self._shown_document is None:
            return
        document, texts = self._shown_document, self._texts
        file = self.settings.outputs.absolute().parent / (KEPT_CHOICES if texts[1].choices else KEPT)

        def expected(answer: str | None) -> None:
            if answer is not None and answer.strip():
                row = kept_row(self._comparison, self._row, document, texts, answer)
                self.load(lambda: keep_row(file, row), lambda number: self._kept(file, number), group="keep")

        self.app.push_screen(
            Enter(
                "Keep this as a test: what is the right answer?",
                f"Added with the question and the wrong answer to {file}, for --data. Esc: never mind.",
                value=texts[1].target,
            ),
            expected,
        )

    def _kept(self, file: Path, number: int | None) -> None:
        said = "It is there already" if number is None else f"Kept as row {number}"
        self.tell(f"{said}: {file}", f"benchtui run --data {shlex.quote(str(file))}")

    def action_tokens(self) -> None:
        if self._alone:
            self.tell("Tokens are compared between two runs.", "o on the screen before this one names another run.")
        elif self._shown_document is not None:
            show_tokens(self, self._comparison, self._shown_document)

    def action_copy(self) -> None:
        if self._texts is not None:
            first, second = self._texts
            names = (self._comparison.first_name, self._comparison.second_name)
            other = "" if self._alone else f"--- {names[0]}\n{first.answer}\n\n"
            text = f"{second.prompt}\n\n{other}--- {names[1]}\n{second.answer}\n"
            self.navigator.copy(text, f"sample {second.doc_id}")
