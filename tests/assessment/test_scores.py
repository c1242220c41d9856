"""Judges of emotions and speakers whose statistics are points that are easy to tell apart."""

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

Convene = Callable[[pd.DataFrame, pd.DataFrame], ConversionScorers]


def clips(*people: str, corpus: str = "x", sentences: tuple[str, ...] = SENTENCES) -> pd.DataFrame:
    """Each says every sentence in each emotion, twice; a clip has the voice of `voice` and the tone of `tone`."""
    rows = [
        {"id": f"{who}/{said}/{emotion}/{take}", "corpus": corpus, "speaker": who, "sentence": said}
        | {"emotion": emotion, "voice": who, "tone": emotion}
        for who in people
        for said in sentences
        for emotion in EMOTIONS
        for take in (1, 2)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def convene(tmp_path: Path) -> Convene:
    def make(train: pd.DataFrame, others: pd.DataFrame) -> ConversionScorers:
        draw = np.random.default_rng(0)
        with shards.Writer(tmp_path / "x") as shard:
            for row in pd.concat([train, others]).itertuples():
                points = {"evaluation_classifier": EMOTIONS[row.tone], "speakers": PLACES[row.voice]}
                noisy = {name: point + 0.3 * draw.standard_normal((1, len(point))) for name, point in points.items()}
                shard.add(row.id, noisy)
        return ConversionScorers(
            *(rows.drop(columns=["voice", "tone"]) for rows in (train, others)), Shards([tmp_path / "x"])
        )

    return make


def place(who: str) -> np.ndarray:
    return np.array(PLACES[who])


TRAIN = clips("t1", "t2", "t3").assign(voice=lambda rows: rows["speaker"].map({"t1": "ann", "t2": "bob", "t3": "cy"}))


def test_emotion_as_heard_in_train_clips(convene: Convene) -> None:
    """The others, who are more, contradict them."""
    others = clips(*PLACES)
    jury = convene(TRAIN, others.assign(emotion=others["emotion"].map({"angry": "sad", "sad": "angry"})))
    for emotion, where in EMOTIONS.items():
        assert jury.emotion(np.array(where)) == emotion


def test_speakers_are_told_apart(convene: Convene) -> None:
    others = clips("ann", "bob", "cy")
    jury = convene(TRAIN, others)
    for id_ in others["id"]:
        for who in ("ann", "bob", "cy"):
            assert jury.speaker(place(who), id_) == who


def test_space_of_voices_is_of_train_speakers(convene: Convene) -> None:
    """They do not differ along the third axis, so nobody is told apart by it."""
    jury = convene(TRAIN[TRAIN["speaker"] != "t3"], clips("ann", "bob", "cy"))
    assert jury.speaker(place("ann") + 9 * place("cy"), "ann/dogs/sad/1") == "ann"


def test_known_by_other_sentences_than_the_clips(convene: Convene) -> None:
    """With `dogs` everybody sounds like somebody else; whoever takes that into account is misled by it."""
    others = clips("ann", "bob")
    other = others["speaker"].map({"ann": "bob", "bob": "ann"})
    others["voice"] = others["speaker"].where(others["sentence"] == "kids", other)
    jury = convene(TRAIN, others)
    assert jury.speaker(place("ann"), "ann/dogs/sad/1") == "ann"
    assert jury.speaker(place("ann"), "ann/kids/sad/1") == "bob"


@pytest.mark.parametrize("said", ["dogs", None])
def test_known_by_all_but_the_clip_itself(convene: Convene, said: str | None) -> None:
    """Of one sentence, or of nobody knows what. Bob is a little like Cy, as Ann is in one clip, which is now heard."""
    ann, bob = (clips(who, sentences=("dogs",)) for who in ("ann", "bob"))
    others = pd.concat([ann[:2].assign(voice=["cy", "ann"]), bob.assign(voice=["bob", "bob", "bob", "cy"])])
    jury = convene(TRAIN, others.assign(sentence=said))
    assert jury.speaker(place("cy"), ann["id"][0]) == "bob"
    assert jury.speaker(place("cy"), bob["id"][0]) == "ann"


def test_only_speakers_of_the_same_corpus(convene: Convene) -> None:
    others = pd.concat([clips("ann", "bob"), clips("cy", "dee", corpus="y")])
    jury = convene(TRAIN, others)
    assert jury.speaker(place("cy"), "ann/dogs/sad/1") in {"ann", "bob"}
    assert jury.speaker(place("cy"), "dee/dogs/sad/1") == "cy"


def test_nobody_to_tell_apart(convene: Convene) -> None:
    assert convene(TRAIN, clips("ann")).speaker(place("ann"), "ann/dogs/sad/1") is None


def test_one_train_speaker_tells_nothing_of_voices(convene: Convene) -> None:
    jury = convene(TRAIN[TRAIN["speaker"] == "t1"], clips("ann", "bob"))
    assert jury.speaker(place("ann"), "ann/dogs/sad/1") is None
    assert jury.emotion(np.array(EMOTIONS["sad"])) == "sad"


def test_a_speaker_with_no_other_clip(convene: Convene) -> None:
    others = pd.concat([clips("ann").iloc[:1], clips("bob", "cy")])
    assert convene(TRAIN, others).speaker(place("bob"), others["id"].iloc[0]) is None
