"""The colours of the eight steps, from those of the theme."""

from __future__ import annotations

from rich.style import Style
from textual.app import App
from textual.color import Color

from benchtui.reports.tokens.metrics import STEPS
from screens.themes import colours

PLAIN_STEPS = 1
"""Steps without a colour: where the models agree the text stays calm."""
_STRONGEST = 0.85


def shades(app: App[object]) -> list[Style]:
    """The style of each step: the theme's accent, the stronger the further."""
    theme = app.current_theme
    background = Color.parse(theme.background or ("#000000" if theme.dark else "#ffffff"))
    accent = Color.parse(colours(app).accent)
    found = [Style()] * PLAIN_STEPS
    for step in range(PLAIN_STEPS, STEPS):
        share = _STRONGEST * (step - PLAIN_STEPS + 1) / (STEPS - PLAIN_STEPS)
        shade = background.blend(accent, share)
        found.append(Style(color=_readable_on(shade).rich_color, bgcolor=shade.rich_color))
    return found


def _readable_on(shade: Color) -> Color:
    dark, light = Color.parse("#14171c"), Color.parse("#ffffff")
    return max((dark, light), key=lambda one: _contrast(one, shade))


def _contrast(one: Color, other: Color) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    """Relative luminance (WCAG 2)."""
    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
