"""A chart of bars, drawn with characters. The library that draws is loaded when the first chart is.

What belongs here: how a chart looks. What it is about stands in ``counter.screens.reports_view``.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual_plotext import PlotextPlot

from counter.symbols import drawn, in_ascii

#: Colour-blind safe beside each other; colour never stands alone: a bar is where its name is.
_BARS = (0, 114, 178)


@dataclass(frozen=True, slots=True)
class Bars:
    """Names from left to right, a number for each, what the numbers are, and the highest one can be, if there is."""

    names: tuple[str, ...]
    values: tuple[float, ...]
    label: str
    highest: float | None = None


class FiguresChart(PlotextPlot):
    """Bars; see the module's docstring."""

    def draw(self, bars: Bars) -> None:
        """Show other bars."""
        plt = self.plt
        plt.clear_figure()
        # Places by number and names as their marks: bars by name would be put in the order of the alphabet.
        places = [float(place) for place in range(1, len(bars.names) + 1)]
        plt.bar(places, list(bars.values), marker="#" if in_ascii() else "sd", color=_BARS, width=0.6)
        step = max(1, -(-len(places) // 12))
        plt.xticks(places[::step], [drawn(name) for name in bars.names[::step]])
        if bars.highest is not None:
            plt.ylim(0, bars.highest)
            quarters = [bars.highest * part / 4 for part in range(5)]
            plt.yticks(quarters, [f"{one:g}" for one in quarters])
        plt.title(drawn(bars.label))
        plt.frame(not in_ascii())
        self.refresh()
