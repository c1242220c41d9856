"""Read a voice bank, speech without labels: statistics of each speaker, and hashes of the clips."""

import os
from functools import partial
from itertools import islice
from pathlib import Path

import click
import pandas as pd

from pipeline.audio import preparation
from pipeline.audio.decoding import AudioError
from pipeline.audio.preparation import AudioParams
from pipeline.core import bank, console, manifest, params
from pipeline.core.files import atomic_write
from pipeline.core.manifest import Segment
from pipeline.core.workers import in_parallel
from pipeline.corpora import ingestion
from pipeline.corpora.ingestion import Clip, IngestParams
from pipeline.generation.speaker_statistics import SpeakerStatistics
from pipeline.vocoder import VocoderParams
from pipeline.vocoder.features import Features
from pipeline.vocoder.world import World

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option("--raw", type=PATH, required=True, help="Folder of the audio files, with a folder for each speaker.")
@click.option("--out", type=PATH, required=True, help="Folder of the tables to write; its name is the bank's.")
def main(params_path: Path, raw: Path, out: Path) -> None:
    """Read a voice bank, speech without labels: statistics of each speaker, and hashes of the clips."""
    limits = params.load(params_path, "ingest", IngestParams)
    prepared = params.load(params_path, "audio", AudioParams)
    vocoder = params.load(params_path, "vocoder", VocoderParams)
    segments, misplaced = _found(raw, out.name)
    accepted, unusable = _accepted(segments, limits, out.name)
    clips = pd.DataFrame(accepted, columns=bank.CLIPS.names).sort_values(["speaker", "id"], ignore_index=True)
    left_out = misplaced + unusable
    reasons = f"; quarantined: {ingestion.by_reason(left_out)}" * bool(left_out)
    counts = f"kept {len(clips):,} of {len(clips) + len(left_out):,} clips{reasons}"
    if clips.empty:
        example = [f"{row['filepath']}: {row['detail']}" for row in left_out[:1]]
        raise click.ClickException("; ".join([f"{raw}: {counts}", *example, f"expected speech in {raw}/SPEAKER/"]))
    speakers = _speakers(clips, World(vocoder.world, prepared.sampling_rate), prepared, out.name)
    params_hash = params.params_hash(limits, prepared, vocoder.world)
    with atomic_write(out) as folder:
        folder.mkdir(parents=True)
        manifest.write(clips, folder / bank.CLIPS_TABLE, bank.CLIPS, params_hash)
        manifest.write(speakers, folder / bank.SPEAKERS_TABLE, bank.SPEAKERS, params_hash)
        by_path = sorted(left_out, key=lambda row: str(row["filepath"]))
        manifest.write(by_path, folder / bank.QUARANTINE, manifest.QUARANTINE, params_hash)
    console.tell(out.name, f"{len(speakers):,} speakers, {clips['duration'].sum() / 3600:.2f} hours, {counts}")
    for name in sorted(set(segments.values()) - set(clips["speaker"])):
        console.warn(out.name, f"{name} is left out, because none of the clips is usable")


def _found(raw: Path, name: str) -> tuple[dict[Segment, str], list[Clip]]:
    """Audio files with their speakers, by speaker, and rows of the quarantine; files that are not audio are ignored.

    Raises:
        ClickException: there is no such folder
    """
    if not raw.is_dir():
        raise click.ClickException(f"{raw}: no such folder; expected speech in {raw}/SPEAKER/")
    folder = Path(os.path.relpath(raw))  # relative to the project, with its links unresolved
    found: list[tuple[str, Path]] = []
    left_out: list[Clip] = []
    for path in filter(ingestion.is_audio, ingestion.files_below(folder)):
        inside = path.relative_to(folder)
        if fault := ingestion.fault(path, folder):
            left_out.append(ingestion.rejection(Segment(path), *fault))
        elif len(inside.parts) == 1:
            left_out.append(ingestion.rejection(Segment(path), "unknown name", "is not in a folder of a speaker"))
        else:
            found.append((bank.speaker_name(name, inside.parts[0]), path))
    return {Segment(path): speaker for speaker, path in sorted(found)}, left_out


def _accepted(segments: dict[Segment, str], limits: IngestParams, name: str) -> tuple[list[Clip], list[Clip]]:
    """Rows of the usable clips, each recording once, and rows of the quarantine."""
    clips: list[Clip] = []
    left_out: list[Clip] = []
    decoded = ingestion.decoded(segments, limits.max_duration_s, name)
    for (segment, speaker), result in zip(segments.items(), decoded, strict=True):
        sound = ingestion.accept(result, limits)
        if isinstance(sound, AudioError):
            left_out.append(ingestion.rejection(segment, sound.reason, sound))
        else:
            path = segment.path.as_posix()
            place = {"id": path, "filepath": path, "start": None, "end": None}
            facts = {"duration": sound.duration, "sha256": sound.sha256}
            clips.append({**place, **facts, "speaker": speaker, "emotion": "unlabelled"})
    clips, twins = ingestion.distinct(clips)
    return clips, left_out + twins


def _speakers(clips: pd.DataFrame, world: World, prepared: AudioParams, label: str) -> list[dict[str, object]]:
    """Rows of `bank.SPEAKERS`; clips are sorted by speaker."""
    analysed = in_parallel(partial(_features, prepared=prepared, world=world), clips["filepath"].tolist(), label)
    return [
        {"speaker": speaker, "clips": len(own), "duration": own["duration"].sum()}
        | vars(SpeakerStatistics.of(islice(analysed, len(own))))
        for speaker, own in clips.groupby("speaker")
    ]


def _features(path: str, prepared: AudioParams, world: World) -> Features:
    """Features of a clip, without aperiodicity."""
    return world.analyse(preparation.prepared(Path(path), prepared), aperiodicity=False)
