"""Tables of clips: schema, nulls, and the same bytes for the same rows."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core import manifest
from pipeline.core.manifest import ManifestError, Segment


def clip(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"demo/{name}",
        "filepath": f"data/raw/demo/{name}.flac",
        "emotion": "angry",
        "intensity": None,
        "speaker": "demo_f01",
        "corpus": "demo",
        "sampling_rate": 16_000,
        "duration": 1.25,
        "sha256": name,
        "is_synthetic": False,
    } | changes


def test_written_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "clips.parquet"
    rows = [clip("a", intensity="high"), clip("b", emotion="sad", gender="female")]
    manifest.write(rows, path, manifest.CLIPS, "0123", scenario="full")
    frame = manifest.read(path, manifest.CLIPS)
    assert list(frame.columns) == manifest.CLIPS.names
    assert frame["intensity"].isna().tolist() == [False, True]
    assert frame["gender"].isna().tolist() == [True, False]
    assert frame["language"].isna().all()
    assert frame["sampling_rate"].dtype == "int32"
    assert pq.read_schema(path).field("emotion").type == pa.dictionary(pa.int32(), pa.string())
    assert manifest.metadata(path) == {
        "schema_version": "4",
        "params": "0123",
        "labels": '["angry", "sad"]',
        "scenario": "full",
    }


def test_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [clip("a"), clip("b")]
    swapped = [dict(reversed(row.items())) for row in rows]
    frame = pd.DataFrame(rows, index=[7, 7])
    for name, given in (("a", rows), ("b", swapped), ("c", frame)):
        manifest.write(given, tmp_path / name, manifest.CLIPS, "0")
    manifest.write(manifest.read(tmp_path / "a", manifest.CLIPS), tmp_path / "d", manifest.CLIPS, "0")
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1


def test_no_rows_and_synthetic_rows(tmp_path: Path) -> None:
    for schema in (manifest.CLIPS, manifest.SYNTHETIC, manifest.AUGMENTED, manifest.PARTITIONED, manifest.QUARANTINE):
        manifest.write([], tmp_path / "clips.parquet", schema, "0")
        frame = manifest.read(tmp_path / "clips.parquet", schema)
        assert list(frame.columns) == schema.names and frame.empty
    use = {"split": "full-1", "partition": "train", "weight": 1.0, "selected": True}
    rows = [clip("a") | use, clip("b") | use | {"is_synthetic": True, "source_id": "demo/a", "seed": 3}]
    manifest.write(rows, tmp_path / "clips.parquet", manifest.AUGMENTED, "0")
    frame = manifest.read(tmp_path / "clips.parquet", manifest.AUGMENTED)
    assert frame["seed"].isna().tolist() == [True, False]
    assert len(frame[frame.selected]) == 2  # a mask, without nulls


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([clip("a"), clip("b", speaker=None)], "1 of 2 rows lack 'speaker'"),
        ([{key: value for key, value in clip("a").items() if key != "sha256"}], "1 of 1 rows lack 'sha256'"),
        ([clip("a", pitch=3, age=4)], "unknown columns age, pitch"),
    ],
)
def test_wrong_rows(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        manifest.write(rows, tmp_path / "clips.parquet", manifest.CLIPS, "0")
    assert not any(tmp_path.iterdir())


def test_wrong_file(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    with pytest.raises(ManifestError, match="not found"):
        manifest.read(path, manifest.CLIPS)
    path.write_text("id,filepath\n")
    with pytest.raises(ManifestError, match="clips.parquet: is not Parquet"):
        manifest.read(path, manifest.CLIPS)
    manifest.write([{"id": "demo/a", "partition": "train"}], path, manifest.PARTITIONED, "0")
    with pytest.raises(ManifestError, match="lacks the columns corpus, duration, emotion"):
        manifest.read(path, manifest.CLIPS)


def test_partition_of_a_split() -> None:
    clips = pd.DataFrame({"id": ["a", "b", "c", "d"], "emotion": ["sad", "sad", "angry", "angry"]})
    split = pd.DataFrame({"id": ["d", "c", "a"], "partition": ["train", "test", "train"]})
    assert list(manifest.partition(clips, split, "train")["id"]) == ["a", "d"]
    assert manifest.partition(clips, split, "valid").empty


def test_segments_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    rows = [clip("a"), clip("b", start=1.5), clip("c", end=2.25), clip("d", start=0.000125, end=3600.0)]
    manifest.write(rows, path, manifest.CLIPS, "0")
    found = manifest.segments(manifest.read(path, manifest.CLIPS), tmp_path)
    file = tmp_path / "data/raw/demo"
    assert found == [
        Segment(file / "a.flac"),
        Segment(file / "b.flac", 1.5),
        Segment(file / "c.flac", None, 2.25),
        Segment(file / "d.flac", 0.000125, 3600.0),
    ]
    assert [str(segment).rpartition("/")[2] for segment in found] == [
        "a.flac",
        "b.flac (1.5-end s)",
        "c.flac (0-2.25 s)",
        "d.flac (0.000125-3600 s)",
    ]
    manifest.write([clip("a"), clip("b")], path, manifest.CLIPS, "0")
    assert pq.read_schema(path).field("start").type == pa.float64()  # where no clip is a segment, too
    assert all(segment.is_whole for segment in manifest.segments(manifest.read(path, manifest.CLIPS)))


def test_damaged_file(tmp_path: Path) -> None:
    """At every place: an error of ours, or rows; a page with a wrong checksum of zstd is an OSError of Arrow."""
    path = tmp_path / "clips.parquet"
    manifest.write([clip(str(number)) for number in range(50)], path, manifest.CLIPS, "0")
    content, refused = path.read_bytes(), 0
    for place in range(0, len(content), 23):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            assert len(manifest.read(path, manifest.CLIPS)) == 50
            manifest.metadata(path)
        except ManifestError as error:
            refused += 1
            assert "clips.parquet: " in error.message
    assert refused > 50
    path.write_bytes(content[:-1])
    with pytest.raises(ManifestError, match="is damaged"):
        manifest.scored(path)


def test_nulls_and_other_types(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    for column, value, message in (
        ("speaker", None, "1 of 1 rows lack 'speaker'"),
        ("sampling_rate", "many", "damaged: .*many"),
        ("duration", [1.0], "damaged"),
    ):
        frame = pd.DataFrame([clip("a", **{column: value})]).reindex(columns=manifest.CLIPS.names)
        frame.to_parquet(path)
        with pytest.raises(ManifestError, match=message):
            manifest.read(path, manifest.CLIPS)
