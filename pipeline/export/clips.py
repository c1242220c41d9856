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
from pipeline.audio.decoding import AudioError, Recording
from pipeline.core import bank, manifest
from pipeline.core.console import tracked
from pipeline.core.manifest import EMOTIONS, ENROL, REPEATS, Segment

AUDIO = "audio"  # folder of the audio, by partition
TABLE = "clips.csv"
LONGEST_NAME = 150  # bytes of a clip's id in a file name
UNKNOWN = "unknown"  # licence
PARTITIONS = ("train", "valid", "test", ENROL)
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


def fault(rows: pd.DataFrame) -> str | None:
    """What is wrong with a list, which another person may have written; names of files are made of its words.

    Args:
        rows: of `manifest.AUGMENTED`
    """
    for column, known in (("partition", PARTITIONS), ("emotion", EMOTIONS)):
        if strange := sorted(set(rows[column]) - set(known)):
            return f"{column} '{strange[0]}', expected one of {', '.join(known)}"
    if len(nameless := rows.loc[rows["is_synthetic"] & rows["generator"].isna(), "id"]):
        return f"synthetic clip '{nameless.iloc[0]}' has no generator"
    for text in rows["parameters"].dropna().unique():
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            return f"parameters '{text[:100]}', expected an object of JSON"
    return None


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
    """Copy or link the audio of each clip.

    A clip that is a part of a file is cut out, also with `link`: as mono FLAC, whose 24 bits keep up to 24 bits.

    Args:
        rows: of `manifest.AUGMENTED`
        files: path of each clip below `folder`
        folder: of the export
        link: make symbolic links instead of copies

    Raises:
        ClickException: a file is missing, cannot be decoded, or has not the samples of the list
    """
    listed = zip(manifest.segments(rows), rows["sha256"], tracked(files, "audio", len(rows)), strict=True)
    for segment, sha256, file in listed:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not segment.path.is_file():
            raise click.ClickException(f"{segment.path}: not found, expected the audio of a clip; `dvc repro` makes it")
        recording = _recording(segment, sha256)
        if not segment.is_whole:
            with preparation.opened(path, recording.sampling_rate, "FLAC", "PCM_24") as audio:
                audio.write(np.clip(recording.samples, -1, 1))
        elif link:
            path.symlink_to(segment.path.resolve())
        else:
            shutil.copyfile(segment.path, path)


def _recording(segment: Segment, sha256: str) -> Recording:
    """The clip's audio; a list from elsewhere may name any file, so its samples must be those of the list.

    Raises:
        ClickException: the file cannot be decoded, or has other samples
    """
    try:
        found = decoding.read(*segment)
    except AudioError as error:
        raise click.ClickException(f"{segment}: {error}") from None
    if found.sha256 != sha256:
        raise click.ClickException(f"{segment}: has samples with SHA-256 {found.sha256}, expected {sha256}")
    return found


def is_recording(clips: pd.DataFrame) -> "pd.Series[bool]":
    """Whether a clip is a real recording, also one that is repeated."""
    return ~clips["is_synthetic"] | clips["generator"].isin(REPEATS)


def plain(clip: Mapping[Any, Any]) -> dict[str, Any]:
    """A row with values that JSON has; missing ones are left out."""
    known = {name: found for name, found in clip.items() if not pd.isna(found)}
    return {name: found.item() if isinstance(found, np.generic) else found for name, found in known.items()}
