"""What a comparison by token found: tables, where the models part, and the documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, TabbedContent, TabPane, Tabs

from benchtui.runs.directory import RunDirectory
from benchtui.tokens.summary import Place
from screens.page import Page
from screens.run.resuming import resume_from
from screens.tokens.html import write_page
from screens.tokens.lists import PlaceRow
from screens.tokens.loaded import Loaded, load_comparison
from screens.tokens.reading import ListedDocument, Sides, all_sides, chosen_documents
from screens.tokens.rows import (
    ALONE,
    EMPTY,
    FLIPS,
    PLACES,
    DocumentRows,
    PlaceRows,
    document_cells,
    document_columns,
    flip_cells,
    place_cells,
)
from screens.tokens.tables import TABS, curves_text, flips_text, overview, title_of
from screens.tokens.token_view import TokenView
from screens.widgets.plain import Plain
from screens.widgets.rows import Cells, Rows

_LISTS = ("replacements", "learnt", "furthest", "flips", "documents")
"""Tabs with a list whose lines open a text."""


class Scrolled(VerticalScroll, can_focus=True):
    HELP = "Arrows and page keys scroll."


class TokensPage(Page):
    """`tab` is the one that is shown first."""

    HELP = (
        "What a comparison by token found: every model read the same texts, and at each token their distributions over "
        "the next one were compared. Numbers are in nats, at temperature 1; each interval takes a document as one "
        "unit. [ and ] go from pair to pair, or from model to model."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "tab('overview')", "Overview", tooltip="Models and pairs", show=False),
        Binding("c", "tab('classes')", "Classes", tooltip="The tokens by class", show=False),
        Binding("p", "tab('replacements')", "Replacements", tooltip="Which token became which", show=False),
        Binding("l", "tab('learnt')", "Learnt", tooltip="Tokens that were learnt or forgotten", show=False),
        Binding("u", "tab('furthest')", "Furthest", tooltip="Where the models are furthest apart", show=False),
        Binding("f", "tab('flips')", "Flips", tooltip="Documents that became right or wrong", show=False),
        Binding("v", "tab('curves')", "Curves", tooltip="The numbers over all models", show=False),
        Binding("d", "tab('documents')", "Documents", tooltip="All texts"),
        Binding("s", "sort", "Sort", tooltip="Documents by JS, or as they come"),
        Binding("slash", "search", "Filter", tooltip="Only documents with certain words"),
        Binding("left_square_bracket", "sides(-1)", "Pair before", tooltip="The pair or model before", show=False),
        Binding("right_square_bracket", "sides(1)", "Pair", key_display="[/]", tooltip="The next pair, or model"),
        Binding("h", "page", "HTML", tooltip="Write a page for browsers: texts in colour, tables and curves"),
        Binding("r", "resume", "Resume", tooltip="Resume a comparison that did not finish", show=False),
        Binding("question_mark", "app.help", "Help", show=False),
        Binding("escape", "leave", "Back", tooltip="End the filter, or back to where you came from"),
    ]

    def __init__(self, run: Path, *, tab: str = "overview") -> None:
        super().__init__()
        self.comparison = run
        self._tab = tab
        self._loaded: Loaded | None = None
        self._shown: list[ListedDocument] = []
        self._by_js = True

    def body(self) -> ComposeResult:
        with TabbedContent(id="token-tabs", initial=self._tab):
            for name, title in TABS.items():
                with TabPane(title, id=name):
                    yield from self._pane(name)

    def _pane(self, name: str) -> ComposeResult:
        if name in ("overview", "classes", "curves"):
            with Scrolled():
                yield Plain("Reading …" if name == "overview" else "", id=f"{name}-text")
            return
        if name == "flips":
            yield Plain(id="flips-text")
        if name == "documents":
            yield Input(placeholder="Only documents with these words", id="document-search", compact=True)
            yield DocumentRows(document_columns(compared=True), id="documents-rows", empty="Reading …")
        else:
            yield PlaceRows(FLIPS if name == "flips" else PLACES[name], id=f"{name}-rows", empty="Reading …")

    def on_mount(self) -> None:
        self.crumbs("Tokens", self.comparison.name)
        self.query_one("#document-search", Input).display = False
        self._load(None)

    def _load(self, sides: Sides | None) -> None:
        run = self.comparison
        known = self._loaded.found if self._loaded else None
        self.load(lambda: load_comparison(run, known, sides), self._take, group="tokens", failed=self._failed)

    def _failed(self, what: str, next_step: str) -> None:
        self.query_one("#overview-text", Plain).show("")
        self.tell(what, next_step)

    def _take(self, loaded: Loaded) -> None:
        first = self._loaded is None
        self._loaded = loaded
        self.clear_notice()
        self.crumbs("Tokens", self.comparison.name, right=title_of(loaded.found, loaded.sides))
        self.query_one("#classes-text", Plain).update(loaded.classes)
        self.query_one("#flips-text", Plain).update(flips_text(loaded.found))
        for name, rows in loaded.lists.items():
            self._rows(name).empty = EMPTY if loaded.sides.compared else ALONE
            self._rows(name).show(len(rows), self._cells_of(rows), cursor=0)
        self._rows("flips").empty = ""
        self._rows("flips").show(len(loaded.flips), lambda n: flip_cells(loaded.flips[n], self.colours), cursor=0)
        self._rows("documents").columns = document_columns(compared=loaded.sides.compared)
        self._draw_wide()
        self._choose()
        if first:
            self._focus(self.query_one(TabbedContent).active)

    def _rows(self, name: str) -> Rows:
        return self.query_one(f"#{name}-rows", Rows)

    # The tabs.

    def action_tab(self, name: str) -> None:
        self.query_one(TabbedContent).active = name
        self._focus(name)

    def _focus(self, name: str) -> None:
        pane = self.query_one(f"#{name}", TabPane)
        if name in _LISTS:
            self._rows(name).focus()
        else:
            pane.query_one(Scrolled).focus()

    def on_tabbed_content_tab_activated(self, message: TabbedContent.TabActivated) -> None:
        if self._loaded is not None and message.pane.id and not isinstance(self.focused, Tabs):
            self._focus(message.pane.id)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw_wide)

    def _draw_wide(self) -> None:
        """Draw what depends on the width."""
        if (loaded := self._loaded) is not None:
            width = max(self.size.width - 3, 40)
            self.query_one("#overview-text", Plain).update(overview(loaded.found, loaded.sides, width))
            self.query_one("#curves-text", Plain).update(curves_text(loaded.found.summary, width))

    def _cells_of(self, rows: Sequence[PlaceRow]) -> Cells:
        return lambda n: place_cells(rows[n], self.colours)

    # What a line opens.

    def on_rows_chosen(self, message: Rows.Chosen) -> None:
        loaded = self._loaded
        if loaded is None:
            return
        name = (message.rows.id or "").removesuffix("-rows")
        if name == "documents":
            shown = [one.number for one in self._shown]
            self._open(shown[message.index], None, shown)
        elif name == "flips":
            one = loaded.flips[message.index].flipped
            self._open(one.document, one.parts_at, [row.flipped.document for row in loaded.flips])
        elif places := loaded.lists[name][message.index].places:
            self._open(places[0].document, places[0].position, None, places)

    def _open(
        self, document: int, place: int | None, documents: Sequence[int] | None, tour: Sequence[Place] = ()
    ) -> None:
        loaded = self._loaded
        if loaded is not None:
            every = range(len(loaded.documents)) if documents is None else documents
            view = TokenView(loaded.found, every, document, place=place, sides=loaded.sides, tour=tour)
            self.app.push_screen(view)

    # The documents.

    def _choose(self) -> None:
        """Find the documents that are shown, in a thread: there may be very many."""
        loaded, words, by_js = self._loaded, self.query_one("#document-search", Input).value, self._by_js
        if loaded is not None:
            listed = loaded.documents
            self.load(
                lambda: chosen_documents(listed, words, flipped=False, by_js=by_js), self._chosen, group="documents"
            )

    def _chosen(self, documents: list[ListedDocument]) -> None:
        self._shown = documents
        rows = self._rows("documents")
        rows.empty = "No document has these words."
        rows.show(len(documents), lambda n: document_cells(documents[n], self.colours), cursor=0)

    def action_sort(self) -> None:
        self._by_js = not self._by_js
        self.action_tab("documents")
        self._choose()
        words = "with the largest mean first" if self._by_js else "in the order of the texts"
        self.notify(f"Documents {words}.", timeout=3, markup=False)

    def action_search(self) -> None:
        self.query_one(TabbedContent).active = "documents"
        field = self.query_one("#document-search", Input)
        field.display = True
        field.focus()

    def on_input_changed(self) -> None:
        self._choose()

    def on_input_submitted(self) -> None:
        self._rows("documents").focus()

    def action_leave(self) -> None:
        field = self.query_one("#document-search", Input)
        if field.display:
            field.value, field.display = "", False
            self._rows("documents").focus()
        else:
            self.action_back()

    # What can be done.

    def action_sides(self, by: int) -> None:
        loaded = self._loaded
        if loaded is None:
            return
        known = all_sides(loaded.found)
        if len(known) > 1:
            self._load(known[(known.index(loaded.sides) + by) % len(known)])
        else:
            words = "This run has one pair." if loaded.sides.compared else "This run has one model."
            self.notify(words, timeout=3, markup=False)

    def action_page(self) -> None:
        if self._loaded is not None:
            write_page(self, self._loaded.found, self._loaded.sides)

    def action_resume(self) -> None:
        if self._loaded is None:
            resume_from(self, RunDirectory(self.comparison), self.navigator.open_runs)
        else:
            self.notify("This comparison is finished.", timeout=3, markup=False)
