"""Export of an augmented list to the formats of other tools: each is a module here, and an entry in `FORMATS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.export import audformat, emobox, hf, lhotse, nkululeko


@dataclass(frozen=True)
class Format:
    """How a format is written, and how its files are read."""

    title: str
    usage: str  # lines of Python or shell; {name} is the name of the export, {out} that of its folder
    write: Callable[[Path, pd.DataFrame, str], None]  # into a folder; clips (`clips.COLUMNS`); name of the export


def _nothing(folder: Path, clips: pd.DataFrame, name: str) -> None:
    """The table clips.csv, which is beside each format, is all that `csv` needs."""


FORMATS: Mapping[str, Format] = {
    "hf": Format("Hugging Face datasets", hf.USAGE, hf.write),
    "audformat": Format("audformat", audformat.USAGE, audformat.write),
    "nkululeko": Format("Nkululeko", nkululeko.USAGE, nkululeko.write),
    "lhotse": Format("Lhotse", lhotse.USAGE, lhotse.write),
    "emobox": Format("EmoBox", emobox.USAGE, emobox.write),
    "csv": Format("CSV", 'import pandas\n\nclips = pandas.read_csv("clips.csv")', _nothing),
}
