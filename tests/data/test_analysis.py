"""Tables add up, and each warning appears only for its confound."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.data import analysis
from pipeline.data.analysis import AnalyseParams

CHOSEN = AnalyseParams(min_speakers=4, min_gender_share=0.3, min_clips=4, level_db=6, bandwidth=0.2)
NYQUIST_HZ = 8_000
EMOTIONS = ("angry", "neutral", "sad")
BASE = {"sad": 150.0, "neutral": 180.0, "angry": 220.0}  # F0 [Hz]
Clips = pd.DataFrame


def corpus(name: str = "a", speakers: int = 8) -> Clips:
    """Three clips of each emotion by each speaker, half of whom are women; clip n speaks sentence n."""
    rows = [
        {
            "id": f"{name}/{speaker}-{emotion}-{number}",
            "emotion": emotion,
            "intensity": None if emotion == "neutral" else "medium",
            "speaker": f"{name}_{speaker}",
            "corpus": name,
            "gender": ("female", "male")[speaker % 2],
            "language": "en",
            "sentence": str(number),
            "duration_s": 2.0 + 0.1 * number + 0.01 * speaker,
            "f0_median_hz": BASE[emotion] + 10 * speaker,
            "f0_range_st": 5.0,
            "voiced_share": 0.5,
            "level_db": -30.0 - speaker,
            "snr_db": 40.0,
            "bandwidth_hz": 7_700.0,
        }
        for speaker in range(speakers)
        for emotion in EMOTIONS
        for number in (1, 2, 3)
    ]
    return pd.DataFrame(rows)


def split(clips: Clips, test: Callable[[Clips], pd.Series], train: Callable[[Clips], pd.Series] | None = None) -> Clips:
    """Table of a split; clips in neither partition are not in it, clips in both are in test."""
    testing = test(clips)
    training = ~testing if train is None else train(clips) & ~testing
    named = clips.assign(partition=np.where(testing, "test", "train"))
    return named.loc[testing | training, ["id", "partition"]]


def without_shared_sentences(clips: Clips) -> dict[str, Clips]:
    """A split that shares no sentences."""
    return {"full-1": split(clips, lambda c: c["sentence"] == "1")}


def warned(clips: Clips, splits: dict[str, Clips] | None = None, chosen: AnalyseParams = CHOSEN) -> dict[str, str]:
    return analysis.warnings(clips, without_shared_sentences(clips) if splits is None else splits, chosen, NYQUIST_HZ)


def two() -> Clips:
    return pd.concat([corpus("a"), corpus("b")], ignore_index=True)


# Tables


def test_counts_add_up() -> None:
    clips = two()
    table = analysis.counts(clips, ["corpus"])
    for name, of_corpus in table.groupby("corpus"):
        whole = of_corpus[of_corpus["attribute"] == "all"]
        assert whole[["value", "clips", "speakers"]].to_numpy().tolist() == [["all", 72, 8]]
        assert whole["hours"].item() == pytest.approx(
            clips.loc[clips["corpus"] == name, "duration_s"].sum() / 3600, abs=1e-4
        )
        for attribute in analysis.ATTRIBUTES:
            parts = of_corpus[of_corpus["attribute"] == attribute]
            assert parts["clips"].sum() == 72
            assert parts["hours"].sum() == pytest.approx(whole["hours"].item(), abs=5e-4)


def test_nulls_are_unknown() -> None:
    clips = corpus().assign(gender=None)
    table = analysis.counts(clips, ["corpus"])
    assert table.loc[table["attribute"] == "gender", "value"].tolist() == ["unknown"]
    intensity = table[table["attribute"] == "intensity"].set_index("value")["clips"]
    assert intensity.to_dict() == {"medium": 48, "unknown": 24}
    assert not table.isna().any(axis=None)
    found = analysis.intensities(clips).set_index(["emotion", "intensity"])["clips"]
    assert found.to_dict() == {("angry", "medium"): 24, ("neutral", "unknown"): 24, ("sad", "medium"): 24}


def test_quartiles() -> None:
    clips = corpus()
    table = analysis.quartiles(clips, ["corpus"]).set_index(["attribute", "value", "measure"])
    assert set(table.index.get_level_values("measure")) == set(analysis.MEASURES)
    angry = clips.loc[clips["emotion"] == "angry", "f0_median_hz"]
    found = table.loc[("emotion", "angry", "f0_median_hz"), ["q25", "median", "q75"]]
    assert found.tolist() == pytest.approx(angry.quantile([0.25, 0.5, 0.75]).tolist())


def test_in_numbers_and_measures_that_no_clip_has() -> None:
    found = analysis.in_numbers(two())
    assert list(found) == ["a", "b"]
    assert list(found["a"]) == ["clips", "hours", "speakers", "emotions", "medians"]
    assert found["a"]["emotions"] == {"angry": 24, "neutral": 24, "sad": 24}
    assert found["a"]["medians"]["level_db"] == -33.5
    assert {type(found["a"][name]) for name in ("clips", "hours", "speakers")} == {int, float}
    clips = corpus()
    clips.loc[clips["emotion"] == "sad", "f0_median_hz"] = np.nan
    table = analysis.quartiles(clips, ["corpus"])
    assert not table.isna().any(axis=None)
    assert table[(table["value"] == "sad") & (table["measure"] == "f0_median_hz")].empty
    assert analysis.in_numbers(clips)["a"]["medians"]["f0_median_hz"] > 0
    whispered = analysis.in_numbers(clips.assign(f0_median_hz=np.nan))["a"]["medians"]
    assert "f0_median_hz" not in whispered and len(whispered) == len(analysis.MEASURES) - 1


def test_histogram_adds_up() -> None:
    clips = two()
    clips.loc[0, "f0_median_hz"] = np.nan
    table = analysis.histogram(clips, "f0_median_hz")
    assert table["clips"].sum() == len(clips) - 1
    assert table.groupby(["corpus", "emotion"])["share"].sum().tolist() == pytest.approx([1] * 6, abs=1e-3)
    assert (table["from"] < table["to"]).all() and (table["clips"] > 0).all()
    assert (table["from"].min(), table["to"].max()) == (150, 290)
    alike = analysis.histogram(clips, "snr_db")  # one value only
    assert alike["share"].tolist() == [1] * 6
    assert analysis.histogram(clips.assign(f0_median_hz=np.nan), "f0_median_hz").empty


def test_clips_outside_a_split_are_left_out() -> None:
    clips = corpus()
    splits = {
        "full-1": split(clips, lambda c: c["speaker"] == "a_0"),
        "neutral_only-1": split(clips, lambda c: c["speaker"] == "a_0", lambda c: c["emotion"] == "neutral"),
    }
    parts = analysis.partitions(clips, splits)
    assert len(parts) == 2 * len(clips)
    table = analysis.counts(parts, ["split", "partition"], ("emotion",))
    found = table[table["attribute"] == "all"].set_index(["split", "partition"])["clips"].to_dict()
    assert found == {
        ("full-1", "test"): 9,
        ("full-1", "train"): 63,
        ("neutral_only-1", "left out"): 42,
        ("neutral_only-1", "test"): 9,
        ("neutral_only-1", "train"): 21,
    }
    trained = table[(table["split"] == "neutral_only-1") & (table["partition"] == "train")]
    assert trained.loc[trained["attribute"] == "emotion", "value"].tolist() == ["neutral"]


def test_examples_are_of_median_duration() -> None:
    clips = pd.concat([two(), corpus("c", speakers=1)], ignore_index=True)
    found = analysis.examples(clips.sample(frac=1, random_state=0))
    assert found[["corpus", "emotion"]].to_numpy().tolist() == [
        [name, emotion] for name in "abc" for emotion in EMOTIONS
    ]
    of_a = clips[(clips["corpus"] == "a") & (clips["emotion"] == "angry")].sort_values("duration_s")
    assert found["id"].iloc[0] == of_a["id"].iloc[11]  # the shorter of the two in the middle of 24
    assert found["id"].tolist()[-3:] == ["c/0-angry-2", "c/0-neutral-2", "c/0-sad-2"]


# Warnings


@pytest.mark.parametrize("clips", [corpus(), two()], ids=["one corpus", "two corpora"])
def test_no_warnings(clips: Clips) -> None:
    assert warned(clips) == {}


def test_an_emotion_with_few_speakers() -> None:
    clips = corpus()
    clips = clips[(clips["emotion"] != "sad") | clips["speaker"].isin(["a_0", "a_1", "a_2"])]
    found = warned(clips)
    assert list(found) == ["speakers_of_sad"]
    assert found["speakers_of_sad"].startswith("'sad' has 3 speakers, not 4 or more")
    assert warned(clips, chosen=replace(CHOSEN, min_speakers=3)) == {}


@pytest.mark.parametrize(("women", "shares"), [(2, "20 %"), (8, "80 %")])
def test_speakers_of_one_gender(women: int, shares: str) -> None:
    clips = corpus(speakers=10)
    clips["gender"] = np.where(clips["speaker"].str[2:].astype(int) < women, "female", "male")
    found = warned(clips)
    assert list(found) == ["gender_of_speakers", "gender_of_emotions"]
    assert found["gender_of_speakers"].startswith(f"{shares} of the 10 speakers of known gender are women")
    assert warned(clips, chosen=replace(CHOSEN, min_gender_share=0.2)) == {}


def test_an_emotion_of_one_gender_and_speakers_of_unknown_gender() -> None:
    clips = corpus()
    found = warned(clips[(clips["emotion"] != "angry") | (clips["gender"] == "male")])
    assert list(found) == ["gender_of_emotions"]
    assert found["gender_of_emotions"].startswith("women speak 0 % of 'angry', not 30 to 70 %")
    clips["gender"] = np.where(clips["speaker"].isin(["a_0", "a_1"]), "male", None)
    assert warned(clips)["gender_of_speakers"].startswith("0 % of the 2 speakers")
    assert warned(clips.assign(gender=None)) == {}


@pytest.mark.parametrize("left", [0, 3])
def test_an_emotion_rare_in_one_corpus(left: int) -> None:
    clips = two()
    of_b = clips[(clips["corpus"] == "b") & (clips["emotion"] == "sad")]
    clips = clips.drop(of_b.index[left:])
    found = warned(clips)
    assert list(found) == ["emotions_of_b"]
    assert found["emotions_of_b"].startswith(f"'b' has fewer than 4 clips of sad ({left}), unlike another corpus")
    assert warned(clips[clips["emotion"] != "sad"]) == {}
    rare = clips[(clips["emotion"] != "sad") | clips["id"].isin(["a/0-sad-1", "a/1-sad-1", "a/2-sad-1", "a/3-sad-1"])]
    assert list(warned(rare, chosen=replace(CHOSEN, min_clips=5))) == []  # no corpus has enough: nothing to confound


def test_corpora_of_different_loudness() -> None:
    clips = two()
    clips.loc[clips["corpus"] == "b", "level_db"] += 6
    assert warned(clips) == {}
    clips.loc[clips["corpus"] == "b", "level_db"] += 1
    found = warned(clips)
    assert list(found) == ["level_of_corpora"]
    assert "7.0 dB louder in 'b' than in 'a' (medians -26.5 and -33.5 dB)" in found["level_of_corpora"]


def test_corpora_of_different_bandwidth() -> None:
    clips = two()
    of_b = clips["corpus"] == "b"
    for bandwidth_hz in (6_500, 20_000):  # below the limit, and above Nyquist's frequency
        clips.loc[of_b, "bandwidth_hz"] = bandwidth_hz
        assert warned(clips) == {}
    assert list(analysis.warnings(clips, without_shared_sentences(clips), CHOSEN, 24_000)) == ["bandwidth_of_corpora"]
    clips.loc[of_b, "bandwidth_hz"] = 3_850
    found = warned(clips)
    assert list(found) == ["bandwidth_of_corpora"]
    assert found["bandwidth_of_corpora"].startswith("'b' ends at 3850 Hz and 'a' at 7700 Hz")
    assert "`audio.sampling_rate` to about 7700" in found["bandwidth_of_corpora"]


def test_sentences_in_train_and_test() -> None:
    clips = corpus()
    splits = without_shared_sentences(clips) | {
        "full-2": split(clips, lambda c: c["speaker"] == "a_0"),
        "other-1": split(clips, lambda c: c["speaker"] == "a_0", lambda c: c["sentence"] == "2"),
        "other_still-1": split(clips, lambda c: c["sentence"] == "3"),
    }
    found = warned(clips, splits)
    assert list(found) == ["sentences_of_full", "sentences_of_other"]
    assert found["sentences_of_full"].startswith("in scenario 'full', 9 of 33 test clips have a sentence of train")
    assert found["sentences_of_other"].startswith("in scenario 'other', 3 of 9 test clips")
    assert warned(clips.assign(sentence=None), splits) == {}


def test_sentences_of_valid_clips_and_of_other_corpora() -> None:
    clips = two()
    table = without_shared_sentences(clips)["full-1"]
    table.loc[table["id"].str.startswith("a/1-"), "partition"] = "valid"
    assert warned(clips, {"full-1": table}) == {}
    splits = {"cross_corpus-1": split(clips, lambda c: c["corpus"] == "b")}
    assert list(warned(clips, splits)) == ["sentences_of_cross_corpus"]
    assert warned(clips.assign(sentence=clips["corpus"] + clips["sentence"]), splits) == {}
