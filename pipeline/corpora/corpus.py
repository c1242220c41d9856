"""What the pipeline knows of a corpus."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

Folds = Mapping[int, tuple[str, ...]]  # fold → its test speakers

MOST_LISTED = 15  # of the codes that an error lists


class UnknownNameError(ValueError):
    """A file's name does not follow its corpus's grammar."""


def parts(name: re.Pattern[str], path: PurePosixPath, file: str, examples: str) -> tuple[str, ...]:
    """Parts of a file's name, as the groups of a pattern; one that is not there is empty.

    Args:
        name: what the name without its suffix must be
        path: of the file
        file: corpus and file, for the error
        examples: of right names, for the error

    Raises:
        UnknownNameError: the name is another
    """
    match = name.fullmatch(path.stem)
    if match is None:
        raise UnknownNameError(f"{file} is not named like {examples}")
    return match.groups("")


def lookup(file: str, what: str, code: str, known: Mapping[str, str]) -> str:
    """What a code in a file's name stands for.

    Args:
        file: corpus and file, for the error: `RAVDESS: '03-01-09-02-01-02-07.wav'`
        what: the code is of, such as `emotion`
        code: as found
        known: code → meaning

    Raises:
        UnknownNameError: the code is not known
    """
    if code not in known:
        codes = list(known)
        expected = ", ".join(codes) if len(codes) <= MOST_LISTED else f"{codes[0]} to {codes[-1]}"
        raise UnknownNameError(f"{file} has {what} '{code}', expected {expected}")
    return known[code]


@dataclass(frozen=True)
class Labels:
    """What a file's name says of the clip; None where the corpus does not say."""

    name: str  # unique in the corpus, the same on every machine
    speaker: str  # without the corpus's prefix
    emotion: str  # one of manifest.EMOTIONS
    emotion_raw: str
    intensity: str | None = None  # one of manifest.INTENSITIES
    intensity_raw: str | None = None
    gender: str | None = None  # male, female
    language: str | None = None  # ISO 639-1
    sentence: str | None = None  # its text, or a code that no other corpus has


@dataclass(frozen=True)
class Archive:
    """A zip file that anybody may download."""

    url: str
    members: tuple[str, ...]  # which of its files to unpack: patterns of `fnmatch` on their paths
    most_bytes: int  # that these may be, unpacked
    size: int | None = None  # [bytes], where known
    md5: str | None = None  # where known
    lfs: str | None = None  # before the path of a file that the zip has only as a pointer of Git LFS: its URL


@dataclass(frozen=True)
class Corpus:
    """A corpus: a grammar of names, and facts."""

    title: str
    license: str
    source: str  # where to get it, in words
    parse: Callable[[PurePosixPath], Labels]  # path below the corpus's folder → labels, or UnknownNameError
    expected_counts: Mapping[tuple[str, str], int] = field(default_factory=dict)  # clips of (speaker, emotion)
    folds: Folds | None = None  # where the field has agreed on them
    genders: Callable[[Iterable[Path]], Mapping[str, str]] | None = None  # files without audio → gender of speakers
    archives: tuple[Archive, ...] = ()  # where it may be had without registration
