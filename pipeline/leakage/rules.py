"""The leakage guard: one rule for each way in which the test partition can leak into training.

The rules check tables; `pipeline.leakage.audit` reads the tables of a workspace.
"""

import json
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from pipeline.core.manifest import ENROL, ENROLLED_CLIPS, NEUTRAL, UNKNOWN_SPEAKER
from pipeline.leakage.leak import Leak

GATE = "gated_by"  # the quality gate, among generators
# Prefixes of a generator's hash: other trained models that its clips depend on
VOCODER = "vocoder of "
EMOTION_CLASSIFIER = "emotion classifier of "
MEANS = "neutral means of "

# Columns of the clips of voice banks: hash of the generator that used the bank, speaker and hash of the clip, and
# whether the bank was changed afterwards
BANK = ("generator_sha256", "speaker", "sha256", "is_changed")

Hashes = Mapping[str, str]  # a generator's hash, or a use of clips → the hash of these clips


def in_augmented(
    augmented: pd.DataFrame,
    partitioned: pd.DataFrame,
    split: str,
    sentences_apart: bool,
    fitted_on: Hashes,
    allowed: Hashes,
    bank: pd.DataFrame,
) -> list[Leak]:
    """Leaks of an augmented manifest.

    Args:
        augmented: rows of `manifest.AUGMENTED`
        partitioned: the real clips of the split, rows of `manifest.CLIPS` with their `partition`
        split: to which all of it must belong
        sentences_apart: whether test sentences must be in no other partition
        fitted_on: train clips of each generator, of other models that it depends on, and of the quality gate (`GATE`)
        allowed: train clips that they may have
        bank: clips of the voice banks behind synthetic clips, columns of `BANK`
    """
    return [
        *speakers_in_two_partitions(augmented),
        *(sentences_of_test_elsewhere(augmented) if sentences_apart else ()),
        *unknown_speaker_outside_train(augmented),
        *audio_in_two_partitions(augmented),
        *segments_across_partitions(augmented),
        *other_than_the_split(augmented, partitioned),
        *synthetic_outside_train(augmented),
        *source_outside_train(augmented),
        *target_outside_train(augmented, bank),
        *held_out_recording_in_bank(augmented, bank),
        *changed_bank(augmented, bank),
        *enrolled_with_emotion(augmented),
        *person_not_enrolled(augmented),
        *foreign_rows(augmented, split),
        *foreign_generators(augmented, fitted_on, allowed),
        *foreign_parts(augmented, fitted_on, allowed),
        *foreign_gate(augmented, fitted_on, allowed),
    ]


def in_predictions(
    predictions: pd.DataFrame, augmented: pd.DataFrame, runs: pd.DataFrame, used: Hashes, allowed: Hashes
) -> list[Leak]:
    """Leaks of predictions.

    Args:
        predictions: rows of all classifiers
        augmented: the table that they were trained with
        runs: columns classifier and seed, of all runs
        used: hash of the clips that they used, by use: `USES`
        allowed: hash of the clips that they may use
    """
    return [
        *other_clips_used(augmented, used, allowed),
        *other_predictions(predictions, augmented, runs),
    ]


def in_kept(augmented: pd.DataFrame, used: Hashes, allowed: Hashes) -> list[Leak]:
    """Leaks of the classifiers that an arm keeps for other recordings; arguments as of `in_predictions`."""
    return [Leak(f"kept classifiers: {leak.rule}", leak.rows) for leak in other_clips_used(augmented, used, allowed)]


def speakers_in_two_partitions(augmented: pd.DataFrame) -> Iterable[Leak]:
    """No speaker is in two partitions; an enrolled speaker is also in valid or in test."""
    repeats = augmented["generator"] == ENROLLED_CLIPS
    others = augmented[(augmented["partition"] != ENROL) & ~repeats]
    yield from _leak("speaker in two partitions", others, _in_two(others, "speaker"))
    trained = set(others.loc[others["partition"] == "train", "speaker"])
    enrolled = augmented["partition"] == ENROL
    yield from _leak("enrolled speaker in train", augmented, enrolled & augmented["speaker"].isin(trained))


def sentences_of_test_elsewhere(augmented: pd.DataFrame) -> Iterable[Leak]:
    """No sentence of the test partition is in another partition, and each sentence is known.

    Clips generated from noise have no sentence; their generator was trained on sentences of train.
    """
    in_test = augmented["partition"] == "test"
    of_test = set(augmented.loc[in_test, "sentence"])
    elsewhere = ~in_test & augmented["sentence"].isin(of_test) | augmented["sentence"].isna() & ~_from_noise(augmented)
    elsewhere &= augmented["partition"] != ENROL  # nothing is trained on their words
    return _leak("sentence of the test partition elsewhere, or unknown", augmented, elsewhere)


def unknown_speaker_outside_train(augmented: pd.DataFrame) -> Iterable[Leak]:
    """Speakers of valid and test are known: an unknown one might also be in train."""
    unknown = augmented["speaker"] == augmented["corpus"] + f"_{UNKNOWN_SPEAKER}"
    return _leak("unknown speaker outside train", augmented, unknown & (augmented["partition"] != "train"))


def audio_in_two_partitions(augmented: pd.DataFrame) -> Iterable[Leak]:
    """No clip, and no copy of its samples, is in two partitions; enrolled clips may be repeated in train."""
    rows = augmented[augmented["generator"] != ENROLLED_CLIPS]
    crossing = _in_two(rows, "id") | _in_two(rows, "sha256")
    return _leak("clip in two partitions", rows, crossing)


def segments_across_partitions(augmented: pd.DataFrame) -> Iterable[Leak]:
    """No real clip shares samples of a file with one of another partition, as where two speakers talk at once."""
    rows = augmented[~augmented["is_synthetic"]].reset_index(drop=True)
    rows = rows[_in_two(rows, "filepath")].sort_values(["filepath", "start"], na_position="first")
    start, end = rows["start"].fillna(0.0), rows["end"].fillna(np.inf)
    offending = pd.Series(False, rows.index)
    for partition in rows["partition"].unique():
        own = rows["partition"] == partition
        until = end.where(own, -np.inf).groupby(rows["filepath"]).cummax()  # of the segments before
        offending |= ~own & (start < until)
    return _leak("segment that overlaps one of another partition", rows, offending)


def other_than_the_split(augmented: pd.DataFrame, partitioned: pd.DataFrame) -> Iterable[Leak]:
    """The real clips are those of the split and the manifest: none is moved, changed, added or left out."""
    columns = ["id", "corpus", "speaker", "emotion", "sentence", "sha256", "partition"]
    real, expected = (rows[columns].fillna("") for rows in (augmented[~augmented["is_synthetic"]], partitioned))
    return Leak.of_difference("clip other than in the split", real, expected)


def synthetic_outside_train(augmented: pd.DataFrame) -> Iterable[Leak]:
    """Synthetic clips are only in train."""
    outside = augmented["is_synthetic"] & (augmented["partition"] != "train")
    return _leak("synthetic clip outside train", augmented, outside)


def source_outside_train(augmented: pd.DataFrame) -> Iterable[Leak]:
    """A synthetic clip has a real train clip as source and keeps its speaker, or is from noise and has no speaker.

    A row that repeats an enrolled clip has that clip as source.
    """
    real = augmented[~augmented["is_synthetic"]].drop_duplicates("id").set_index("id")
    partition = augmented["source_id"].map(real["partition"])
    speaker = augmented["source_id"].map(real["speaker"])
    expected = np.where(augmented["generator"] == ENROLLED_CLIPS, ENROL, "train")
    wrong = (partition != expected) | (speaker != augmented["speaker"])
    from_noise = _from_noise(augmented) & (augmented["speaker"] == augmented["generator"])
    return _leak("source outside train", augmented, augmented["is_synthetic"] & wrong & ~from_noise)


def target_outside_train(augmented: pd.DataFrame, bank: pd.DataFrame) -> Iterable[Leak]:
    """Speakers whose voices synthetic clips have (`targets` of their parameters) are in train, enrolled, or in a bank.

    A bank counts for the clips of the generator that used it.
    """
    known = ~augmented["is_synthetic"] & augmented["partition"].isin(["train", ENROL])
    allowed = set(augmented.loc[known, "speaker"])
    in_bank = set(bank[["generator_sha256", "speaker"]].drop_duplicates().itertuples(index=False, name=None))
    targets = (json.loads(text).get("targets", ()) if isinstance(text, str) else () for text in augmented["parameters"])
    wrong = [
        any(speaker not in allowed and (generator, speaker) not in in_bank for speaker in speakers)
        for speakers, generator in zip(targets, augmented["generator_sha256"], strict=True)
    ]
    rule = "voice of a speaker outside train, enrolment and voice bank"
    return _leak(rule, augmented, pd.Series(wrong, augmented.index, dtype=bool))


def held_out_recording_in_bank(augmented: pd.DataFrame, bank: pd.DataFrame) -> Iterable[Leak]:
    """No recording of valid, test or enrol is in a voice bank, whatever its name there."""
    held_out = ~augmented["is_synthetic"] & (augmented["partition"] != "train")
    wrong = held_out & augmented["sha256"].isin(set(augmented["sha256"]).intersection(bank["sha256"]))
    return _leak("recording outside train that is also in a voice bank", augmented, wrong)


def changed_bank(augmented: pd.DataFrame, bank: pd.DataFrame) -> Iterable[Leak]:
    """Voice banks are those of which the clips were made."""
    changed = augmented["generator_sha256"].isin(bank.loc[bank["is_changed"], "generator_sha256"].unique())
    return _leak("voice bank that was changed after the clips were made", augmented, changed)


def enrolled_with_emotion(augmented: pd.DataFrame) -> Iterable[Leak]:
    """Enrolled clips, and rows that repeat them, are neutral."""
    enrolled = (augmented["partition"] == ENROL) | (augmented["generator"] == ENROLLED_CLIPS)
    wrong = enrolled & (augmented["emotion"] != NEUTRAL)
    return _leak("enrolled clip that is not neutral", augmented, wrong)


def person_not_enrolled(augmented: pd.DataFrame) -> Iterable[Leak]:
    """A clip of a personal classifier is synthetic, and its person is an enrolled speaker."""
    enrolled = augmented.loc[augmented["partition"] == ENROL, "speaker"]
    wrong = augmented["person"].notna() & ~(augmented["is_synthetic"] & augmented["person"].isin(enrolled))
    return _leak("clip of a person who is not enrolled", augmented, wrong)


def foreign_rows(augmented: pd.DataFrame, split: str) -> Iterable[Leak]:
    """All rows are of one split."""
    return _leak("row of another split", augmented, augmented["split"] != split)


def foreign_generators(augmented: pd.DataFrame, fitted_on: Hashes, allowed: Hashes) -> Iterable[Leak]:
    """A generator was trained on the train clips of this split, and no others."""
    found = augmented["generator_sha256"].map(dict(fitted_on))
    expected = augmented["generator_sha256"].map(dict(allowed))
    wrong = augmented["generator_sha256"].isna() | found.isna() | expected.isna() | (found != expected)
    return _leak("generator of another partition or split", augmented, augmented["is_synthetic"] & wrong)


def foreign_parts(augmented: pd.DataFrame, fitted_on: Hashes, allowed: Hashes) -> Iterable[Leak]:
    """Vocoder, emotion classifier and speakers' means are of the train clips of this split and no others, if used."""
    parts = ((VOCODER, "vocoder"), (EMOTION_CLASSIFIER, "emotion classifier"), (MEANS, "neutral mean of a speaker"))
    for part, word in parts:
        generators = augmented["generator_sha256"].dropna().unique()
        trained_on = {sha256: fitted_on[part + sha256] for sha256 in generators if part + sha256 in fitted_on}
        found = augmented["generator_sha256"].map(trained_on)
        wrong = augmented["is_synthetic"] & found.notna() & (found != allowed.get(part))
        yield from _leak(f"{word} of another partition or split", augmented, wrong)


def foreign_gate(augmented: pd.DataFrame, fitted_on: Hashes, allowed: Hashes) -> Iterable[Leak]:
    """The quality gate was fitted on the real train clips of this split, and no others."""
    wrong = augmented["is_synthetic"] & (fitted_on.get(GATE) != allowed.get(GATE))
    return _leak("quality gate fitted on other clips than the real train ones", augmented, wrong)


# Uses of clips by classifiers, and the rule that is broken where the clips are others
USES = {
    "trained_on": "classifier trained on other clips than the arm's train partition",
    "scaled_by": "statistics of other clips than the classifier's name allows",
    "selected_on": "model selected on other clips than the valid partition",
}


def other_clips_used(augmented: pd.DataFrame, used: Hashes, allowed: Hashes) -> Iterable[Leak]:
    """A classifier is trained on train and selected on valid; its statistics are of real train clips, or as named."""
    for use, clips in allowed.items():
        if used.get(use) != clips:
            partition = "valid" if use == "selected_on" else "train"
            yield Leak(USES[use.partition("+")[0]], augmented[augmented["partition"] == partition])


def other_predictions(predictions: pd.DataFrame, augmented: pd.DataFrame, runs: pd.DataFrame) -> Iterable[Leak]:
    """Each run predicts all valid and test clips and no others, with their own emotion and speaker."""
    held_out = augmented[augmented["partition"].isin(["valid", "test"])].rename(columns={"emotion": "label"})
    expected = held_out[["id", "speaker", "partition", "label"]].merge(runs, how="cross")
    return Leak.of_difference("prediction other than of the held-out clips", predictions[list(expected)], expected)


def _from_noise(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["is_synthetic"] & rows["source_id"].isna() & rows["source_emotion"].isna()


def _in_two(rows: pd.DataFrame, column: str) -> "pd.Series[bool]":
    return rows.groupby(column)["partition"].transform("nunique") > 1


def _leak(rule: str, rows: pd.DataFrame, offending: "pd.Series[bool]") -> Iterable[Leak]:
    if offending.any():
        yield Leak(rule, rows[offending])
