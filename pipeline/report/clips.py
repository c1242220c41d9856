"""Which clips the report has players of: examples of each direction, and the best and worst by the gate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.core.manifest import SCORES, Segment


@dataclass(frozen=True)
class Clip:
    """A clip to hear."""

    role: str  # such as `source, neutral`
    id: str
    segment: Segment
    scores: tuple[tuple[str, float], ...]  # known ones: column of the table, and value


@dataclass(frozen=True)
class Group:
    """Clips to hear one after another, drawn on the same axes."""

    title: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True)
class Direction:
    """Groups of one generator that convert one emotion to another, or keep it."""

    generator: str
    title: str
    groups: tuple[Group, ...]


def directions(synthetic: pd.DataFrame, real: pd.DataFrame, number: int, first: Sequence[str] = ()) -> list[Direction]:
    """Examples of each generator and direction, spread evenly over its clips in the order of speakers, not by quality.

    Args:
        synthetic: rows of `manifest.SYNTHETIC`, with scores where they are known
        real: rows of `manifest.CLIPS`
        number: of examples of each generator and direction, as far as there are clips
        first: generators to begin with
    """
    found = []
    known = synthetic.fillna({"source_emotion": ""})
    for (generator, source, emotion), rows in known.groupby(["generator", "source_emotion", "emotion"], sort=True):
        words = f"{source} → {emotion}" if source not in ("", emotion) else str(emotion)
        rows = rows.sort_values(["speaker", "id"])
        chosen = rows.iloc[spread(len(rows), number)]
        found.append(Direction(str(generator), words, tuple(group(row, real) for _, row in chosen.iterrows())))
    return sorted(found, key=lambda each: each.generator not in first)


def extremes(synthetic: pd.DataFrame, number: int) -> Iterator[tuple[str, Group, Group]]:
    """Each generator, with its clips of highest and of lowest emotion confidence.

    Args:
        synthetic: rows of `manifest.AUGMENTED`
        number: of clips at each end; fewer where a generator has less than twice as many
    """
    for generator, rows in synthetic[synthetic["emotion_confidence"].notna()].groupby("generator"):
        ranked = rows.sort_values(["emotion_confidence", "id"], ascending=[False, True])
        most = min(number, len(ranked) // 2)
        best, worst = (
            tuple(clip(row, f"{row['emotion']}, {row['speaker']}") for _, row in part.iterrows())
            for part in (ranked.head(most), ranked.tail(most))
        )
        if most:
            yield str(generator), Group("highest", best), Group("lowest", worst)


def group(row: pd.Series, real: pd.DataFrame) -> Group:
    """A synthetic clip between its source and a real utterance of the target emotion, as far as there are such.

    Args:
        row: of `manifest.SYNTHETIC`
        real: rows of `manifest.CLIPS`
    """
    clips = []
    source = real[real["id"] == row["source_id"]]
    if len(source):
        clips.append(clip(source.iloc[0], f"source, {source['emotion'].iloc[0]}"))
    converts = len(source) and source["emotion"].iloc[0] != row["emotion"]
    made = "converted to" if converts else "generated," if not len(source) else "changed, still"
    clips.append(clip(row, f"{made} {row['emotion']}"))
    if converts and (target := parallel(row, real)) is not None:
        clips.append(clip(target, f"real {row['emotion']}, same sentence"))
    words = (row["speaker"], row["sentence"], row["intensity"])
    return Group(", ".join(str(word) for word in words if isinstance(word, str)), tuple(clips))


def parallel(row: pd.Series, real: pd.DataFrame) -> pd.Series | None:
    """A real clip of a synthetic one's emotion, speaker and sentence, of its intensity if there is one; else None."""
    columns = ["corpus", "speaker", "sentence", "emotion"]
    same = (real[columns] == row[columns]).all(axis="columns")
    found = real[same].assign(other=lambda rows: rows["intensity"] != row["intensity"]).sort_values(["other", "id"])
    return found.iloc[0] if len(found) else None


def clip(row: pd.Series, role: str) -> Clip:
    """A row of any table of clips."""
    scores = tuple((name, float(row[name])) for name in SCORES if name in row and pd.notna(row[name]))
    return Clip(role, row["id"], Segment.of({str(name): value for name, value in row.items()}), scores)


def spread(length: int, number: int) -> list[int]:
    """At most `number` places in a list of a length, at equal distances."""
    number = min(length, number)
    return [int((place + 0.5) * length / number) for place in np.arange(number)]
