"""Scorers of emotion and speaker on statistics that are well separated points."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.assessment.scores import ConversionScorers, StandardScores
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


def of_places(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """GE2E embeddings by voice, MOS by number, and F0 by tone; a voice of nobody has no F0."""
    places = np.stack([place(who) / np.linalg.norm(place(who)) for who in rows["voice"]])
    f0 = [[90.0, 1.0] if tone == "angry" else [80.0, 3.0] for tone in rows["tone"]]
    return {"distillmos": np.arange(len(rows))[:, None], "ge2e": places, "swift_f0": np.array(f0)}


def test_standard_scores_of_a_speaker_and_of_naturalness() -> None:
    others = clips("ann", "bob", "cy")
    standard = StandardScores(others, of_places(others))
    real = standard.of_real("bob/dogs/sad/1")
    row = list(others["id"]).index("bob/dogs/sad/1")
    assert standard.scores(real, "bob/dogs/sad/1") == {
        "distillmos": row,
        "ge2e_similarity": pytest.approx(1),
        "ge2e_identification": 1,
    }
    found = standard.scores({"ge2e": place("ann") / 5}, "bob/dogs/sad/1")
    assert found == {"ge2e_similarity": pytest.approx(0), "ge2e_identification": 0}
    alone = StandardScores(clips("ann"), of_places(clips("ann")))
    assert alone.scores({"ge2e": place("ann") / 5}, "ann/dogs/sad/1") == {
        "ge2e_similarity": pytest.approx(1),
        "ge2e_identification": None,
    }
    assert StandardScores(others, {}).scores({}, "bob/dogs/sad/1") == {}


def test_a_clip_does_not_enrol_its_own_speaker() -> None:
    """Of ann, this clip alone has her voice."""
    others = clips("ann", "bob", sentences=("dogs",))
    mine = others["id"] == "ann/dogs/sad/1"
    others.loc[~mine & (others["speaker"] == "ann"), "voice"] = "cy"
    standard = StandardScores(others, of_places(others))
    assert standard.scores(standard.of_real("ann/dogs/sad/1"), "ann/dogs/sad/1")["ge2e_similarity"] == pytest.approx(0)


def test_f0_is_compared_with_each_reference() -> None:
    others = clips("ann", "bob")
    standard = StandardScores(others, of_places(others))
    numbers = {"swift_f0": np.array([84.0, 2.0])}
    found = standard.f0(numbers, ["ann/dogs/angry/1", "ann/dogs/sad/1"])
    assert found == {"swift_f0_mean_st": pytest.approx((6 + 4) / 2), "swift_f0_deviation_st": pytest.approx(1)}
    unknown = {"swift_f0_mean_st": None, "swift_f0_deviation_st": None}
    assert standard.f0(numbers, []) == standard.f0({"swift_f0": np.full(2, np.nan)}, ["ann/dogs/sad/1"]) == unknown
    assert standard.f0({}, ["ann/dogs/sad/1"]) == {}
