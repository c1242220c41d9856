"""Scorers of emotion and speaker on statistics that are well separated points."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.assessment.scores import ConversionScorers
from pipeline.core import shards
from pipeline.core.shards import Shards

EMOTIONS = {"angry": (3.0, 0.0), "sad": (0.0, 3.0)}
PLACES = {"ann": (5.0, 0.0, 0.0), "bob": (0.0, 5.0, 0.0), "cy": (0.0, 0.0, 5.0), "dee": (5.0, 5.0, 0.0)}
SENTENCES = ("dogs", "kids")

Fit = Callable[[pd.DataFrame, pd.DataFrame], ConversionScorers]


def clips(*speakers: str, corpus: str = "x", sentences: tuple[str, ...] = SENTENCES) -> pd.DataFrame:
    """Each speaks every sentence in each emotion, twice; `voice` and `tone` set the statistics."""
    rows = [
        {"id": f"{who}/{sentence}/{emotion}/{number}", "corpus": corpus, "speaker": who, "sentence": sentence}
        | {"emotion": emotion, "voice": who, "tone": emotion}
        for who in speakers
        for sentence in sentences
        for emotion in EMOTIONS
        for number in (1, 2)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def fit(tmp_path: Path) -> Fit:
    def fitted(train: pd.DataFrame, others: pd.DataFrame) -> ConversionScorers:
        draw = np.random.default_rng(0)
        with shards.Writer(tmp_path / "x") as shard:
            for row in pd.concat([train, others]).itertuples():
                points = {"evaluation_classifier": EMOTIONS[row.tone], "speakers": PLACES[row.voice]}
                noisy = {name: point + 0.3 * draw.standard_normal((1, len(point))) for name, point in points.items()}
                shard.add(row.id, noisy)
        return ConversionScorers(
            *(rows.drop(columns=["voice", "tone"]) for rows in (train, others)), Shards([tmp_path / "x"])
        )

    return fitted


def place(who: str) -> np.ndarray:
    return np.array(PLACES[who])


TRAIN = clips("t1", "t2", "t3").assign(voice=lambda rows: rows["speaker"].map({"t1": "ann", "t2": "bob", "t3": "cy"}))


def test_emotion_is_learned_from_train_clips(fit: Fit) -> None:
    """The held-out clips are more, and have other labels."""
    others = clips(*PLACES)
    scorers = fit(TRAIN, others.assign(emotion=others["emotion"].map({"angry": "sad", "sad": "angry"})))
    for emotion, where in EMOTIONS.items():
        assert scorers.emotion(np.array(where)) == emotion


def test_speakers_are_identified(fit: Fit) -> None:
    others = clips("ann", "bob", "cy")
    scorers = fit(TRAIN, others)
    for id_ in others["id"]:
        for who in ("ann", "bob", "cy"):
            assert scorers.speaker(place(who), id_) == who


def test_speaker_space_is_of_train_speakers(fit: Fit) -> None:
    """They do not differ along the third axis, so it does not count."""
    scorers = fit(TRAIN[TRAIN["speaker"] != "t3"], clips("ann", "bob", "cy"))
    assert scorers.speaker(place("ann") + 9 * place("cy"), "ann/dogs/sad/1") == "ann"


def test_speakers_are_enrolled_with_other_sentences(fit: Fit) -> None:
    """In clips of `dogs` the voices are exchanged, so that enrolling with them would be wrong."""
    others = clips("ann", "bob")
    other = others["speaker"].map({"ann": "bob", "bob": "ann"})
    others["voice"] = others["speaker"].where(others["sentence"] == "kids", other)
    scorers = fit(TRAIN, others)
    assert scorers.speaker(place("ann"), "ann/dogs/sad/1") == "ann"
    assert scorers.speaker(place("ann"), "ann/kids/sad/1") == "bob"


@pytest.mark.parametrize("sentence", ["dogs", None])
def test_speakers_are_enrolled_without_the_clip_itself(fit: Fit, sentence: str | None) -> None:
    """With one sentence, or an unknown one. One clip each of Ann and of Bob has the voice of Cy."""
    ann, bob = (clips(who, sentences=("dogs",)) for who in ("ann", "bob"))
    others = pd.concat([ann[:2].assign(voice=["cy", "ann"]), bob.assign(voice=["bob", "bob", "bob", "cy"])])
    scorers = fit(TRAIN, others.assign(sentence=sentence))
    assert scorers.speaker(place("cy"), ann["id"][0]) == "bob"
    assert scorers.speaker(place("cy"), bob["id"][0]) == "ann"


def test_only_speakers_of_the_same_corpus(fit: Fit) -> None:
    others = pd.concat([clips("ann", "bob"), clips("cy", "dee", corpus="y")])
    scorers = fit(TRAIN, others)
    assert scorers.speaker(place("cy"), "ann/dogs/sad/1") in {"ann", "bob"}
    assert scorers.speaker(place("cy"), "dee/dogs/sad/1") == "cy"


def test_nobody_to_compare_with(fit: Fit) -> None:
    """One speaker; no other clip of the speaker; one speaker in train, who gives no speaker space."""
    assert fit(TRAIN, clips("ann")).speaker(place("ann"), "ann/dogs/sad/1") is None
    others = pd.concat([clips("ann").iloc[:1], clips("bob", "cy")])
    assert fit(TRAIN, others).speaker(place("bob"), others["id"].iloc[0]) is None
    scorers = fit(TRAIN[TRAIN["speaker"] == "t1"], clips("ann", "bob"))
    assert scorers.speaker(place("ann"), "ann/dogs/sad/1") is None
    assert scorers.emotion(np.array(EMOTIONS["sad"])) == "sad"
