"""Hugging Face: a folder of audio with metadata.parquet in each split ("AudioFolder")."""

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.export.clips import AUDIO, SCHEMA

SPLITS = {"valid": "validation"}  # names that differ from those of the partitions
USAGE = """\
from datasets import load_dataset  # with its extra `audio`: torchcodec, and FFmpeg

clips = load_dataset("{out}")["train"]  # in the folder above; the library does not read "."
clips[0]["audio"]"""


def write(folder: Path, clips: pd.DataFrame, name: str) -> None:
    """Write metadata.parquet beside the audio of each partition; types are the same in all."""
    for partition, own in clips.groupby("partition"):
        names = own["file"].str.removeprefix(f"{AUDIO}/{partition}/")
        table = pa.Table.from_pandas(own, SCHEMA, preserve_index=False).drop_columns("file")
        table = table.add_column(0, "file_name", pa.array(names))
        pq.write_table(table.replace_schema_metadata(None), folder / AUDIO / str(partition) / "metadata.parquet")


def header(clips: pd.DataFrame) -> dict[str, object]:
    """Header of README.md, from which the library takes the splits.

    The library caches by the name of the folder and by this header, so the header has a hash of the clips: otherwise it
    would give the clips of an earlier export to a folder of the same name.
    """
    sha256 = hashlib.sha256(clips.to_csv().encode()).hexdigest()
    files = [
        {"split": SPLITS.get(partition, partition), "path": f"{AUDIO}/{partition}/**"}
        for partition in clips["partition"].unique()
    ]
    return {
        "license": "other",
        "task_categories": ["audio-classification"],
        "tags": ["speech-emotion-recognition", "synthetic"],
        "configs": [{"config_name": "default", "description": sha256, "drop_labels": True, "data_files": files}],
    }
