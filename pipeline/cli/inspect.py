"""Print where a clip comes from, and where it is used."""

import difflib
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pyarrow.parquet as pq

from pipeline.audio import decoding
from pipeline.audio.decoding import AudioError
from pipeline.augmentation import arms
from pipeline.augmentation.arms import GENERATORS
from pipeline.cli.workspace import DATA, PARAMS
from pipeline.core import manifest, models, params
from pipeline.core.manifest import REPEATS, ManifestError, Segment
from pipeline.networks import provenance

SHOWN = 3  # ids that are near a wrong one
ABOUT = ("gender", "language", "sentence", "license")

Line = tuple[str, str]  # what, and its value


@click.command()
@click.argument("clip", metavar="CLIP")
def main(clip: str) -> None:
    """Print where a clip comes from, and where it is used: its id, or its file.

    Of a synthetic clip, its generator and its source are printed, too.
    """
    found: str | None = clip
    while found is not None:
        row = _row(found)
        click.echo(row["id"])
        for what, value in [*_about(row), *(_made(row) if row["is_synthetic"] else ()), *_uses(str(row["id"]))]:
            click.echo(f"  {what:<10}  {value}")
        if (found := row.get("source_id")) is not None:
            click.echo("made from")


def _row(clip: str) -> dict[str, Any]:
    """Row of a clip in the manifest or in the table of its generator, without what is not known.

    Raises:
        ManifestError: there is no such clip
    """
    real = manifest.read(DATA / "manifest.parquet", manifest.CLIPS)
    tables = [real, *(manifest.read(path, manifest.SYNTHETIC) for path in _tables(clip))]
    for rows in tables:
        own = rows[(rows["id"] == clip) | (rows["filepath"] == clip)]
        if len(own):
            return {str(name): value for name, value in own.iloc[0].items() if pd.notna(value)}
    known = [id_ for rows in tables for id_ in rows["id"]]
    near = difflib.get_close_matches(clip, known, SHOWN)
    hint = f"; near ids are {', '.join(near)}" if near else f"; expected an id such as {known[0]}"
    raise ManifestError(f"no clip '{clip}' in {DATA}/manifest.parquet or {DATA}/synthetic{hint}")


def _tables(clip: str) -> list[Path]:
    """Tables of the generator that an id or a file names; none for a real clip."""
    parts = Path(clip).parts
    if len(parts) > 2 and parts[1] in REPEATS:
        found = [
            DATA / "augmented" / parts[0] / f"{arm}.parquet" for arm in params.load(PARAMS, "arms", tuple[str, ...])
        ]
    elif Path(clip).is_relative_to(DATA / "synthetic"):
        found = [Path(clip).parent / manifest.SYNTHETIC_TABLE]
    elif len(parts) > 2 and parts[1] in GENERATORS:
        folders = arms.folders(parts[1], params.load(PARAMS, "pairs", tuple[str, ...]))
        found = [DATA / "synthetic" / parts[0] / parts[1] / name / manifest.SYNTHETIC_TABLE for name in folders]
    else:
        found = []
    return [path for path in found if path.is_file()]


def _about(row: dict[str, Any]) -> Iterator[Line]:
    """Lines that real and synthetic clips have."""
    segment = Segment.of({"start": None, "end": None, **row})
    yield "file", f"{segment}, {row['sampling_rate']:,} Hz, {row['duration']:.2f} s"
    try:
        state = "as now" if decoding.read(*segment).sha256 == row["sha256"] else "the file has other samples now"
    except AudioError as error:
        state = f"the file cannot be read now: {error}"
    yield "samples", f"SHA-256 {row['sha256']} ({state})"
    emotion = " ".join(str(row[name]) for name in ("intensity", "emotion") if name in row)
    if "emotion_raw" in row:
        emotion += f" (in the corpus: {row['emotion_raw']})"
    yield "emotion", emotion
    yield "speaker", str(row["speaker"])
    yield "corpus", str(row["corpus"])
    yield from ((name, str(row[name])) for name in ABOUT if name in row)


def _made(row: dict[str, Any]) -> Iterator[Line]:
    """Lines about the generator of a synthetic clip."""
    if row["generator"] in REPEATS:
        yield "generator", f"{row['generator']}: the source again"
        return
    about = manifest.metadata(Path(row["filepath"]).parent / manifest.SYNTHETIC_TABLE)
    yield "generator", f"{row['generator']} of split {about.get('split')}"
    if "model" in about:
        model = Path(about["model"])
        config = models.config(model)
        is_same = provenance.fingerprint(model) == row["generator_sha256"]
        yield "model", f"{model}, SHA-256 {row['generator_sha256']} ({'as' if is_same else 'not as'} now)"
        number = f"{config['train_clips']:,} " if "train_clips" in config else ""
        yield "trained on", f"{number}train clips of {config.get('split')}, SHA-256 {config['train_clips_sha256']}"
        yield "params", _json(config.get("params"))
        yield "hardware", _json(config.get("machine"))
    else:
        yield "made with", f"parameters with hash {row['generator_sha256']}"
        if "train_clips_sha256" in about:
            yield "fitted on", f"clips with SHA-256 {about['train_clips_sha256']}"
    if "vocoder" in about:
        yield "vocoder", f"{about['vocoder']}, SHA-256 {about['vocoder_sha256']}"
    if "banks" in about:
        yield "banks", _json(json.loads(about["banks"]))
    yield from ((name, str(row[name])) for name in ("seed", "parameters") if name in row)


def _uses(clip: str) -> Iterator[Line]:
    """Partition, weight and scores of a clip in each split and arm, and how many clips are made from it."""
    scenarios, names = (params.load(PARAMS, key, tuple[str, ...]) for key in ("scenarios", "arms"))
    for scenario, fold in product(scenarios, params.load(PARAMS, "folds", tuple[int, ...])):
        split, partitions = f"{scenario}-{fold}", DATA / "splits" / f"{scenario}-{fold}.parquet"
        if partitions.is_file():
            with manifest.reading(partitions):
                own = pq.read_table(partitions, filters=[("id", "=", clip)])["partition"].to_pylist()
            if own:
                yield "split", f"{split} {own[0]}"
        for arm in names:
            yield from _use(clip, split, arm)


def _use(clip: str, split: str, arm: str) -> Iterator[Line]:
    path = DATA / "augmented" / split / f"{arm}.parquet"
    if not path.is_file():
        return
    with manifest.reading(path):
        rows = pq.read_table(path, filters=[[("id", "=", clip)], [("source_id", "=", clip)]]).to_pandas()
    own, made = rows[rows["id"] == clip], rows[rows["id"] != clip]
    words = [f"weight {weight:g}" if part == "train" else part for part, weight in own[["partition", "weight"]].values]
    if len(made):
        words.append(f"clips made from it: {len(made):,}")
    if words:
        yield "arm", f"{split} {arm}: {', '.join(words)}"
    for row in own[own["is_synthetic"]].head(1).to_dict("records"):
        known = {name: row[name] for name in manifest.SCORES if pd.notna(row.get(name))}
        yield "scores", ", ".join(f"{name} {value:.4g}" for name, value in known.items())


def _json(value: Any) -> str:
    return json.dumps(value, default=str).replace('"', "")
