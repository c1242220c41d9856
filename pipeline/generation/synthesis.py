"""Clips that a generator makes: synthesised, levelled and written; then read again, and heard as the real ones are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

import click
import numpy as np
import pandas as pd

from pipeline.audio import decoding, measures, preparation
from pipeline.audio.decoding import AudioError
from pipeline.audio.intelligibility import intelligibility
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest, shards
from pipeline.core.files import atomic_write
from pipeline.core.manifest import Segment
from pipeline.core.workers import in_parallel
from pipeline.scorers import gate, speakers

Content = TypeVar("Content")
Arrays = dict[str, np.ndarray]
Facts = dict[str, object]  # what the table says of a clip once it is made, by column

FACTS = ["sampling_rate", "duration", "sha256", "level_db", "clipping", "intelligibility"]
STEP = 2.0**-15  # of 16 bits
LONGEST_NAME = 150  # bytes of a name in a file's


@dataclass(frozen=True)
class Synthesis(Generic[Content]):
    """A clip to make."""

    content: Content  # such as a vocoder's features
    source: Segment | None  # audio of the clip that it was made from; None where it is made from nothing


@dataclass(frozen=True)
class Synthesiser(Generic[Content]):
    """What makes clips of the data set; goes to other processes, so its functions must be importable."""

    synthesise: Callable[[Content], np.ndarray]  # samples (samples,), at the rate of prepared clips
    prepared: AudioParams
    heard: Callable[[np.ndarray, int], Arrays]  # what classifiers hear of a prepared clip, and its sampling rate

    def render(self, wanted: tuple[Synthesis[Content], Path]) -> tuple[Facts, Arrays]:
        """Write a clip and say what a reader of the file gets.

        Returns:
            its `FACTS`, and its arrays: what classifiers, gate and voices go by

        Raises:
            ClickException: the source cannot be read, or what is made is no sound
        """
        synthesis, path = wanted
        samples = preparation.level(self.synthesise(synthesis.content), self.prepared.level_db)
        try:
            preparation.write(path, samples, self.prepared.sampling_rate)
        except AudioError as error:
            raise click.ClickException(f"{path.name}: {error}; did the training of what makes it diverge?") from None
        recording = decoding.read(path)
        rate = recording.sampling_rate
        source = None
        if synthesis.source is not None:
            original, start, end = synthesis.source
            source = preparation.prepared(original, self.prepared, start, end)
        facts: Facts = {
            "sampling_rate": rate,
            "duration": recording.duration,
            "sha256": recording.sha256,
            "level_db": measures.level_db(recording.samples, rate),
            "clipping": clipping(recording.samples),
            "intelligibility": None if source is None else intelligibility(recording.samples, source, rate),
        }
        again = preparation.prepare(recording.samples, rate, self.prepared)
        judged = {judge.NAME: judge.statistics(again, rate)[None] for judge in (gate, speakers)}
        return facts, self.heard(again, rate) | judged


def filepaths(names: "pd.Series[str]", suffixes: "pd.Series[str]", out: Path) -> "pd.Series[str]":
    """Files of clips in a folder, each its own; whatever is in the names, a file system takes it.

    Args:
        names: such as the source's id, of any length
        suffixes: what tells clips of the same name apart
        out: the folder
    """
    stems = names.str.replace("/", "_").map(_shortened) + "_" + suffixes
    again = stems.groupby(stems).cumcount()  # names that differ in what a file's cannot hold
    stems += again.map(lambda number: f"_{number + 1}" if number else "")
    return PurePosixPath(out).as_posix() + "/" + stems + ".flac"


def clipping(samples: np.ndarray) -> float:
    """Share of a clip's samples that are as loud as its loudest, at any level; of ordinary speech, next to none.

    Args:
        samples: read from 16 bits, (samples,); of silence it is 0
    """
    loudness = np.abs(samples)
    return float(np.mean((loudness > 0) & (loudness > loudness.max() - STEP / 2)))


def write(
    out: Path,
    rows: pd.DataFrame,
    clips_to_write: Iterable[Synthesis[Content]],
    synthesiser: Synthesiser[Content],
    digest: str,
    **said: str,
) -> pd.DataFrame:
    """Make the clips of a generator: FLAC files, the shard of their features and their table, in one folder.

    Args:
        out: folder, replaced whole
        rows: of `manifest.SYNTHETIC`, but for what `Synthesiser.render` finds out; files directly in `out`
        clips_to_write: content and source of each row
        synthesiser: makes them
        digest: hash of the parameters that the stage declares
        said: words to keep with the table: `split`, `model`, and what else the generator's stage says

    Returns:
        the rows with all their columns
    """
    with atomic_write(out) as folder:
        folder.mkdir(parents=True)
        wanted = zip(clips_to_write, [folder / Path(path).name for path in rows["filepath"]], strict=True)
        found = []
        with shards.Writer(folder / manifest.SYNTHETIC_FEATURES) as shard:
            made = in_parallel(
                synthesiser.render, wanted, " ".join(out.parts[-3:]), len(rows), lambda item: item[1].name
            )
            for id_, (facts, audible) in zip(rows["id"], made, strict=True):
                shard.add(id_, audible)
                found.append(facts)
        complete = rows.assign(**pd.DataFrame(found, rows.index, FACTS))
        manifest.write(complete, folder / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC, digest, **said)
    return complete


def _shortened(name: str) -> str:
    """Its last characters, where it is too long for a file's name."""
    return name.encode()[-LONGEST_NAME:].decode(errors="ignore")
