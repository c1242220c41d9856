"""What makes a file a clip: which files are there, whether they sound, and which of them are there twice."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Annotated, Any

import soundfile
from pydantic import Field

from pipeline import audio
from pipeline.cache import Cache
from pipeline.params import section
from pipeline.workers import in_parallel

Clip = dict[str, object]  # a row of a table of clips, by column


@section
class IngestParams:
    """What is too little to be a clip."""

    min_duration_s: Annotated[float, Field(ge=0)]
    silence_peak: Annotated[float, Field(ge=0, lt=1)]  # of full scale; RAVDESS has speech that peaks at 0.006


@dataclass(frozen=True)
class Sound:
    """What is kept of a decoded file."""

    sampling_rate: int  # [Hz]
    duration: float  # [s]
    sha256: str  # of the decoded samples
    peak: float  # of full scale


@dataclass(frozen=True)
class Examined:
    """What was found in a file; what speaks against it is no exception, for it is nothing unusual."""

    file: str | None  # hash of its bytes; None where they cannot be read
    found: Sound | audio.AudioError
    is_new: bool  # decoded, and not taken from the cache


def files_below(folder: Path) -> list[Path]:
    """Every file below `folder`, at any depth, sorted; links are followed, not resolved."""
    walk = os.walk(folder, followlinks=True)
    return sorted((Path(base) / name for base, _, names in walk for name in names), key=Path.as_posix)


def decoder() -> str:
    """Version of all that decodes: the libraries, and our own code."""
    code = hashlib.sha256(Path(audio.__file__).read_bytes()).hexdigest()[:16]
    return f"soundfile {soundfile.__version__}, {soundfile.__libsndfile_version__}, audio.py {code}"


def examined(paths: Sequence[Path], cache: Cache, label: str) -> Iterator[Examined]:
    """What each file holds, in their order; files whose bytes the cache knows are read but not decoded.

    Args:
        paths: of audio files
        cache: gets what it does not know yet, even where the work is interrupted
        label: shown before the progress bar
    """
    fresh: dict[str, dict[str, Any]] = {}
    try:
        for each in in_parallel(partial(_examine, cache=cache), paths, label):
            if each.is_new and each.file:
                fresh[each.file] = _plain(each.found)
            yield each
    finally:
        cache.keep(fresh)


def _examine(path: Path, cache: Cache) -> Examined:
    try:
        data = audio.contents(path)
    except audio.AudioError as error:
        return Examined(None, error, is_new=True)
    file = hashlib.sha256(data).hexdigest()
    known = cache.get(file)
    if known is not None:
        return Examined(file, _from_plain(known), is_new=False)
    try:
        recording = audio.decoded(data)
    except audio.AudioError as error:
        return Examined(file, error, is_new=True)
    peak = float(max(recording.samples.max(), -recording.samples.min()))
    sound = Sound(recording.sampling_rate, recording.duration, recording.sha256, peak)
    return Examined(file, sound, is_new=True)


def accept(found: Sound | audio.AudioError, params: IngestParams) -> Sound | audio.AudioError:
    """The sound, or what speaks against it: too short, or silent."""
    if isinstance(found, audio.AudioError):
        return found
    if found.duration < params.min_duration_s:
        detail = f"lasts {found.duration:.3f} s, expected {params.min_duration_s:.3f} s or more"
        return audio.AudioError("too short", detail)
    if found.peak < params.silence_peak:
        return audio.AudioError("silent", f"peaks at {found.peak:.1g}, expected {params.silence_peak:.1g}")
    return found


def _plain(found: Sound | audio.AudioError) -> dict[str, object]:
    return {"reason": found.reason, "detail": found.detail} if isinstance(found, audio.AudioError) else {**vars(found)}


def _from_plain(values: dict[str, Any]) -> Sound | audio.AudioError:
    return audio.AudioError(**values) if "reason" in values else Sound(**values)


def is_hidden(path: PurePath) -> bool:
    """Whether it is a hidden file, or a resource fork in an archive of macOS (`__MACOSX/`, `._name.wav`)."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def without_twins(clips: Iterable[Clip], key: str, reason: str, labels: Sequence[str]) -> tuple[list[Clip], list[Clip]]:
    """Keep the first of the clips that share a `key`, or none where their labels contradict each other.

    Args:
        clips: rows with `filepath`, `key` and `labels`, in order of preference
        key: column in which no value may be there twice
        reason: why later clips are left out
        labels: columns in which clips of one key must agree to be trusted

    Returns:
        the clips that are kept, and rows of the quarantine for the others
    """
    twins: dict[object, list[Clip]] = defaultdict(list)
    for clip in clips:
        twins[clip[key]].append(clip)
    kept: list[Clip] = []
    left_out: list[Clip] = []
    for group in twins.values():
        first = group[0]
        if len({tuple(clip[label] for label in labels) for clip in group}) == 1:
            kept.append(first)
            detail = f"same {key} as {first['filepath']}"
            left_out += [rejection(clip["filepath"], reason, detail) for clip in group[1:]]
        else:
            said = [" ".join(str(clip[word]) for word in ("filepath", *labels)) for clip in group]
            detail = f"same {key}: {', '.join(said)}"
            left_out += [rejection(clip["filepath"], "conflicting labels", detail) for clip in group]
    return kept, left_out


def rejection(filepath: object, reason: str, detail: object) -> Clip:
    """Row of the quarantine; what is not UTF-8 in a path is escaped, for Parquet takes no such string."""
    storable = str(filepath).encode("utf-8", "backslashreplace").decode()
    return {"filepath": storable, "reason": reason, "detail": str(detail)}


def by_reason(left_out: Iterable[Mapping[str, object]]) -> str:
    """`duplicate 12, silent 1`: the commonest first."""
    counts = Counter(str(row["reason"]) for row in sorted(left_out, key=lambda row: str(row["reason"])))
    return ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())
