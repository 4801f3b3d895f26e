"""The application's colours: dark, light, and two that colour-blind people can tell apart (after Okabe and Ito)."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import App
from textual.theme import Theme

DARK = Theme(
    name="benchtui-dark",
    primary="#7aa2d6",
    secondary="#8f9dbd",
    accent="#d7a65f",
    foreground="#d8dce4",
    background="#14171c",
    surface="#1b1f26",
    panel="#242a33",
    success="#7fbf7f",
    warning="#dcb65c",
    error="#e07a6e",
    dark=True,
    variables={"muted": "#8b93a1", "footer-key-foreground": "#d7a65f"},
)
LIGHT = Theme(
    name="benchtui-light",
    primary="#2f5f9e",
    secondary="#52607a",
    accent="#8a5a00",
    foreground="#1f2430",
    background="#f7f7f4",
    surface="#efefea",
    panel="#e3e3dc",
    success="#2c7a2c",
    warning="#8a6100",
    error="#b3372b",
    dark=False,
    variables={"muted": "#656b76", "footer-key-foreground": "#8a5a00"},
)
SAFE_DARK = Theme(
    name="benchtui-safe-dark",
    primary="#56b4e9",
    secondary="#8f9dbd",
    accent="#f0e442",
    foreground="#e0e3e8",
    background="#14171c",
    surface="#1b1f26",
    panel="#242a33",
    success="#56b4e9",
    warning="#f0e442",
    error="#e69f00",
    dark=True,
    variables={"muted": "#8b93a1", "footer-key-foreground": "#f0e442"},
)
SAFE_LIGHT = Theme(
    name="benchtui-safe-light",
    primary="#0072b2",
    secondary="#52607a",
    accent="#7a4a00",
    foreground="#1f2430",
    background="#f7f7f4",
    surface="#efefea",
    panel="#e3e3dc",
    success="#0072b2",
    warning="#7a5c00",
    error="#b84a00",
    dark=False,
    variables={"muted": "#656b76", "footer-key-foreground": "#7a4a00"},
)
THEMES = (DARK, LIGHT, SAFE_DARK, SAFE_LIGHT)


@dataclass(frozen=True)
class Colours:
    """The theme's colours as hex, for text that is drawn cell by cell."""

    gain: str
    loss: str
    warning: str
    accent: str
    primary: str
    muted: str
    text: str


def colours(app: App[object]) -> Colours:
    """Those of the theme in force, for a theme of Textual's own as well."""
    theme = app.current_theme
    text = theme.foreground or ("#e0e0e0" if theme.dark else "#202020")
    return Colours(
        gain=theme.success or text,
        loss=theme.error or text,
        warning=theme.warning or text,
        accent=theme.accent or text,
        primary=theme.primary,
        muted=theme.variables.get("muted", "#8b93a1" if theme.dark else "#656b76"),
        text=text,
    )
