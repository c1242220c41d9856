"""Cut, joined and multiplexed Ogg files."""

import struct
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from pipeline.audio import decoding

from .conftest import RATE, encoded, fault_of, length


def pages(data: bytes) -> list[int]:
    """Where the pages of an Ogg file begin, and its end."""
    places = [0]
    while places[-1] < len(data):
        place = places[-1]
        table = data[place + 27 : place + 27 + data[place + 26]]
        places.append(place + 27 + len(table) + sum(table))
    return places


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_cut_ogg(subtype: str) -> None:
    """Within pages and between them, down to the last byte; or without a page."""
    whole = encoded(("OGG", subtype), seconds=10)
    places = pages(whole)
    assert len(places) > 8
    for behind in (b"", b"TAG" + bytes(125), bytes(70_000), b"OggOgg"):
        assert length(whole + behind) == 10 * RATE
    for start, stop in pairwise(places[2:]):
        for cut in (start, start + 1, start + 26, start + 30, (start + stop) // 2, stop - 1):
            assert fault_of(whole[:cut])[0] == "truncated", cut
    detail = fault_of(whole[: places[-2]])[1]
    assert "not marked as the end" in detail and "ffmpeg" in detail
    expected = ("truncated", f"Ogg pages are missing before byte {places[4]:,}")
    assert fault_of(whole[: places[4]] + whole[places[5] :]) == expected


def test_chained_ogg_is_read_to_the_end() -> None:
    """One file after another is a valid file; libsndfile reads the first."""
    one, two = encoded(("OGG", "VORBIS")), encoded(("OGG", "VORBIS"), seconds=2)
    chained = decoding.decoded(BytesIO(one + two))
    parts = [decoding.decoded(BytesIO(data)).samples for data in (one, two)]
    np.testing.assert_array_equal(chained.samples, np.concatenate(parts))
    assert fault_of(one[:-10] + two)[0] == "truncated"
    assert fault_of(one[: pages(one)[-2]] + two)[0] == "truncated"
    assert fault_of(one + two[:-10])[0] == "truncated"
    other = BytesIO()
    soundfile.write(other, np.zeros(8000), 8000, format="OGG", subtype="VORBIS")
    assert "several rates" in fault_of(one + other.getvalue())[1]


def test_multiplexed_ogg() -> None:
    """Pages of another stream between those of the audio; whether that is whole does not matter."""
    whole = encoded(("OGG", "VORBIS"), seconds=4)
    places = pages(whole)

    def foreign(flags: int, number: int) -> bytes:
        head = b"OggS\0" + bytes([flags]) + bytes(8) + b"\1\2\3\4" + struct.pack("<I", number) + bytes(4)
        return _summed(head + b"\x01\x08" + b"fishead\0")

    first, rest = whole[: places[1]], whole[places[1] :]
    mixed = first + foreign(2, 0) + rest[: places[3] - places[1]] + foreign(0, 1) + rest[places[3] - places[1] :]
    for end in (b"", foreign(4, 2), foreign(0, 2)):
        assert length(mixed + end) == 4 * RATE
    assert fault_of(mixed[: -(places[-1] - places[-2])] + foreign(4, 2))[0] == "truncated"


def _summed(page: bytes) -> bytes:
    """An Ogg page with its checksum."""
    register = 0
    for byte in page:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register >> 31 else 0)) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", register) + page[26:]
