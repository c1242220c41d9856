"""The table of classifiers: a row is all that a new one needs."""

import re
from pathlib import Path

import pytest

from pipeline.classification import classifiers
from pipeline.classification.classifiers import CLASSIFIERS, ClassifyParams
from pipeline.classification.interface import Classifier
from pipeline.core import params
from pipeline.core.params import ParamsError, section

ROOT = Path(__file__).parents[2]


@section
class PriorParams:
    smoothing: float


def test_a_row_is_a_section_and_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Classifier(PriorParams, lambda *_: [], lambda *_: [])
    monkeypatch.setattr(classifiers, "CLASSIFIERS", {**CLASSIFIERS, "prior": row})
    extended = classifiers._with_sections()
    text = re.sub(
        r"^classify:.*\n", r"\g<0>  prior: {smoothing: 1}\n", (ROOT / "params.yaml").read_text(), flags=re.MULTILINE
    )
    path = tmp_path / "params.yaml"
    path.write_text(text)
    found = params.load(path, "classify", extended)
    assert getattr(found, "prior") == PriorParams(smoothing=1.0)  # noqa: B009, the field is not known to mypy
    assert "prior" in found.known and "prior+speaker_norm" in found.known
    with pytest.raises(ParamsError, match="'classify.prior' is not known"):
        params.load(path, "classify", ClassifyParams)
    with pytest.raises(ParamsError, match="'classify.prior' is missing"):
        params.load(ROOT / "params.yaml", "classify", extended)
