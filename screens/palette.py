"""The command palette: everything that can be done from here, found by typing a few letters of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from screens.help import key_name
from screens.themes import THEMES

if TYPE_CHECKING:
    from textual.types import IgnoreReturnCallbackType

    from screens.navigator import Navigator


class Commands(Provider):
    """The keys of this screen, the other screens, and the themes."""

    def _commands(self) -> Iterator[tuple[str, str, IgnoreReturnCallbackType]]:
        app, navigator = self.app, cast("Navigator", self.app)
        seen: set[str] = set()
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            ours = binding.show or binding.tooltip  # moving about and editing are keys that nobody looks for here
            if not (active.enabled and binding.description and ours) or binding.description in seen or binding.system:
                continue
            seen.add(binding.description)
            words = f"{binding.tooltip} " if binding.tooltip else ""
            run = partial(app.run_action, binding.action, active.node)
            yield binding.description, f"{words}({key_name(key)})", run
        for name, words, action in navigator.places():
            if name not in seen:
                seen.add(name)
                yield name, words, action
        for theme in THEMES:
            name = (
                theme.name.removeprefix("benchtui-").replace("-", ", ").replace("safe", "safe for colour-blind people")
            )
            yield f"Theme: {name}", "Colours of the whole application", partial(navigator.use_theme, theme.name)

    async def discover(self) -> Hits:
        for name, words, run in self._commands():
            yield DiscoveryHit(name, run, help=words)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, words, run in self._commands():
            if (score := matcher.match(f"{name} {words}")) > 0:
                yield Hit(score, matcher.highlight(name), run, help=words)
