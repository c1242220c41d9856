"""Charts of the report, each from a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pipeline.report import drawing
from pipeline.report.drawing import INK, MUTED

ROW = 0.27  # height of a row [inch]
FRAME = 0.75  # height of axis and labels [inch]
SAME = 0.01  # ticks that are nearer than this share of the axis are at the same place


@dataclass(frozen=True)
class Picture:
    """A chart and what stands below it."""

    svg: str
    caption: str
    description: str  # for those who do not see it


def gains(over: Mapping[str, Mapping[str, float]], reach: float, caption: str) -> Picture:
    """Gain of each arm in points, with its intervals.

    Args:
        over: by arm, gain and its intervals as fractions, as in metrics/ser.json
        reach: largest gain on the axis [points]
        caption: below the chart
    """
    panel = drawing.axes(FRAME + ROW * len(over))
    for row, numbers in enumerate(over.values()):
        for kind, width, alpha in (("fold", 1.2, 0.6), ("ci", 4, 1.0)):
            if f"{kind}_low" in numbers:
                ends = [100 * numbers[f"{kind}_low"], 100 * numbers[f"{kind}_high"]]
                panel.plot(ends, [row, row], color=drawing.colour(0), linewidth=width, alpha=alpha)
        panel.plot(100 * numbers["gain"], row, "o", color=INK, markersize=6)
    panel.axvline(0, color=MUTED, linewidth=1, zorder=0)
    panel.set_xlim(-reach, reach)
    _rows(panel, list(over), "gain in points of UAR")
    words = "; ".join(f"{arm} {100 * numbers['gain']:+.1f}" for arm, numbers in over.items())
    return Picture(drawing.svg(panel), caption, f"Gain in points of UAR: {words}")


def dots(table: pd.DataFrame, row: str, value: str, series: str, label: str, caption: str) -> Picture:
    """Rows with a dot for each series, in its colour.

    Args:
        table: one line a dot
        row: column of the rows
        value: column of the position
        series: column of the colours
        label: of the axis
        caption: below the chart
    """
    rows, names = list(dict.fromkeys(table[row])), list(dict.fromkeys(table[series]))
    panel = drawing.axes(FRAME + ROW * len(rows) + 0.25)
    for number, name in enumerate(names):
        own = table[table[series] == name]
        heights = own[row].map(rows.index) + 0.5 * ((number + 0.5) / len(names) - 0.5)
        panel.plot(own[value], heights, _marker(number), color=drawing.colour(number), label=name, markersize=5)
    _legend(panel, len(names))
    _rows(panel, rows, label)
    panel.grid(axis="x", color=MUTED, alpha=0.25)
    means = table.groupby([row, series], sort=False)[value].mean()
    return Picture(drawing.svg(panel), caption, f"{label}: {_list(means)}")


def ticks(table: pd.DataFrame, row: str, value: str, label: str, caption: str, zero: bool = False) -> Picture:
    """Rows with a tick for each line of the table, and a dot at their mean; the columns are as for `dots`.

    Ticks at the same place stand above one another.
    """
    rows = list(dict.fromkeys(table[row]))
    panel = drawing.axes(FRAME + ROW * len(rows))
    places, most = _stacked(table[row], table[value])
    for height, name in enumerate(rows):
        own = table.loc[table[row] == name, value].dropna()
        heights = height + 0.8 / most * places[own.index]
        panel.plot(own, heights, "|", color=drawing.colour(0), markersize=min(11, 13 / most), markeredgewidth=1.5)
        if len(own):
            panel.plot(own.mean(), height, "o", color=INK, markersize=5)
    if zero:
        panel.axvline(0, color=MUTED, linewidth=1, zorder=0)
    _rows(panel, rows, label)
    panel.locator_params(axis="x", nbins=6)
    means = table.groupby(row, sort=False)[value].mean()
    return Picture(drawing.svg(panel), caption, f"{label}, means: " + _list(means))


def lines(table: pd.DataFrame, x: str, y: str, series: str, labels: tuple[str, str], caption: str) -> Picture:
    """One line for each series; several values at one x are averaged.

    Args:
        table: one line a point
        x: column
        y: column
        series: column of the colours
        labels: of both axes
        caption: below the chart
    """
    panel = drawing.axes(2.2)
    names = list(dict.fromkeys(table[series]))
    ends = {}
    for number, name in enumerate(names):
        own = table[table[series] == name].groupby(x)[y].mean()
        ends[name] = own.iloc[-1]
        panel.plot(own.index, own, color=drawing.colour(number), marker=_marker(number), markersize=3.5, label=name)
    _legend(panel, len(names))
    panel.set(xlabel=labels[0], ylabel=labels[1])
    panel.grid(color=MUTED, alpha=0.25)
    return Picture(drawing.svg(panel), caption, f"{labels[1]} by {labels[0]}; last values: " + _list(ends))


def steps(table: pd.DataFrame, series: str, label: str, caption: str) -> Picture:
    """Histograms as lines.

    Args:
        table: columns `from`, `to` and `share`, sorted
        series: column of the colours
        label: of the axis
        caption: below the chart
    """
    panel = drawing.axes(2.2)
    names = list(dict.fromkeys(table[series]))
    for number, name in enumerate(names):
        own = table[table[series] == name]
        edges = [*own["from"], own["to"].iloc[-1]]
        panel.stairs(100 * own["share"], edges, color=drawing.colour(number), linewidth=1.8, label=name)
    _legend(panel, len(names))
    panel.set(xlabel=label, ylabel="clips [%]")
    modes = table.loc[table.groupby(series)["share"].idxmax()].set_index(series)["from"]
    return Picture(drawing.svg(panel), caption, f"{label}, start of the most frequent range: {_list(modes)}")


def confusion(rows: pd.DataFrame, emotions: list[str], caption: str) -> Picture:
    """Shares of the clips of each emotion that are recognised as each.

    Args:
        rows: columns `label` and `predicted`
        emotions: in the order of the axes
        caption: below the chart
    """
    shares = pd.crosstab(rows["label"], rows["predicted"], normalize="index")
    shares = shares.reindex(index=emotions, columns=emotions, fill_value=0.0)
    panel = drawing.axes(0.9 + 0.36 * len(emotions))
    panel.pcolormesh(shares.to_numpy(), cmap="Blues", vmin=0, vmax=1, edgecolors=MUTED, linewidth=0.3)
    for (row, column), share in np.ndenumerate(shares.to_numpy()):
        colour = "white" if share > 0.5 else "black"
        panel.text(column + 0.5, row + 0.5, f"{100 * share:.0f}", ha="center", va="center", color=colour, fontsize=9)
    places = np.arange(len(emotions)) + 0.5
    panel.set_xticks(places, emotions, rotation=0 if len(emotions) < 6 else 45)
    panel.set_yticks(places, emotions)
    panel.tick_params(length=0)
    panel.invert_yaxis()
    panel.set(xlabel="recognised [% of a row]", ylabel="spoken")
    correct = dict(zip(emotions, 100 * np.diag(shares.to_numpy()), strict=True))
    return Picture(drawing.svg(panel), caption, f"Recognised correctly, in %: {_list(correct)}")


def _stacked(rows: pd.Series, values: pd.Series) -> tuple[pd.Series, int]:
    """Place of each value among those of its row at the same place of the axis, around 0, and the largest number."""
    width = (values.max() - values.min()) * SAME or 1.0
    place = values.groupby([rows, (values / width).round()])
    numbers = place.transform("size")
    return place.cumcount() - (numbers - 1) / 2, int(numbers.max()) if len(values) else 1


def _rows(panel: Axes, names: Sequence[str], label: str) -> None:
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.4, -0.6)
    panel.set_xlabel(label)


def _legend(panel: Axes, number: int) -> None:
    panel.figure.legend(
        loc="outside upper left",
        ncols=min(number, 3),
        fontsize=8.5,
        handlelength=1.2,
        frameon=False,
        labelcolor=INK,
    )


def _marker(number: int) -> str:
    return "osD^vP*"[number % 7]  # not by colour alone


def _list(values: Mapping[str, Any] | pd.Series) -> str:
    named = {", ".join(name) if isinstance(name, tuple) else name: value for name, value in values.items()}
    return "; ".join(f"{name} {value:.3g}" for name, value in named.items())
