"""Writing synthetic clips: synthesised, levelled, written; then read again, and measured as real clips are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

import click
import numpy as np
import pandas as pd

from pipeline.audio import decoding, marking, measures, preparation
from pipeline.audio.acoustics import AcousticsParams, FrontEnd, classifier_features
from pipeline.audio.decoding import AudioError
from pipeline.audio.intelligibility import intelligibility
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest, shards
from pipeline.core.files import atomic_write
from pipeline.core.manifest import Segment
from pipeline.core.workers import in_parallel
from pipeline.networks import provenance
from pipeline.scorers import gate, speakers
from pipeline.vocoder import Features, Vocoder, VocoderParams, vocoder

Content = TypeVar("Content")
Arrays = dict[str, np.ndarray]
Measurements = dict[str, object]  # of a written clip, by column of the table

MEASUREMENTS = ["sampling_rate", "duration", "sha256", "level_db", "clipping", "intelligibility"]
STEP = 2.0**-15  # of 16-bit samples
LONGEST_NAME = 150  # bytes of a clip's name in a file name


@dataclass(frozen=True)
class Synthesis(Generic[Content]):
    """A clip to synthesise."""

    content: Content  # such as a vocoder's features
    source: Segment | None  # audio of its source; None for a clip from noise


@dataclass(frozen=True)
class Synthesiser(Generic[Content]):
    """Synthesis and measurement of clips; it is sent to other processes, so its functions must be importable."""

    # Samples (samples,) at the rate of prepared clips, from a content and the prepared samples of its source.
    synthesise: Callable[[Content, np.ndarray | None], np.ndarray]
    prepared: AudioParams
    acoustics: AcousticsParams
    vocoder: Vocoder  # for F0 of the written clips
    front_end: FrontEnd  # `vocoded` where the vocoder synthesised the clips

    def write(self, item: tuple[Synthesis[Content], Path, Mapping[str, str]]) -> tuple[Measurements, Arrays]:
        """Write a clip and measure the written file.

        Args:
            item: the clip, its file, and the tags of the file

        Returns:
            its `MEASUREMENTS`, and its features for classifiers and scorers

        Raises:
            ClickException: the source cannot be read, or the samples are not finite
        """
        synthesis, path, tags = item
        source = None
        if synthesis.source is not None:
            original, start, end = synthesis.source
            source = preparation.prepared(original, self.prepared, start, end)
        samples = preparation.level(self.synthesise(synthesis.content, source), self.prepared.level_db)
        try:
            preparation.write(path, samples, self.prepared.sampling_rate, tags)
        except AudioError as error:
            raise click.ClickException(f"{path.name}: {error}; did the training of its model diverge?") from None
        recording = decoding.read(path)
        rate = recording.sampling_rate
        measurements: Measurements = {
            "sampling_rate": rate,
            "duration": recording.duration,
            "sha256": recording.sha256,
            "level_db": measures.level_db(recording.samples, rate),
            "clipping": clipping(recording.samples),
            "intelligibility": None if source is None else intelligibility(recording.samples, source, rate),
        }
        samples = preparation.prepare(recording.samples, rate, self.prepared)
        f0_hz = self.vocoder.f0(samples)
        features = classifier_features(samples, rate, self.acoustics, f0_hz, self.vocoder.frame_ms)
        return measurements, features | {
            scorer.NAME: scorer.statistics(samples, rate)[None] for scorer in (gate, speakers)
        }


def vocoder_of(params: VocoderParams, sampling_rate: int, trained: Path) -> tuple[Vocoder, dict[str, str]]:
    """The vocoder of a split, and the metadata that say where its network comes from; none without a network.

    Args:
        params: of the vocoder
        sampling_rate: of prepared clips [Hz]
        trained: folder of the split's trained vocoders
    """
    network = params.model(trained)
    metadata = {"vocoder": network.as_posix(), "vocoder_sha256": provenance.fingerprint(network)} if network else {}
    return vocoder(params, sampling_rate, network), metadata


def vocoded(features: Features, source: np.ndarray | None, vocoder: Vocoder) -> np.ndarray:
    """Samples (samples,) from features, for `Synthesiser.synthesise`; the source is not used."""
    return vocoder.synthesise(features)


def revocoded(
    content: Content,
    source: np.ndarray | None,
    synthesise: Callable[[Content, np.ndarray | None], np.ndarray],
    prepared: AudioParams,
    vocoder: Vocoder,
) -> np.ndarray:
    """Samples (samples,) of a clip that is made without the vocoder and then passes it, as the real clips do.

    Args:
        content: of the clip
        source: prepared samples of its source
        synthesise: as in `Synthesiser`
        prepared: how real clips are prepared before the vocoder
        vocoder: that can synthesise
    """
    samples = preparation.prepare(synthesise(content, source), prepared.sampling_rate, prepared)
    return vocoder.synthesise(vocoder.analyse(samples))


def filepaths(names: "pd.Series[str]", suffixes: "pd.Series[str]", out: Path) -> "pd.Series[str]":
    """Unique paths of clips in a folder, valid in a file system for any names.

    Args:
        names: such as the id of the source, of any length
        suffixes: to distinguish clips of the same name
        out: the folder
    """
    stems = names.str.replace("/", "_").map(_shortened) + "_" + suffixes
    repeats = stems.groupby(stems).cumcount()  # names that differ only in characters that are replaced or cut
    stems += repeats.map(lambda number: f"_{number + 1}" if number else "")
    return PurePosixPath(out).as_posix() + "/" + stems + ".flac"


def clipping(samples: np.ndarray) -> float:
    """Share of a clip's samples that are as loud as its loudest, at any level; about 0 for ordinary speech.

    Args:
        samples: read from 16 bits, (samples,); 0 for silence
    """
    loudness = np.abs(samples)
    return float(np.mean((loudness > 0) & (loudness > loudness.max() - STEP / 2)))


def write(
    out: Path,
    rows: pd.DataFrame,
    clips_to_write: Iterable[Synthesis[Content]],
    synthesiser: Synthesiser[Content],
    params_hash: str,
    label: str,
    **metadata: str,
) -> pd.DataFrame:
    """Write the clips of a generator to one folder: FLAC files, the shard of their features, and their table.

    Args:
        out: folder, replaced as a whole
        rows: of `manifest.SYNTHETIC` without `MEASUREMENTS`; their files are directly in `out`
        clips_to_write: content and source of each row
        synthesiser: of the generator
        params_hash: of the parameters that the stage declares
        label: of the progress bar, such as split and generator
        metadata: of the table: `split`, `model` and others

    Returns:
        the rows with all their columns
    """
    with atomic_write(out) as folder:
        folder.mkdir(parents=True)
        files = [folder / Path(path).name for path in rows["filepath"]]
        tags = [marking.tags(row, "vocoder" in metadata) for row in rows.to_dict("records")]
        items = zip(clips_to_write, files, tags, strict=True)
        measured = []
        front_end = {shards.FRONT_END: synthesiser.front_end}
        with shards.Writer(folder / manifest.SYNTHETIC_FEATURES, metadata=front_end) as shard:
            written = in_parallel(synthesiser.write, items, label, len(rows), lambda item: item[1].name)
            for id_, (measurements, features) in zip(rows["id"], written, strict=True):
                shard.add(id_, features)
                measured.append(measurements)
        rows = rows.assign(**pd.DataFrame(measured, rows.index, MEASUREMENTS))
        manifest.write(rows, folder / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC, params_hash, **metadata)
    return rows


def _shortened(name: str) -> str:
    """The last characters of a name that is too long for a file name."""
    return name.encode()[-LONGEST_NAME:].decode(errors="ignore")
