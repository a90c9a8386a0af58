"""The colours: a pair of blue and orange that colour-blind people tell apart, dark and light, and a high contrast.

What belongs here: palettes and nothing that uses them. Blue says go, orange says no; red and green are not used against
each other. No meaning rests on a colour alone: symbol and word say it first, and all of it works without any colour.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Generic

from textual.app import App, ReturnType
from textual.theme import Theme

#: Hues of the palette by Okabe and Ito, "Color Universal Design" (2008), in tones that can be read as text.
DARK: Final = Theme(
    name="counter-dark",
    primary="#56B4E9",
    secondary="#88C4E8",
    accent="#E69F00",
    success="#56B4E9",
    warning="#F0E442",
    error="#F08A24",
    foreground="#E6E6E6",
    background="#10151A",
    surface="#182028",
    panel="#222C36",
    dark=True,
    variables={"footer-key-foreground": "#E69F00", "button-color-foreground": "#10151A"},
)
LIGHT: Final = Theme(
    name="counter-light",
    primary="#005F9E",
    secondary="#1B4F72",
    accent="#8F4A00",
    success="#005F9E",
    warning="#6B5900",
    error="#A34000",
    foreground="#14181C",
    background="#F6F7F8",
    surface="#ECEEF0",
    panel="#E0E4E8",
    dark=False,
    variables={"footer-key-foreground": "#8F4A00", "button-color-foreground": "#FFFFFF"},
)
CONTRAST: Final = Theme(
    name="counter-contrast",
    primary="#7FD0FF",
    secondary="#FFFFFF",
    accent="#FFC24D",
    success="#7FD0FF",
    warning="#FFF176",
    error="#FFB000",
    foreground="#FFFFFF",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    text_alpha=1.0,
    variables={
        "text-muted": "#FFFFFF",
        "text-disabled": "#D0D0D0",
        "border": "#FFFFFF",
        "border-blurred": "#D0D0D0",
        "footer-key-foreground": "#FFC24D",
        "button-color-foreground": "#000000",
    },
)
#: For NO_COLOR: the terminal's own foreground and background.
PLAIN: Final = Theme(
    name="counter-plain",
    ansi=True,
    primary="ansi_default",
    secondary="ansi_default",
    accent="ansi_default",
    success="ansi_default",
    warning="ansi_default",
    error="ansi_default",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
        "block-cursor-text-style": "reverse",
    },
)
THEMES: Final = (DARK, LIGHT, CONTRAST, PLAIN)


def _for_training(theme: Theme, background: str, surface: str, panel: str) -> Theme:
    """The same tones on grounds of purple, which no screen of real sales has."""
    return replace(theme, name=f"{theme.name}-training", background=background, surface=surface, panel=panel)


#: In training; without colour the words alone tell it, and the terminal's own colours stay.
TRAINING_THEMES: Final = (
    _for_training(DARK, background="#1D0F24", surface="#2A1636", panel="#4B1F63"),
    _for_training(LIGHT, background="#FAF2FD", surface="#F4E8F9", panel="#EFDDF6"),
    _for_training(CONTRAST, background="#000000", surface="#1A0026", panel="#3A0052"),
    PLAIN,
)


def wants_no_color(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether NO_COLOR is set to anything at all (https://no-color.org)."""
    return bool(environment.get("NO_COLOR"))


class ThemedApp(App[ReturnType], Generic[ReturnType]):
    """An application with these themes, the dark one on; or without any colour where the user wants none."""

    #: Those to choose from.
    themes_here: tuple[Theme, ...] = THEMES

    def __init__(self, *args: Any, **options: Any) -> None:
        plain = wants_no_color()
        if plain:
            # Said before the application starts, this makes Textual leave colours out rather than turn them grey.
            options.setdefault("ansi_color", True)
        super().__init__(*args, **options)
        for theme in (*THEMES, *TRAINING_THEMES):
            self.register_theme(theme)
        self.theme = PLAIN.name if plain else DARK.name

    def dress_for_training(self) -> None:
        """Only the themes of training from now on."""
        self.themes_here = TRAINING_THEMES
        if self.theme == DARK.name:
            self.theme = TRAINING_THEMES[0].name
