"""The leakage guard: a rule for each way in which a test can come to know what it must not.

The rules speak of tables; `pipeline.leakage.audit` gathers the tables of a workspace and asks the rules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import click
import pandas as pd

from pipeline.core.manifest import UNKNOWN_SPEAKER

SHOWN = 3  # offending rows in a message

GATE = "gated_by"  # the quality gate, among generators
# Before a generator's hash: what else had a part in its clips, if that has learned
VOCODER = "vocoder of "
EMOTION_CLASSIFIER = "emotion classifier of "

Hashes = Mapping[str, str]  # of each generator, by its own hash, or of each use of clips: the hash of these clips


@dataclass(frozen=True)
class Leak:
    """A broken rule and the rows that break it."""

    rule: str
    rows: pd.DataFrame

    def __str__(self) -> str:
        examples = ", ".join(self.rows["id"].head(SHOWN))
        more = f" and {len(self.rows) - SHOWN:,} more" * (len(self.rows) > SHOWN)
        return f"{self.rule}: {examples}{more}"

    @classmethod
    def of_difference(cls, rule: str, found: pd.DataFrame, expected: pd.DataFrame) -> "list[Leak]":
        """Rows with an `id` that are in one of two tables of the same columns and not in the other."""
        both = found.merge(expected, how="outer", indicator=True)
        odd = both[both["_merge"] != "both"].drop_duplicates("id")
        return [cls(rule, odd)] if len(odd) else []

    def in_full(self) -> list[str]:
        """The rule and every row that breaks it, in lines."""
        words = [column for column in ("id", "speaker", "partition", "source_id") if column in self.rows]
        rows = self.rows[words].fillna("-").itertuples(index=False)
        return [self.rule, *("  " + " ".join(row) for row in rows)]


class LeakageError(click.ClickException):
    """Tables that would let the test partition into training."""


def require_no_leak(split: str, leaks: Iterable[Leak]) -> None:
    """Raise LeakageError where there are leaks; it names each broken rule and its rows."""
    found = list(leaks)
    if found:
        raise LeakageError(f"{split}: leakage: " + "; ".join(map(str, found)))


def in_augmented(
    augmented: pd.DataFrame,
    partitioned: pd.DataFrame,
    split: str,
    sentences_apart: bool,
    fitted_on: Hashes,
    allowed: Hashes,
) -> list[Leak]:
    """Leaks of an augmented manifest.

    Args:
        augmented: rows of `manifest.AUGMENTED`
        partitioned: the real clips of the split, rows of `manifest.CLIPS` with their `partition`
        split: to which all of it must belong
        sentences_apart: whether test sentences must be heard in no other partition
        fitted_on: what each generator was trained on, what else had a part in it, and the quality gate (`GATE`)
        allowed: what they may have been trained on
    """
    return [
        *speakers_in_two_partitions(augmented),
        *(sentences_of_test_elsewhere(augmented) if sentences_apart else ()),
        *nobody_tests(augmented),
        *audio_in_two_partitions(augmented),
        *other_than_the_split(augmented, partitioned),
        *synthetic_outside_train(augmented),
        *source_outside_train(augmented),
        *foreign_rows(augmented, split),
        *foreign_generators(augmented, fitted_on, allowed),
        *foreign_parts(augmented, fitted_on, allowed),
        *foreign_gate(augmented, fitted_on, allowed),
    ]


def in_predictions(
    predictions: pd.DataFrame, augmented: pd.DataFrame, runs: pd.DataFrame, used: Hashes, allowed: Hashes
) -> list[Leak]:
    """Leaks of what classifiers predicted.

    Args:
        predictions: their rows
        augmented: the table that they were trained by
        runs: columns classifier and seed, of all that ran
        used: hash of the clips that they used, by what for: `USES`
        allowed: of those that they may have used
    """
    return [
        *used_for_another_end(augmented, used, allowed),
        *predictions_of_others(predictions, augmented, runs),
    ]


def speakers_in_two_partitions(augmented: pd.DataFrame) -> Iterable[Leak]:
    """No speaker is heard in two partitions."""
    return _leak("speaker in two partitions", augmented, _in_two(augmented, "speaker"))


def sentences_of_test_elsewhere(augmented: pd.DataFrame) -> Iterable[Leak]:
    """No sentence of the test partition is heard in another one, where that is asked for; each is known.

    What is made from noise says none; its generator has heard those of train.
    """
    in_test = augmented["partition"] == "test"
    heard = set(augmented.loc[in_test, "sentence"])
    elsewhere = ~in_test & augmented["sentence"].isin(heard) | augmented["sentence"].isna() & ~_from_noise(augmented)
    return _leak("sentence of the test partition elsewhere, or unknown", augmented, elsewhere)


def nobody_tests(augmented: pd.DataFrame) -> Iterable[Leak]:
    """Who validates or tests is known, for anybody else might train."""
    unknown = augmented["speaker"] == augmented["corpus"] + f"_{UNKNOWN_SPEAKER}"
    return _leak("unknown speaker outside train", augmented, unknown & (augmented["partition"] != "train"))


def audio_in_two_partitions(augmented: pd.DataFrame) -> Iterable[Leak]:
    """No clip, and no copy of its samples, is in two partitions."""
    crossing = _in_two(augmented, "id") | _in_two(augmented, "sha256")
    return _leak("clip in two partitions", augmented, crossing)


def other_than_the_split(augmented: pd.DataFrame, partitioned: pd.DataFrame) -> Iterable[Leak]:
    """The real clips are those of the split, as the manifest has them: none is moved, changed, added or left out."""
    columns = ["id", "corpus", "speaker", "emotion", "sentence", "sha256", "partition"]
    real, expected = (rows[columns].fillna("") for rows in (augmented[~augmented["is_synthetic"]], partitioned))
    return Leak.of_difference("clip other than in the split", real, expected)


def synthetic_outside_train(augmented: pd.DataFrame) -> Iterable[Leak]:
    """Synthetic clips only ever train."""
    outside = augmented["is_synthetic"] & (augmented["partition"] != "train")
    return _leak("synthetic clip outside train", augmented, outside)


def source_outside_train(augmented: pd.DataFrame) -> Iterable[Leak]:
    """A synthetic clip is made from a real train clip and keeps its speaker, or from noise and in nobody's name."""
    real = augmented[~augmented["is_synthetic"]].drop_duplicates("id").set_index("id")
    partition = augmented["source_id"].map(real["partition"])
    speaker = augmented["source_id"].map(real["speaker"])
    wrong = (partition != "train") | (speaker != augmented["speaker"])
    nobody = _from_noise(augmented) & (augmented["speaker"] == augmented["generator"])
    return _leak("source outside train", augmented, augmented["is_synthetic"] & wrong & ~nobody)


def foreign_rows(augmented: pd.DataFrame, split: str) -> Iterable[Leak]:
    """All rows are of one split."""
    return _leak("row of another split", augmented, augmented["split"] != split)


def foreign_generators(augmented: pd.DataFrame, fitted_on: Hashes, allowed: Hashes) -> Iterable[Leak]:
    """A generator, with its statistics, saw the train clips of this split, and no others."""
    found = augmented["generator_sha256"].map(dict(fitted_on))
    expected = augmented["generator_sha256"].map(dict(allowed))
    wrong = augmented["generator_sha256"].isna() | found.isna() | expected.isna() | (found != expected)
    return _leak("generator of another partition or split", augmented, augmented["is_synthetic"] & wrong)


def foreign_parts(augmented: pd.DataFrame, fitted_on: Hashes, allowed: Hashes) -> Iterable[Leak]:
    """Vocoder and emotion classifier have learned nothing, or from the train clips of this split and no others."""
    for part, word in ((VOCODER, "vocoder"), (EMOTION_CLASSIFIER, "emotion classifier")):
        generators = augmented["generator_sha256"].dropna().unique()
        heard = {sha256: fitted_on[part + sha256] for sha256 in generators if part + sha256 in fitted_on}
        found = augmented["generator_sha256"].map(heard)
        wrong = augmented["is_synthetic"] & found.notna() & (found != allowed.get(part))
        yield from _leak(f"{word} of another partition or split", augmented, wrong)


def foreign_gate(augmented: pd.DataFrame, fitted_on: Hashes, allowed: Hashes) -> Iterable[Leak]:
    """The quality gate, with its judges, learned from the real train clips of this split, and no others."""
    wrong = augmented["is_synthetic"] & (fitted_on.get(GATE) != allowed.get(GATE))
    return _leak("quality gate learned from other clips than the real train ones", augmented, wrong)


# What classifiers use clips for, and the words for what is wrong where they are others.
USES = {
    "trained_on": "classifier trained on other clips than the arm's train partition",
    "scaled_by": "statistics of other clips than the real train ones",
    "selected_on": "model selected on other clips than the valid partition",
}


def used_for_another_end(augmented: pd.DataFrame, used: Hashes, allowed: Hashes) -> Iterable[Leak]:
    """A classifier learns from train, is chosen on valid; its statistics are of real train clips, or as it is named."""
    for use, words in USES.items():
        if used.get(use) != allowed[use]:
            yield Leak(words, augmented[augmented["partition"] == ("valid" if use == "selected_on" else "train")])


def predictions_of_others(predictions: pd.DataFrame, augmented: pd.DataFrame, runs: pd.DataFrame) -> Iterable[Leak]:
    """What is scored are the valid and test clips, by each run all of them, under their own emotion and speaker."""
    held_out = augmented[augmented["partition"] != "train"].rename(columns={"emotion": "label"})
    expected = held_out[["id", "speaker", "partition", "label"]].merge(runs, how="cross")
    return Leak.of_difference("prediction other than of the held-out clips", predictions[list(expected)], expected)


def _from_noise(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["is_synthetic"] & rows["source_id"].isna() & rows["source_emotion"].isna()


def _in_two(rows: pd.DataFrame, column: str) -> "pd.Series[bool]":
    return rows.groupby(column)["partition"].transform("nunique") > 1


def _leak(rule: str, rows: pd.DataFrame, offending: "pd.Series[bool]") -> Iterable[Leak]:
    if offending.any():
        yield Leak(rule, rows[offending])
