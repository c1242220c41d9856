"""Pages of Ogg files: consecutive recordings, and missing pages (RFC 3533)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from pipeline.audio.stretch import BLOCK, Fault, Stretch

MARK = b"OggS"  # start of a page
AUDIO = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")  # start of the first packet of a stream


def links(file: Stretch) -> list[Stretch]:
    """Consecutive recordings in an Ogg file, of which libsndfile reads only the first; for other formats, the file."""
    file.seek(0)
    if file.read(4) != MARK:
        return [file]
    starts, end, was_first = [0], 0, True
    for page in _pages(file):
        if page.is_first and not was_first:
            starts.append(page.place)
        was_first, end = page.is_first, page.end
    return [Stretch(file, start, stop) for start, stop in pairwise([*starts, end])]


def fault(file: Stretch) -> Fault | None:
    """Fault if the last page of a stream of audio, which has a flag, is missing.

    A few programs do not set the flag (Android's MediaMuxer, Telegram). Such a file looks like one that was cut between
    two pages.
    """
    last: dict[int, _Page] = {}  # of each stream, by serial number
    audible = set[int]()
    for page in _pages(file):
        before = last.get(page.serial)
        if page.end > len(file):
            return "truncated", "it ends within an Ogg page"
        if page.is_first:
            if page.serial in audible and before and not before.is_last:
                break
            audible = audible | {page.serial} if page.packet.startswith(AUDIO) else audible - {page.serial}
        elif not before or page.serial in audible and page.number != before.number + 1:
            return "truncated", f"Ogg pages are missing before byte {page.place:,}"
        last[page.serial] = page
    if all(last[serial].is_last for serial in audible):
        return None
    return "truncated", (
        "its last Ogg page is not marked as the end: it was cut there, or written by a program that sets no mark, as "
        "on Android; if it is intact, `ffmpeg -i OLD -c copy NEW` sets the mark"
    )


@dataclass(frozen=True)
class _Page:
    """A page of an Ogg file."""

    place: int
    end: int
    is_first: bool  # of its stream
    is_last: bool
    serial: int  # of its stream
    number: int  # in its stream
    packet: bytes  # start of its content


def _pages(file: Stretch) -> Iterator[_Page]:
    """Pages of an Ogg file; bytes between or after pages are skipped, as the format requires."""
    place = 0
    while True:
        file.seek(place)
        head = file.read(27)
        if head[:4] != MARK:
            found = _found(file, place)
            if found is None:
                return
            place = found
            continue
        head = head.ljust(27, b"\0")
        table = file.read(head[26])
        end = place + 27 + head[26] + sum(table)
        flags, serial, number = head[5], *(int.from_bytes(head[at : at + 4], "little") for at in (14, 18))
        yield _Page(place, end, bool(flags & 2), bool(flags & 4), serial, number, file.read(8))
        place = end


def _found(file: Stretch, place: int) -> int | None:
    """Position of the next page from a position on."""
    file.seek(place)
    before = b""
    while block := file.read(BLOCK):
        at = (before + block).find(MARK)
        if at >= 0:
            return place - len(before) + at
        place += len(block)
        before = (before + block)[-len(MARK) + 1 :]
    return None
