"""Scores of synthetic clips, the clips that their models are fitted on, and the clips that pass the gate."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.augmentation import quality_gate
from pipeline.augmentation.quality_gate import GateParams
from pipeline.scorers.gate import Gate
from pipeline.scorers.speakers import SpeakerSpace

EMOTIONS = ("angry", "neutral", "sad")
SPEAKERS = tuple("abcdefg")
SCORES = {
    "emotion_confidence": 0.5,
    "speaker_similarity": 0.5,
    "f0_median_hz": 150.0,
    "f0_range_st": 5.0,
    "silence": 0.1,
    "intelligibility": 0.8,
    "clipping": 0.0,
    "level_db": -25.0,
}


@pytest.fixture
def clips() -> pd.DataFrame:
    """Three real clips of each speaker and emotion, and a conversion of the first of each to `angry`."""
    rows = [
        {"id": f"{speaker}/{emotion}{number}", "speaker": speaker, "emotion": emotion, "is_synthetic": False}
        for speaker, emotion, number in product(SPEAKERS, EMOTIONS, range(3))
    ]
    synthetic = [
        {**row, "id": f"synthetic/{row['id']}", "source_id": row["id"], "emotion": "angry", "is_synthetic": True}
        for row in rows
        if row["id"].endswith("0")
    ]
    return pd.DataFrame(rows + synthetic).astype({"source_id": object})


def separated(clips: pd.DataFrame, column: str, size: float = 3.0) -> np.ndarray:
    """Statistics in which the values of a column are well separated, (clips, 8)."""
    draw = np.random.default_rng(0)
    middles = {word: size * draw.standard_normal(8) for word in sorted(clips[column].unique())}
    return np.stack([middles[word] for word in clips[column]]) + draw.standard_normal((len(clips), 8))


def params(keep: str = "passed", **changes: Any) -> GateParams:
    limits = {"quantile": 0.1, "min_intelligibility": 0.3, "max_clipping": 0.01, "min_level_db": -40, "share": 0.5}
    return GateParams(keep=keep, **({"min_scores": {}} | limits | changes))


def test_confidence_is_high_for_clips_like_their_emotion(clips: pd.DataFrame) -> None:
    statistics = separated(clips, "emotion")
    statistics[-1] = statistics[clips["emotion"] == "sad"].mean(axis=0)  # labelled `angry`
    found = quality_gate.emotion_confidences(clips, statistics)
    assert found.notna().all()
    assert found.iloc[:-1].min() > 0.38 > 0.33 > found.iloc[-1]


def test_a_gate_scores_no_speaker_that_it_is_fitted_on(clips: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each clip's statistics are its number, so that the spy sees which clips it was given."""
    numbers = np.arange(len(clips))[:, None]
    seen: list[int] = []

    class Spy:
        emotions = EMOTIONS

        def __init__(self, known: np.ndarray, words: list[str]) -> None:
            self.known = clips.iloc[known[:, 0]]
            assert list(self.known["emotion"]) == words
            assert not self.known["is_synthetic"].any()

        def probabilities(self, found: np.ndarray) -> np.ndarray:
            scored = clips.iloc[found[:, 0]]
            assert not set(scored["speaker"]) & set(self.known["speaker"])
            seen.extend(found[:, 0])
            return np.tile([0.1, 0.2, 0.3], (len(found), 1))

    monkeypatch.setattr(Gate, "fit", Spy)
    found = quality_gate.emotion_confidences(clips, numbers)
    assert sorted(seen) == list(range(len(clips)))
    assert (found == clips["emotion"].map(dict(zip(EMOTIONS, (0.1, 0.2, 0.3), strict=True)))).all()


def test_no_clip_is_compared_with_its_source(clips: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.arange(len(clips))[:, None]
    known: list[pd.DataFrame] = []

    class Spy:
        def __init__(self, given: np.ndarray, speakers: list[str]) -> None:
            known.append(clips.iloc[given[:, 0]])
            assert not known[-1]["is_synthetic"].any()
            assert list(known[-1]["speaker"]) == speakers

        def embeddings(self, found: np.ndarray) -> np.ndarray:
            scored = clips.iloc[found[:, 0]]
            if len(scored) != len(known[-1]):  # not those that are enrolled
                origins = scored["source_id"].where(scored["is_synthetic"], scored["id"])
                assert not set(origins) & set(known[-1]["id"])
            return np.ones((len(found), 1))

    monkeypatch.setattr(SpeakerSpace, "fit", Spy)
    assert (quality_gate.speaker_similarities(clips, numbers) == 1).all()
    assert len(known) == quality_gate.FOLDS


def test_similarity_to_the_own_speaker_is_high(clips: pd.DataFrame) -> None:
    statistics = separated(clips, "speaker")
    other = clips.index[-1]  # of g
    statistics[other] = statistics[clips["speaker"] == "a"].mean(axis=0)
    found = quality_gate.speaker_similarities(clips, statistics)
    assert found.drop(other).quantile(0.05) > 0.7
    assert found[other] < 0.5


def test_clip_from_noise(clips: pd.DataFrame) -> None:
    """A clip from noise has no source; models of all clips score its emotion, and it has no speaker similarity."""
    clips.loc[clips.index[-1], ["speaker", "source_id"]] = ["nobody", None]
    assert quality_gate.emotion_confidences(clips, separated(clips, "emotion")).iloc[-1] > 0.38
    assert np.isnan(quality_gate.speaker_similarities(clips, separated(clips, "speaker")).iloc[-1])


def test_too_few_clips_to_fit(clips: pd.DataFrame) -> None:
    """The other speakers have one emotion, or there are none."""
    clips = clips[(clips["speaker"] == "a") | (clips["emotion"] == "neutral")]
    found = quality_gate.emotion_confidences(clips, separated(clips, "emotion"))
    assert found[clips["speaker"] == "a"].isna().all()
    assert found[clips["speaker"] == "b"].notna().all()
    alone = clips[clips["speaker"] == "a"]
    for scores in (quality_gate.emotion_confidences, quality_gate.speaker_similarities):
        assert scores(alone, separated(alone, "emotion")).isna().all()
    once = clips[clips["emotion"] == "neutral"].drop_duplicates("speaker")
    assert quality_gate.speaker_similarities(once, separated(once, "speaker")).isna().all()


@pytest.fixture
def scored() -> Callable[..., pd.DataFrame]:
    """Function that gives real clips whose scores are 0 … 100 hundredths of the usual ones, and synthetic ones."""

    def table(*synthetic: dict[str, Any]) -> pd.DataFrame:
        usual = {name: SCORES[name] for name in quality_gate.LIMITED}
        real = pd.DataFrame(
            [{name: share / 100 * value for name, value in usual.items()} for share in range(101)]
        ).assign(emotion="angry", is_synthetic=False)
        half = {name: value / 2 for name, value in usual.items()}
        rows = [{**SCORES, **half, "emotion": "angry", "is_synthetic": True, **changes} for changes in synthetic]
        return pd.concat([real, pd.DataFrame(rows)], ignore_index=True)

    return table


@pytest.mark.parametrize(
    ("column", "passes", "fails"),
    [
        ("emotion_confidence", [0.051, 1.0], [0.049]),
        ("speaker_similarity", [0.051, 1.0], [0.049, -1.0]),
        ("f0_median_hz", [15.1, 134.9], [14.9, 135.1]),
        ("f0_range_st", [0.51, 4.49], [0.49, 4.51]),
        ("silence", [0.0, 0.089], [0.091]),
        ("intelligibility", [0.31, 1.0], [0.29]),
        ("clipping", [0.0, 0.009], [0.011]),
        ("level_db", [-39.0, 0.0], [-41.0]),
    ],
)
def test_each_limit(scored: Callable[..., pd.DataFrame], column: str, passes: list[float], fails: list[float]) -> None:
    """A tenth of the real clips is beyond each limit by quantile."""
    values = [*passes, np.nan, *fails]
    found, reasons = quality_gate.selected(scored(*({column: value} for value in values)), params())
    assert list(found) == [True] * (len(passes) + 1) + [False] * len(fails)
    assert reasons == {column: len(fails)}


def test_limits_are_of_the_emotion(scored: Callable[..., pd.DataFrame]) -> None:
    """An emotion without real clips has no limits."""
    clips = scored({"f0_median_hz": 200.0}, {"f0_median_hz": 200.0, "emotion": "sad"}, {"emotion": "happy"})
    high = clips[~clips["is_synthetic"]].assign(emotion="sad", f0_median_hz=lambda rows: 3 * rows["f0_median_hz"])
    found, _ = quality_gate.selected(pd.concat([clips, high], ignore_index=True), params())
    assert list(found) == [False, True, True]


def test_synthetic_clips_move_no_limit(scored: Callable[..., pd.DataFrame]) -> None:
    odd = {"emotion_confidence": 0.01}
    assert list(quality_gate.selected(scored(odd), params())[0]) == [False]
    assert not quality_gate.selected(scored(*[odd] * 500), params())[0].any()


def test_all_may_join_or_have_two_reasons(scored: Callable[..., pd.DataFrame]) -> None:
    clips = scored({}, {"clipping": 1.0, "silence": 1.0})
    found, reasons = quality_gate.selected(clips, params())
    assert list(found) == [True, False] and reasons == {"silence": 1, "clipping": 1}
    found, reasons = quality_gate.selected(clips, params("all"))
    assert list(found) == [True, True] and reasons == {}


@pytest.mark.parametrize(("share", "kept"), [(0.5, [1, 3]), (1.0, [0, 1, 2, 3]), (0.1, [1])])
def test_the_best_of_each_emotion(scored: Callable[..., pd.DataFrame], share: float, kept: list[int]) -> None:
    synthetic = [{"emotion_confidence": value, "clipping": 1.0} for value in (0.1, 0.9, 0.3, 0.5)]
    sad = [{"emotion_confidence": 0.01, "emotion": "sad"}]  # the best of its emotion
    found, reasons = quality_gate.selected(scored(*synthetic, *sad), params("best", share=share))
    assert list(np.flatnonzero(found)) == [*kept, 4]
    assert reasons == ({"emotion_confidence": 4 - len(kept)} if len(kept) < 4 else {})


def test_the_best_of_clips_without_a_score(scored: Callable[..., pd.DataFrame]) -> None:
    synthetic = [{"emotion_confidence": value} for value in (0.9, np.nan, 0.8, 0.1)]
    assert list(quality_gate.selected(scored(*synthetic), params("best"))[0]) == [True, True, False, False]


def test_silence_by_hand() -> None:
    power = np.array([[1.0, 0.0], [0.5, 0.5], [0.0005, 0.0004], [0.0, 0.002]])
    assert quality_gate.silence(np.log(power + 1e-12)) == pytest.approx(0.25)
    assert quality_gate.silence(np.full((5, 2), np.log(1e-8))) == 0


def test_least_standard_scores(clips: pd.DataFrame) -> None:
    """An unknown score is no reason, and a score without a limit is none either."""
    scored = clips.assign(**SCORES, distillmos=3.0, ge2e_similarity=0.8)
    low, unknown, other = scored.index[scored["is_synthetic"]][:3]
    scored.loc[low, "distillmos"] = 2.4
    scored.loc[unknown, "distillmos"] = np.nan
    scored.loc[other, "ge2e_similarity"] = 0.1
    limits = params(min_scores={"distillmos": 2.5})
    passed, counts = quality_gate.selected(scored, limits)
    assert list(passed.index[~passed]) == [low]
    assert counts == {"distillmos": 1}
    assert limits.needed() == {"distillmos"}
    assert params("all", min_scores={"distillmos": 2.5}).needed() == set()
    assert params(min_scores={"ge2e_similarity": 0.5}).needed() == {"ge2e"}


def test_similarity_is_to_the_source(clips: pd.DataFrame) -> None:
    class Stub:
        names = ("dnsmos", "ge2e")

        def of_clips(self, rows: pd.DataFrame, label: str) -> dict[str, np.ndarray]:
            ids = rows.get("source_id", rows["id"]).fillna(rows["id"])
            angle = np.array([int.from_bytes(str(id_).encode()[:1]) for id_ in ids], float)
            angle += np.where(rows["is_synthetic"], 0.1, 0)
            return {"ge2e": np.stack([np.cos(angle), np.sin(angle)], axis=1), "dnsmos": angle[:, None]}

    stub: Any = Stub()
    synthetic, train = clips[clips["is_synthetic"]], clips[~clips["is_synthetic"]]
    synthetic = pd.concat([synthetic, synthetic.iloc[:1].assign(source_id=None)], ignore_index=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality_gate, "replace", lambda scoring, names: scoring)
        found = quality_gate.standard_scores(synthetic, train, stub, "clips")
    assert set(found.columns) == {"dnsmos", "ge2e_similarity"}
    np.testing.assert_allclose(found["ge2e_similarity"].iloc[:-1], np.cos(0.1))
    assert np.isnan(found["ge2e_similarity"].iloc[-1])
