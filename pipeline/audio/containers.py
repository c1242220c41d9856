"""What the containers of audio files say about what is in them, where libsndfile takes less for the whole.

Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", 1991 (RIFF); EBU Tech 3306 (RF64); Sony,
"Wave 64"; Apple, "AIFF-C", 1991; RFC 3533 (Ogg); id3.org, "ID3 tag version 2.4.0"; NIST SPHERE.
"""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, Literal

Fault = tuple[str, str]  # the reason, and the details

BLOCK = 65_536  # bytes that are read at once
UNKNOWN = 0x7FFFF000  # bytes of samples or more: a program that wrote to a pipe did not know how many
UNKNOWN_64 = 2**62  # the same where a length has 64 bits
TAIL = 2**24  # bytes; a longer chunk behind the samples that the file does not hold is none
STRAY = 4096  # bytes behind the samples that may be anything, such as a tag, or the rest of a sector
TAGS = (b"ID3", b"TAG", b"APETAGEX")
PLAIN = (1, 3, 6, 7, 0xFFFE)  # formats of WAV whose frames are as long as `fmt ` says: PCM, float, A-law, mu-law
PACKED = (b"alaw", b"ALAW", b"ulaw", b"ULAW", b"ima4", b"GSM ")  # formats of AIFF whose samples are not
W64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
OGG_AUDIO = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")  # how the first packet of a stream begins


class Stretch(io.RawIOBase):
    """A part of a file, to be read as if it were one of its own."""

    def __init__(self, file: "BinaryIO | Stretch", start: int, stop: int) -> None:
        super().__init__()
        self._file, self._start, self._length = file, start, max(stop - start, 0)
        self._place = 0

    def __len__(self) -> int:
        return self._length

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from any place."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with what comes next, and say with how many bytes."""
        wanted = min(len(buffer), max(self._length - self._place, 0))
        self._file.seek(self._start + self._place)
        found = self._file.read(wanted)
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._length}[whence]
        self._place = max(begin + offset, 0)  # where a header leads astray, libsndfile goes before the first byte
        return self._place

    def tell(self) -> int:
        """The place."""
        return self._place


def untagged(file: BinaryIO) -> Stretch:
    """What follows the ID3 tags that a file begins with: libsndfile loses as many bytes at the end of a WAV or AIFF."""
    place = 0
    file.seek(0)
    while (head := file.read(10))[:3] == b"ID3" and len(head) == 10:
        length = 0
        for byte in head[6:]:
            length = length << 7 | byte & 0x7F
        place += 10 + length + (10 if head[5] & 0x10 else 0)  # a footer, which repeats the head
        file.seek(place)
    return Stretch(file, place, file.seek(0, os.SEEK_END))


def links(file: Stretch) -> list[Stretch]:
    """The recordings that are one after another in an Ogg file, of which libsndfile reads the first; else the file."""
    file.seek(0)
    if file.read(4) != b"OggS":
        return [file]
    starts, end, was_first = [0], 0, True
    for page in _pages(file):
        if page.is_first and not was_first:
            starts.append(page.place)
        was_first, end = page.is_first, page.end
    return [Stretch(file, start, stop) for start, stop in pairwise([*starts, end])]


def fault(file: Stretch) -> Fault | None:
    """What shows that samples are missing, or that nothing says how many there are; None where nothing does.

    Args:
        file: without tags before it

    Returns:
        reason (`truncated` or `unfinished`) and details
    """
    file.seek(0)
    head = file.read(16)
    if head[:4] == b"OggS":
        return _fault_of_ogg(file)
    if head[:8] == b"NIST_1A\n":
        return _fault_of_sphere(file)
    layout = _layout(head)
    return _fault_of_chunks(file, layout) if layout else None


def is_counted(file: Stretch) -> bool:
    """Whether an MP3 says how many frames it has; else libsndfile guesses, and stops reading where it guessed."""
    place = file.tell()
    file.seek(0)
    first_frame = file.read(210)
    file.seek(place)
    return any(name in first_frame for name in (b"Xing", b"Info", b"VBRI"))


@dataclass(frozen=True)
class _Layout:
    """How the chunks of a kind of file are written."""

    order: Literal["little", "big"]
    first: int  # place of the first chunk
    name: int  # bytes of a chunk's name, of which the first four say what it is
    size: int  # bytes of its length
    align: int  # chunks begin at multiples of it
    counted: int  # bytes of name and length that the length counts
    offset: int  # bytes between the head of the samples' chunk and the first sample, which its length counts

    def head(self, file: Stretch, place: int) -> tuple[bytes, int] | None:
        """Name and length of the chunk at a place, without name and length; None where there is none."""
        file.seek(place)
        head = file.read(self.name + self.size)
        if len(head) < self.name + self.size or not head[:4].isascii() or not head[:4].decode().isprintable():
            return None
        return head[:4], max(int.from_bytes(head[self.name :], self.order) - self.counted, 0)

    def chunks(self, file: Stretch, place: int) -> Iterator[tuple[bytes, int, int]]:
        """Name, place of the contents, and length of each chunk from a place on."""
        while head := self.head(file, place):
            name, length = head
            begin = place + self.name + self.size
            yield name, begin, length
            place = begin + length
            place += -place % self.align


_RIFF = _Layout("little", first=12, name=4, size=4, align=2, counted=0, offset=0)
_RIFX = _Layout("big", first=12, name=4, size=4, align=2, counted=0, offset=0)
_FORM = _Layout("big", first=12, name=4, size=4, align=2, counted=0, offset=8)
_W64 = _Layout("little", first=40, name=16, size=8, align=8, counted=24, offset=0)


def _layout(head: bytes) -> _Layout | None:
    if head == W64:
        return _W64
    return {b"RIFF": _RIFF, b"RF64": _RIFF, b"RIFX": _RIFX, b"FORM": _FORM}.get(head[:4])


def _fault_of_chunks(file: Stretch, layout: _Layout) -> Fault | None:
    """Whether the header of a WAV or AIFF promises other than there is.

    What the header says of the whole file is no guide: many programs get it wrong, and lost chunks behind the samples
    do no harm.
    """
    frame, long_length = 1, None  # bytes
    for name, place, length in layout.chunks(file, layout.first):
        file.seek(place)
        if name == b"fmt ":
            frame = _wav_frame(file.read(16), layout)
        elif name == b"COMM":
            frame = _aiff_frame(file.read(22))
        elif name == b"ds64":
            long_length = int.from_bytes(file.read(16)[8:], "little")
        elif name in (b"data", b"SSND"):
            unknown = UNKNOWN if layout is not _W64 and long_length is None else UNKNOWN_64
            length = length if long_length is None else long_length
            return _fault_of_samples(file, layout, place, length, frame) if length < unknown else None
    return None


def _fault_of_samples(file: Stretch, layout: _Layout, place: int, length: int, frame: int) -> Fault | None:
    if length == 0 and layout in (_FORM, _W64):  # libsndfile then reads to the end, as it does for what is unknown
        return None
    promised, there = max(length - layout.offset, 0), max(len(file) - place - layout.offset, 0)
    if promised // frame > there // frame and promised > there + 1:  # some programs count a byte of padding
        return "truncated", f"the header promises {promised:,} bytes of samples, {there:,} are there"
    stray = _stray(file, layout, place + length) if layout is not _W64 else 0  # of which libsndfile reads all
    if stray > min(STRAY, promised // 10):
        return "unfinished", (
            f"the header counts {promised:,} bytes of samples, but {stray:,} more follow: what wrote it was stopped, "
            "or counted wrongly; mend the header, or save the file anew from where it comes"
        )
    return None


def _stray(file: Stretch, layout: _Layout, place: int) -> int:
    """Bytes from a place to the end that are neither chunks (the last one may be cut), nor a tag, nor zeros."""
    starts = (place, place + -place % layout.align)
    return min(_no_chunks(file, layout, start) for start in starts)


def _no_chunks(file: Stretch, layout: _Layout, place: int) -> int:
    while place < len(file):
        head = layout.head(file, place)
        end = place + layout.name + layout.size + head[1] if head else 0
        if not head or end > len(file) and head[1] > TAIL:
            break
        place = end + -end % layout.align
    left = max(len(file) - place, 0)
    file.seek(place)
    if left < layout.name + layout.size or file.read(8).startswith(TAGS):
        return 0
    file.seek(place)
    while block := file.read(BLOCK):
        if block.strip(b"\0"):
            return left
    return 0


def _wav_frame(contents: bytes, layout: _Layout) -> int:
    """Bytes of a frame, which a cut within it takes away; 1 where frames have no bytes of their own."""
    form, frame = (int.from_bytes(contents[start : start + 2], layout.order) for start in (0, 12))
    return max(frame, 1) if form in PLAIN else 1


def _aiff_frame(contents: bytes) -> int:
    channels, bits = (int.from_bytes(contents[start : start + 2], "big") for start in (0, 6))
    return 1 if contents[18:22] in PACKED else max(channels * -(-bits // 8), 1)


def _fault_of_sphere(file: Stretch) -> Fault | None:
    file.seek(0)
    text = file.read(1024).decode("latin-1")
    length = re.match(r"NIST_1A\n\s*(\d+)\n", text)
    counts = [re.search(rf"^{name} -i (\d+)$", text, re.M) for name in ("sample_count", "channel_count")]
    width = re.search(r"^sample_n_bytes -i (\d+)$", text, re.M)
    if not length or not all(counts):
        return "unfinished", "the header does not say how many samples there are"
    promised = int(width[1]) if width else 1
    for count in counts:
        promised *= int(count[1]) if count else 1
    there = max(len(file) - int(length[1]), 0)
    if promised > there:
        return "truncated", f"the header promises {promised:,} bytes of samples, {there:,} are there"
    return None


@dataclass(frozen=True)
class _Page:
    """A page of an Ogg file."""

    place: int
    end: int
    is_first: bool  # of its stream
    is_last: bool
    serial: int  # of its stream
    number: int  # in its stream
    packet: bytes  # how its contents begin


def _pages(file: Stretch) -> Iterator[_Page]:
    """Pages of an Ogg file; what is between or behind them is passed over, as the format has it."""
    place = 0
    while True:
        file.seek(place)
        head = file.read(27)
        if head[:4] != b"OggS":
            found = _found(file, place, b"OggS")
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


def _found(file: Stretch, place: int, word: bytes) -> int | None:
    file.seek(place)
    before = b""
    while block := file.read(BLOCK):
        at = (before + block).find(word)
        if at >= 0:
            return place - len(before) + at
        place += len(block)
        before = (before + block)[-len(word) + 1 :]
    return None


def _fault_of_ogg(file: Stretch) -> Fault | None:
    """Whether the last page of each stream of audio is there, which has a flag.

    A few programs do not set it (Android's MediaMuxer, Telegram). Such a file cannot be told from one that was cut
    between two pages.
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
            audible = audible | {page.serial} if page.packet.startswith(OGG_AUDIO) else audible - {page.serial}
        elif not before or page.serial in audible and page.number != before.number + 1:
            return "truncated", f"Ogg pages are missing before byte {page.place:,}"
        last[page.serial] = page
    if all(last[serial].is_last for serial in audible):
        return None
    return "truncated", (
        "its last Ogg page is not marked as the end: it was cut there, or written by a program that marks none, as on "
        "Android; where it is whole, `ffmpeg -i OLD -c copy NEW` sets the mark"
    )
