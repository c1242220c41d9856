"""Tables of clips, one row a clip: Parquet with an explicit schema.

`docs/reference.md` explains each column.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.files import atomic_write

SCHEMA_VERSION = "4"
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised", "boredom")
NEUTRAL = "neutral"
INTENSITIES = ("low", "medium", "high")
ENROL = "enrol"  # a fourth partition: neutral clips of valid and test speakers, which are not scored
UNKNOWN_SPEAKER = "unknown"  # after the prefix of the corpus; such a clip never tests, as anybody may speak

_WORD = pa.dictionary(pa.int32(), pa.string())  # few values, many rows

_REQUIRED = [
    pa.field("id", pa.string(), nullable=False),
    pa.field("filepath", pa.string(), nullable=False),
    pa.field("start", pa.float64()),  # of a segment of a file [s]; null: beginning of the file
    pa.field("end", pa.float64()),  # null: end of the file
    pa.field("emotion", _WORD, nullable=False),
    pa.field("intensity", _WORD),
    pa.field("speaker", _WORD, nullable=False),
    pa.field("corpus", _WORD, nullable=False),
    pa.field("sampling_rate", pa.int32(), nullable=False),
    pa.field("duration", pa.float32(), nullable=False),
    pa.field("sha256", pa.string(), nullable=False),
    pa.field("is_synthetic", pa.bool_(), nullable=False),
]
_KNOWN = [
    pa.field(name, _WORD) for name in ("gender", "language", "sentence", "emotion_raw", "intensity_raw", "license")
]
_PROVENANCE = [
    pa.field("source_id", pa.string()),
    pa.field("source_emotion", _WORD),
    pa.field("generator", _WORD),
    pa.field("generator_sha256", _WORD),
    pa.field("seed", pa.int32()),
    pa.field("parameters", pa.string()),
]
_MEASURED = [pa.field(name, pa.float32()) for name in ("level_db", "clipping", "intelligibility")]
_SCORES = [
    *(pa.field(name, pa.float32()) for name in ("silence", "f0_median_hz", "f0_range_st")),
    *(pa.field(name, pa.float32()) for name in ("emotion_confidence", "speaker_similarity")),
    pa.field("selected", pa.bool_(), nullable=False),  # real clips are
]
_USE = [
    pa.field("split", _WORD, nullable=False),
    pa.field("partition", _WORD, nullable=False),
    pa.field("weight", pa.float32(), nullable=False),
    pa.field("person", _WORD),  # speaker whose own classifier alone learns from the clip; null: every classifier
]

STANDARD_SCORES = ("distillmos", "dnsmos", "ge2e_similarity")  # of optional scorers; only some exports have them
SCORES = tuple(field.name for field in _MEASURED + _SCORES if field.name != "selected") + STANDARD_SCORES

CLIPS = pa.schema(_REQUIRED + _KNOWN)  # real clips
SYNTHETIC = pa.schema(_REQUIRED + _KNOWN + _PROVENANCE + _MEASURED)  # synthetic clips
AUGMENTED = pa.schema(_REQUIRED + _KNOWN + _PROVENANCE + _MEASURED + _SCORES + _USE)  # the export
PARTITIONED = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("partition", _WORD, nullable=False),  # train, valid, test, or `ENROL`
    ]
)
QUARANTINE = pa.schema(
    [
        pa.field("filepath", pa.string(), nullable=False),
        pa.field("start", pa.float64()),
        pa.field("end", pa.float64()),
        pa.field("reason", _WORD, nullable=False),
        pa.field("detail", pa.string()),
    ]
)


def augmented(scores: Iterable[str]) -> pa.Schema:
    """`AUGMENTED` with further scores at its end."""
    return pa.schema([*AUGMENTED, *(pa.field(name, pa.float32()) for name in scores)])


# In the folder of a generator's clips:
SYNTHETIC_TABLE = "clips.parquet"
SYNTHETIC_FEATURES = "features"  # shard with features of the clips for classifiers and scorers

# Generators of rows that repeat a real clip; files and features are those of the source
REPEATED = "oversample"  # of train clips
ENROLLED_CLIPS = "enrolled_clips"  # of the partition `enrol`
REPEATS = (REPEATED, ENROLLED_CLIPS)
# Generators that learn from no data. The others record the hash of their train clips, which the leakage guard checks
LEARNS_NOTHING = frozenset({*REPEATS, "classical", "copy_synthesis", "vtlp"})


class ManifestError(click.ClickException):
    """A table of clips is missing or has another schema."""


class Segment(NamedTuple):
    """Place of a clip's audio: a file, or a part of it."""

    path: Path
    start: float | None = None  # [s]; None: beginning of the file
    end: float | None = None  # [s]; None: end of the file

    @classmethod
    def of(cls, clip: Mapping[str, Any]) -> "Segment":
        """Segment of a row of a table of clips."""
        return cls(Path(str(clip["filepath"])), _known(clip["start"]), _known(clip["end"]))

    @property
    def is_whole(self) -> bool:
        """Whether the segment is the whole file."""
        return self.start is None and self.end is None

    @property
    def times(self) -> str:
        """`1.5-2.75` [s], to the microsecond; `1.5-end` for a segment up to the end of the file."""
        return f"{_seconds(self.start or 0.0)}-{'end' if self.end is None else _seconds(self.end)}"

    def __str__(self) -> str:
        return self.path.as_posix() + ("" if self.is_whole else f" ({self.times} s)")


def segments(clips: pd.DataFrame, root: Path = Path()) -> list[Segment]:
    """Segment of each clip.

    Args:
        clips: rows of any table of clips
        root: folder to which their paths are relative
    """
    columns = zip(clips["filepath"], clips["start"], clips["end"], strict=True)
    return [Segment(root / path, _known(start), _known(end)) for path, start, end in columns]


def write(
    rows: pd.DataFrame | Sequence[Mapping[str, object]],
    path: Path,
    schema: pa.Schema,
    params_hash: str,
    **metadata: str,
) -> None:
    """Write rows to Parquet; the same rows give the same bytes.

    Args:
        rows: columns of `schema`, in any order; a missing nullable column is filled with nulls
        path: of the Parquet file
        schema: a schema of this module
        params_hash: hash of the parameters that the writing stage declares
        metadata: further metadata of the table

    Raises:
        ManifestError: a column is unknown, or a required column has nulls
    """
    frame = pd.DataFrame(rows) if len(rows) else pd.DataFrame(columns=schema.names)
    unknown = set(frame.columns) - set(schema.names)
    if unknown:
        raise ManifestError(f"{path}: unknown columns {', '.join(sorted(unknown))}")
    frame = frame.reindex(columns=schema.names)
    for field in schema:
        if not field.nullable and frame[field.name].isna().any():
            missing = int(frame[field.name].isna().sum())
            raise ManifestError(f"{path}: {missing} of {len(frame)} rows lack '{field.name}'")
    empty = [name for name in schema.names if frame[name].isna().all()]
    frame[empty] = frame[empty].astype(object)  # Arrow does not convert float NaN to strings
    words = {"schema_version": SCHEMA_VERSION, "params": params_hash, **metadata}
    if "emotion" in schema.names:
        words["labels"] = json.dumps(sorted(frame["emotion"].unique()))
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    with atomic_write(path) as temporary:
        pq.write_table(table.replace_schema_metadata(words), temporary, compression="zstd")


def read(path: Path, schema: pa.Schema) -> pd.DataFrame:
    """Rows of a table of clips, with dictionary columns as strings.

    Raises:
        ManifestError: the file is missing, is not Parquet, is damaged, or lacks columns or values of `schema`
    """
    lacking = set(schema.names) - set(columns(path))
    if lacking:
        raise ManifestError(f"{path}: lacks the columns {', '.join(sorted(lacking))}")
    plain = [
        pa.field(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in schema
    ]
    with reading(path):
        table = pq.read_table(path).select(schema.names).cast(pa.schema(plain))
        table.validate(full=True)  # UTF-8, and places inside arrays
        found = table.to_pandas()
    for field in schema:
        if not field.nullable and (nulls := table[field.name].null_count):
            raise ManifestError(f"{path}: {nulls:,} of {len(table):,} rows lack '{field.name}'")
    return found


def columns(path: Path) -> list[str]:
    """Names of the columns of a table; errors as of `metadata`."""
    return list(_schema(path).names)


def scored(path: Path) -> pd.DataFrame:
    """Rows of an export, `AUGMENTED` with all of `STANDARD_SCORES`; NaN where it lacks one.

    Raises:
        ManifestError: as for `read`
    """
    names = columns(path)
    rows = read(path, augmented(name for name in STANDARD_SCORES if name in names))
    return rows.reindex(columns=augmented(STANDARD_SCORES).names)


def metadata(path: Path) -> dict[str, str]:
    """Metadata of a table: schema version, labels, params hash, and additions of the stage.

    Raises:
        ManifestError: the file is missing, is not Parquet, or is damaged
    """
    with reading(path):
        return {key.decode(): value.decode() for key, value in (_schema(path).metadata or {}).items()}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """While a Parquet file is read: errors of the library say what is wrong with the file.

    Raises:
        ManifestError: the file is missing, is not Parquet, or is damaged
    """
    if not path.is_file():
        raise ManifestError(f"{path}: not found; `dvc repro` makes it")
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        detail = " ".join(str(error).split())
        raise ManifestError(f"{path}: is not Parquet, or is damaged: {detail}; `dvc repro` makes it again") from None


def _schema(path: Path) -> pa.Schema:
    with reading(path):
        return pq.read_schema(path)


def partition(clips: pd.DataFrame, split: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of `clips` in a partition (train, valid, test).

    Args:
        clips: manifest
        split: rows of `PARTITIONED`
        name: of the partition
    """
    return clips[clips["id"].isin(split.loc[split["partition"] == name, "id"])]


def feature_ids(rows: pd.DataFrame) -> "pd.Series[str]":
    """Ids under which shards store the features of clips, from rows of `AUGMENTED`."""
    return rows["id"].where(~rows["generator"].isin(REPEATS), rows["source_id"])


def _known(time: float | None) -> float | None:
    return None if time is None or math.isnan(time) else float(time)


def _seconds(time: float) -> str:
    return f"{time:.6f}".rstrip("0").rstrip(".")
