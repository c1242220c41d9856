"""Clips to hear, and what a listener must know of them."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from pipeline import corpora
from pipeline.core.manifest import SCORES
from pipeline.report import words
from pipeline.report.clips import Direction, Group
from pipeline.report.page import Players, Section, Sounds, Table, meanings
from pipeline.report.run import Run
from pipeline.report.sound import Player

READING = (
    "Clips as the classifiers get them: same level, silent ends cut. Picture: mel spectrogram, time to the right, "
    "frequency upwards, brighter is louder. Line: F0, the pitch, on the scale at the right. Clips that stand together "
    "share both scales."
)


def listening(run: Run, found: Sequence[Direction], players: Mapping[Group, list[Player]]) -> Section:
    """Players of the examples of each generator and direction.

    Args:
        run: with its clips
        found: examples
        players: clips of each group
    """
    if not found:
        return Section("listen", "Listen", ["No training set has generated clips."])
    intro = f"Train clips of split {run.split}, at equal distances in the list of speakers, not chosen by quality."
    about = scores(group for each in found for group in each.groups)
    return Section(
        "listen",
        "Listen",
        [intro, READING, licences(run.real)],
        tables=about,
        sounds=sounds(found, players, is_folded=True),
    )


def sounds(found: Sequence[Direction], players: Mapping[Group, list[Player]], is_folded: bool) -> list[Sounds]:
    """Players of directions; all but the first may be folded."""
    return [
        Sounds(
            f"{each.generator}: {each.title}" if each.generator else each.title,
            [Players(group.title, players[group]) for group in each.groups],
            is_folded=is_folded and place > 0,
        )
        for place, each in enumerate(found)
    ]


def gate(run: Run, found: Sequence[tuple[str, Group, Group]], players: Mapping[Group, list[Player]]) -> Section:
    """Best and worst clips by the quality gate.

    Args:
        run: with its training sets
        found: generators, with their best and worst clips
        players: clips of each group
    """
    extremes = [
        Sounds(f"{generator}: {group.title} emotion confidence", [Players("", players[group])], is_folded=True)
        for generator, *ends in found
        for group in ends
    ]
    lines = [*run.refused()] if extremes else ["No clip has a score."]
    about = scores(group for _, *ends in found for group in ends)
    return Section("gate", "Best and worst clips by the quality gate", lines, tables=about, sounds=extremes)


def licences(real: pd.DataFrame) -> str:
    """Licences of each corpus, and what they forbid, as a sentence.

    Args:
        real: rows of `manifest.CLIPS`
    """
    found = real.assign(license=real["license"].fillna("unknown")).groupby("corpus")["license"].unique()
    lines = []
    for corpus, names in found.items():
        forbidden = sorted({corpora.restriction(name) for name in names} - {""})
        lines.append(f"{corpus} {', '.join(sorted(names))}" + f" ({', '.join(forbidden)})" * bool(forbidden))
    return f"Licences, before you pass this page on: {'; '.join(lines)}. Synthetic clips have those of their sources."


def scores(groups: Iterable[Group]) -> list[Table]:
    """What the numbers below the clips of some groups mean; nothing where there are none."""
    shown = {name for group in groups for clip in group.clips for name, _ in clip.scores}
    known = {name.replace("_", " "): words.SCORES[name] for name in SCORES if name in shown}
    return [meanings("What the numbers below the clips mean", known, is_folded=True)] if known else []
