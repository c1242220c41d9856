"""`emocycle convert`: a person's own recordings, converted by the pairs that were trained for a split."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np
import soundfile
import soxr
import torch

from pipeline.audio import recordings, utterances
from pipeline.audio.recordings import AudioError, AudioParams
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
        samples, rate = recording.samples, recording.sampling_rate
        places = utterances.spans(samples, rate, self.prepared.trim_db, self.usable.min_duration_s)
        spoken = [samples[start:stop] for start, stop in places]
        source, words = self._source(spoken, rate)
        words += mixed
        if source == self.target:
            _write(out, [samples], rate)
            return f"{words}: emotion left as it is"
        try:
            converter = self.pairs.converter(source, self.target)
        except ConvertError as error:
            raise ConvertError(f"{words}, but {error}; or say --from") from None
        made = (self._converted(utterance, rate, converter, source) for utterance in spoken)
        _write(out, list(utterances.spliced(samples, places, made, rate)), rate)
        speech_s = sum(map(len, spoken)) / rate
        found = f"{len(places):,} utterance{'s' * (len(places) > 1)}, {speech_s:,.1f} of {recording.duration:,.1f} s"
        return f"{words}: made {self.intensity + ' ' if self.intensity else ''}{self.target}, {found}"

    def _converted(self, utterance: np.ndarray, sampling_rate: int, converter: Converter, source: str) -> np.ndarray:
        """An utterance, converted; as loud as it was, and longer or shorter as the emotion is, (samples,)."""
        features = self.voice.analyse(self._as_in_training(utterance, sampling_rate))
        converted = converter.convert(features, source, self.target, self.bounds_hz, intensity=self.intensity)
        made = soxr.resample(self.voice.synthesise(converted), self.prepared.sampling_rate, sampling_rate)
        made = made[: round(len(utterance) * len(converted.f0_hz) / len(features.f0_hz))]
        return recordings.level(made, _level_db(utterance)).astype(np.float32)

    def _as_in_training(self, utterance: np.ndarray, sampling_rate: int) -> np.ndarray:
        """An utterance as `prepare` makes it; it has no silent ends to trim."""
        wave = soxr.resample(utterance, sampling_rate, self.prepared.sampling_rate)
        return recordings.level(wave, self.prepared.level_db).astype(np.float32)

    def _source(self, spoken: Sequence[np.ndarray], sampling_rate: int) -> tuple[str, str]:
        """Emotion of a recording's utterances, and words for where that comes from."""
        if self.source is not None:
            return self.source, self.source
        assert self.judge is not None
        clips = (self._as_in_training(utterance, sampling_rate) for utterance in spoken)
        statistics = np.stack([gate.statistics(clip, self.prepared.sampling_rate) for clip in clips])
        lengths = [len(utterance) for utterance in spoken]
        probabilities = np.average(self.judge.probabilities(statistics), axis=0, weights=lengths)
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


def _level_db(samples: np.ndarray) -> float:
    """Root mean square of samples that are not all zero [dB re full scale]."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def _write(path: Path, pieces: Sequence[np.ndarray], sampling_rate: int) -> None:
    """Write a file, piece after piece, in the format of its suffix; all is lowered where some of it would clip."""
    peak = max(float(np.max(np.abs([piece.min(), piece.max()]))) for piece in pieces if len(piece))
    if not np.isfinite(peak):
        raise AudioError("not finite", "its conversion has samples that are NaN or infinite")
    gain = np.float32(min(1.0, recordings.PEAK / max(peak, 1e-9)))
    try:
        form = FORMATS[path.suffix.lower()]
        with (
            atomic_write(path) as temporary,
            soundfile.SoundFile(temporary, "w", sampling_rate, 1, format=form) as file,
        ):
            for piece in pieces:
                for start in range(0, len(piece), BLOCK):
                    file.write(gain * piece[start : start + BLOCK])
    except soundfile.LibsndfileError as error:
        detail = f"cannot be written as {path.suffix} at {sampling_rate:,} Hz: {error.error_string}"
        raise AudioError("unwritable", detail) from None
    except OSError as error:
        raise AudioError("unwritable", str(error)) from None
