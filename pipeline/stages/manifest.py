"""Combine the corpora: map emotions, select emotions, and check that no two corpora share a recording."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import click
import pandas as pd

from pipeline.core import console, manifest, params
from pipeline.core.files import write_csv
from pipeline.corpora import ingestion

COLUMNS = ["filepath", "emotion", "intensity"]  # of the CSV

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option("--corpora", "folder", type=PATH, default="data/corpora", help="Folder of the corpora's tables.")
@click.option("--out", type=PATH, default="data/manifest.parquet", help="Parquet table to write.")
@click.option("--csv", type=PATH, default="data/data.csv", help="CSV file to write.")
def main(params_path: Path, folder: Path, out: Path, csv: Path) -> None:
    """Combine the corpora: map emotions, select emotions, and check that no two corpora share a recording."""
    corpora = params.load(params_path, "corpora", list[str])
    emotions = params.load(params_path, "emotions", list[str])
    emotion_map = params.load(params_path, "emotion_map", dict[str, str])
    _check(f"{params_path}: emotions", emotions, manifest.EMOTIONS)
    for words in (list(emotion_map), set(emotion_map.values())):
        _check(f"{params_path}: emotion_map", words, manifest.EMOTIONS, may_be_empty=True)

    tables = [manifest.read(folder / f"{name}.parquet", manifest.CLIPS) for name in corpora]
    clips = pd.concat(tables or [pd.DataFrame(columns=manifest.CLIPS.names)], ignore_index=True)
    clips["emotion"] = clips["emotion"].map(lambda emotion: emotion_map.get(emotion, emotion))
    _check_shared(clips)
    selected = clips[clips["emotion"].isin(emotions)].sort_values("id")
    counts = selected["emotion"].value_counts()
    for emotion in emotions:
        if emotion not in counts:
            there = ", ".join(sorted(clips["emotion"].unique()))
            found = f"in {', '.join(corpora)}, after emotion_map, there are {there}"
            raise click.ClickException(f"{params_path}: emotions: no clip is '{emotion}'; {found}")

    manifest.write(selected, out, manifest.CLIPS, params.params_hash(corpora, emotions, emotion_map))
    write_csv(selected[COLUMNS], csv)
    left_out = [{"reason": f"emotion {emotion}"} for emotion in clips.loc[~clips["emotion"].isin(emotions), "emotion"]]
    reasons = f"; left out: {ingestion.by_reason(left_out)}" * bool(left_out)
    console.tell(", ".join(corpora), f"kept {len(selected):,} of {len(clips):,} clips{reasons}")
    console.tell("emotions", ", ".join(f"{emotion} {counts[emotion]:,}" for emotion in emotions))


def _check_shared(clips: pd.DataFrame) -> None:
    """Raise ClickException if two corpora share a recording, because its speaker then has two names."""
    repeated = clips.loc[clips.duplicated("sha256"), "sha256"].head(1)
    pair = clips[clips["sha256"].isin(repeated)].head(2)
    if len(pair):
        one, two = manifest.segments(pair)
        speakers, corpora = list(pair["speaker"]), list(pair["corpus"])
        raise click.ClickException(
            f"{one} and {two} are the same recording, so {speakers[0]} is {speakers[1]} and could be in train under "
            f"one name and in test under the other; remove '{corpora[0]}' or '{corpora[1]}' from `corpora`"
        )


def _check(place: str, words: Collection[str], known: Collection[str], may_be_empty: bool = False) -> None:
    """Raise ParamsError for unknown or repeated words."""
    if not words and not may_be_empty:
        raise params.ParamsError(f"{place}: is empty{params.nearest('', known)}")
    for word, count in Counter(words).items():
        if word not in known:
            raise params.ParamsError(f"{place}: '{word}' is not known{params.nearest(word, known)}")
        if count > 1:
            raise params.ParamsError(f"{place}: '{word}' is there {count} times")
