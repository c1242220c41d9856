"""What is measured of a toy voice, its copy-synthesis and conversions that are known; and the rows that come of it."""

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
    Scores,
    mean_distances,
    parallel_utterances,
    rows,
)
from pipeline.audio.preparation import AudioParams, prepare
from pipeline.core.manifest import Segment
from pipeline.scorers import evaluation_classifier, speakers
from pipeline.vocoder import Features
from pipeline.vocoder.world import World, WorldParams

RATE = 16_000
PREPARED = AudioParams(sampling_rate=RATE, trim_db=30, level_db=-26)
WORLD = World(WorldParams(5, 36, "dio", 71, 600), RATE)
LABORATORY = Assessor(WORLD, PREPARED)


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
def subject(tmp_path: Path) -> AssessedClip:
    """A sad clip, twice as high as an angry clip: the one is also converted to the other."""
    soundfile.write(tmp_path / "a.wav", spoken(), RATE, subtype="FLOAT")
    takes = {"sad": [], "angry": [features(300)]}
    return AssessedClip(
        Segment(tmp_path / "a.wav"), features(), takes, {"angry": replace(features(), f0_hz=2 * features().f0_hz)}
    )


def test_takes_are_of_one_speaker_sentence_and_intensity() -> None:
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
    """A longer and a shorter take are both away; what cannot be measured of one take is told by the other."""
    clip, longer, shorter = features(), features(160, 1.2), features(140, 0.8)
    whisper = replace(shorter, f0_hz=0 * shorter.f0_hz)
    one, other = distances(clip, longer), distances(clip, whisper)
    assert other["f0_rmse_st"] is None
    found = mean_distances(clip, [longer, whisper])
    assert found["takes"] == 2
    assert found["mcd_db"] == pytest.approx((one["mcd_db"] + other["mcd_db"]) / 2)
    assert found["log_duration"] == pytest.approx((abs(one["log_duration"]) + abs(other["log_duration"])) / 2)
    assert found["f0_mean_st"] == pytest.approx(abs(one["f0_mean_st"]))
    assert found["f0_correlation"] == one["f0_correlation"]
    assert mean_distances(clip, []) == {"takes": 0} | dict.fromkeys(DISTANCES)


def test_a_negative_correlation_stays_negative() -> None:
    clip = features()
    mirrored = replace(clip, f0_hz=np.where(clip.f0_hz > 0, 150**2 / np.maximum(clip.f0_hz, 1), 0))
    assert mean_distances(clip, [mirrored])["f0_correlation"] == pytest.approx(-1)


def test_findings(subject: AssessedClip) -> None:
    found = LABORATORY.measure(subject)
    assert found.real == {"sad": mean_distances(features(), []), "angry": mean_distances(features(), [features(300)])}
    assert found.real["angry"]["f0_mean_st"] == pytest.approx(12, abs=0.2)
    made = found.converted["angry"]
    assert made.distances["takes"] == 1
    assert made.distances["f0_mean_st"] < 0.3
    assert made.estoi is not None
    assert 0.3 < made.estoi < 0.95
    assert found.copy.distances["f0_mean_st"] < 0.3  # from itself
    assert found.copy.distances["takes"] == 1
    assert found.copy.estoi is not None
    assert made.estoi < found.copy.estoi <= 1
    assert made.estoi_at_source_f0 == found.copy.estoi_at_source_f0 == found.copy.estoi  # nothing else was moved
    assert found.made["angry"]["mcd_db"] == distances(features(), features(300))["mcd_db"]


def test_words_are_compared_at_the_sources_f0_whatever_the_tempo(subject: AssessedClip) -> None:
    slower = Features(*(np.repeat(track, 2, axis=0) for track in features().arrays().values()))
    higher = replace(slower, f0_hz=1.5 * slower.f0_hz)
    takes: dict[str, list[Features]] = {"angry": [], "happy": []}
    found = LABORATORY.measure(replace(subject, conversions={"angry": higher, "happy": slower}, takes=takes)).converted
    assert found["angry"].estoi is not None
    assert found["happy"].estoi is not None
    assert abs(found["angry"].estoi - found["happy"].estoi) > 0.01
    assert found["angry"].estoi_at_source_f0 == pytest.approx(found["happy"].estoi, abs=0.005)


def test_what_is_made_is_heard_as_a_listener_gets_it(subject: AssessedClip) -> None:
    """Prepared and analysed again."""
    quiet = Features(*(np.repeat(track[:1], 60, axis=0) for track in features().arrays().values()))
    quiet.spectrum[:, 0] -= 15
    padded = Features(
        *(np.concatenate(pair) for pair in zip(quiet.arrays().values(), features().arrays().values(), strict=True))
    )
    found = LABORATORY.measure(replace(subject, conversions={"angry": padded}, takes={"angry": [features()]}))
    made, copy = found.converted["angry"], found.copy
    assert found.made["angry"]["log_duration"] == mean_distances(padded, [features()])["log_duration"] > 0.2
    assert made.distances["log_duration"] < 0.05
    samples = prepare(WORLD.synthesise(padded), RATE, PREPARED)
    np.testing.assert_array_equal(made.examined, evaluation_classifier.statistics(samples, RATE).astype(np.float32))
    np.testing.assert_array_equal(made.voice, speakers.statistics(samples, RATE).astype(np.float32))
    assert (
        copy.distances["mcd_db"]
        == distances(WORLD.analyse(prepare(WORLD.synthesise(features()), RATE, PREPARED)), features())["mcd_db"]
    )


def test_rows() -> None:
    """A sad clip of a pair with angry ones, and of a pair with happy ones."""
    jury: Any = SimpleNamespace(
        emotion=lambda heard: f"emotion {heard}", speaker=lambda voice, id_: f"{voice} in {id_}"
    )

    def heard_as(name: str, mcd_db: float) -> Scores:
        row: Any = name
        return Scores({"takes": 1, "mcd_db": mcd_db}, mcd_db / 10, mcd_db / 8, row, row)

    real = {name: {"takes": 2, "mcd_db": mcd} for name, mcd in {"sad": 1.0, "angry": 2.0, "happy": 3.0}.items()}
    planned = {"angry": {"takes": 1, "mcd_db": 3.5}, "happy": {"takes": 1, "mcd_db": 4.5}}
    made = {"angry": heard_as("to angry", 4), "happy": heard_as("to happy", 5)}
    clip = pd.Series(
        {"id": "a", "emotion": "sad", "speaker": "ann", "sentence": "dogs", "intensity": None, "corpus": "x"}
    )
    itself: Any = "itself"
    table = pd.DataFrame(rows(clip, itself, itself, Measurements(real, heard_as("copy", 6), planned, made), jury))
    assert set(table.columns) <= set(ASSESSED.names)
    assert set(table[["id", "speaker", "sentence"]].itertuples(index=False, name=None)) == {("a", "ann", "dogs")}
    assert table["intensity"].isna().all()
    of_pair = table[table[["source", "target"]].isin(["angry"]).any(axis=1)].astype(object)
    columns = ["source", "target", "what", "takes", "mcd_db", "estoi", "estoi_at_source_f0", "heard", "identified"]
    assert of_pair[columns].where(of_pair[columns].notna(), None).to_numpy().tolist() == [
        ["sad", "angry", "source", 2, 2.0, None, None, "emotion itself", "itself in a"],
        ["sad", "angry", "converted", 1, 3.5, 0.4, 0.5, "emotion to angry", "to angry in a"],
        ["sad", "angry", "rendered", 1, 4, None, None, None, None],
        ["sad", "angry", "copy_synthesis", 0, None, 0.6, 0.75, None, "copy in a"],
        ["angry", "sad", "copy_synthesis", 1, 6, None, None, "emotion copy", None],
        ["angry", "sad", "second_reference", 2, 1.0, None, None, "emotion itself", "itself in a"],
    ]
    assert len(table) == 2 * len(of_pair)
