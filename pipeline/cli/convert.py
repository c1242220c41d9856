"""Convert your own recordings to another emotion, with the trained models of a split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import soundfile
import soxr

from pipeline.audio import decoding, marking, preparation, utterances
from pipeline.audio.acoustics import FrontEnd
from pipeline.audio.decoding import AudioError, Recording
from pipeline.audio.preparation import AudioParams
from pipeline.cli import recordings
from pipeline.cli.trained_pairs import ConvertError, Pairs
from pipeline.cli.workspace import DATA, MODELS, PARAMS, first_split
from pipeline.conversion import speaker_means
from pipeline.conversion.converter import Converter
from pipeline.core import manifest, params
from pipeline.core.files import atomic_write
from pipeline.core.shards import Shards
from pipeline.corpora import ingestion
from pipeline.corpora.ingestion import IngestParams, Sound
from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams
from pipeline.scorers import gate
from pipeline.scorers.gate import Gate
from pipeline.vocoder import Features, Vocoder, VocoderParams, copies, vocoder

BLOCK = 65_536  # samples a write; libsndfile's Vorbis encoder crashes when it gets a long clip at once
# Names of the formats in libsndfile.
FORMATS = {suffix: "AIFF" if suffix == ".aif" else suffix[1:].upper() for suffix in decoding.SUFFIXES}


@dataclass(frozen=True)
class Conversion:
    """Settings and models, the same for all files."""

    source: str | None  # emotion; None: predicted
    target: str
    intensity: str | None  # of the target; None: the emotion's mean
    classifier: Gate | None  # needed where `source` is None
    front_end: FrontEnd  # of the clips that the classifier was fitted on
    pairs: Pairs
    audio: AudioParams
    limits: IngestParams
    vocoder: Vocoder
    bounds_hz: tuple[float, float]  # of F0
    mean: np.ndarray | None = None  # of the speaker's neutral recordings, (order,), as of `speaker_means.mean`

    def neutral_mean(self, folder: Path) -> np.ndarray:
        """Mean of the recordings below a folder, as of `speaker_means.mean`; unusable ones are reported.

        Raises:
            ConvertError: none is usable, or no pair needs it
        """
        if not any(self.pairs.is_relative(name) for name in self.pairs.names()):
            raise ConvertError(f"--reference-folder: the pairs of {self.pairs.folder} need no neutral recordings")
        sums = []
        for path in recordings.below(folder):
            try:
                recording, spans = self._read(path)
            except AudioError as error:
                click.echo(f"{path}: left out: {error}", err=True)
                continue
            speech = (recording.samples[start:stop] for start, stop in spans)
            analysed = (self._analysed(each, recording.sampling_rate) for each in speech)
            sums += [speaker_means.summed(features.spectrum) for features in analysed]
        if not sums:
            raise ConvertError(f"{folder}: has no usable recording; expected a few neutral ones of the speaker")
        return speaker_means.mean(sums)

    def convert(self, source_path: Path, out: Path) -> str:
        """Convert a file; returns a description of the conversion.

        Raises:
            AudioError: the file cannot be used, or the result cannot be written
            ConvertError: the pair of the predicted emotion was not trained
        """
        recording, spans = self._read(source_path)
        samples, rate = recording.samples, recording.sampling_rate
        speech = [samples[start:stop] for start, stop in spans]
        source, described = self._source(speech, rate)
        described += _mixed(source_path)
        if source == self.target:
            _write(out, [samples], rate, {})
            return f"{described}; emotion unchanged"
        try:
            converter = self.pairs.converter(source, self.target)
        except ConvertError as error:
            raise ConvertError(f"{described}; {error}; or add --from") from None
        if self.mean is None and source != manifest.NEUTRAL and converter.means:
            needs = "the pair was trained on spectra relative to each speaker's neutral speech"
            raise ConvertError(f"{described}; {needs}: name neutral recordings of the speaker by --reference-folder")
        converted = (self._converted(utterance, rate, converter, source) for utterance in speech)
        origin = {"source": source_path.name, "source_emotion": source, "emotion": self.target, "generator": "cyclegan"}
        tags = marking.comment(marking.EDITED, **origin)
        _write(out, list(utterances.spliced(samples, spans, converted, rate)), rate, tags)
        speech_s = sum(map(len, speech)) / rate
        extent = f"{len(spans):,} utterance{'s' * (len(spans) > 1)}, {speech_s:,.1f} of {recording.duration:,.1f} s"
        return f"{described}; converted to {self.intensity + ' ' if self.intensity else ''}{self.target}, {extent}"

    def _converted(self, utterance: np.ndarray, sampling_rate: int, converter: Converter, source: str) -> np.ndarray:
        """A converted utterance with the level of the original; its length may differ, (samples,)."""
        features = self._analysed(utterance, sampling_rate)
        mean = self.mean
        if mean is None and converter.means:
            mean = speaker_means.mean([speaker_means.summed(features.spectrum)])
        converted = converter.convert(
            features, source, self.target, self.bounds_hz, intensity=self.intensity, mean=mean
        )
        wave = soxr.resample(self.vocoder.synthesise(converted), self.audio.sampling_rate, sampling_rate)
        wave = wave[: round(len(utterance) * len(converted.f0_hz) / len(features.f0_hz))]
        return preparation.level(wave, _level_db(utterance)).astype(np.float32)

    def _read(self, path: Path) -> tuple[Recording, list[tuple[int, int]]]:
        """A decoded file, and the first sample and the sample after the last of each of its utterances."""
        recording = decoding.read(path)
        sound = Sound(recording.sampling_rate, recording.duration, recording.sha256, recording.peak)
        if isinstance(unusable := ingestion.accept(sound, self.limits), AudioError):
            raise AudioError(unusable.reason, f"{unusable.detail}{_mixed(path)}")
        rate = recording.sampling_rate
        return recording, utterances.spans(recording.samples, rate, self.audio.trim_db, self.limits.min_duration_s)

    def _analysed(self, utterance: np.ndarray, sampling_rate: int) -> Features:
        return self.vocoder.analyse(self._prepared(utterance, sampling_rate))

    def _prepared(self, utterance: np.ndarray, sampling_rate: int) -> np.ndarray:
        """An utterance as `preparation.prepare` returns a clip; its ends are trimmed already."""
        wave = soxr.resample(utterance, sampling_rate, self.audio.sampling_rate)
        return preparation.level(wave, self.audio.level_db).astype(np.float32)

    def _source(self, speech: Sequence[np.ndarray], sampling_rate: int) -> tuple[str, str]:
        """Emotion of a recording's utterances, given or predicted, and its description."""
        if self.source is not None:
            return self.source, f"given as {self.source}"
        assert self.classifier is not None
        clips = (self._prepared(utterance, sampling_rate) for utterance in speech)
        if self.front_end == FrontEnd.VOCODED:
            clips = (copies.copied(self.vocoder.analyse(clip), self.vocoder, self.audio) for clip in clips)
        statistics = np.stack([gate.statistics(clip, self.audio.sampling_rate) for clip in clips])
        lengths = [len(utterance) for utterance in speech]
        probabilities = np.average(self.classifier.probabilities(statistics), axis=0, weights=lengths)
        emotion = self.classifier.emotions[probabilities.argmax()]
        return emotion, f"recognised as {emotion} ({100 * probabilities.max():.0f} %)"


@click.command()
@click.argument("source_path", metavar="IN", type=click.Path(exists=True, path_type=Path))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--to", "target", required=True, help="Target emotion.")
@click.option("--from", "source", help="Emotion of IN; predicted if not given.")
@click.option("--intensity", type=click.Choice(["low", "medium", "high"]), help="Intensity of the target emotion.")
@click.option(
    "--reference-folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Neutral recordings of the speaker, where the pairs need them (train_cyclegan.normalisation).",
)
@click.option("--split", help="Split whose models are used, such as full-1; default: the first one of params.yaml.")
def main(
    source_path: Path,
    out: Path,
    target: str,
    source: str | None,
    intensity: str | None,
    reference_folder: Path | None,
    split: str | None,
) -> None:
    """Convert a recording, or all recordings of a folder, to another emotion.

    The suffix of OUT is the format of the file. The files of a folder keep their names.
    """
    conversion = _conversion(target, source, intensity, split or first_split())
    if reference_folder:
        conversion = replace(conversion, mean=conversion.neutral_mean(reference_folder))
    files = _files(source_path, out)
    failed = 0
    for path, converted in files:
        try:
            click.echo(f"{path}: {conversion.convert(path, converted)}: {converted}")
        except (AudioError, ConvertError) as error:
            failed += 1
            click.echo(f"{path}: left out: {error}", err=True)
    if failed:
        raise ConvertError(f"{failed:,} of {len(files):,} files could not be converted")


def _conversion(target: str, source: str | None, intensity: str | None, split: str) -> Conversion:
    """Load models and parameters.

    Raises:
        ConvertError: as for `Pairs.check`
    """
    device = hardware.device(params.load(PARAMS, "hardware", HardwareParams))
    audio = params.load(PARAMS, "audio", AudioParams)
    chosen = params.load(PARAMS, "vocoder", VocoderParams)
    pairs = Pairs(MODELS / "cyclegan" / split, params.load(PARAMS, "pairs", tuple[str, ...]), device)
    pairs.check(source, target, params.params_hash(audio, chosen.analysis))
    return Conversion(
        source=source,
        target=target,
        intensity=intensity,
        classifier=_classifier(split) if source is None else None,
        front_end=params.load(PARAMS, "classify.front_end", FrontEnd),
        pairs=pairs,
        audio=audio,
        limits=params.load(PARAMS, "ingest", IngestParams),
        vocoder=vocoder(chosen, audio.sampling_rate, chosen.model(MODELS / "vocoder" / split)),
        bounds_hz=(chosen.world.f0_floor_hz, chosen.world.f0_ceil_hz),
    )


def _classifier(split: str) -> Gate:
    """The emotion classifier of the quality gate, fitted to the real train clips of a split."""
    clips = manifest.read(DATA / "manifest.parquet", manifest.CLIPS)
    partitions = manifest.read(DATA / "splits" / f"{split}.parquet", manifest.PARTITIONED)
    train = manifest.partition(clips, partitions, "train")
    stored = Shards(DATA / "features" / "scorers" / corpus for corpus in sorted(train["corpus"].unique()))
    return Gate.fit(stored.rows(train["id"], gate.NAME), list(train["emotion"]))


def _files(source: Path, out: Path) -> list[tuple[Path, Path]]:
    """Each file to read, with the file to write.

    Raises:
        ConvertError: no audio file, an unknown suffix, or an input file would be overwritten
    """
    formats = f"expected {', '.join(sorted(FORMATS))}"
    if source.is_dir():
        if out.suffix.lower() in FORMATS or out.is_file():
            raise ConvertError(f"{out}: expected a folder, as {source} is one")
        audio = [path for path in recordings.below(source) if out == source or not path.is_relative_to(out)]
        found = [(path, out / path.relative_to(source)) for path in audio]
        if not found:
            raise ConvertError(f"{source}: has no audio file; {formats}")
    elif out.is_dir() or not out.suffix:
        found = [(source, out / source.name)]
    else:
        found = [(source, out)]
    for path, converted in found:
        if converted.suffix.lower() not in FORMATS:
            raise ConvertError(f"{converted}: cannot be written; {formats}")
        if converted.exists() and converted.samefile(path):
            raise ConvertError(f"{converted}: would be overwritten by its conversion; choose another OUT")
    return found


def _mixed(path: Path) -> str:
    return f"; {channels} channels mixed" if (channels := soundfile.info(path).channels) > 1 else ""


def _level_db(samples: np.ndarray) -> float:
    """Root mean square of samples that are not all zero [dB re full scale]."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def _write(path: Path, pieces: Sequence[np.ndarray], sampling_rate: int, tags: Mapping[str, str]) -> None:
    """Write pieces to one file, in the format of its suffix; one gain lowers all pieces if a peak would clip."""
    peak = max(float(np.max(np.abs([piece.min(), piece.max()]))) for piece in pieces if len(piece))
    if not np.isfinite(peak):
        raise AudioError("not finite", "its conversion has samples that are NaN or infinite")
    gain = np.float32(min(1.0, preparation.PEAK / max(peak, 1e-9)))
    try:
        form = FORMATS[path.suffix.lower()]
        with (
            atomic_write(path) as temporary,
            preparation.opened(temporary, sampling_rate, form) as file,
        ):
            marking.write(file, tags)
            for piece in pieces:
                for start in range(0, len(piece), BLOCK):
                    file.write(gain * piece[start : start + BLOCK])
    except soundfile.LibsndfileError as error:
        detail = f"cannot be written as {path.suffix} at {sampling_rate:,} Hz: {error.error_string}"
        raise AudioError("unwritable", detail) from None
    except OSError as error:
        raise AudioError("unwritable", str(error)) from None
