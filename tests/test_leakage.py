"""Every rule of the guard sees the leak that is planted for it, names it and the row; a clean table passes."""

from typing import Any

import pandas as pd
import pytest

from pipeline import leakage
from pipeline.leakage import LeakageError

SPLIT = "full-1"
GENERATOR, OTHER = "weights-of-angry-neutral", "weights-of-neutral-sad"
FITTED_ON = {GENERATOR: "train-ids", OTHER: "other-train-ids"}
TRAIN_IDS = dict(FITTED_ON)
SPEAKERS = {"train": ["a", "b"], "valid": ["c"], "test": ["d"]}
NO_PROVENANCE = {"source_id": None, "source_emotion": None, "generator": None, "generator_sha256": None}


def real(id_: str, speaker: str, partition: str) -> dict[str, Any]:
    clip = {"id": id_, "speaker": speaker, "sha256": f"sha256 of {id_}", "is_synthetic": False}
    return {**clip, **NO_PROVENANCE, "split": SPLIT, "partition": partition}


def made(source: str, speaker: str, generator: str = GENERATOR) -> dict[str, Any]:
    clip = {"id": f"{SPLIT}/cyclegan/{source}", "speaker": speaker, "sha256": f"sha256 of fake {source}"}
    origin = {"source_id": source, "source_emotion": "angry", "generator": "cyclegan", "generator_sha256": generator}
    return {**clip, "is_synthetic": True, **origin, "split": SPLIT, "partition": "train"}


@pytest.fixture
def table() -> pd.DataFrame:
    """Two clips of each speaker, and a conversion of each train clip; the index is not unique, as after `concat`."""
    clips = [
        real(f"{speaker}{number}", speaker, partition)
        for partition, speakers in SPEAKERS.items()
        for speaker in speakers
        for number in (1, 2)
    ]
    fakes = [made(f"{speaker}{number}", speaker) for speaker in SPEAKERS["train"] for number in (1, 2)]
    fakes[-1] = made("b2", "b", OTHER)
    return pd.concat([pd.DataFrame(clips), pd.DataFrame(fakes)])


def planted(table: pd.DataFrame, id_: str, **changes: Any) -> pd.DataFrame:
    """The table with some values of one row changed."""
    changed = table.reset_index(drop=True)
    assert (changed["id"] == id_).sum() == 1
    changed.loc[changed["id"] == id_, list(changes)] = list(changes.values())
    return changed


def added(table: pd.DataFrame, row: dict[str, Any]) -> pd.DataFrame:
    return pd.concat([table, pd.DataFrame([row])], ignore_index=True)


def refused(table: pd.DataFrame, fitted_on: dict[str, str] = FITTED_ON, train_ids: dict[str, str] = TRAIN_IDS) -> str:
    with pytest.raises(LeakageError) as caught:
        leakage.guard(table, SPLIT, fitted_on, train_ids)
    return caught.value.message


def test_a_clean_table_passes(table: pd.DataFrame) -> None:
    leakage.guard(table, SPLIT, FITTED_ON, TRAIN_IDS)
    leakage.guard(table[~table["is_synthetic"]], SPLIT, {}, {})


def test_the_same_audio_twice_in_train_is_no_leak(table: pd.DataFrame) -> None:
    leakage.guard(planted(table, "a2", sha256="sha256 of a1"), SPLIT, FITTED_ON, TRAIN_IDS)


@pytest.mark.parametrize(("id_", "speaker", "other"), [("d1", "a", "a1"), ("c1", "b", "b1"), ("d1", "c", "c1")])
def test_speaker_in_two_partitions(table: pd.DataFrame, id_: str, speaker: str, other: str) -> None:
    message = refused(planted(table, id_, speaker=speaker))
    assert message.startswith(f"{SPLIT}: leakage: speaker in two partitions: ")
    assert f"{other}, " in message
    leak = next(iter(leakage.speakers_in_two_partitions(planted(table, id_, speaker=speaker))))
    assert {id_, other} <= set(leak.rows["id"])
    assert set(leak.rows["speaker"]) == {speaker}


@pytest.mark.parametrize(("one", "two"), [("a1", "c1"), ("a1", "d2"), ("c1", "d1"), ("full-1/cyclegan/a1", "d1")])
def test_identical_audio_in_two_partitions(table: pd.DataFrame, one: str, two: str) -> None:
    assert refused(planted(planted(table, one, sha256="same"), two, sha256="same")).endswith(
        f"leakage: clip in two partitions: {', '.join(sorted([one, two], key=list(table['id']).index))}"
    )


def test_clip_in_two_partitions(table: pd.DataFrame) -> None:
    message = refused(added(table, {**real("d1", "d", "train"), "sha256": "converted to another format"}))
    assert "clip in two partitions: d1, d1" in message
    assert "speaker in two partitions: d1, d2, d1" in message


@pytest.mark.parametrize("partition", ["valid", "test"])
def test_synthetic_clip_outside_train(table: pd.DataFrame, partition: str) -> None:
    message = refused(planted(table, "full-1/cyclegan/a1", partition=partition))
    assert "synthetic clip outside train: full-1/cyclegan/a1" in message


@pytest.mark.parametrize("source", ["c1", "d1"])
def test_source_outside_train(table: pd.DataFrame, source: str) -> None:
    """Even if it is said to be of a train speaker."""
    for speaker in (source[0], "a"):
        message = refused(added(table, made(source, speaker)))
        assert f"source outside train: full-1/cyclegan/{source}" in message


@pytest.mark.parametrize("source", ["e1", None, "full-1/cyclegan/a1"], ids=["unknown", "none", "synthetic"])
def test_source_that_is_no_real_clip_of_the_table(table: pd.DataFrame, source: str | None) -> None:
    message = refused(planted(table, "full-1/cyclegan/a1", source_id=source))
    assert message == "full-1: leakage: source outside train: full-1/cyclegan/a1"


def test_speaker_changed(table: pd.DataFrame) -> None:
    message = refused(planted(table, "full-1/cyclegan/a1", speaker="b"))
    assert message == "full-1: leakage: source outside train: full-1/cyclegan/a1"


@pytest.mark.parametrize("id_", ["a1", "d1", "full-1/cyclegan/a1"])
@pytest.mark.parametrize("split", ["full-2", None])
def test_row_of_another_split(table: pd.DataFrame, id_: str, split: str | None) -> None:
    assert refused(planted(table, id_, split=split)) == f"full-1: leakage: row of another split: {id_}"


RULE = "generator of another partition or split"


def test_generator_trained_on_other_clips(table: pd.DataFrame) -> None:
    message = refused(table, fitted_on={**FITTED_ON, OTHER: "ids of all clips"})
    assert message == f"full-1: leakage: {RULE}: full-1/cyclegan/b2"


@pytest.mark.parametrize("unknown", ["fitted_on", "train_ids"])
def test_generator_unknown(table: pd.DataFrame, unknown: str) -> None:
    message = refused(table, **{unknown: {GENERATOR: "train-ids"}})
    assert message == f"full-1: leakage: {RULE}: full-1/cyclegan/b2"


@pytest.mark.parametrize("generator", ["weights of another split", None])
def test_weights_unknown(table: pd.DataFrame, generator: str | None) -> None:
    """Even if something is said of weights without a hash."""
    said = {**FITTED_ON, None: "train-ids"}
    message = refused(planted(table, "full-1/cyclegan/a1", generator_sha256=generator), said, said)
    assert message == f"full-1: leakage: {RULE}: full-1/cyclegan/a1"


def test_generator_of_another_pair(table: pd.DataFrame) -> None:
    """Trained on clips of this split's train partition, but not on its pair's."""
    message = refused(table, fitted_on={GENERATOR: "other-train-ids", OTHER: "train-ids"})
    assert f"{RULE}: full-1/cyclegan/a1, full-1/cyclegan/a2, full-1/cyclegan/b1 and 1 more" in message


def test_all_broken_rules_are_named(table: pd.DataFrame) -> None:
    table = planted(table, "d1", speaker="a", sha256="sha256 of a1", split="full-2")
    table = planted(table, "full-1/cyclegan/a1", partition="test", source_id="e1", generator_sha256="unknown")
    message = refused(table)
    for rule in (
        "speaker in two partitions",
        "clip in two partitions",
        "synthetic clip outside train",
        "source outside train",
        "row of another split",
        RULE,
    ):
        assert rule in message


def test_guard_knows_every_rule() -> None:
    """A rule that is written and not called guards nothing."""
    rules = {
        name
        for name, value in vars(leakage).items()
        if callable(value) and not name.startswith("_") and value.__module__ == leakage.__name__
    } - {"Leak", "LeakageError", "guard"}
    assert rules == rules & set(leakage.guard.__code__.co_names)
    assert len(rules) >= 6
