"""The palettes: readable, told apart by colour-blind people, and dispensable."""

from __future__ import annotations

from itertools import combinations

import pytest
from textual.app import ComposeResult
from textual.color import Color
from textual.theme import Theme
from textual.widgets import Button, Input, OptionList, Static

from counter.themes import CONTRAST, DARK, LIGHT, PLAIN, ThemedApp, wants_no_color

#: Severe deuteranomaly and protanomaly: Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
BLIND = {
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
}


def linear(color: Color) -> list[float]:
    """WCAG 2's linear RGB."""
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]


def contrast(one: Color, other: Color) -> float:
    """WCAG 2's contrast ratio, 1 to 21."""
    light, dark = sorted(
        (0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other))), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


def seen(color: Color, matrix: tuple[tuple[float, ...], ...]) -> list[float]:
    return [sum(weight * part for weight, part in zip(row, linear(color), strict=True)) for row in matrix]


def tones(theme: Theme) -> dict[str, Color]:
    names = ("foreground", "primary", "secondary", "accent", "success", "warning", "error")
    return {name: Color.parse(getattr(theme, name)) for name in names}


@pytest.mark.parametrize(("theme", "least"), [(DARK, 4.5), (LIGHT, 4.5), (CONTRAST, 7.0)], ids=lambda each: str(each))
def test_every_tone_is_readable_on_every_ground(theme: Theme, least: float) -> None:
    for ground in ("background", "surface", "panel"):
        for name, tone in tones(theme).items():
            assert contrast(tone, Color.parse(getattr(theme, ground))) >= least, (name, ground)


@pytest.mark.parametrize("theme", [DARK, LIGHT, CONTRAST], ids=lambda theme: theme.name)
@pytest.mark.parametrize("kind", BLIND)
def test_go_and_no_are_told_apart_by_colour_blind_people(theme: Theme, kind: str) -> None:
    """Blue against orange stays far apart; a common red and green, as a measure, does not."""

    def apart(one: str, other: str) -> float:
        pair = zip(seen(Color.parse(one), BLIND[kind]), seen(Color.parse(other), BLIND[kind]), strict=True)
        return max(abs(a - b) for a, b in pair)

    assert apart(theme.success, theme.error) > 0.25
    assert apart("#4EBF71", "#BA8C5B") < 0.25


def test_no_two_themes_look_alike() -> None:
    for one, other in combinations((DARK, LIGHT, CONTRAST, PLAIN), 2):
        assert one.name != other.name
        assert (one.background, one.primary) != (other.background, other.primary)


class Room(ThemedApp[None]):
    def compose(self) -> ComposeResult:
        yield Static("[$error]no[/] [$success]go[/]")
        yield Input("typed")
        yield OptionList("one", "two")
        yield Button("Go", variant="success")


@pytest.mark.parametrize("theme", [DARK, LIGHT, CONTRAST], ids=lambda theme: theme.name)
async def test_the_theme_asked_for_is_on(theme: Theme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    app = Room()
    assert app.theme == DARK.name
    async with app.run_test() as pilot:
        app.theme = theme.name
        await pilot.pause()
        assert app.screen.styles.background.hex == theme.background


async def test_no_color_leaves_no_colour_and_still_shows_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Room()
    async with app.run_test(size=(40, 12)) as pilot:
        app.query_one(Input).focus()
        await pilot.pause()
        segments = [segment for strip in app.screen._compositor.render_strips() for segment in strip]
        styles = [segment.style for segment in segments if segment.style]
        assert styles
        assert all(color is None or color.is_default for style in styles for color in (style.color, style.bgcolor))
        field = [s for strip in app.query_one(Input).render_lines(app.query_one(Input).size.region) for s in strip]
        assert any(segment.style and segment.style.reverse for segment in field)


@pytest.mark.parametrize(("environment", "wanted"), [({}, False), ({"NO_COLOR": ""}, False), ({"NO_COLOR": "0"}, True)])
def test_no_color_as_its_standard_says(environment: dict[str, str], wanted: bool) -> None:
    assert wants_no_color(environment) is wanted
