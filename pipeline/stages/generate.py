"""Convert every train clip of a pair to the pair's other emotion, and write the clips with their provenance."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import click
import numpy as np
import pandas as pd

from pipeline import audio, hardware, manifest, models, params, shards
from pipeline.audio import AudioParams, Recording
from pipeline.classifier.acoustics import AcousticsParams, heard
from pipeline.cyclegan.conversion import Converter
from pipeline.files import whole
from pipeline.hardware import HardwareParams
from pipeline.manifest import INTENSITIES
from pipeline.prosody import Prosody
from pipeline.shards import Shards
from pipeline.vocoder import Features, Vocoder, VocoderParams, vocoder
from pipeline.workers import in_parallel

GENERATOR = "cyclegan"
LONGEST_NAME = 150  # bytes of an id in a file's name


@dataclass(frozen=True)
class Rendering:
    """A clip to synthesise."""

    features: Features
    path: Path


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--model", type=click.Path(path_type=Path), required=True)
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the corpora's shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(params_path: Path, clips_path: Path, split_path: Path, model: Path, features: Path, out: Path) -> None:
    """Convert every train clip of a pair to the pair's other emotion, and write the clips with their provenance."""
    prepared = params.load(params_path, "audio", AudioParams)
    voice_params = params.load(params_path, "vocoder", VocoderParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    machine = params.load(params_path, "hardware", HardwareParams)
    tensors, config = models.load(model)
    a, b = config["emotions"]
    prosody = Prosody.from_config(config["prosody"])
    converter = Converter.from_tensors(tensors, (a, b), config["size"], prosody, hardware.device(machine))
    clips = manifest.read(clips_path, manifest.CLIPS)
    split = manifest.read(split_path, manifest.PARTITIONED)
    sources = manifest.partition(clips, split, "train")
    sources = sources[sources["emotion"].isin((a, b))]
    rows = synthetic_rows(sources, (a, b), split_path.stem, out, prosody.intensities)
    rows = rows.assign(generator_sha256=models.fingerprint(model), seed=config["seed"])
    stored = Shards(features / corpus for corpus in sorted(rows["corpus"].unique()))
    levels = rows["source_id"].map(sources.set_index("id")["intensity"]).map(_known)
    bounds = (voice_params.world.f0_floor_hz, voice_params.world.f0_ceil_hz)

    def renderings(folder: Path) -> Iterator[Rendering]:
        wanted = rows[["source_id", "source_emotion", "emotion", "intensity", "filepath"]].astype(object)
        for (id_, source, target, intensity, path), own in zip(
            wanted.where(wanted.notna(), None).itertuples(index=False), levels, strict=True
        ):
            original = Features.from_arrays(stored.arrays(id_, Features.names()))
            converted = converter.convert(original, source, target, bounds, own, intensity)
            yield Rendering(converted, folder / Path(path).name)

    render = partial(
        _rendered, prepared=prepared, voice=vocoder(voice_params, prepared.sampling_rate), acoustics=acoustics
    )
    with whole(out) as folder:
        folder.mkdir(parents=True)
        written = []
        with shards.Writer(folder / manifest.SYNTHETIC_FEATURES) as shard:
            made = in_parallel(render, renderings(folder), f"{split_path.stem} {a}-{b}", len(rows))
            for id_, (recording, audible) in zip(rows["id"], made, strict=True):
                shard.add(id_, audible)
                written.append((recording.duration, recording.sampling_rate, recording.sha256))
        facts = pd.DataFrame(written, columns=["duration", "sampling_rate", "sha256"], index=rows.index)
        manifest.write(
            rows.assign(**facts),
            folder / manifest.SYNTHETIC_TABLE,
            manifest.SYNTHETIC,
            params.digest(prepared, voice_params, acoustics, machine),
            split=split_path.stem,
            emotions=f"{a}-{b}",
            model=model.as_posix(),
        )
    click.echo(f"{split_path.stem} {a}-{b}: {len(rows):,} clips, {facts['duration'].sum() / 3600:.2f} hours")


def synthetic_rows(
    sources: pd.DataFrame,
    emotions: tuple[str, str],
    split: str,
    out: Path,
    heard: Mapping[str, Collection[str]],
) -> pd.DataFrame:
    """What is known of the synthetic clips before they are made, one row for each source clip, sorted by id.

    Args:
        sources: real train clips of the pair's emotions
        emotions: of the pair
        split: whose train partition this is
        out: folder of the clips
        heard: intensities of each emotion of which enough was heard; a clip keeps its own where that is among them
    """
    a, b = emotions
    sources = sources.sort_values("id")
    target = sources["emotion"].map({a: b, b: a})
    name = sources["id"].str.replace("/", "_").map(_shortened) + "_" + target
    again = name.groupby(name).cumcount()  # ids that differ in what a name cannot hold
    name += again.map(lambda number: f"_{number + 1}" if number else "") + ".flac"
    rows = sources.assign(
        id=f"{split}/{GENERATOR}/" + sources["id"] + "/" + target,
        filepath=PurePosixPath(out).as_posix() + "/" + name,
        emotion=target,
        intensity=pd.Series(
            [_known(level, heard.get(made, ())) for level, made in zip(sources["intensity"], target, strict=True)],
            sources.index,
            object,
        ),
        is_synthetic=True,
        emotion_raw=None,
        intensity_raw=None,
        source_id=sources["id"],
        source_emotion=sources["emotion"],
        generator=GENERATOR,
        selected=True,
    )
    return rows.sort_values("id", ignore_index=True)


def _known(level: object, among: Collection[str] = INTENSITIES) -> str | None:
    """An intensity, if it is among some; None where there is none."""
    return level if isinstance(level, str) and level in among else None


def _shortened(name: str) -> str:
    """Its last characters, where it is too long for a file's name."""
    return name.encode()[-LONGEST_NAME:].decode(errors="ignore")


def _rendered(
    wanted: Rendering, prepared: AudioParams, voice: Vocoder, acoustics: AcousticsParams
) -> tuple[Recording, dict[str, np.ndarray]]:
    """Synthesise and write a clip; what comes back is what a reader of the file gets."""
    samples = audio.level(voice.synthesise(wanted.features), prepared.level_db)
    audio.write(wanted.path, samples, prepared.sampling_rate)
    recording = audio.read(wanted.path)
    again = audio.prepare(recording.samples, recording.sampling_rate, prepared)
    return recording, heard(again, prepared.sampling_rate, acoustics)
