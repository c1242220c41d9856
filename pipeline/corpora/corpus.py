"""Description of a corpus, and parsing of its file names."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

Folds = Mapping[int, tuple[str, ...]]  # fold → its test speakers

MOST_LISTED = 15  # codes in an error


class UnknownNameError(ValueError):
    """A file name does not follow the grammar of its corpus."""


def parts(name: re.Pattern[str], path: PurePosixPath, file: str, examples: str) -> tuple[str, ...]:
    """Parts of a file name, as the groups of a pattern; a missing group is empty.

    Args:
        name: pattern of the name without its suffix
        path: of the file
        file: corpus and file, for the error
        examples: valid names, for the error

    Raises:
        UnknownNameError: the name does not match
    """
    match = name.fullmatch(path.stem)
    if match is None:
        raise UnknownNameError(f"{file} is not named like {examples}")
    return match.groups("")


def lookup(file: str, what: str, code: str, known: Mapping[str, str]) -> str:
    """Value of a code in a file name.

    Args:
        file: corpus and file, for the error: `RAVDESS: '03-01-09-02-01-02-07.wav'`
        what: kind of code, such as `emotion`
        code: in the file name
        known: code → value

    Raises:
        UnknownNameError: the code is unknown
    """
    if code not in known:
        codes = list(known)
        expected = ", ".join(codes) if len(codes) <= MOST_LISTED else f"{codes[0]} to {codes[-1]}"
        raise UnknownNameError(f"{file} has {what} '{code}', expected {expected}")
    return known[code]


@dataclass(frozen=True)
class Labels:
    """Labels of a clip; None where the corpus has no such label."""

    name: str  # unique in the corpus, the same on every computer
    speaker: str  # without the prefix of the corpus
    emotion: str  # one of manifest.EMOTIONS
    emotion_raw: str
    intensity: str | None = None  # one of manifest.INTENSITIES
    intensity_raw: str | None = None
    gender: str | None = None  # male, female
    language: str | None = None  # ISO 639-1
    sentence: str | None = None  # its text, or a code that no other corpus has


@dataclass(frozen=True)
class Archive:
    """A zip file that can be downloaded without registration."""

    url: str
    members: tuple[str, ...]  # files to unpack, as patterns of `fnmatch` on their paths
    most_bytes: int  # limit of their unpacked size
    size: int | None = None  # [bytes], if known
    md5: str | None = None  # if known
    lfs: str | None = None  # URL prefix of files that the zip has only as pointers of Git LFS


@dataclass(frozen=True)
class Corpus:
    """A corpus: a parser of file names, and facts."""

    title: str
    license: str
    source: str  # where to get it, as a text
    parse: Callable[[PurePosixPath], Labels]  # path below the corpus's folder → labels; raises UnknownNameError
    expected_counts: Mapping[tuple[str, str], int] = field(default_factory=dict)  # clips of (speaker, emotion)
    folds: Folds | None = None  # published folds, if any
    genders: Callable[[Iterable[Path]], Mapping[str, str]] | None = None  # files other than audio → gender of speakers
    archives: tuple[Archive, ...] = ()  # downloads without registration
    restriction: str = ""  # why its clips, and clips made from them, may not be passed on
