"""The cache of standard scores, and packages that are not installed."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.networks.weights import Weights, WeightsError
from pipeline.standard_scorers import scoring
from pipeline.standard_scorers.scoring import Scoring

AUDIO = AudioParams(sampling_rate=16_000, trim_db=30, level_db=-26)


@pytest.fixture
def clips(tmp_path: Path) -> pd.DataFrame:
    """Three clips: two of a file, and the first again under another id."""
    path = tmp_path / "noise.flac"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000)
    rows = [("a", None, None, "ab" * 32), ("b", 0.25, 0.5, "cd" * 32), ("c", None, None, "ab" * 32)]
    return pd.DataFrame(rows, columns=["id", "start", "end", "sha256"]).assign(filepath=path.as_posix())


def test_each_clip_is_scored_once(clips: pd.DataFrame, tmp_path: Path, stand_ins: list[int]) -> None:
    own = Scoring(("distillmos", "ge2e"), AUDIO, tmp_path / "cache")
    found = own.of_clips(clips, "clips")
    assert {name: numbers.shape for name, numbers in found.items()} == {"distillmos": (3, 1), "ge2e": (3, 3)}
    path = Path(clips["filepath"].iloc[0])
    for row, segment in enumerate([(None, None), (0.25, 0.5), (None, None)]):
        direct = own.of_samples(preparation.prepared(path, AUDIO, *segment))
        for name, numbers in direct.items():
            np.testing.assert_array_equal(found[name][row], numbers)
    stand_ins.clear()
    again = own.of_clips(clips.iloc[::-1], "clips")
    assert stand_ins == []
    np.testing.assert_array_equal(again["ge2e"], found["ge2e"][::-1])
    replace(own, names=("dnsmos",)).of_clips(clips, "clips")
    assert len(stand_ins) == 2
    replace(own, audio=replace(AUDIO, level_db=-20)).of_clips(clips, "clips")
    assert len(stand_ins) == 6


def test_other_code_or_weights_are_not_read_from_the_cache(
    clips: pd.DataFrame, tmp_path: Path, stand_ins: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Scoring(("distillmos",), AUDIO, tmp_path / "cache")
    own.of_clips(clips, "clips")
    changed = scoring._module("distillmos")
    changed.Network.WEIGHTS = Weights("click", {}, "others")
    monkeypatch.setattr(scoring, "_module", lambda name: changed)
    scoring._version.cache_clear()
    stand_ins.clear()
    own.of_clips(clips, "clips")
    assert len(stand_ins) == 2


def test_scores_of_clips_that_were_prepared_by_other_code_are_not_read_from_the_cache(
    clips: pd.DataFrame, tmp_path: Path, stand_ins: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Scoring(("distillmos",), AUDIO, tmp_path / "cache")
    own.of_clips(clips, "clips")
    other = tmp_path / "preparation.py"
    other.write_text(Path(preparation.__file__).read_text() + "# changed")
    monkeypatch.setattr(preparation, "__file__", str(other))
    scoring._version.cache_clear()
    stand_ins.clear()
    own.of_clips(clips, "clips")
    assert len(stand_ins) == 2


def test_networks_get_16_khz(stand_ins: list[int]) -> None:
    Scoring(("dnsmos",), replace(AUDIO, sampling_rate=24_000)).of_samples(np.ones(24_000, np.float32))
    assert stand_ins == [16_000]


def test_a_missing_package_is_no_error_and_other_weights_are(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"here": Weights("click", {}, "scorers"), "gone": Weights("no-such-package", {}, "scorers")}

    def module(name: str) -> SimpleNamespace:
        return SimpleNamespace(Network=SimpleNamespace(WEIGHTS=known[name]))

    monkeypatch.setattr(scoring, "_module", module)
    found, [line] = scoring.installed(["gone", "here"], "assess")
    assert found == ("here",)
    assert line.startswith(
        "no scores of gone: the package no-such-package is not installed: install the `scorers` extra"
    )
    assert line.endswith("(`uv pip install --editable '.[scorers]'`), then `dvc repro -f -s assess`")
    known["here"] = Weights("click", {"click/weights.onnx": "ab"}, "scorers")
    with pytest.raises(WeightsError, match="weights.onnx: not the known weights"):
        scoring.installed(["here"], "assess")
