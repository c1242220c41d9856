"""The clips of an export: one table for all formats, and their audio."""

import json
import shutil
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline import corpora
from pipeline.audio import decoding, marking, preparation
from pipeline.audio.decoding import AudioError
from pipeline.core import bank, manifest
from pipeline.core.console import tracked
from pipeline.core.manifest import REPEATS, Segment

AUDIO = "audio"  # folder of the audio, by partition
TABLE = "clips.csv"
LONGEST_NAME = 150  # bytes of a clip's id in a file name
UNKNOWN = "unknown"  # licence
CUT = ".flac"  # suffix of a clip that is cut out of a file

# Columns of an export. `file` is relative to its folder, `key` is unique.
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("file", "key", "id", "emotion", "intensity", "speaker", "gender")),
        *((name, pa.string()) for name in ("language", "sentence", "corpus", "license", "split", "partition")),
        ("weight", pa.float32()),
        ("is_synthetic", pa.bool_()),
        *((name, pa.string()) for name in ("digital_source_type", "source_id", "source_emotion", "generator")),
        ("generator_sha256", pa.string()),
        ("seed", pa.int32()),
        *((name, pa.string()) for name in ("parameters", "person")),
        ("sampling_rate", pa.int32()),
        ("duration", pa.float32()),
        ("sha256", pa.string()),
        *((name, pa.float32()) for name in manifest.SCORES),
    ]
)
COLUMNS = SCHEMA.names


def described(rows: pd.DataFrame) -> pd.DataFrame:
    """Clips of an export, in `COLUMNS`, missing words as None.

    Args:
        rows: of `manifest.scored`; their files are below the current directory
    """
    rows = rows.reset_index(drop=True)
    keys = unique_keys(rows["id"])
    suffixes = [segment.path.suffix.lower() if segment.is_whole else CUT for segment in manifest.segments(rows)]
    found = rows.assign(
        key=keys,
        file=[f"{AUDIO}/{part}/{key}{end}" for part, key, end in zip(rows["partition"], keys, suffixes, strict=True)],
        digital_source_type=[
            marking.IPTC + marking.digital_source_type(row, has_trained_vocoder(Path(row["filepath"]).parent))
            for row in rows.to_dict("records")
        ],
    )[COLUMNS]
    found["seed"] = found["seed"].astype("Int64")
    words = [field.name for field in SCHEMA if field.type == pa.string()]
    found[words] = found[words].astype(object).where(found[words].notna(), None)
    return found


def unique_keys(ids: "pd.Series[str]") -> list[str]:
    """Names of files, from ids that may be long, have any characters, or repeat (a clip for several persons)."""
    plain = ids.str.replace(r"[^\w.-]", "_", regex=True)
    plain = plain.map(lambda name: name.encode()[-LONGEST_NAME:].decode(errors="ignore"))
    repeats = plain.groupby(plain).cumcount()
    return [f"{name}~{number + 1}" if number else name for name, number in zip(plain, repeats, strict=True)]


@cache
def has_trained_vocoder(folder: Path) -> bool:
    """Whether a neural vocoder synthesised the clips of a folder."""
    table = folder / manifest.SYNTHETIC_TABLE
    return table.is_file() and "vocoder" in manifest.metadata(table)


def with_licenses_of_voices(rows: pd.DataFrame, of_banks: Mapping[str, str]) -> pd.DataFrame:
    """Rows whose `license` has those of the speakers whose voices a clip got (`targets` in its parameters), too.

    Args:
        rows: of `manifest.AUGMENTED`
        of_banks: licence of each voice bank; that of others is unknown
    """
    real = rows[~rows["is_synthetic"] & rows["license"].notna()]
    of_speakers = real.groupby("speaker")["license"].unique()
    found = rows["license"].astype(object).copy()
    for place, text in rows.loc[rows["is_synthetic"], "parameters"].dropna().items():
        voices = json.loads(text).get("targets", ())
        banks = {name for name in map(bank.bank_of, voices) if name}
        of_voices = {of_banks.get(name, UNKNOWN) for name in banks}
        of_voices |= {license for name in voices if name in of_speakers.index for license in of_speakers[name]}
        if others := of_voices - {found[place]}:
            own = [found[place]] if pd.notna(found[place]) else []
            found[place] = "; ".join(sorted({*own, *others}))
    return rows.assign(license=found)


def restrictions(rows: pd.DataFrame, copied: "pd.Series[bool]") -> "pd.Series[str]":
    """Why the audio of each clip may not be passed on; empty where nothing is known against it.

    Args:
        rows: of `manifest.AUGMENTED`
        copied: whether the clip's audio is copied; a link passes nothing on
    """
    reasons = rows["license"].map(corpora.restriction, na_action="ignore").fillna("")
    return reasons.where(copied, "")


def place(rows: pd.DataFrame, files: Iterable[str], folder: Path, link: bool) -> None:
    """Copy or link the audio of each clip. A clip that is a part of a file is cut out, also with `link`.

    Args:
        rows: of `manifest.AUGMENTED`
        files: path of each clip below `folder`
        folder: of the export
        link: make symbolic links instead of copies

    Raises:
        ClickException: a file is missing or cannot be decoded
    """
    for segment, file in zip(manifest.segments(rows), tracked(files, "audio", len(rows)), strict=True):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not segment.path.is_file():
            raise click.ClickException(f"{segment.path}: not found, expected the audio of a clip; `dvc repro` makes it")
        if not segment.is_whole:
            cut(segment, path)
        elif link:
            path.symlink_to(segment.path.resolve())
        else:
            shutil.copyfile(segment.path, path)


def cut(segment: Segment, path: Path) -> None:
    """Write a part of a file as mono FLAC of 24 bits, which keeps samples of up to 24 bits.

    Raises:
        ClickException: the file cannot be decoded
    """
    try:
        recording = decoding.read(*segment)
    except AudioError as error:
        raise click.ClickException(f"{segment}: {error}") from None
    limited = np.clip(recording.samples, -1, 1)
    with preparation.opened(path, recording.sampling_rate, "FLAC", "PCM_24") as file:
        file.write(limited)


def is_recording(clips: pd.DataFrame) -> "pd.Series[bool]":
    """Whether a clip is a real recording, also one that is repeated."""
    return ~clips["is_synthetic"] | clips["generator"].isin(REPEATS)


def plain(clip: Mapping[Any, Any]) -> dict[str, Any]:
    """A row with values that JSON has; missing ones are left out."""
    known = {name: found for name, found in clip.items() if not pd.isna(found)}
    return {name: found.item() if isinstance(found, np.generic) else found for name, found in known.items()}
