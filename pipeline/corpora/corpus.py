"""What the pipeline knows of a corpus."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


class UnknownNameError(ValueError):
    """A file's name does not follow its corpus's grammar."""


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
    sentence: str | None = None


@dataclass(frozen=True)
class Corpus:
    """A corpus: a grammar of names, and facts."""

    title: str
    license: str
    source: str  # where to get it, in words
    parse: Callable[[PurePosixPath], Labels]  # path below the corpus's folder → labels, or UnknownNameError
    folds: Mapping[int, tuple[str, ...]] | None = None  # fold → test speakers, where the field has agreed on them
