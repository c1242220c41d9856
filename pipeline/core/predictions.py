"""The table of predictions: one row for each clip, classifier and seed, with one probability a class."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.core import manifest
from pipeline.core.manifest import ENROL, ManifestError

SCHEMA_VERSION = "1"
PARTITIONS = ("valid", "test")
VOCODED = "+vocoded"  # suffix of a classifier whose features are of clips that all passed the vocoder
# Suffix of a classifier's name, by `classify.normalisations`
NORMALISED = {"train": "", "speaker": "+speaker_norm", "neutral": "+neutral_norm", "corpus": "+corpus_norm"}
# Partitions whose real clips normalise the features, by suffix
SCALED_BY = {
    "": ("train",),
    "+speaker_norm": ("train", "valid", "test", ENROL),
    "+neutral_norm": ("train", ENROL),
    "+corpus_norm": ("train",),
}
# Keys of the metadata, for `hardware.resolved` as JSON; they keep the names that older records have:
HARDWARE = "machine"  # of the classifiers
GENERATORS_HARDWARE = "generators_machines"  # of the models of the synthetic clips, a list without duplicates
PREFIX = "p_"  # of the column of an emotion's probability

_WORD = pa.dictionary(pa.int32(), pa.string())  # few values, many rows
_COLUMNS = [
    pa.field("id", pa.string(), nullable=False),
    pa.field("speaker", _WORD, nullable=False),
    pa.field("fold", pa.int32(), nullable=False),
    pa.field("partition", _WORD, nullable=False),
    pa.field("classifier", _WORD, nullable=False),
    pa.field("seed", pa.int32(), nullable=False),
    pa.field("label", _WORD, nullable=False),  # the true emotion
]


def schema(labels: Sequence[str]) -> pa.Schema:
    """Columns of the table for a classifier of the emotions `labels`."""
    classes = [pa.field(PREFIX + label, pa.float32(), nullable=False) for label in labels]
    return pa.schema([*_COLUMNS, *classes])


def write(frame: pd.DataFrame, path: Path, labels: Sequence[str], params_hash: str, **metadata: str) -> None:
    """Write predictions to Parquet; the same rows give the same bytes.

    Args:
        frame: columns of `schema(labels)`, in any order
        path: of the Parquet file
        labels: the classes, in the order of their columns
        params_hash: hash of the parameters that the writing stage declares
        metadata: further metadata of the table

    Raises:
        ManifestError: a column is missing or unknown, a value is missing, a probability is not in 0 … 1, a partition is
            unknown, or a classifier predicts a clip twice with one seed
    """
    columns = schema(labels)
    if wrong := sorted(set(frame.columns) ^ set(columns.names)):
        raise ManifestError(f"{path}: columns lacking or unknown: {', '.join(wrong)}")
    probabilities = frame[[PREFIX + label for label in labels]].to_numpy(np.float32)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ManifestError(f"{path}: probabilities outside 0 … 1")
    strange = sorted(set(frame["partition"]) - set(PARTITIONS))
    if strange:
        raise ManifestError(f"{path}: partition {strange[0]!r}, expected one of {', '.join(PARTITIONS)}")
    twice = frame.duplicated(["id", "partition", "classifier", "seed"])
    if twice.any():
        raise ManifestError(f"{path}: clip '{frame.loc[twice, 'id'].iloc[0]}' is there twice")
    own = {"schema_version": SCHEMA_VERSION, "labels": json.dumps(list(labels))}
    manifest.write(frame, path, columns, params_hash, **own, **metadata)


def normalisation(classifier: str) -> str:
    """Suffix of a classifier's name that says what its features are normalised by; a key of `SCALED_BY`."""
    return next((suffix for suffix in SCALED_BY if suffix and classifier.endswith(suffix)), "")


def read(path: Path) -> pd.DataFrame:
    """Rows of a table of predictions, with dictionary columns as strings and classes in the order of writing.

    Raises:
        ManifestError: the file is missing or lacks columns
    """
    labels = [name.removeprefix(PREFIX) for name in manifest.columns(path) if name.startswith(PREFIX)]
    rows = manifest.read(path, schema(labels))
    if not labels:
        raise ManifestError(f"{path}: lacks the columns {PREFIX}*")
    return rows


def predicted(frame: pd.DataFrame) -> np.ndarray:
    """Most probable emotion of each row, (rows,); the first column of equal ones."""
    columns = [name for name in frame.columns if name.startswith(PREFIX)]
    words = np.array([name.removeprefix(PREFIX) for name in columns], dtype=object)
    return words[frame[columns].to_numpy().argmax(axis=1)]
