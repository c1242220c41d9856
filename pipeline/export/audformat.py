"""Audformat: db.yaml, and a table of each partition (https://audeering.github.io/audformat/)."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
from ruamel.yaml import YAML

from pipeline.core.files import write_csv
from pipeline.export.clips import SCHEMA

SPLITS = {"train": "train", "valid": "dev", "test": "test"}  # partition → type of a split; others have none
TYPES = {pa.string(): "str", pa.bool_(): "bool", pa.int32(): "int", pa.float32(): "float"}
ISO_639_3 = {"de": "deu", "en": "eng", "it": "ita", "pl": "pol", "zh": "zho"}  # languages of the corpora
LABELLED = ("emotion", "intensity", "speaker")  # columns with a fixed set of words
USAGE = """\
import audformat

train = audformat.Database.load(".")["clips.train"].get()"""


def write(folder: Path, clips: pd.DataFrame, name: str) -> None:
    """Write the header and the tables; paths are relative to the folder."""
    fields = [field for field in SCHEMA if field.name != "file"]
    schemes: dict[str, dict[str, object]] = {field.name: {"dtype": TYPES[field.type]} for field in fields}
    for column in LABELLED:
        schemes[column]["labels"] = sorted(clips[column].dropna().unique())
    tables: dict[str, object] = {}
    for partition, own in clips.groupby("partition"):
        columns = {field.name: {"scheme_id": field.name} for field in fields}
        split = {"split_id": partition} if partition in SPLITS else {}
        tables[f"clips.{partition}"] = {"type": "filewise", **split, "columns": columns}
        write_csv(own, folder / f"db.clips.{partition}.csv")
    header = {
        "name": name,
        "description": "Real and synthetic emotional speech; column is_synthetic tells them apart.",
        "source": "emocycle",
        "usage": "other",
        "languages": sorted(ISO_639_3.get(word, word) for word in clips["language"].dropna().unique()),
        "schemes": schemes,
        "splits": {partition: {"type": kind} for partition, kind in SPLITS.items()},
        "tables": tables,
    }
    YAML(typ="safe").dump(header, folder / "db.yaml")
