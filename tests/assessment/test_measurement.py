"""Measures of a toy clip, its copy-synthesis and known conversions; and the rows of the table."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from pipeline.assessment.distortion import distances
from pipeline.assessment.figures import ASSESSED, DISTANCES
from pipeline.assessment.measurement import (
    AssessedClip,
    Assessor,
    Measurements,
    Synthesised,
    mean_distances,
    parallel_utterances,
    rows,
)
from pipeline.assessment.scores import StandardScores
from pipeline.audio.preparation import AudioParams, prepare
from pipeline.core.manifest import Segment
from pipeline.scorers import evaluation_classifier, speakers
from pipeline.standard_scorers.scoring import Scoring
from pipeline.vocoder import Features
from pipeline.vocoder.world import World, WorldParams

RATE = 16_000
PREPARED = AudioParams(sampling_rate=RATE, trim_db=30, level_db=-26)
WORLD = World(WorldParams(5, 36, "dio", 71, 600, 0), RATE)
ASSESSOR = Assessor(WORLD, PREPARED, Scoring((), PREPARED))


@cache
def spoken(f0_hz: float = 150, duration_s: float = 1.0) -> np.ndarray:
    """Ten partials with vibrato that come and go five times a second, and a little noise."""
    time = np.arange(round(duration_s * RATE)) / RATE
    phase = 2 * np.pi * f0_hz * time + 0.5 * np.sin(2 * np.pi * 5 * time)
    partials = sum(np.sin(number * phase) / number for number in range(1, 11))
    noise = 1e-3 * np.random.default_rng(0).standard_normal(len(time))
    return prepare(partials * (0.1 + np.sin(5 * np.pi * time) ** 2) + noise, RATE, PREPARED)


@cache
def features(f0_hz: float = 150, duration_s: float = 1.0) -> Features:
    return WORLD.analyse(spoken(f0_hz, duration_s))


@pytest.fixture
def clip(tmp_path: Path) -> AssessedClip:
    """A sad clip, twice as high as an angry clip: the one is also converted to the other."""
    soundfile.write(tmp_path / "a.wav", spoken(), RATE, subtype="FLOAT")
    higher = replace(features(), f0_hz=2 * features().f0_hz)
    return AssessedClip(
        Segment(tmp_path / "a.wav"), features(), {"sad": [], "angry": [features(300)]}, {"angry": higher}
    )


def test_parallel_utterances_share_speaker_sentence_and_intensity() -> None:
    facts = {
        "a": ("x", "ann", "dogs", "medium", "sad"),
        "b": ("x", "ann", "dogs", "medium", "angry"),
        "c": ("x", "ann", "dogs", "medium", "angry"),
        "d": ("x", "bob", "dogs", "medium", "angry"),
        "e": ("x", "ann", "kids", "medium", "angry"),
        "f": ("x", "ann", "dogs", "high", "angry"),
        "g": ("x", "ann", "dogs", None, "angry"),
        "h": ("x", "ann", "dogs", None, "sad"),
        "i": ("x", "ann", None, "medium", "angry"),
        "j": ("x", "ann", None, "medium", "sad"),
        "k": ("y", "ann", "dogs", "medium", "angry"),
    }
    clips = pd.DataFrame(facts, ["corpus", "speaker", "sentence", "intensity", "emotion"]).T.rename_axis("id")
    found = parallel_utterances(clips.reset_index().iloc[::-1])
    assert found == dict.fromkeys(facts, {}) | {
        "a": {"angry": ["b", "c"]},
        "b": {"sad": ["a"], "angry": ["c"]},
        "c": {"sad": ["a"], "angry": ["b"]},
        "g": {"sad": ["h"]},
        "h": {"angry": ["g"]},
    }


def test_mean_distances() -> None:
    """Signs do not cancel, but of correlations; a distance that is unknown for one reference is that of the other."""
    clip, longer, shorter = features(), features(160, 1.2), features(140, 0.8)
    whisper = replace(shorter, f0_hz=0 * shorter.f0_hz)
    one, other = distances(clip, longer), distances(clip, whisper)
    assert other["f0_rmse_st"] is None
    found = mean_distances(clip, [longer, whisper])
    assert found["references"] == 2
    assert found["mcd_db"] == pytest.approx((one["mcd_db"] + other["mcd_db"]) / 2)
    assert found["log_duration"] == pytest.approx((abs(one["log_duration"]) + abs(other["log_duration"])) / 2)
    assert found["f0_mean_st"] == pytest.approx(abs(one["f0_mean_st"]))
    assert found["f0_correlation"] == one["f0_correlation"]
    assert mean_distances(clip, []) == {"references": 0} | dict.fromkeys(DISTANCES)
    mirrored = replace(clip, f0_hz=np.where(clip.f0_hz > 0, 150**2 / np.maximum(clip.f0_hz, 1), 0))
    assert mean_distances(clip, [mirrored])["f0_correlation"] == pytest.approx(-1)


def test_measurements(clip: AssessedClip) -> None:
    found = ASSESSOR.measure(clip)
    references = {"sad": [], "angry": [features(300)]}
    assert found.unconverted == {name: mean_distances(features(), given) for name, given in references.items()}
    assert found.unconverted["angry"]["f0_mean_st"] == pytest.approx(12, abs=0.2)
    conversion = found.resynthesised["angry"]
    assert conversion.distances["references"] == 1
    assert conversion.distances["f0_mean_st"] < 0.3
    assert 0.3 < conversion.estoi < 0.95
    assert found.copy_synthesis.distances["f0_mean_st"] < 0.3  # from itself
    assert found.copy_synthesis.distances["references"] == 1
    assert conversion.estoi - 0.05 < found.copy_synthesis.estoi <= 1  # both vary with the vocoder's noise
    # Only F0 was converted.
    assert conversion.estoi_at_source_f0 == found.copy_synthesis.estoi_at_source_f0 == found.copy_synthesis.estoi
    assert found.converted["angry"]["mcd_db"] == distances(features(), features(300))["mcd_db"]


def test_estoi_at_source_f0_ignores_tempo(clip: AssessedClip) -> None:
    slower = Features(*(np.repeat(track, 2, axis=0) for track in features().arrays().values()))
    higher = replace(slower, f0_hz=1.5 * slower.f0_hz)
    references: dict[str, list[Features]] = {"angry": [], "happy": []}
    changed = replace(clip, conversions={"angry": higher, "happy": slower}, references=references)
    found = ASSESSOR.measure(changed).resynthesised
    assert abs(found["angry"].estoi - found["happy"].estoi) > 0.01
    assert found["angry"].estoi_at_source_f0 == pytest.approx(found["happy"].estoi, abs=0.005)


def test_a_synthesised_clip_is_prepared_and_analysed_again(clip: AssessedClip) -> None:
    quiet = Features(*(np.repeat(track[:1], 60, axis=0) for track in features().arrays().values()))
    quiet.spectrum[:, 0] -= 15
    padded = Features(
        *(np.concatenate(pair) for pair in zip(quiet.arrays().values(), features().arrays().values(), strict=True))
    )
    found = ASSESSOR.measure(replace(clip, conversions={"angry": padded}, references={"angry": [features()]}))
    conversion, copy = found.resynthesised["angry"], found.copy_synthesis
    assert found.converted["angry"]["log_duration"] == mean_distances(padded, [features()])["log_duration"] > 0.2
    assert conversion.distances["log_duration"] < 0.05
    samples = prepare(WORLD.synthesise(padded), RATE, PREPARED)
    for scorer, statistics in (
        (evaluation_classifier, conversion.emotion_statistics),
        (speakers, conversion.speaker_statistics),
    ):
        np.testing.assert_array_equal(statistics, scorer.statistics(samples, RATE).astype(np.float32))
    again = WORLD.analyse(prepare(WORLD.synthesise(features()), RATE, PREPARED))
    assert copy.distances["mcd_db"] == distances(again, features())["mcd_db"]


def test_rows() -> None:
    """A sad clip of a pair with angry ones, and of a pair with happy ones."""
    scorers: Any = SimpleNamespace(
        emotion=lambda statistics: f"emotion {statistics}", speaker=lambda statistics, id_: f"{statistics} in {id_}"
    )

    def synthesised(name: str, mcd_db: float) -> Synthesised:
        row: Any = name
        return Synthesised({"references": 1, "mcd_db": mcd_db}, mcd_db / 10, mcd_db / 8, row, row, {})

    real = {name: {"references": 2, "mcd_db": mcd} for name, mcd in {"sad": 1.0, "angry": 2.0, "happy": 3.0}.items()}
    converted = {"angry": {"references": 1, "mcd_db": 3.5}, "happy": {"references": 1, "mcd_db": 4.5}}
    resynthesised = {"angry": synthesised("to angry", 4), "happy": synthesised("to happy", 5)}
    facts = {"id": "a", "emotion": "sad", "speaker": "ann", "sentence": "dogs", "intensity": None, "corpus": "x"}
    itself: Any = "itself"
    measurements = Measurements(real, synthesised("copy", 6), converted, resynthesised)
    standard = StandardScores(pd.DataFrame([facts]), {})
    table = pd.DataFrame(rows(pd.Series(facts), itself, itself, measurements, scorers, standard, {}))
    assert set(table.columns) <= set(ASSESSED.names)
    assert set(table[["id", "speaker", "sentence"]].itertuples(index=False, name=None)) == {("a", "ann", "dogs")}
    assert table["intensity"].isna().all()
    of_pair = table[table[["source", "target"]].isin(["angry"]).any(axis=1)].astype(object)
    columns = ["source", "target", "what", "references", "mcd_db", "estoi", "estoi_at_source_f0"]
    columns += ["recognised", "identified"]
    assert of_pair[columns].where(of_pair[columns].notna(), None).to_numpy().tolist() == [
        ["sad", "angry", "unconverted", 2, 2.0, None, None, "emotion itself", "itself in a"],
        ["sad", "angry", "converted", 1, 3.5, 0.4, 0.5, "emotion to angry", "to angry in a"],
        ["sad", "angry", "resynthesised", 1, 4, None, None, None, None],
        ["sad", "angry", "copy_synthesis", 0, None, 0.6, 0.75, None, "copy in a"],
        ["angry", "sad", "copy_synthesis", 1, 6, None, None, "emotion copy", None],
        ["angry", "sad", "second_reference", 2, 1.0, None, None, "emotion itself", "itself in a"],
    ]
    assert len(table) == 2 * len(of_pair)
