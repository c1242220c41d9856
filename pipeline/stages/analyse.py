"""Describe the corpora: tables and plots of the clips, and warnings of confounds."""

from pathlib import Path

import click
import librosa
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from pipeline.audio import measures
from pipeline.audio.acoustics import AcousticsParams
from pipeline.audio.preparation import AudioParams
from pipeline.core import console, manifest, params
from pipeline.core.files import atomic_write, write_csv, write_json
from pipeline.core.shards import Shards
from pipeline.data import analysis
from pipeline.data.analysis import AnalyseParams

COLUMNS = 2  # of spectrograms
RANGE_DB = 60  # of their colours, below the loudest
COLOURS = 20  # few, for small files
TICKS_HZ = (250, 500, 1000, 2000, 4000, 8000, 16000)

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option(
    "--manifest", "clips_path", type=PATH, default="data/manifest.parquet", help="Parquet table of all real clips."
)
@click.option("--splits", type=PATH, required=True, help="Folder of the Parquet tables of the splits.")
@click.option("--vocoder-features", type=PATH, required=True, help="Folder of the shards with F0.")
@click.option("--classifier-features", type=PATH, required=True, help="Folder of the shards with spectrograms.")
@click.option("--recording-features", type=PATH, required=True, help="Folder of the shards with measures.")
@click.option("--metrics", type=PATH, required=True, help="JSON file of totals to write.")
@click.option("--plots", type=PATH, required=True, help="Folder of CSV tables and spectrograms to write.")
def main(
    params_path: Path,
    clips_path: Path,
    splits: Path,
    vocoder_features: Path,
    classifier_features: Path,
    recording_features: Path,
    metrics: Path,
    plots: Path,
) -> None:
    """Describe the corpora: tables and plots of the clips, and warnings of confounds."""
    chosen = params.load(params_path, "analyse", AnalyseParams)
    prepared = params.load(params_path, "audio", AudioParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    scenarios = params.load(params_path, "scenarios", tuple[str, ...])
    folds = params.load(params_path, "folds", tuple[int, ...])
    names = [f"{scenario}-{fold}" for scenario in scenarios for fold in folds]
    if not names:
        raise click.ClickException(f"{params_path}: 'scenarios' or 'folds' is empty")
    partitions = {name: manifest.read(splits / f"{name}.parquet", manifest.PARTITIONED) for name in names}
    clips = manifest.read(clips_path, manifest.CLIPS)
    of_vocoder, of_classifiers, recordings = (
        Shards(folder / corpus for corpus in sorted(clips["corpus"].unique()))
        for folder in (vocoder_features, classifier_features, recording_features)
    )
    clips = _measured(clips, recordings, of_vocoder)
    warnings = analysis.warnings(clips, partitions, chosen, prepared.sampling_rate / 2)
    with atomic_write(plots) as folder:
        _write_tables(folder, clips, analysis.partitions(clips, partitions))
        _write_spectrograms(folder / "spectrograms", clips, of_classifiers, acoustics, prepared.sampling_rate)
    write_json(metrics, {"corpora": analysis.in_numbers(clips), "warnings": {"count": len(warnings), **warnings}})
    corpora = ", ".join(sorted(clips["corpus"].unique()))
    console.tell(corpora, _size(clips, len(warnings)))
    for emotion, rows in clips.groupby("emotion"):
        middle = f"median {rows['duration_s'].median():.1f} s, median F0 {rows['f0_median_hz'].median():.0f} Hz"
        console.tell(str(emotion), f"{len(rows):,} clips, {rows['speaker'].nunique()} speakers, {middle}")
    for sentence in warnings.values():
        console.warn(corpora, sentence)


def _measured(clips: pd.DataFrame, recordings: Shards, of_vocoder: Shards) -> pd.DataFrame:
    """Clips with the columns of `analysis.MEASURES`."""
    found = [
        {name: recordings.array(id_, name).item() for name in measures.OF_RECORDING}
        | measures.f0_summary(of_vocoder.array(id_, "f0_hz"))
        for id_ in clips["id"]
    ]
    return clips.assign(duration_s=clips["duration"].astype(float)).join(pd.DataFrame(found, clips.index))


def _write_tables(folder: Path, clips: pd.DataFrame, parts: pd.DataFrame) -> None:
    """Write CSV tables of the clips, and of the clips of each split with their partitions."""
    tables = {
        "counts": analysis.counts(clips, ["corpus"]),
        "quartiles": analysis.quartiles(clips, ["corpus"]),
        "intensities": analysis.intensities(clips),
        "durations": analysis.histogram(clips, "duration_s"),
        "f0": analysis.histogram(clips, "f0_median_hz"),
        "partition_counts": analysis.counts(parts, ["split", "partition"], ("corpus", "emotion", "gender")),
        "partition_quartiles": analysis.quartiles(parts, ["split", "partition"], ()),
    }
    folder.mkdir()
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")


def _write_spectrograms(
    folder: Path, clips: pd.DataFrame, stored: Shards, acoustics: AcousticsParams, sampling_rate: int
) -> None:
    """Write an image for each corpus, with a clip of each emotion."""
    folder.mkdir()
    for corpus, shown in analysis.examples(clips).groupby("corpus"):
        figure = _spectrograms(shown, stored, acoustics, sampling_rate)
        figure.savefig(folder / f"{corpus}.png", dpi=80, metadata={"Software": None})


def _size(clips: pd.DataFrame, warnings: int) -> str:
    hours = clips["duration_s"].sum() / 3600
    size = f"{len(clips):,} clips, {hours:.2f} hours, {clips['speaker'].nunique()} speakers"
    return f"{size}, {warnings} warning{'s' * (warnings != 1)}"


def _spectrograms(shown: pd.DataFrame, stored: Shards, acoustics: AcousticsParams, sampling_rate: int) -> Figure:
    """Spectrograms of some clips, one panel each, with the same axes and colours."""
    looks = {"cmap": colormaps["magma"].resampled(COLOURS), "vmin": -RANGE_DB, "vmax": 0, "interpolation": "nearest"}
    bands_hz = librosa.mel_frequencies(acoustics.n_mels + 2, fmax=sampling_rate / 2)[1:-1]
    ticks = [tick for tick in TICKS_HZ if bands_hz[0] <= tick <= bands_hz[-1]]
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(11, 0.8 + 1.8 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    longest_s = 0.0
    for panel, id_, speaker, emotion in zip(panels.flat, shown["id"], shown["speaker"], shown["emotion"], strict=False):
        log_mel = stored.array(id_, "log_mel")  # (frames, n_mels) [natural log of power]
        duration_s = len(log_mel) * acoustics.frame_ms / 1000
        longest_s = max(longest_s, duration_s)
        ends = (0, duration_s, -0.5, acoustics.n_mels - 0.5)
        decibels = 10 / np.log(10) * (log_mel.T - log_mel.max())
        image = panel.imshow(decibels, extent=ends, origin="lower", aspect="auto", **looks)
        panel.set_title(f"{speaker}, {emotion}", fontsize="medium")
    for panel in panels.flat[len(shown) :]:
        panel.set_visible(False)
    panels[0, 0].set_xlim(0, longest_s)
    panels[0, 0].set_yticks(np.interp(ticks, bands_hz, np.arange(acoustics.n_mels)), [f"{tick:,}" for tick in ticks])
    figure.supxlabel("time [s]")
    figure.supylabel("frequency [Hz], mel scale")
    figure.colorbar(image, ax=panels, label="power below the loudest [dB]")
    return figure
