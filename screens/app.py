"""The application: themes, keys that work everywhere, and the way from screen to screen."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen

from benchtui.text import one_line, printable
from screens.home.home import Home
from screens.palette import Commands
from screens.settings import Settings
from screens.themes import DARK, LIGHT, SAFE_DARK, SAFE_LIGHT, THEMES

if TYPE_CHECKING:
    from textual.command import Provider

    from benchtui.plans.choice import Choice
    from benchtui.runs.directory import RunDirectory
    from screens.settings import Begin

PRESS_AGAIN_WITHIN = 2.0
_STYLES = Path(__file__).parent / "styles"


class BenchtuiApp(App[int]):
    """The application. It opens on Home, or in the wizard when flags were typed, and returns an exit code: 0 when
    the user left it."""

    TITLE = "benchtui"
    CSS_PATH = [_STYLES / f"{name}.tcss" for name in ("app", "wizard", "run", "results", "tokens", "chat_pages")]  # noqa: RUF012
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", tooltip="What the focused thing is for"),
        Binding("ctrl+p", "command_palette", "Commands", tooltip="Find a command by name", priority=True),
        Binding(
            "ctrl+t", "next_theme", "Theme", tooltip="Dark, light, and two safe for colour-blind people", show=False
        ),
        Binding("ctrl+q", "quit", "Quit", tooltip="Leave; runs go on", show=False, priority=True),
        Binding("ctrl+c", "interrupt", "Copy or quit", tooltip="Copy what is selected; twice: leave", show=False),
    ]

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self._interrupted_at = float("-inf")
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"muted": "#808792"}  # for themes that are not ours

    def on_mount(self) -> None:
        self.push_screen(Home())
        if self.settings.typed:
            self.open_wizard(self.settings.choice)
        if (chat := self.settings.chat) is not None:
            opening = self.open_vote if chat.blind else self.open_chat
            opening(chat.begin, chat.labels)

    def on_ready(self) -> None:
        """Exclude what is loaded by now from garbage collection: looking through it would delay a key press by
        0.1 s."""
        gc.freeze()

    # From screen to screen. Each is imported when it is first opened: the first picture need not wait for it.

    def open_wizard(self, choice: Choice) -> None:
        from screens.wizard.wizard import Wizard

        self.push_screen(Wizard(choice))

    def open_runs(self, runs: Sequence[RunDirectory]) -> None:
        from screens.run.run import RunPage

        self.push_screen(RunPage(runs))

    def open_comparison(self, model: Path, run: RunDirectory | None = None) -> None:
        """Show the comparison of `run`, or of the run that counts for the model."""
        from screens.compare.compare import ComparePage

        self.push_screen(ComparePage(model, of=run))

    def open_tokens(self, run: Path, tab: str = "overview") -> None:
        """Show what a comparison by token found; go back to where it is shown already."""
        from screens.tokens.run import TokensPage

        page = next((one for one in self.screen_stack if isinstance(one, TokensPage) and one.comparison == run), None)
        if page is None:
            self.push_screen(TokensPage(run, tab=tab))
            return
        while self.screen is not page:
            self.pop_screen()
        page.action_tab(tab)

    def open_sweep(self, run: Path) -> None:
        """Show what a sweep over thresholds found."""
        from screens.sweeps.sweep import SweepPage

        self.push_screen(SweepPage(run))

    def open_chats(self, model: str | None = None) -> None:
        """Choose the models of a new chat, `model` among them, or a chat that is kept."""
        from screens.chat.chats import ChatsPage

        self.push_screen(ChatsPage(model))

    def open_chat(self, begin: Begin, labels: Sequence[str]) -> None:
        """Show a chat, which `begin` starts or opens again."""
        from screens.chat.chat import ChatPage

        self.push_screen(ChatPage(begin, labels))

    def open_vote(self, begin: Begin, labels: Sequence[str]) -> None:
        """Hold a blind vote in a chat that `begin` starts or opens again."""
        from screens.chat.vote import VotePage

        self.push_screen(VotePage(begin, labels))

    def open_ended_vote(self, run: Path) -> None:
        """Show what a blind vote found."""
        from screens.chat.vote_result import EndedVotePage

        self.push_screen(EndedVotePage(run))

    def open_history(self, model: Path) -> None:
        from screens.history.history import HistoryPage

        self.push_screen(HistoryPage(model))

    def open_leaderboard(self) -> None:
        from screens.leaderboard.leaderboard import LeaderboardPage

        self.push_screen(LeaderboardPage())

    def open_tasks(self) -> None:
        from screens.tasks.tasks import TasksPage

        self.push_screen(TasksPage())

    def places(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Yield where the command palette can go from anywhere."""
        yield (
            "New benchmark",
            "Model, tasks and settings, step by step",
            partial(self.open_wizard, self.settings.choice),
        )
        yield "Leaderboard", "All models beside each other", self.open_leaderboard
        yield "Chat", "Talk with models side by side, or open a chat that is kept", self.open_chats
        yield "Tasks", "Search lm-eval's tasks, put them into a suite", self.open_tasks
        yield "Home", "Models and running runs", self.go_home

    def go_home(self) -> None:
        while len(self.screen_stack) > 2:
            self.pop_screen()

    # Everywhere.

    def action_help(self) -> None:
        from screens.help import Help

        screen: Screen[object] = self.screen
        if not isinstance(screen, Help | CommandPalette):
            self.push_screen(Help(screen))

    def action_open_leaderboard(self) -> None:
        self.open_leaderboard()

    def action_open_tasks(self) -> None:
        self.open_tasks()

    def use_theme(self, name: str) -> None:
        self.theme = name

    def action_next_theme(self) -> None:
        order = [DARK.name, LIGHT.name, SAFE_DARK.name, SAFE_LIGHT.name]
        place = order.index(self.theme) if self.theme in order else -1
        self.theme = order[(place + 1) % len(order)]
        words = self.theme.removeprefix("benchtui-").replace("-", ", ")
        self.notify(f"Colours: {words.replace('safe', 'safe for colour-blind people')}", timeout=3, markup=False)

    def copy(self, text: str, what: str) -> None:
        """Put text into the clipboard of the terminal (OSC 52), which also works over SSH; without what could steer the
        terminal that it is pasted into."""
        self.copy_to_clipboard(printable(text))
        self.notify(f"Copied: {one_line(what, 100)}", timeout=3, markup=False)

    def action_interrupt(self) -> None:
        """Leave at the second Ctrl+C with nothing selected."""
        now = self.settings.clock()
        if now - self._interrupted_at <= PRESS_AGAIN_WITHIN:
            self.exit(130, return_code=130)
            return
        self._interrupted_at = now
        self.notify("Press Ctrl+C again to leave. Runs go on.", timeout=PRESS_AGAIN_WITHIN, markup=False)
