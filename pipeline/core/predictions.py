"""The table of predictions: one row for each clip, classifier and seed, with one probability a class."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.files import atomic_write

SCHEMA_VERSION = "1"
PARTITIONS = ("valid", "test")
BY_SPEAKER = "+speaker_norm"  # suffix of a classifier that normalises the features of each held-out speaker
# Keys of the metadata, for `hardware.resolved` as JSON:
MACHINE = "machine"  # of the classifiers
GENERATORS = "generators_machines"  # of the models of the synthetic clips, a list without duplicates
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


class PredictionsError(click.ClickException):
    """A table of predictions is missing or has another schema."""


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
        PredictionsError: a column is missing or unknown, a value is missing, a probability is not in 0 … 1, a
            partition is unknown, or a classifier predicts a clip twice with one seed
    """
    columns = schema(labels)
    wrong = sorted(set(frame.columns) ^ set(columns.names))
    if wrong or not labels:
        raise PredictionsError(f"{path}: columns lacking or unknown: {', '.join(wrong) or PREFIX + '*'}")
    frame = frame[columns.names]
    lacking = [name for name in columns.names if frame[name].isna().any()]
    if lacking:
        raise PredictionsError(f"{path}: rows lack {', '.join(lacking)}")
    probabilities = frame[[PREFIX + label for label in labels]].to_numpy(np.float32)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise PredictionsError(f"{path}: probabilities outside 0 … 1")
    strange = sorted(set(frame["partition"]) - set(PARTITIONS))
    if strange:
        raise PredictionsError(f"{path}: partition {strange[0]!r}, expected one of {', '.join(PARTITIONS)}")
    twice = frame.duplicated(["id", "partition", "classifier", "seed"])
    if twice.any():
        raise PredictionsError(f"{path}: clip '{frame.loc[twice, 'id'].iloc[0]}' is there twice")
    words = {"schema_version": SCHEMA_VERSION, "params": params_hash, "labels": json.dumps(list(labels)), **metadata}
    table = pa.Table.from_pandas(frame, schema=columns, preserve_index=False)
    with atomic_write(path) as temporary:
        pq.write_table(table.replace_schema_metadata(words), temporary, compression="zstd")


def read(path: Path) -> pd.DataFrame:
    """Rows of a table of predictions, with dictionary columns as strings and classes in the order of writing.

    Raises:
        PredictionsError: the file is missing or lacks columns
    """
    if not path.is_file():
        raise PredictionsError(f"{path}: not found; `dvc repro` makes it")
    table = pq.read_table(path)
    found = [name.removeprefix(PREFIX) for name in table.column_names if name.startswith(PREFIX)]
    lacking = [field.name for field in _COLUMNS if field.name not in table.column_names]
    if lacking or not found:
        raise PredictionsError(f"{path}: lacks the columns {', '.join(lacking) or PREFIX + '*'}")
    plain = [
        pa.field(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type)
        for field in schema(found)
    ]
    return table.select([field.name for field in plain]).cast(pa.schema(plain)).to_pandas()


def predicted(frame: pd.DataFrame) -> np.ndarray:
    """Most probable emotion of each row, (rows,); the first column of equal ones."""
    columns = [name for name in frame.columns if name.startswith(PREFIX)]
    words = np.array([name.removeprefix(PREFIX) for name in columns], dtype=object)
    return words[frame[columns].to_numpy().argmax(axis=1)]
