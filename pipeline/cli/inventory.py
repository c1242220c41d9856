"""Clips in the folder of a corpus, counted by the names of the files, and clips that are missing."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import click

from pipeline.cli import download
from pipeline.corpora import ingestion
from pipeline.corpora.corpus import Corpus, Labels, UnknownNameError

MOST_SPEAKERS = 5  # with a line of their own
MOST_NAMES = 12  # of speakers, in one line


@dataclass
class Inventory:
    """Files in the folder of a corpus."""

    n_files: int = 0  # audio files that are not hidden
    n_hidden: int = 0  # hidden audio files
    n_outside: int = 0  # audio files to which links lead out of the folder
    unknown: list[Path] = field(default_factory=list)  # audio files with names that the corpus does not use
    others: list[Path] = field(default_factory=list)  # files that are not audio
    clips: dict[str, Labels] = field(default_factory=dict)  # by name: copies of a clip count once
    sounding: set[str] = field(default_factory=set)  # names of clips with audio, not only a Git LFS pointer

    def counts(self) -> Counter[tuple[str, str]]:
        """Number of clips of each speaker and emotion."""
        return Counter((labels.speaker, labels.emotion) for labels in self.clips.values())

    def is_complete(self, corpus: Corpus) -> bool:
        """Whether all clips are present, with audio; False where the expected counts are not known."""
        return bool(corpus.expected_counts) and not missing(corpus, self) and len(self.sounding) == len(self.clips)


def describe(corpus: Corpus, folder: Path) -> Iterator[str]:
    """Lines about a folder for the terminal; none where it does not exist."""
    if folder.is_symlink() and not folder.exists():
        yield f"{folder}: is a link to {folder.readlink()}, which does not exist"
    if not folder.is_dir():
        return
    found = read(corpus, folder)
    summary = f"{folder}: {len(found.clips):,} clips in {found.n_files:,} audio files"
    yield summary + ", complete" * found.is_complete(corpus)
    yield from missing(corpus, found) if found.clips else ()
    if pointers := len(found.clips) - len(found.sounding):
        yield f"{pointers:,} clips are only Git LFS pointers: run `git lfs pull` in the folder, or `emocycle fetch`"
    if beyond := sum((found.counts() - Counter(corpus.expected_counts)).values()) * bool(corpus.expected_counts):
        yield f"{beyond:,} clips are more than the corpus has for their speakers and emotions"
    if found.unknown:
        example = _printable(found.unknown[0])
        yield f"{len(found.unknown):,} audio files have unknown names, such as {example}"
    if found.n_hidden:
        yield f"{found.n_hidden:,} audio files are hidden files or macOS resource forks"
    if found.n_outside:
        yield f"{found.n_outside:,} audio files are left out: their links lead out of the folder"
    if corpus.genders and found.clips:
        try:
            if not corpus.genders(found.others):
                yield "genders are unknown: the corpus's table of speakers is missing"
        except click.ClickException as error:
            yield error.message


def read(corpus: Corpus, folder: Path) -> Inventory:
    """Inventory of a folder; it is empty where the folder does not exist."""
    found = Inventory()
    for path in ingestion.files_below(folder):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if not ingestion.is_audio(path):
            found.others.append(path)
            continue
        if ingestion.is_hidden(name):
            found.n_hidden += 1
            continue
        if not ingestion.is_inside(path, folder):
            found.n_outside += 1
            continue
        found.n_files += 1
        try:
            path.as_posix().encode()
            labels = corpus.parse(name)
        except (UnicodeEncodeError, UnknownNameError):
            found.unknown.append(path)
            continue
        found.clips.setdefault(labels.name, labels)
        if labels.name not in found.sounding and not download.is_pointer(path):
            found.sounding.add(labels.name)
    return found


def missing(corpus: Corpus, found: Inventory) -> list[str]:
    """Lines about missing clips: one for each incomplete speaker, and one for all speakers without clips."""
    counts = found.counts()
    expected: dict[str, dict[str, int]] = defaultdict(dict)
    for (speaker, emotion), count in corpus.expected_counts.items():
        expected[speaker][emotion] = count
    absent, lines = [], []
    for speaker, emotions in expected.items():
        present = {emotion: min(counts[speaker, emotion], count) for emotion, count in emotions.items()}
        few = [
            f"{emotion} {present[emotion]} of {count}"
            for emotion, count in emotions.items()
            if present[emotion] < count
        ]
        if not any(present.values()):
            absent.append(speaker)
        elif few:
            total = f"{sum(present.values()):,} of {sum(emotions.values()):,}"
            lines.append(f"speaker {speaker} has {total} clips ({', '.join(few)})")
    if len(lines) > MOST_SPEAKERS:
        lines[MOST_SPEAKERS:] = [f"and {len(lines) - MOST_SPEAKERS} more speakers lack clips"]
    if absent:
        others = f" and {len(absent) - MOST_NAMES} others" * (len(absent) > MOST_NAMES)
        lines.append("no clips of speakers " + ", ".join(absent[:MOST_NAMES]) + others)
    return lines


def _printable(path: Path) -> str:
    """A path with escapes in place of bytes that are not UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode()
