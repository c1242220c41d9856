"""Voice banks: speakers of whom only unlabelled speech is known, and the tables of it."""

import hashlib
from pathlib import Path
from typing import Annotated

import pandas as pd
import pyarrow as pa
from pydantic import StringConstraints

from pipeline.core import manifest

# Names of banks; parts of paths, commands and names of speakers
Banks = tuple[Annotated[str, StringConstraints(pattern="^[a-z0-9]+$")], ...]

# In the folder of a bank; beside them, `QUARANTINE` has unusable clips
CLIPS_TABLE = "clips.parquet"
SPEAKERS_TABLE = "speakers.parquet"
QUARANTINE = "quarantine.parquet"

CLIPS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("filepath", pa.string(), nullable=False),
        pa.field("speaker", pa.string(), nullable=False),  # as of `speaker_name`
        pa.field("duration", pa.float32(), nullable=False),  # [s]
        pa.field("sha256", pa.string(), nullable=False),  # of the decoded samples, as in the manifest
    ]
)
SPEAKERS = pa.schema(
    [
        pa.field("speaker", pa.string(), nullable=False),
        pa.field("clips", pa.int32(), nullable=False),
        pa.field("duration", pa.float32(), nullable=False),  # of the clips together [s]
        pa.field("mean", pa.list_(pa.float64()), nullable=False),  # of the mel-cepstrum without its 0th coefficient
        pa.field("deviation", pa.list_(pa.float64()), nullable=False),  # likewise
        pa.field("log_f0", pa.float64()),  # mean [log Hz]; null without voiced frames
    ]
)


def speaker_name(bank: str, folder: str) -> str:
    """Name of a speaker of a bank, such as `bank/mine/anna`; no speaker of a corpus has such a name."""
    return f"bank/{bank}/{folder}"


def bank_of(speaker: str) -> str | None:
    """Name of the bank of a speaker; None for a speaker of a corpus."""
    parts = speaker.split("/")
    return parts[1] if parts[0] == "bank" and len(parts) > 2 else None


def clips(bank: Path) -> pd.DataFrame:
    """Clips of a bank, rows of `CLIPS`.

    Raises:
        ManifestError: the table is missing
    """
    return manifest.read(bank / CLIPS_TABLE, CLIPS)


def speakers(bank: Path) -> pd.DataFrame:
    """Speakers of a bank, rows of `SPEAKERS`.

    Raises:
        ManifestError: the table is missing
    """
    return manifest.read(bank / SPEAKERS_TABLE, SPEAKERS)


def fingerprint(bank: Path) -> str:
    """SHA-256 of a bank's clips and statistics; the table of clips in its voices records it.

    Raises:
        ManifestError: a table is missing
    """
    digest = hashlib.sha256()
    for name in (CLIPS_TABLE, SPEAKERS_TABLE):
        if not (bank / name).is_file():
            raise manifest.ManifestError(f"{bank / name}: not found; `dvc repro` makes it")
        digest.update((bank / name).read_bytes())
    return digest.hexdigest()
