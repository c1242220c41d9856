"""Wrong headers, leading tags, and cut or joined Ogg files."""

import struct
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from pipeline.audio import decoding
from pipeline.audio.decoding import AudioError

RATE = 16_000
LENGTH = 8_001  # an odd number, so that samples of 8 and 24 bits end with a byte of padding
KINDS = [
    *(("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW", "MS_ADPCM")),
    *(("AIFF", subtype) for subtype in ("PCM_S8", "PCM_16", "FLOAT", "ULAW")),
    *((form, "PCM_16") for form in ("WAVEX", "RF64", "W64", "NIST", "FLAC")),
    *(("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS")),
]
CHUNKED = [kind for kind in KINDS if kind[0] in ("WAV", "WAVEX", "AIFF")]
COVER = b"LIST" + struct.pack("<I", 6000) + b"INFO" + bytes(range(256)) * 30


def encoded(kind: tuple[str, str], seconds: float = LENGTH / RATE, **more: str) -> bytes:
    """A file of noise, in which no two stretches of samples are alike, and none is nearly zero for long."""
    samples = 0.3 * np.random.default_rng(0).standard_normal(round(seconds * RATE)).clip(-3, 3)
    file = BytesIO()
    soundfile.write(file, samples, RATE, format=kind[0], subtype=kind[1], **more)
    return file.getvalue()


def length(data: bytes) -> int:
    return len(decoding.decoded(BytesIO(data)).samples)


def fault_of(data: bytes) -> tuple[str, str]:
    with pytest.raises(AudioError) as caught:
        decoding.decoded(BytesIO(data))
    return caught.value.reason, caught.value.detail


def tag(size: int, flags: int = 0) -> bytes:
    """An ID3v2 tag with `size` bytes of content, and a footer if the flags have it."""
    synchsafe = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    footer = b"3DI\x04\x00" + bytes([flags]) + synchsafe
    return b"ID3\x04\x00" + bytes([flags]) + synchsafe + b"\xff" * size + footer * bool(flags & 0x10)


def with_size(data: bytes, size: int) -> bytes:
    """A WAV or AIFF with this number of bytes of samples in its header."""
    name, order = (b"SSND", ">I") if data[:4] == b"FORM" else (b"data", "<I")
    place = data.index(name) + 4
    return data[:place] + struct.pack(order, size) + data[place + 4 :]


def size_of(data: bytes) -> int:
    name, order = (b"SSND", "big") if data[:4] == b"FORM" else (b"data", "little")
    place = data.index(name) + 4
    return int.from_bytes(data[place : place + 4], order)  # type: ignore[arg-type]


def offset(data: bytes) -> int:
    """Bytes of AIFF that its size counts before the first sample."""
    return 8 if data[:4] == b"FORM" else 0


def pages(data: bytes) -> list[int]:
    """Where the pages of an Ogg file begin, and its end."""
    places = [0]
    while places[-1] < len(data):
        place = places[-1]
        table = data[place + 27 : place + 27 + data[place + 26]]
        places.append(place + 27 + len(table) + sum(table))
    return places


@pytest.mark.parametrize("kind", KINDS)
def test_tags_before_a_file_and_cuts(kind: tuple[str, str]) -> None:
    """Leading tags hide nothing, so the samples are the same, and a duplicate is one; a cut file is rejected."""
    complete = encoded(kind, seconds=2)
    expected = decoding.decoded(BytesIO(complete)).sha256
    for before in (tag(100), tag(10_000), tag(300, flags=0x10), tag(50) + tag(5000)):
        assert decoding.decoded(BytesIO(before + complete)).sha256 == expected
    for before in (b"", tag(3000)):
        for share in (0.3, 0.5, 0.7, 0.9, 0.99):
            assert fault_of(before + complete[: int(share * len(complete))])[0] == "truncated", (before[:3], share)


@pytest.mark.parametrize("kind", CHUNKED)
def test_a_wrong_size(kind: tuple[str, str]) -> None:
    whole = encoded(kind)
    for behind in (b"", COVER):
        found, detail = fault_of(with_size(whole + behind, offset(whole)))
        assert found == "unfinished"
        assert detail.startswith("the header counts 0 bytes of samples, but ")
    for share in (0.1, 0.5, 0.8):  # as a recorder leaves it that was stopped between two of its updates of the header
        assert fault_of(with_size(whole, int(share * size_of(whole))))[0] == "unfinished"
    for unknown in (0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF):
        assert length(with_size(whole, unknown)) >= LENGTH
    more = size_of(whole) + 1000
    found, detail = fault_of(with_size(whole, more))
    assert found == "truncated"
    assert detail.startswith(f"the header promises {more - offset(whole):,} bytes of samples, ")
    unpadded = whole[: whole.index(b"SSND" if kind[0] == "AIFF" else b"data") + 8 + size_of(whole)]
    for data in (whole, unpadded):
        assert length(with_size(data, size_of(data) + 1)) - length(data) in (0, 1)  # 1: the padding, in 8 bits


@pytest.mark.parametrize("kind", CHUNKED)
def test_no_samples_but_other_chunks(kind: tuple[str, str]) -> None:
    cover = COVER[:4] + struct.pack(">I", 6000) + COVER[8:] if kind[0] == "AIFF" else COVER
    none = encoded(kind, seconds=0)
    for behind in (b"", cover[:6008], cover[:900], bytes(512)):
        if kind[1] != "MS_ADPCM":  # whose encoder writes a first block of nothing
            assert fault_of(none + behind) == ("empty", "the header is followed by no samples")


@pytest.mark.parametrize(
    "behind",
    [COVER[:6008], COVER[:900], tag(9000), b"TAG" + b"a" * 125, bytes(9000), b"x" * 200, b"id3 \x64\0\0\0" + tag(90)],
)
@pytest.mark.parametrize("kind", [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "ULAW")])
def test_what_is_behind_the_samples_does_no_harm(kind: tuple[str, str], behind: bytes) -> None:
    whole = encoded(kind)
    unpadded = whole[: whole.index(b"data") + 8 + size_of(whole)]
    for data in (whole, unpadded):
        assert length(data + behind) == LENGTH


def test_a_chunk_of_odd_length_before_the_samples() -> None:
    whole = encoded(("WAV", "PCM_16"))
    for chunk in (b"note\3\0\0\0abc\0", b"LIST\4\0\0\0INFO"):
        more = whole[:36] + chunk + whole[36:]
        assert length(more) == LENGTH
        assert fault_of(more[:-100])[0] == "truncated"
    assert fault_of(whole[:36] + b"note\3\0\0\0abc" + whole[36:])[0] == "unreadable"  # without its byte of padding


@pytest.mark.parametrize(
    ("kind", "place", "size", "reason"),
    [
        ("RF64", b"ds64", 0, "unfinished"),
        ("RF64", b"ds64", 2 * LENGTH + 1, None),
        ("RF64", b"ds64", 2 * LENGTH + 2, "truncated"),
        ("RF64", b"ds64", 9000, "unfinished"),
        ("RF64", b"ds64", 0x90000000, "truncated"),
        ("W64", b"data", 24 + 2 * LENGTH + 1, None),
        ("W64", b"data", 24 + 2 * LENGTH + 2, "truncated"),
        ("W64", b"data", 24 + 2 * LENGTH + 1000, "truncated"),
    ],
)
def test_sizes_of_64_bits(kind: str, place: bytes, size: int, reason: str | None) -> None:
    complete = encoded((kind, "PCM_16"))
    start = complete.index(place) + 16
    data = complete[:start] + struct.pack("<Q", size) + complete[start + 8 :]
    assert (fault_of(data)[0] if reason else length(data)) == (reason or LENGTH)


def test_big_endian_wav_and_a_file_that_ends_within_its_tag() -> None:
    assert fault_of(tag(3000)[:2000])[0] == "unreadable"
    whole = encoded(("WAV", "PCM_16"), endian="BIG")
    assert whole.startswith(b"RIFX")
    assert length(whole) == LENGTH
    assert fault_of(whole[:-1000])[0] == "truncated"


@pytest.mark.parametrize("kind", [("AU", "PCM_16"), ("VOC", "PCM_16"), ("SVX", "PCM_16"), ("IRCAM", "PCM_16")])
def test_a_format_that_may_be_cut_without_a_sign(kind: tuple[str, str]) -> None:
    found, detail = fault_of(encoded(kind))
    assert found == "unreadable"
    assert f"of the format {kind[0]}" in detail


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


def test_a_chunk_that_ends_beyond_any_file() -> None:
    data = encoded(("W64", "PCM_16"))
    place = data.index(b"data") + 16
    assert length(data) == LENGTH
    wrong = data[: place - 16] + b"junk" + data[place - 12 : place] + b"\xff" * 8 + data[place + 8 :]
    assert fault_of(wrong)[0] in ("unreadable", "empty", "truncated")
