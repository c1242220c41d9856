"""Containers of audio files: checks for missing samples that libsndfile does not detect.

Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", 1991 (RIFF); EBU Tech 3306 (RF64); Sony,
"Wave 64"; Apple, "AIFF-C", 1991; id3.org, "ID3 tag version 2.4.0"; NIST SPHERE. `pipeline.audio.ogg` has Ogg.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from pipeline.audio import ogg
from pipeline.audio.stretch import BLOCK, Fault, Stretch

UNKNOWN = 0x7FFFF000  # this many bytes of samples or more: the writer did not know the length, as in a pipe
UNKNOWN_64 = 2**62  # the same for a length of 64 bits
TAIL = 2**24  # bytes; a longer incomplete chunk after the samples is not a chunk
STRAY = 4096  # bytes of any kind that may follow the samples, such as a tag or the rest of a sector
TAGS = (b"ID3", b"TAG", b"APETAGEX")
PLAIN = (1, 3, 6, 7, 0xFFFE)  # formats of WAV with the frame length of `fmt `: PCM, float, A-law, mu-law
PACKED = (b"alaw", b"ALAW", b"ulaw", b"ULAW", b"ima4", b"GSM ")  # formats of AIFF without the frame length of `COMM`
W64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


def untagged(file: BinaryIO) -> Stretch:
    """The file after its leading ID3 tags; libsndfile loses as many bytes at the end of a WAV or AIFF."""
    place = 0
    file.seek(0)
    while (head := file.read(10))[:3] == b"ID3" and len(head) == 10:
        length = 0
        for byte in head[6:]:
            length = length << 7 | byte & 0x7F
        place += 10 + length + (10 if head[5] & 0x10 else 0)  # a footer that repeats the header
        file.seek(place)
    return Stretch(file, place, file.seek(0, os.SEEK_END))


def fault(file: Stretch) -> Fault | None:
    """Evidence that samples are missing, or that their number is unknown; None for an intact file.

    Args:
        file: without leading tags

    Returns:
        reason (`truncated` or `unfinished`) and details
    """
    file.seek(0)
    head = file.read(16)
    if head[:4] == ogg.MARK:
        return ogg.fault(file)
    if head[:8] == b"NIST_1A\n":
        return _fault_of_sphere(file)
    layout = _layout(head)
    return _fault_of_chunks(file, layout) if layout else None


def is_counted(file: Stretch) -> bool:
    """Whether an MP3 has its number of frames; without it, libsndfile stops reading at an estimate."""
    place = file.tell()
    file.seek(0)
    first_frame = file.read(210)
    file.seek(place)
    return any(name in first_frame for name in (b"Xing", b"Info", b"VBRI"))


@dataclass(frozen=True)
class _Layout:
    """Layout of chunks in a kind of file."""

    order: Literal["little", "big"]
    first: int  # position of the first chunk
    name: int  # bytes of a chunk's name; the first four identify it
    size: int  # bytes of a chunk's length
    align: int  # chunks begin at multiples of this
    counted: int  # bytes of name and length that are part of the length
    offset: int  # bytes from the header of the samples' chunk to the first sample, part of the length

    def head(self, file: Stretch, place: int) -> tuple[bytes, int] | None:
        """Name and length of the chunk at a position, without its header; None if there is no chunk."""
        file.seek(place)
        head = file.read(self.name + self.size)
        if len(head) < self.name + self.size or not head[:4].isascii() or not head[:4].decode().isprintable():
            return None
        return head[:4], max(int.from_bytes(head[self.name :], self.order) - self.counted, 0)

    def chunks(self, file: Stretch, place: int) -> Iterator[tuple[bytes, int, int]]:
        """Name, position of the content, and length of each chunk from a position on."""
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
    """Fault if the header of a WAV or AIFF and its number of samples disagree.

    The length of the file in the header is not used: many programs write a wrong one, and lost chunks after the samples
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
    if length == 0 and layout in (_FORM, _W64):  # libsndfile then reads to the end, as for an unknown length
        return None
    promised, there = max(length - layout.offset, 0), max(len(file) - place - layout.offset, 0)
    if promised // frame > there // frame and promised > there + 1:  # some programs count a padding byte
        return "truncated", f"the header promises {promised:,} bytes of samples, {there:,} are there"
    stray = _stray(file, layout, place + length) if layout is not _W64 else 0  # libsndfile reads all of a W64
    if stray > min(STRAY, promised // 10):
        return "unfinished", (
            f"the header counts {promised:,} bytes of samples, but {stray:,} more follow: its writer was stopped, "
            "or counted wrongly; repair the header, or save the file again from its source"
        )
    return None


def _stray(file: Stretch, layout: _Layout, place: int) -> int:
    """Bytes from a position to the end that are not chunks (the last one may be cut), a tag, or zeros."""
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
    """Bytes of a frame; 1 for formats without frames of whole bytes."""
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
