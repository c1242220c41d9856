"""`emocycle convert`: a person's own recordings, converted by the pairs that were trained for a split."""

from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np
import soundfile
import soxr
import torch

from pipeline.audio import recordings
from pipeline.audio.recordings import AudioError, AudioParams, Recording
from pipeline.conversion.converter import Converter
from pipeline.core import hardware, manifest, models, params
from pipeline.core.files import atomic_write
from pipeline.core.hardware import HardwareParams
from pipeline.core.shards import Shards
from pipeline.corpora import ingestion
from pipeline.corpora.ingestion import IngestParams, Sound
from pipeline.scorers import gate
from pipeline.scorers.gate import Gate
from pipeline.vocoder import Vocoder, VocoderParams, vocoder

BLOCK = 65_536  # samples; all of a long clip at once are too much for libsndfile's Vorbis, which ends the process
# Names of libsndfile.
FORMATS = {suffix: "AIFF" if suffix == ".aif" else suffix[1:].upper() for suffix in recordings.SUFFIXES}


class ConvertError(click.ClickException):
    """What was asked for cannot be done."""


@dataclass(frozen=True)
class Pairs:
    """The CycleGANs of a split, loaded when they are needed."""

    folder: Path
    wanted: tuple[str, ...]  # by params.yaml; those of an earlier one may still be there
    device: torch.device
    _loaded: dict[str, Converter] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Of the pairs that were trained, alphabetical."""
        return sorted(name for name in self.wanted if (self.folder / name / models.CONFIG).is_file())

    def converter(self, source: str, target: str) -> Converter:
        """What converts one emotion to another.

        Raises:
            ConvertError: no such pair was trained
        """
        name = "-".join(sorted((source, target)))
        if name not in self.names():
            raise ConvertError(f"{self.folder}: no pair {name} was trained; there are {', '.join(self.names())}")
        if name not in self._loaded:
            self._loaded[name] = Converter.from_tensors(*models.load(self.folder / name), self.device)
        return self._loaded[name]


@dataclass(frozen=True)
class Conversion:
    """What to do to each recording."""

    source: str | None  # emotion; None: the judge says
    target: str
    intensity: str | None  # of the target; None: what that emotion is like on the whole
    judge: Gate | None
    pairs: Pairs
    prepared: AudioParams
    usable: IngestParams
    voice: Vocoder
    bounds_hz: tuple[float, float]

    def convert(self, given: Path, out: Path) -> str:
        """Convert a file, and say what was done.

        Raises:
            AudioError: it cannot be used, or not be written as asked for
            ConvertError: no pair for the emotion that was heard
        """
        recording = recordings.read(given)
        mixed = f", {channels} channels mixed" if (channels := soundfile.info(given).channels) > 1 else ""
        sound = Sound(recording.sampling_rate, recording.duration, recording.sha256, recording.peak)
        if isinstance(params_error := ingestion.accept(sound, self.usable), AudioError):
            raise AudioError(params_error.reason, f"{params_error.detail}{mixed}")
        wave = soxr.resample(recording.samples, recording.sampling_rate, self.prepared.sampling_rate)
        heard = recordings.prepare(wave, self.prepared.sampling_rate, self.prepared)
        source, words = self._source(heard)
        words += mixed
        if source == self.target:
            _write(out, recording.samples, recording.sampling_rate)
            return f"{words}: emotion left as it is"
        try:
            converter = self.pairs.converter(source, self.target)
        except ConvertError as error:
            raise ConvertError(f"{words}, but {error}; or say --from") from None
        as_in_training = wave * (np.abs(heard).max() / np.abs(wave).max())  # no trimming cuts the loudest sample
        features = self.voice.analyse(as_in_training)
        converted = converter.convert(features, source, self.target, self.bounds_hz, intensity=self.intensity)
        made = soxr.resample(self.voice.synthesise(converted), self.prepared.sampling_rate, recording.sampling_rate)
        made = made[: round(len(recording.samples) * len(converted.f0_hz) / len(features.f0_hz))]
        _write(out, recordings.level(made, _level_db(recording)), recording.sampling_rate)
        return f"{words}: made {self.intensity + ' ' if self.intensity else ''}{self.target}"

    def _source(self, heard: np.ndarray) -> tuple[str, str]:
        """Emotion of a prepared clip, and words for where that comes from."""
        if self.source is not None:
            return self.source, self.source
        assert self.judge is not None
        statistics = gate.statistics(heard, self.prepared.sampling_rate)
        probabilities = self.judge.probabilities(statistics[None])[0]
        emotion = self.judge.emotions[probabilities.argmax()]
        return emotion, f"heard as {emotion}, {probabilities.max():.0%}"


def convert(
    given: Path,
    out: Path,
    target: str,
    source: str | None,
    intensity: str | None,
    split: str | None,
    params_path: Path,
    data: Path,
    trained: Path,
) -> None:
    """Convert a file, or all audio files below a folder, and print what became of each.

    Args:
        given: file or folder
        out: file or folder; its suffix is the format, below a folder a file keeps its own
        target: emotion to make
        source: emotion of all files; None where it is to be guessed
        intensity: of the target; None for what it is like on the whole
        split: whose models to use; None for the first of params.yaml
        params_path: params.yaml
        data: folder of what the pipeline has made
        trained: folder of all models

    Raises:
        ConvertError: of what was asked for there is nothing, or some files could not be used
    """
    if split is None:
        scenarios = params.load(params_path, "scenarios", tuple[str, ...])
        split = f"{scenarios[0]}-{params.load(params_path, 'folds', tuple[int, ...])[0]}"
    wanted = params.load(params_path, "pairs", tuple[str, ...])
    device = hardware.device(params.load(params_path, "hardware", HardwareParams))
    pairs = Pairs(trained / "cyclegan" / split, wanted, device)
    known = {emotion for name in pairs.names() for emotion in name.split("-")}
    if not known:
        raise ConvertError(f"{pairs.folder}: no pair was trained; `dvc repro` trains those of params.yaml")
    if target not in known:
        raise ConvertError(f"--to {target}: no pair of {pairs.folder} has it{params.nearest(target, known)}")
    if source not in (None, target):
        if source not in known:
            raise ConvertError(f"--from {source}: no pair of {pairs.folder} has it{params.nearest(source, known)}")
        pairs.converter(source, target)
    prepared = params.load(params_path, "audio", AudioParams)
    voice = params.load(params_path, "vocoder", VocoderParams)
    features = params.params_hash(prepared, voice.analysis)
    for pair in (pairs.folder / name for name in pairs.names()):
        if models.config(pair).get("features") != features:
            other = f"trained with other 'audio' or 'vocoder' than {params_path}"
            raise ConvertError(f"{pair}: {other}; `dvc repro` trains it again")
    conversion = Conversion(
        source=source,
        target=target,
        intensity=intensity,
        judge=_judge(data, split) if source is None else None,
        pairs=pairs,
        prepared=prepared,
        usable=params.load(params_path, "ingest", IngestParams),
        voice=vocoder(voice, prepared.sampling_rate, voice.model(trained / "vocoder" / split)),
        bounds_hz=(voice.world.f0_floor_hz, voice.world.f0_ceil_hz),
    )
    files = _files(given, out)
    failed = 0
    for path, made in files:
        try:
            click.echo(f"{path}: {conversion.convert(path, made)}: {made}")
        except (AudioError, ConvertError) as error:
            failed += 1
            click.echo(f"{path}: left out: {error}", err=True)
    if failed:
        raise ConvertError(f"{failed:,} of {len(files):,} files could not be converted")


def _judge(data: Path, split: str) -> Gate:
    """A judge of emotions that has heard the real train clips of a split."""
    clips = manifest.read(data / "manifest.parquet", manifest.CLIPS)
    train = manifest.partition(
        clips, manifest.read(data / "splits" / f"{split}.parquet", manifest.PARTITIONED), "train"
    )
    stored = Shards(data / "features" / "scorers" / corpus for corpus in sorted(train["corpus"].unique()))
    return Gate.fit(stored.rows(train["id"], gate.NAME), list(train["emotion"]))


def _files(given: Path, out: Path) -> list[tuple[Path, Path]]:
    """Each file to be read, and where its conversion goes.

    Raises:
        ConvertError: there is none, or it would be overwritten
    """
    formats = f"expected {', '.join(sorted(FORMATS))}"
    if given.is_dir():
        if out.suffix.lower() in FORMATS or out.is_file():
            raise ConvertError(f"{out}: {given} is a folder, so expected another")
        audible = [path for path in ingestion.files_below(given) if ingestion.is_audio(path)]
        below = [path.relative_to(given) for path in audible if out == given or not path.is_relative_to(out)]
        found = [(given / path, out / path) for path in below if not ingestion.is_hidden(path)]
        if not found:
            raise ConvertError(f"{given}: holds no audio file; {formats}")
    elif out.is_dir() or not out.suffix:
        found = [(given, out / given.name)]
    else:
        found = [(given, out)]
    for path, made in found:
        if made.suffix.lower() not in FORMATS:
            raise ConvertError(f"{made}: cannot be written; {formats}")
        if made.exists() and made.samefile(path):
            raise ConvertError(f"{made}: would be overwritten by its conversion; say another OUT")
    return found


def _level_db(recording: Recording) -> float:
    """Root mean square of a recording that is not silent [dB re full scale]."""
    return float(10 * np.log10(np.mean(np.square(recording.samples, dtype=np.float64))))


def _write(path: Path, samples: np.ndarray, sampling_rate: int) -> None:
    """Write a file in the format of its suffix, lowered where it would clip."""
    limited = recordings.peak_limited(samples)
    try:
        form = FORMATS[path.suffix.lower()]
        with (
            atomic_write(path) as temporary,
            soundfile.SoundFile(temporary, "w", sampling_rate, 1, format=form) as file,
        ):
            for start in range(0, len(limited), BLOCK):
                file.write(limited[start : start + BLOCK])
    except soundfile.LibsndfileError as error:
        detail = f"cannot be written as {path.suffix} at {sampling_rate:,} Hz: {error.error_string}"
        raise AudioError("unwritable", detail) from None
    except OSError as error:
        raise AudioError("unwritable", str(error)) from None
