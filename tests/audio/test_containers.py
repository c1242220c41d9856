"""Wrong headers, leading tags, and cut files."""

import struct
from io import BytesIO

import pytest

from pipeline.audio import decoding

from .conftest import LENGTH, encoded, fault_of, length

KINDS = [
    *(("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW", "MS_ADPCM")),
    *(("AIFF", subtype) for subtype in ("PCM_S8", "PCM_16", "FLOAT", "ULAW")),
    *((form, "PCM_16") for form in ("WAVEX", "RF64", "W64", "NIST", "FLAC")),
    *(("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS")),
]
CHUNKED = [kind for kind in KINDS if kind[0] in ("WAV", "WAVEX", "AIFF")]
COVER = b"LIST" + struct.pack("<I", 6000) + b"INFO" + bytes(range(256)) * 30


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


def test_a_chunk_that_ends_beyond_any_file() -> None:
    data = encoded(("W64", "PCM_16"))
    place = data.index(b"data") + 16
    assert length(data) == LENGTH
    wrong = data[: place - 16] + b"junk" + data[place - 12 : place] + b"\xff" * 8 + data[place + 8 :]
    assert fault_of(wrong)[0] in ("unreadable", "empty", "truncated")
