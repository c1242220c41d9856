"""The table of predictions: round trip, and errors."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core import predictions
from pipeline.core.manifest import ManifestError

LABELS = ["angry", "neutral", "sad"]


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "id": ["a_1", "a_2", "b_1", "b_2"],
            "speaker": ["a", "a", "b", "b"],
            "fold": 1,
            "partition": ["valid", "valid", "test", "test"],
            "classifier": "svm",
            "seed": 0,
            "label": ["sad", "angry", "neutral", "sad"],
            "p_angry": [0.1, 0.5, 0.4, 0.0],
            "p_neutral": [0.2, 0.25, 0.4, 1.0],
            "p_sad": [0.7, 0.25, 0.2, 0.0],
        }
    )


def test_round_trip(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "full-1" / "none.parquet"
    predictions.write(frame, path, LABELS, "abc")
    found = predictions.read(path)
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)
    assert found["fold"].dtype == found["seed"].dtype == np.int32
    assert found["p_sad"].dtype == np.float32
    schema = pq.read_schema(path)
    word = pa.dictionary(pa.int32(), pa.string())
    assert [name for name in schema.names if schema.field(name).type == word] == [
        *("speaker", "partition", "classifier", "label")
    ]
    assert schema.metadata[b"params"] == b"abc"
    assert json.loads(schema.metadata[b"labels"]) == LABELS
    predictions.write(frame[frame.columns[::-1]], tmp_path / "other.parquet", LABELS, "abc")
    assert path.read_bytes() == (tmp_path / "other.parquet").read_bytes()


def test_predicted_is_the_most_probable_and_the_first_of_equals(frame: pd.DataFrame) -> None:
    assert list(predictions.predicted(frame)) == ["sad", "angry", "angry", "neutral"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="p_sad"), "lacking or unknown: p_sad"),
        (lambda rows: rows.assign(p_calm=0.0), "lacking or unknown: p_calm"),
        (lambda rows: rows.assign(p_sad=np.nan), "outside 0 … 1"),
        (lambda rows: rows.assign(label=["sad", None, "sad", "sad"]), "1 of 4 rows lack 'label'"),
        (lambda rows: rows.assign(p_sad=-3.5), "outside 0 … 1"),
        (lambda rows: rows.assign(partition="train"), "partition 'train', expected one of valid, test"),
        (lambda rows: pd.concat([rows, rows.tail(1)]), "'b_2' is there twice"),
    ],
)
def test_a_bad_table_is_not_written(frame, tmp_path, change, message):
    path = tmp_path / "none.parquet"
    with pytest.raises(ManifestError, match=message):
        predictions.write(change(frame), path, LABELS, "abc")
    assert not path.exists()


@pytest.mark.parametrize(("lost", "message"), [(["seed"], "seed"), (["p_angry", "p_neutral", "p_sad"], r"p_\*")])
def test_lacking_columns_are_named(frame, tmp_path, lost, message):
    path = tmp_path / "none.parquet"
    with pytest.raises(ManifestError, match="none.parquet: not found"):
        predictions.read(path)
    frame.drop(columns=lost).to_parquet(path)
    with pytest.raises(ManifestError, match=f"lacks the columns {message}"):
        predictions.read(path)
