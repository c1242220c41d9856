"""The leakage guard: a rule for each way in which a test can come to know what it must not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import click
import pandas as pd

SHOWN = 3  # offending rows in a message


@dataclass(frozen=True)
class Leak:
    """A broken rule and the rows that break it."""

    rule: str
    rows: pd.DataFrame

    def __str__(self) -> str:
        examples = ", ".join(self.rows["id"].head(SHOWN))
        more = f" and {len(self.rows) - SHOWN} more" * (len(self.rows) > SHOWN)
        return f"{self.rule}: {examples}{more}"


class LeakageError(click.ClickException):
    """A table of clips would let the test partition into training."""


def guard(augmented: pd.DataFrame, split: str, fitted_on: Mapping[str, str], train_ids: Mapping[str, str]) -> None:
    """Refuse an augmented manifest with any leak.

    Args:
        augmented: rows of `manifest.AUGMENTED`
        split: to which all of it must belong
        fitted_on: of each generator (by `generator_sha256`), the hash of the clips that it was trained on
        train_ids: of each generator, the hash of the split's train clips that it may have been trained on

    Raises:
        LeakageError: names each broken rule and its rows
    """
    leaks = [
        *speakers_in_two_partitions(augmented),
        *audio_in_two_partitions(augmented),
        *synthetic_outside_train(augmented),
        *source_outside_train(augmented),
        *foreign_rows(augmented, split),
        *foreign_generators(augmented, fitted_on, train_ids),
    ]
    if leaks:
        raise LeakageError(f"{split}: leakage: " + "; ".join(map(str, leaks)))


def speakers_in_two_partitions(augmented: pd.DataFrame) -> Iterable[Leak]:
    """No speaker is heard in two partitions."""
    return _leak("speaker in two partitions", augmented, _in_two(augmented, "speaker"))


def audio_in_two_partitions(augmented: pd.DataFrame) -> Iterable[Leak]:
    """No clip, and no copy of its samples, is in two partitions."""
    crossing = _in_two(augmented, "id") | _in_two(augmented, "sha256")
    return _leak("clip in two partitions", augmented, crossing)


def synthetic_outside_train(augmented: pd.DataFrame) -> Iterable[Leak]:
    """Synthetic clips only ever train."""
    outside = augmented["is_synthetic"] & (augmented["partition"] != "train")
    return _leak("synthetic clip outside train", augmented, outside)


def source_outside_train(augmented: pd.DataFrame) -> Iterable[Leak]:
    """A synthetic clip is made from a real clip of the train partition, and keeps its speaker."""
    real = augmented[~augmented["is_synthetic"]].drop_duplicates("id").set_index("id")
    partition = augmented["source_id"].map(real["partition"])
    speaker = augmented["source_id"].map(real["speaker"])
    wrong = (partition != "train") | (speaker != augmented["speaker"])
    return _leak("source outside train", augmented, augmented["is_synthetic"] & wrong)


def foreign_rows(augmented: pd.DataFrame, split: str) -> Iterable[Leak]:
    """All rows are of one split."""
    return _leak("row of another split", augmented, augmented["split"] != split)


def foreign_generators(
    augmented: pd.DataFrame, fitted_on: Mapping[str, str], train_ids: Mapping[str, str]
) -> Iterable[Leak]:
    """A generator saw the train clips of this split, and no others."""
    found = augmented["generator_sha256"].map(dict(fitted_on))
    allowed = augmented["generator_sha256"].map(dict(train_ids))
    wrong = augmented["generator_sha256"].isna() | found.isna() | allowed.isna() | (found != allowed)
    return _leak("generator of another partition or split", augmented, augmented["is_synthetic"] & wrong)


def _in_two(rows: pd.DataFrame, column: str) -> "pd.Series[bool]":
    return rows.groupby(column)["partition"].transform("nunique") > 1


def _leak(rule: str, rows: pd.DataFrame, offending: "pd.Series[bool]") -> Iterable[Leak]:
    if offending.any():
        yield Leak(rule, rows[offending])
