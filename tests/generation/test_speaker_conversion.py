"""Statistics of voices are those of their frames; conversion replaces them; targets are other train speakers."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.core import bank, manifest, params
from pipeline.core.params import ParamsError
from pipeline.generation import enrolled_conversion
from pipeline.generation.perturbation import Sources
from pipeline.generation.speaker_conversion import SpeakerConversionParams, plan
from pipeline.generation.speaker_statistics import RATIO, SpeakerStatistics, converted
from pipeline.generation.targets import Target
from pipeline.networks import provenance
from pipeline.vocoder import Features, VocoderParams

ORDER = 5
BOUNDS = (71.0, 600.0)
ENROLLED = {"c_f8": "f", "c_f9": "f", "c_m9": "m"}
SPEAKERS = {"c_f1": "f", "c_f2": "f", "c_f3": "f", "c_m1": "m", "c_m2": "m"}


def clip(seed: int, level: float = 0.0, spread: float = 1.0, f0_hz: float = 150.0) -> Features:
    """Loud frames of a speaker, and silence of other statistics at the end."""
    draw = np.random.default_rng(seed)
    loud = np.concatenate([draw.normal(0, 0.1, (60, 1)), draw.normal(level, spread, (60, ORDER - 1))], axis=1)
    silence = np.concatenate([np.full((20, 1), -20.0), np.full((20, ORDER - 1), 99.0)], axis=1)
    frames = np.arange(80)[:, None]
    f0 = f0_hz * np.exp(draw.normal(0, 0.05, (80, 1))) * (frames % 3 > 0) * (frames < 60)
    spectrum = np.concatenate([loud, silence]).astype(np.float32)
    return Features(spectrum, f0.astype(np.float32), np.zeros((80, 1), np.float32))


def test_statistics_are_of_speech_frames() -> None:
    clips = [clip(seed, level=2.0) for seed in range(3)]
    voice = SpeakerStatistics.of(clips)
    frames = np.concatenate([each.spectrum[:60, 1:] for each in clips]).astype(np.float64)
    np.testing.assert_allclose(voice.mean, frames.mean(axis=0))
    np.testing.assert_allclose(voice.deviation, frames.std(axis=0))
    voiced = np.concatenate([each.f0_hz[each.f0_hz > 0] for each in clips])
    assert voice.log_f0 == pytest.approx(np.log(voiced.astype(np.float64)).mean())


def test_a_converted_clip_has_the_statistics_of_the_target() -> None:
    own, other = clip(1), clip(2, level=3.0, spread=0.9, f0_hz=220.0)
    source, target = SpeakerStatistics.of([own]), SpeakerStatistics.of([other])
    found = converted(own, source, target, BOUNDS)
    again = SpeakerStatistics.of([found])
    np.testing.assert_allclose(again.mean, target.mean, atol=1e-5)
    np.testing.assert_allclose(again.deviation, target.deviation, rtol=1e-4)
    assert again.log_f0 == pytest.approx(target.log_f0, abs=1e-6)
    np.testing.assert_array_equal(found.spectrum[:, 0], own.spectrum[:, 0])
    np.testing.assert_array_equal(found.f0_hz > 0, own.f0_hz > 0)


def test_an_emotion_stays_as_a_difference_from_neutral() -> None:
    source, target = SpeakerStatistics.of([clip(1)]), SpeakerStatistics.of([clip(2, level=3.0)])
    neutral, loud = clip(3), clip(3, f0_hz=250.0)
    loud = replace(loud, spectrum=loud.spectrum + np.float32(0.7))
    before = loud.spectrum - neutral.spectrum
    after = converted(loud, source, target, BOUNDS).spectrum - converted(neutral, source, target, BOUNDS).spectrum
    ratio = target.deviation / source.deviation
    np.testing.assert_allclose(after[:, 1:], before[:, 1:] * ratio, rtol=1e-3)


def test_bounds() -> None:
    source, target = SpeakerStatistics.of([clip(1)]), SpeakerStatistics.of([clip(2, spread=9.0, f0_hz=5000.0)])
    found = converted(clip(1), source, target, BOUNDS)
    assert found.f0_hz.max() == pytest.approx(BOUNDS[1])
    assert SpeakerStatistics.of([found]).deviation / source.deviation == pytest.approx(RATIO[1], rel=1e-3)
    whispered = replace(clip(1), f0_hz=np.zeros((80, 1), np.float32))
    found = converted(clip(1), source, SpeakerStatistics.of([whispered]), BOUNDS)
    np.testing.assert_allclose(found.f0_hz, clip(1).f0_hz, rtol=1e-6)  # the target's F0 is unknown


def test_a_mixture_lies_between() -> None:
    one, two = (SpeakerStatistics.of([each]) for each in (clip(1), clip(2, level=4.0, spread=2.0, f0_hz=300.0)))
    mixed = SpeakerStatistics.mixed([one, two], [0.25, 0.75])
    np.testing.assert_allclose(mixed.mean, 0.25 * one.mean + 0.75 * two.mean)
    np.testing.assert_allclose(mixed.deviation, one.deviation**0.25 * two.deviation**0.75)
    same = SpeakerStatistics.mixed([two], [1.0])
    np.testing.assert_allclose(same.deviation, two.deviation)


class Stored:
    """Shards with one clip a row, whose level tells the emotion."""

    def __init__(self, clips: pd.DataFrame) -> None:
        self.clips = clips.set_index("id")

    def arrays(self, id_: str, names: object) -> dict[str, np.ndarray]:
        level = 10.0 if self.clips.loc[id_, "emotion"] == "angry" else 3.0 if "f2" in id_ else 1.0
        return clip(len(id_), level=level).arrays()


def sources(copies: int, genders: dict[str, str | None], emotions: tuple[str, ...] = ("neutral", "angry")) -> Sources:
    clips = pd.DataFrame(
        [(f"{name}_{emotion}", name, gender, emotion) for name, gender in genders.items() for emotion in emotions],
        columns=["id", "speaker", "gender", "emotion"],
    ).assign(filepath="a.wav", start=np.nan, end=np.nan, sha256="0")
    rows = pd.concat([clips.assign(source_id=clips["id"], id=clips["id"] + f"/{copy}") for copy in range(copies)])
    rows = rows.sort_values("id", ignore_index=True)
    enrolled = clips[clips["speaker"].isin(ENROLLED) & (clips["emotion"] == "neutral")]
    clips, rows = (table[~table["speaker"].isin(ENROLLED)].reset_index(drop=True) for table in (clips, rows))
    stored = Stored(pd.concat([clips, enrolled]))
    vocoder = params.load(Path(__file__).parents[2] / "params.yaml", "vocoder", VocoderParams)
    return Sources(
        rows,
        clips,
        enrolled,
        stored,
        [0] * len(rows),
        3,
        vocoder,
        16_000,
        Path("models/vocoder"),
        [],  # type: ignore[arg-type]
    )


def targets(
    found: Sources,
    kinds: tuple[str, ...],
    same_gender: bool = True,
    banks: Sequence[Path] = (),
) -> Iterator[tuple[pd.Series, Target]]:
    planned = plan(replace(found, banks=banks), SpeakerConversionParams(targets=kinds, same_gender=same_gender))
    assert planned.changes is not None
    return zip((row for _, row in found.rows.iterrows()), planned.changes, strict=True)


@pytest.mark.parametrize("kinds", [("train",), ("virtual",), ("train", "virtual")])
def test_targets_are_other_speakers_of_the_same_gender(kinds: tuple[str, ...]) -> None:
    for row, change in targets(sources(2, dict(SPEAKERS)), kinds):
        genders = {SPEAKERS[name] for name in change.targets}
        assert genders == {row["gender"]} and sum(change.targets.values()) == pytest.approx(1)
        if len(change.targets) == 1:
            assert row["speaker"] not in change.targets


def test_targets_of_any_gender() -> None:
    for kinds in (("train",), ("virtual",)):
        found = {}
        for row, change in targets(sources(4, dict(SPEAKERS)), kinds, same_gender=False):
            found.setdefault(row["speaker"], set()).update(change.targets)
            assert len(change.targets) > 1 or row["speaker"] not in change.targets
        assert all({SPEAKERS[name] for name in names} == {"f", "m"} for names in found.values())
    one = [change for row, change in targets(sources(4, dict(SPEAKERS)), ("train",), same_gender=False)]
    assert one == [change for _, change in targets(sources(4, dict(SPEAKERS)), ("train",), same_gender=False)]


@pytest.fixture
def banks(tmp_path: Path) -> list[Path]:
    """Two banks of three speakers; their levels are 20 and more."""
    for bank_name, names in (("one", ("x", "y")), ("two", ("x",))):
        rows = [
            {"speaker": bank.speaker_name(bank_name, name), "clips": 1, "duration": 1.0}
            | vars(SpeakerStatistics.of([clip(number, level=20.0 + number)]))
            for number, name in enumerate(names)
        ]
        manifest.write(rows, tmp_path / bank_name / bank.SPEAKERS_TABLE, bank.SPEAKERS, "")
        clips = [{"id": row["speaker"], "filepath": "a", "speaker": row["speaker"], "sha256": "0"} for row in rows]
        table = pd.DataFrame(clips).assign(duration=1.0)
        manifest.write(table, tmp_path / bank_name / bank.CLIPS_TABLE, bank.CLIPS, "")
    return [tmp_path / "one", tmp_path / "two"]


def test_targets_of_a_bank(banks: list[Path]) -> None:
    """Of any gender, each in turn, the same for all clips of a speaker; one train speaker is enough."""
    everybody = {"bank/one/x", "bank/one/y", "bank/two/x"}
    found: dict[str, set[str]] = {}
    for row, change in targets(sources(3, dict(SPEAKERS)), ("bank",), banks=banks):
        found.setdefault(row["source_id"], set()).update(change.targets)
    assert all(names == everybody for names in found.values())
    mixed = [
        change.targets for _, change in targets(sources(2, {"c_f1": "f", "c_f2": "f"}), ("train", "bank"), banks=banks)
    ]
    assert sum(set(change) <= everybody for change in mixed) == len(mixed) / 2

    alone = sources(1, {"c_f1": "f"})
    planned = plan(replace(alone, banks=banks), SpeakerConversionParams(targets=("bank",), same_gender=True))
    assert set(json.loads(planned.metadata["banks"])) == {folder.as_posix() for folder in banks}
    for features, (_, row) in zip(planned.contents, alone.rows.iterrows(), strict=True):
        level = SpeakerStatistics.of([features]).mean.mean()
        assert level == pytest.approx(20.5 if row["emotion"] == "neutral" else 29.5, abs=1.5)


def test_all_emotions_of_a_speaker_share_the_voice_of_a_copy() -> None:
    voices: dict[tuple[str, str], set[str]] = {}
    for row, change in targets(sources(2, dict(SPEAKERS)), ("train",)):
        voices.setdefault((row["speaker"], row["id"][-1]), set()).add(str(change.targets))
    assert all(len(names) == 1 for names in voices.values())
    assert voices["c_f1", "0"] != voices["c_f1", "1"]


def test_unknown_genders_match_anybody_unknown() -> None:
    genders: dict[str, str | None] = {"c_1": None, "c_2": None, "c_3": "f"}
    found = {row["speaker"]: set(change.targets) for row, change in targets(sources(1, genders), ("train",))}
    assert found["c_3"] <= {"c_1", "c_2"} and all(found.values())


def test_speakers_are_not_enough() -> None:
    with pytest.raises(ParamsError, match="scenario of kind 'enrolment'"):
        enrolled_conversion.plan(sources(1, dict(SPEAKERS)))
    with pytest.raises(ParamsError, match="'banks' is empty"):
        list(targets(sources(1, dict(SPEAKERS)), ("train", "bank")))
    with pytest.raises(ParamsError, match="another speaker than c_f1"):
        list(targets(sources(1, {"c_f1": "f"}), ("train",)))


def test_statistics_are_of_neutral_clips() -> None:
    """Without a neutral clip, of all."""
    for emotions, level in ((("neutral", "angry"), 10 - 1 + 3), (("sad", "angry"), 10)):
        found = sources(1, {"c_f1": "f", "c_f2": "f"}, emotions)
        planned = plan(found, SpeakerConversionParams(targets=("train",), same_gender=True))
        [angry] = [
            features
            for features, (_, row) in zip(planned.contents, found.rows.iterrows(), strict=True)
            if (row["speaker"], row["emotion"]) == ("c_f1", "angry")
        ]
        assert SpeakerStatistics.of([angry]).mean.mean() == pytest.approx(level, abs=0.3)


def test_each_clip_is_converted_to_each_enrolled_speaker() -> None:
    """Women and men; a speaker's clips of all emotions share the voice of a copy."""
    found = sources(len(ENROLLED), SPEAKERS | ENROLLED)
    planned = enrolled_conversion.plan(found)
    assert planned.changes is not None
    names = pd.Series([next(iter(change.targets)) for change in planned.changes])
    assert names.groupby(found.rows["source_id"]).agg(set).map(lambda targets: targets == set(ENROLLED)).all()
    assert (names.groupby([found.rows["speaker"], found.rows["id"].str[-1]]).nunique() == 1).all()
    everyone = pd.concat([found.clips, found.enrolled])
    assert planned.metadata["train_clips_sha256"] == provenance.clips_sha256(everyone)
