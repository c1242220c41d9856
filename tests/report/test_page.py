import pandas as pd
import pytest

from pipeline.assessment.figures import WHAT
from pipeline.augmentation.arms import ARMS
from pipeline.core import manifest
from pipeline.report import page, words
from pipeline.report.answer import Answer
from pipeline.report.page import Section, Table


def report(*sections: Section, sentence: str = "s") -> str:
    return page.html("report.html", title="t", answer=Answer("v", sentence, [], []), sections=sections)


def test_text_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    table = Table(evil, [evil], [[evil, evil]])
    text = report(Section("x", evil, [f"`{evil}` {evil}"], tables=[table]), sentence=evil)
    assert "alert(1)</script>" not in text
    assert "<code>&lt;script&gt;alert(1)&lt;/script&gt;</code>" in text


def test_a_table_says_nothing_where_a_value_is_unknown() -> None:
    frame = pd.DataFrame({"name": ["a"], "none": [None], "nan": [float("nan")], "number": [-0.12345], "many": [12345]})
    assert Table.of(frame, "c").rows == [["a", "", "", "−0.123", "12,345"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234"), (0.5, "0.5"), (-2.0, "−2"), (4.24e-5, "0.000042"), (1000, "1,000"), ("x", "x")],
)
def test_number(value, text) -> None:
    assert page.number(value) == text


def test_ids_of_pictures_differ() -> None:
    svg = '<path id="a"/><use xlink:href="#a"/><g clip-path="url(#a)"/>'
    assert page.own_ids(svg, 7) == '<path id="p7-a"/><use xlink:href="#p7-a"/><g clip-path="url(#p7-a)"/>'


def test_every_arm_and_anchor_has_words() -> None:
    assert set(words.ARMS) == set(ARMS)
    assert list(words.ANCHORS) == list(WHAT)
    assert tuple(words.SCORES) == manifest.SCORES
