"""The table of classifiers: a row is all that a new one needs."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
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
    row = Classifier(PriorParams, lambda *_: [], lambda *_: [], lambda *_: np.zeros((0, 2)))
    monkeypatch.setattr(classifiers, "CLASSIFIERS", {**CLASSIFIERS, "prior": row})
    extended = classifiers._with_sections()
    text = re.sub(
        r"^classify:.*\n", r"\g<0>  prior: {smoothing: 1}\n", (ROOT / "params.yaml").read_text(), flags=re.MULTILINE
    )
    path = tmp_path / "params.yaml"
    path.write_text(text)
    found = params.load(path, "classify", extended)
    assert getattr(found, "prior") == PriorParams(smoothing=1.0)  # noqa: B009, the field is not known to mypy
    suffixes = ("", "+vocoded", "+speaker_norm", "+vocoded+speaker_norm")
    assert {f"prior{suffix}" for suffix in suffixes} <= set(found.known)
    with pytest.raises(ParamsError, match="'classify.prior' is not known"):
        params.load(path, "classify", ClassifyParams)
    with pytest.raises(ParamsError, match="'classify.prior' is missing"):
        params.load(ROOT / "params.yaml", "classify", extended)


@pytest.mark.parametrize(
    ("front_end", "normalisations", "names"),
    [
        ("natural", ("train",), ("svm", "cnn")),
        ("natural", ("speaker",), ("svm+speaker_norm", "cnn+speaker_norm")),
        ("vocoded", ("train", "neutral"), ("svm+vocoded", "svm+vocoded+neutral_norm", "cnn+vocoded")),
        ("vocoded", ("speaker",), ("svm+vocoded+speaker_norm", "cnn+vocoded+speaker_norm")),
    ],
)
def test_names_say_what_features_are_of(
    front_end: str, normalisations: tuple[str, ...], names: tuple[str, ...]
) -> None:
    usual = params.load(ROOT / "params.yaml", "classify", ClassifyParams)
    chosen = replace(usual, front_end=front_end, normalisations=normalisations)
    assert chosen.names[: len(names)] == names
    assert set(names) <= set(chosen.known)


def test_recordings_are_not_beside_vocoded_clips() -> None:
    usual = params.load(ROOT / "params.yaml", "classify", ClassifyParams)
    with pytest.raises(ValueError, match="'ssl' reads the recordings themselves: expected front_end natural"):
        replace(usual, front_end="vocoded", classifiers=("svm", "ssl"))
