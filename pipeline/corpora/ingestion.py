"""Ingestion: find audio files, decode and check them, and remove duplicates."""

import math
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePath
from typing import Annotated

import click
from pydantic import Field, PositiveFloat

from pipeline.audio import decoding
from pipeline.core.manifest import Segment
from pipeline.core.params import section
from pipeline.core.workers import in_parallel

Clip = dict[str, object]  # a row of a table of clips, by column

DVC_OBJECT = re.compile(r"files/md5/[0-9a-f]{2}/[0-9a-f]{30}")  # in DVC's cache, which it may link outputs to


@section
class IngestParams:
    """Limits of usable clips."""

    min_duration_s: Annotated[float, Field(ge=0)]
    max_duration_s: PositiveFloat  # longer clips are not decoded, because their analysis needs too much memory
    silence_peak: Annotated[float, Field(ge=0, lt=1)]  # of full scale; RAVDESS has speech that peaks at 0.006


@dataclass(frozen=True)
class Sound:
    """Facts of a decoded file or segment."""

    sampling_rate: int  # [Hz]
    duration: float  # [s]
    sha256: str  # of the decoded samples
    peak: float  # of full scale


def files_below(folder: Path) -> list[Path]:
    """Every file below `folder`, at any depth, sorted; links are followed except in circles, and not resolved.

    Raises:
        ClickException: a folder cannot be read
    """
    return sorted(_files_below(folder, frozenset()), key=Path.as_posix) if folder.is_dir() else []


def _files_below(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    try:
        own = folder.stat()
        inside = list(os.scandir(folder))
    except OSError as error:
        raise click.ClickException(f"{folder}: cannot be read: {error.strerror}") from None
    here = (own.st_dev, own.st_ino)
    if here in above:  # a link to a folder that contains it
        return
    for entry in inside:
        if entry.is_dir():
            yield from _files_below(folder / entry.name, above | {here})
        else:
            yield folder / entry.name


def is_audio(path: PurePath) -> bool:
    """Whether a file has a suffix of audio."""
    return path.suffix.lower() in decoding.SUFFIXES


def decoded(segments: Iterable[Segment], longest_s: float, label: str) -> Iterator[Sound | decoding.AudioError]:
    """Result of decoding each clip, in order; errors are results too, because they are common.

    Args:
        segments: audio files, or parts of them
        longest_s: longer audio is rejected as too long, without decoding [s]
        label: of the progress bar
    """
    found = partial(_found, longest_s=longest_s)
    return in_parallel(found, list(segments), label, name=lambda segment: segment.path)


def _found(segment: Segment, longest_s: float) -> Sound | decoding.AudioError:
    try:
        recording = decoding.read(*segment, longest_s)
    except decoding.AudioError as error:
        return error
    return Sound(recording.sampling_rate, recording.duration, recording.sha256, recording.peak)


def accept(found: Sound | decoding.AudioError, params: IngestParams) -> Sound | decoding.AudioError:
    """The sound, or an error if it is too short or silent."""
    if isinstance(found, decoding.AudioError):
        return found
    if found.duration < params.min_duration_s:
        detail = f"lasts {found.duration:.3f} s, expected {params.min_duration_s:.3f} s or more"
        return decoding.AudioError("too short", detail)
    if found.peak < params.silence_peak:
        return decoding.AudioError("silent", f"peaks at {found.peak:.1g}, expected {params.silence_peak:.1g}")
    return found


def is_hidden(path: PurePath) -> bool:
    """Whether a file is hidden, or a resource fork in an archive of macOS (`__MACOSX/`, `._name.wav`)."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def fault(path: Path, folder: Path) -> tuple[str, str] | None:
    """Reason and detail why a file below a folder cannot be used, whatever it contains."""
    if is_hidden(path.relative_to(folder)):
        return "not audio", "a hidden file, or a resource fork of macOS"
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        return "unknown name", "the path is not UTF-8"
    if not is_inside(path, folder):
        return "outside", f"leads to {path.resolve()}, out of {folder}; put the file itself there, or link the folder"
    return None


def is_inside(file: Path, folder: Path) -> bool:
    """Whether a file is below a folder, also after its links: a folder or table from elsewhere may name any file."""
    real = file.resolve() if file.is_symlink() else _resolved(file.parent.absolute()) / file.name
    return real.is_relative_to(_resolved(folder.absolute())) or bool(DVC_OBJECT.fullmatch("/".join(real.parts[-4:])))


@lru_cache
def _resolved(folder: Path) -> Path:
    return folder.resolve()


def distinct(clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Keep one copy of each recording, and no copy if their labels differ.

    Different audio with the same id is mostly one recording at another rate, so the first is kept. Rejecting both would
    lose a corpus that has a resampled copy beside it.

    Args:
        clips: rows with `id`, `filepath`, `start`, `end`, `sha256`, `speaker` and `emotion`, in order of preference

    Returns:
        kept clips, and rows of the quarantine for the others
    """
    kept, left_out = list(clips), list[Clip]()
    for key, reason in (("sha256", "duplicate"), ("id", "name clash")):
        groups: dict[object, list[Clip]] = defaultdict(list)
        for clip in kept:
            groups[clip[key]].append(clip)
        contradicted = {
            clip["id"]: f"same {key}: "
            + ", ".join(f"{Segment.of(each)} {each['speaker']} {each['emotion']}" for each in group)
            for group in groups.values()
            for clip in group
            if len({(each["speaker"], each["emotion"]) for each in group}) > 1
        }
        kept = []
        for group in groups.values():
            trusted = [clip for clip in group if clip["id"] not in contradicted]
            kept += trusted[:1]
            left_out += [
                rejection(Segment.of(clip), reason, f"same {key} as {Segment.of(trusted[0])}") for clip in trusted[1:]
            ]
            left_out += [
                rejection(Segment.of(clip), "conflicting labels", contradicted[clip["id"]])
                for clip in group
                if clip["id"] in contradicted
            ]
    return kept, left_out


def overlapping(clips: Iterable[Clip]) -> tuple[int, int]:
    """Number of clips that share samples of a file with another clip, and with one of another speaker or emotion."""
    of_files: dict[object, list[Clip]] = defaultdict(list)
    for clip in clips:
        of_files[clip["filepath"]].append(clip)
    shared: set[object] = set()
    other: set[object] = set()
    for each in (several for several in of_files.values() if len(several) > 1):
        open_clips: list[tuple[float, Clip]] = []  # ends of clips that have begun, and the clips
        for clip in sorted(each, key=lambda clip: Segment.of(clip).start or 0.0):
            _, start, end = Segment.of(clip)
            open_clips = [(until, before) for until, before in open_clips if until > (start or 0.0)]
            for _, before in open_clips:
                shared |= {before["id"], clip["id"]}
                if (before["speaker"], before["emotion"]) != (clip["speaker"], clip["emotion"]):
                    other |= {before["id"], clip["id"]}
            open_clips.append((math.inf if end is None else end, clip))
    return len(shared), len(other)


def rejection(segment: Segment, reason: str, detail: object) -> Clip:
    """Row of the quarantine; bytes of a path that are not UTF-8 are escaped for Parquet."""
    storable = segment.path.as_posix().encode("utf-8", "backslashreplace").decode()
    return {"filepath": storable, "start": segment.start, "end": segment.end, "reason": reason, "detail": str(detail)}


def by_reason(left_out: Iterable[Mapping[str, object]]) -> str:
    """Counts by reason, the most frequent first, such as `duplicate 12, silent 1`."""
    counts = Counter(str(row["reason"]) for row in sorted(left_out, key=lambda row: str(row["reason"])))
    return ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())
