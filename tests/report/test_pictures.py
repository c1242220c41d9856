import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from pipeline.report import drawing, pictures
from pipeline.report.pictures import Picture

TABLE = pd.DataFrame({"row": ["a", "a", "b"], "x": [1, 2, 1], "value": [0.1, 0.3, -0.2], "series": ["s", "t", "s"]})
STEPS = pd.DataFrame({"from": [0, 1, 0], "to": [1, 2, 1], "share": [0.2, 0.8, 1.0], "series": ["s", "s", "t"]})
GAINS = {
    "cyclegan": {"gain": 0.02, "ci_low": -0.01, "ci_high": 0.05, "fold_low": -9, "fold_high": 9},
    "one": {"gain": 0},
}
CLIPS = pd.DataFrame({"label": ["angry"] * 4 + ["sad"], "predicted": ["angry"] * 3 + ["sad"] * 2})


def all_pictures() -> list[Picture]:
    return [
        pictures.gains(GAINS, 6, "c"),
        pictures.dots(TABLE, "row", "value", "series", "label", "c"),
        pictures.ticks(TABLE, "row", "value", "label", "c", zero=True),
        pictures.lines(TABLE, "x", "value", "series", ("x", "y"), "c"),
        pictures.steps(STEPS, "series", "label", "c"),
        pictures.confusion(CLIPS, ["angry", "sad"], "c"),
    ]


@pytest.mark.parametrize("picture", all_pictures(), ids="gains dots ticks lines steps confusion".split())
def test_a_picture_takes_its_colours_and_fonts_from_the_page(picture: Picture) -> None:
    assert "currentColor" in picture.svg and "var(--" in picture.svg
    assert not re.search(r"#0102|font-family|font:", picture.svg)
    assert "black" not in colours(picture.svg)  # which is lost in the dark
    root = ElementTree.fromstring(picture.svg)
    assert root.get("viewBox") and root.get("width") is None and root.get("aria-hidden") == "true"
    assert picture.description


def colours(svg: str) -> set[str]:
    """Colours of the text outside the cells of a confusion matrix; matplotlib leaves out black."""
    styles = re.findall(r'<text style="([^"]*)"', re.sub(r"<text[^>]*>\s*\d+</text>", "", svg))
    return {re.findall(r"fill: ([^;]*)", style)[0] if "fill" in style else "black" for style in styles}


def test_black_text_would_be_seen() -> None:
    panel = drawing.axes(1)
    panel.text(0, 0, "x", color="black")
    assert colours(drawing.svg(panel)) == {"currentColor", "black"}


def test_the_same_table_gives_the_same_bytes() -> None:
    assert [picture.svg for picture in all_pictures()] == [picture.svg for picture in all_pictures()]


def test_descriptions_have_the_numbers() -> None:
    found = [picture.description for picture in all_pictures()]
    assert found[0] == "Gain in points of UAR: cyclegan +2.0; one +0.0"
    assert found[1] == "label: a, s 0.1; a, t 0.3; b, s -0.2"
    assert found[2] == "label, means: a 0.2; b -0.2"
    assert found[4] == "label, start of the most frequent range: s 1; t 0"
    assert found[5] == "Recognised correctly, in %: angry 75; sad 100"


def test_equal_ticks_do_not_overlap() -> None:
    table = pd.DataFrame({"row": ["a"] * 4 + ["b"], "value": [0.0, 0.5, 0.5, 0.5001, 0.5]}, index=[3, 1, 4, 7, 9])
    svg = pictures.ticks(table, "row", "value", "label", "c").svg
    ticks = re.findall(r'<use [^>]* x="([\d.]+)" y="([\d.]+)" style="fill: var\(--series-0', svg)
    assert len(ticks) == 5 and len(set(ticks)) == 5
    heights = sorted(float(y) for _, y in ticks[1:4])
    [half] = re.findall(r'd="M 0 ([\d.]+) *\n?L 0 -[\d.]+ *\n?" style="stroke: var\(--series-0', svg)
    assert min(np.diff(heights)) > 2 * float(half)
