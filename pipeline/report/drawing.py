"""Figures of matplotlib as SVG inside an HTML page, in the colours of the page."""

import io
import re
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 4.2  # of a figure [inch]; narrow, so that its text is readable on a phone
# Placeholders that `svg` replaces by colours of the page, which differ in the dark
INK, MUTED = "#010203", "#010204"
SERIES = ("#010210", "#010211", "#010212", "#010213", "#010214", "#010215", "#010216")
PAGE_COLOURS = {INK: "currentColor", MUTED: "var(--muted)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES)
}
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "emocycle",  # the same figure gives the same bytes
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def axes(height: float, place: tuple[float, float, float, float] | None = None) -> Axes:
    """Axes of a new figure of `WIDTH` and a height [inch].

    Args:
        height: of the figure
        place: left, bottom, width and height of the axes as shares of the figure; None: found from the labels, slowly
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout=None if place else "constrained")
        return figure.add_axes(place) if place else figure.subplots()


def colour(number: int) -> str:
    """Colour of the series of a number, from 0; they repeat."""
    return SERIES[number % len(SERIES)]


def svg(panel: Axes) -> str:
    """The figure of some axes as an `<svg>` element without a fixed size; it is hidden from screen readers."""
    file, figure = io.StringIO(), panel.get_figure(root=True)
    assert figure is not None  # of `axes`
    with matplotlib.rc_context(STYLE):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    used = set(re.findall(r'(?:url\(#|xlink:href="#)([^")]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r"; font-family: [^;\"]*", "", text)  # the font of the page
    for placeholder, of_page in PAGE_COLOURS.items():
        text = text.replace(placeholder, of_page)
    return text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
