"""Every rule of the guard finds the leak that is planted for it, names it and the row; a clean table passes."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.leakage import rules
from pipeline.leakage.leak import Leak, LeakageError, require_no_leak

SPLIT = "full-1"
GENERATOR, OTHER = "weights-of-angry-neutral", "weights-of-neutral-sad"
FITTED_ON = {GENERATOR: "train-ids", OTHER: "other-train-ids"}
TRAIN_IDS = dict(FITTED_ON)
SPEAKERS = {"train": ["a", "b"], "valid": ["c"], "test": ["d"]}
NO_BANK = pd.DataFrame(columns=rules.BANK).astype({"is_changed": bool})
NO_PROVENANCE = dict.fromkeys(("source_id", "source_emotion", "generator", "generator_sha256", "parameters", "person"))


def real(id_: str, speaker: str, partition: str) -> dict[str, Any]:
    words = {"emotion": "angry", "corpus": "ravdess", "sentence": "dogs" if partition == "test" else "kids"}
    clip = {"id": id_, "speaker": speaker, **words, "sha256": f"sha256 of {id_}", "is_synthetic": False}
    place = {"filepath": f"{id_}.wav", "start": np.nan, "end": np.nan}
    return {**clip, **place, **NO_PROVENANCE, "split": SPLIT, "partition": partition}


def converted_clip(source: str, speaker: str, generator: str = GENERATOR) -> dict[str, Any]:
    words = {"emotion": "sad", "corpus": "ravdess", "sentence": "kids"}
    clip = {"id": f"{SPLIT}/cyclegan/{source}", "speaker": speaker, **words, "sha256": f"sha256 of fake {source}"}
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
    fakes = [converted_clip(f"{speaker}{number}", speaker) for speaker in SPEAKERS["train"] for number in (1, 2)]
    fakes[-1] = converted_clip("b2", "b", OTHER)
    return pd.concat([pd.DataFrame(clips), pd.DataFrame(fakes)])


def planted(table: pd.DataFrame, id_: str, **changes: Any) -> pd.DataFrame:
    """The table with some values of one row changed."""
    changed = table.reset_index(drop=True)
    assert (changed["id"] == id_).sum() == 1
    changed.loc[changed["id"] == id_, list(changes)] = list(changes.values())
    return changed


def added(table: pd.DataFrame, row: dict[str, Any]) -> pd.DataFrame:
    return pd.concat([table, pd.DataFrame([row])], ignore_index=True)


def leaks(
    table: pd.DataFrame,
    fitted_on: dict[str, str] = FITTED_ON,
    train_ids: dict[str, str] = TRAIN_IDS,
    partitioned: pd.DataFrame | None = None,
    sentences_apart: bool = True,
    bank: pd.DataFrame = NO_BANK,
) -> list[Leak]:
    """Leaks of a table; without `partitioned`, the split is the table's real rows, once each."""
    real = table[~table["is_synthetic"]].drop_duplicates("id")
    given = real if partitioned is None else partitioned
    return rules.in_augmented(table, given, SPLIT, sentences_apart, fitted_on, train_ids, bank)


def message_of(table: pd.DataFrame, **how: Any) -> str:
    with pytest.raises(LeakageError) as caught:
        require_no_leak(SPLIT, leaks(table, **how))
    return caught.value.message


def test_a_clean_table_passes(table: pd.DataFrame) -> None:
    assert leaks(table) == []
    assert leaks(table[~table["is_synthetic"]], {}, {}) == []
    assert leaks(planted(table, "a2", sha256="sha256 of a1")) == []  # the same audio twice in train
    require_no_leak(SPLIT, leaks(table))


@pytest.mark.parametrize(("id_", "speaker", "other"), [("d1", "a", "a1"), ("c1", "b", "b1"), ("d1", "c", "c1")])
def test_speaker_in_two_partitions(table: pd.DataFrame, id_: str, speaker: str, other: str) -> None:
    message = message_of(planted(table, id_, speaker=speaker))
    assert message.startswith(f"{SPLIT}: leakage: speaker in two partitions: ")
    assert f"{other}, " in message
    leak = next(iter(rules.speakers_in_two_partitions(planted(table, id_, speaker=speaker))))
    assert {id_, other} <= set(leak.rows["id"])
    assert set(leak.rows["speaker"]) == {speaker}


@pytest.mark.parametrize(("one", "two"), [("a1", "c1"), ("a1", "d2"), ("c1", "d1"), ("full-1/cyclegan/a1", "d1")])
def test_identical_audio_in_two_partitions(table: pd.DataFrame, one: str, two: str) -> None:
    assert message_of(planted(planted(table, one, sha256="same"), two, sha256="same")).endswith(
        f"leakage: clip in two partitions: {', '.join(sorted([one, two], key=list(table['id']).index))}"
    )
    message = message_of(added(table, {**real("d1", "d", "train"), "sha256": "converted to another format"}))
    assert "clip in two partitions: d1, d1" in message
    assert "speaker in two partitions: d1, d2, d1" in message


@pytest.mark.parametrize("targets", [{"d": 1.0}, {"c": 1.0}, {"a": 0.5, "d": 0.5}, {"stranger": 1.0}])
def test_voice_of_a_speaker_outside_train(table: pd.DataFrame, targets: dict[str, float]) -> None:
    own = "full-1/cyclegan/b1"
    assert leaks(planted(table, own, parameters='{"targets": {"a": 0.5, "b": 0.5}}')) == []
    message = message_of(planted(table, own, parameters=json.dumps({"targets": targets})))
    assert message == f"{SPLIT}: leakage: voice of a speaker outside train, enrolment and voice bank: {own}"


BANKED = {"generator_sha256": GENERATOR, "speaker": "bank/mine/x", "sha256": "sha256 of x1", "is_changed": False}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, None),
        ({"sha256": "sha256 of a1"}, None),  # a train clip
        ({"speaker": "bank/mine/y"}, "voice of a speaker outside train, enrolment and voice bank: full-1/cyclegan/b1"),
        ({"generator_sha256": OTHER}, "voice of a speaker outside train, enrolment and voice bank: full-1/cyclegan/b1"),
        ({"sha256": "sha256 of d1"}, "recording outside train that is also in a voice bank: d1"),
        ({"sha256": "sha256 of c2"}, "recording outside train that is also in a voice bank: c2"),
        ({"sha256": "sha256 of d9"}, "recording outside train that is also in a voice bank: d9"),
        (
            {"is_changed": True},
            "voice bank that was changed after the clips were made: "
            "full-1/cyclegan/a1, full-1/cyclegan/a2, full-1/cyclegan/b1",
        ),
    ],
)
def test_leaks_by_a_voice_bank(with_enrolled: pd.DataFrame, changes: dict[str, Any], rule: str | None) -> None:
    found = planted(with_enrolled, "full-1/cyclegan/b1", parameters='{"targets": {"bank/mine/x": 1.0}}')
    bank = pd.DataFrame([BANKED | changes])
    if rule is None:
        assert leaks(found, bank=bank) == []
    else:
        assert message_of(found, bank=bank) == f"{SPLIT}: leakage: {rule}"
    assert "voice of a speaker outside" in message_of(found)


@pytest.fixture
def with_enrolled(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a neutral clip of a valid and of a test speaker."""
    enrolled = [real(f"{speaker}9", speaker, "enrol") | {"emotion": "neutral"} for speaker in ("c", "d")]
    return pd.concat([table, pd.DataFrame(enrolled)])


@pytest.mark.parametrize(
    ("id_", "changes", "rule"),
    [
        ("d9", {"emotion": "sad"}, "enrolled clip that is not neutral: d9"),
        ("d9", {"speaker": "a"}, "enrolled speaker in train: d9"),
        ("d9", {"sha256": "sha256 of d1"}, "clip in two partitions: d1, d9"),
        ("a1", {"sha256": "sha256 of d9"}, "clip in two partitions: a1, d9"),
        ("c1", {"speaker": "d"}, "speaker in two partitions: c1, d1, d2"),
    ],
)
def test_leaks_by_enrolment(with_enrolled: pd.DataFrame, id_: str, changes: dict[str, str], rule: str) -> None:
    assert rule in message_of(planted(with_enrolled, id_, **changes))


def repeat(id_: str, own: str, **changes: Any) -> dict[str, Any]:
    """A row of train that repeats an enrolled clip."""
    row = real(id_, own, "train") | {"id": f"{SPLIT}/enrolled_clips/{id_}/1", "emotion": "neutral"}
    origin = dict.fromkeys(("generator", "generator_sha256"), "enrolled_clips")
    return row | {"is_synthetic": True, "source_id": id_, "source_emotion": "neutral"} | origin | changes


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"source_id": "d1"}, "source outside train"),
        ({"source_id": "a1", "speaker": "a"}, "source outside train"),
        ({"generator": "cyclegan"}, "speaker in two partitions"),
        ({"emotion": "angry"}, "enrolled clip that is not neutral"),
        ({"partition": "test"}, "synthetic clip outside train"),
        ({"sentence": "dogs"}, "sentence of the test partition elsewhere"),
    ],
)
def test_repeated_enrolled_clips(with_enrolled: pd.DataFrame, changes: dict[str, str], rule: str) -> None:
    """They may train; a test clip in their place may not, nor a conversion of theirs."""
    nothing = {"enrolled_clips": "nothing"}
    how = {"fitted_on": FITTED_ON | nothing, "train_ids": TRAIN_IDS | nothing}
    assert leaks(added(with_enrolled, repeat("d9", "d")), **how) == []
    assert rule in message_of(added(with_enrolled, repeat("d9", "d", **changes)), **how)


def test_clips_of_a_person(with_enrolled: pd.DataFrame) -> None:
    """The person of a personal classifier is an enrolled speaker; its clips are synthetic."""
    own = "full-1/cyclegan/b1"
    assert leaks(planted(with_enrolled, own, person="d")) == []
    for id_, person in ((own, "a"), (own, "stranger"), ("a1", "d"), ("d1", "d")):
        message = message_of(planted(with_enrolled, id_, person=person))
        assert message == f"{SPLIT}: leakage: clip of a person who is not enrolled: {id_}"


def test_an_enrolled_clip_may_be_a_target_and_is_neither_scored_nor_moved(with_enrolled: pd.DataFrame) -> None:
    assert leaks(with_enrolled) == []
    assert leaks(planted(with_enrolled, "full-1/cyclegan/b1", parameters='{"targets": {"d": 1.0}}')) == []
    split = with_enrolled[~with_enrolled["is_synthetic"]].drop_duplicates("id")
    moved = planted(with_enrolled, "d9", partition="train")
    assert "clip other than in the split: d9" in message_of(moved, partitioned=split)
    runs = pd.DataFrame({"classifier": ["svm"], "seed": [0]})
    columns = {"emotion": "label"}
    scored = with_enrolled[with_enrolled["partition"].isin(["valid", "test"])].rename(columns=columns)
    found = scored.merge(runs, how="cross")
    assert list(rules.other_predictions(found, with_enrolled, runs)) == []
    extra = with_enrolled[with_enrolled["id"] == "d9"].rename(columns=columns).merge(runs, how="cross")
    [leak] = rules.other_predictions(pd.concat([found, extra]), with_enrolled, runs)
    assert list(leak.rows["id"]) == ["d9"]


@pytest.mark.parametrize(
    ("train", "test", "leaks_out"),
    [
        ((0.5, 2.0), (1.9, 3.0), True),  # two speakers at once
        ((1.0, 2.0), (0.0, 9.0), True),
        ((np.nan, np.nan), (8.0, np.nan), True),  # the whole file, and its end
        ((0.5, 2.0), (2.0, 3.0), False),
        ((3.0, np.nan), (np.nan, 3.0), False),
    ],
)
def test_overlapping_segments(
    table: pd.DataFrame, train: tuple[float, float], test: tuple[float, float], leaks_out: bool
) -> None:
    for id_, (start, end) in {"a1": train, "a2": (1.0, 1.5), "d1": test}.items():
        file = "talk.wav" if id_ != "a2" else "other.wav"  # of another file, at the same time
        table = planted(table, id_, filepath=file, start=start, end=end)
    found = leaks(table)
    assert [leak.rule for leak in found] == ["segment that overlaps one of another partition"] * leaks_out
    assert all(set(leak.rows["id"]) <= {"a1", "d1"} for leak in found)
    assert not leaks(planted(table, "a1", start=np.nan, end=0.1, filepath="else.wav"))


@pytest.mark.parametrize("source", ["c1", "d1"])
def test_source_outside_train(table: pd.DataFrame, source: str) -> None:
    """Even under the name of a train speaker."""
    for speaker in (source[0], "a"):
        message = message_of(added(table, converted_clip(source, speaker)))
        assert f"source outside train: full-1/cyclegan/{source}" in message


RULE = "generator of another partition or split"
FAKE = f"{SPLIT}/cyclegan/a1"


@pytest.mark.parametrize(
    ("id_", "changes", "rule"),
    [
        *((FAKE, {"source_id": source}, "source outside train") for source in ("e1", None, FAKE)),
        (FAKE, {"speaker": "b"}, "source outside train"),
        *((id_, {"split": split}, "row of another split") for id_ in ("a1", "d1", FAKE) for split in ("full-2", None)),
        *((FAKE, {"generator_sha256": weights}, RULE) for weights in ("weights of another split", None)),
    ],
)
def test_one_changed_value(table: pd.DataFrame, id_: str, changes: dict[str, str | None], rule: str) -> None:
    """Exactly one rule is broken; train clips that are listed for no weights change nothing."""
    hashes: Any = {**FITTED_ON, None: "train-ids"}
    message = message_of(planted(table, id_, **changes), fitted_on=hashes, train_ids=hashes)
    assert message == f"{SPLIT}: leakage: {rule}: {id_}"


@pytest.mark.parametrize("partition", ["valid", "test"])
def test_synthetic_clip_outside_train(table: pd.DataFrame, partition: str) -> None:
    assert f"synthetic clip outside train: {FAKE}" in message_of(planted(table, FAKE, partition=partition))


def from_noise(**changes: Any) -> dict[str, Any]:
    nothing = {"source_id": None, "source_emotion": None, "sentence": None}
    clip = {
        **converted_clip("x", "dcgan"),
        **nothing,
        "id": f"{SPLIT}/dcgan/sad/1",
        "corpus": "dcgan",
        "generator": "dcgan",
    }
    return {**clip, **changes}


def test_clip_from_noise(table: pd.DataFrame) -> None:
    """It has no source, speaker or sentence; its generator was trained on the train clips."""
    assert leaks(added(table, from_noise())) == leaks(added(table, from_noise()), sentences_apart=False) == []
    message = message_of(added(table, from_noise(sentence="dogs")))
    assert "sentence of the test partition elsewhere" in message
    table = added(table, from_noise(generator_sha256="weights of the dcgan"))
    known = {**TRAIN_IDS, "weights of the dcgan": "ids of all train clips"}
    assert leaks(table, known, known) == []
    for trained_on in ({**known, "weights of the dcgan": "ids of all clips"}, FITTED_ON):
        message = message_of(table, fitted_on=trained_on, train_ids=known)
        assert message == f"{SPLIT}: leakage: {RULE}: {SPLIT}/dcgan/sad/1"


@pytest.mark.parametrize(
    "changes",
    [
        *({"speaker": speaker} for speaker in ("a", "c", "d", "somebody", None)),
        *({"source_id": source} for source in ("a1", "d1", "e1")),
        {"source_emotion": "angry"},
    ],
    ids=str,
)
def test_clip_from_noise_in_the_name_of_another(table: pd.DataFrame, changes: dict[str, str | None]) -> None:
    message = message_of(added(table, from_noise(**changes)), sentences_apart=False)
    assert f"source outside train: {SPLIT}/dcgan/sad/1" in message


@pytest.mark.parametrize("generator", ["cyclegan", "statistics", "f0_only"])
def test_generator_trained_on_other_clips(table: pd.DataFrame, generator: str) -> None:
    """Without the network, statistics of train clips are left."""
    table = table.assign(generator=table["generator"].where(~table["is_synthetic"].astype(bool), generator))
    message = message_of(table, fitted_on={**FITTED_ON, OTHER: "ids of all clips"})
    assert message == f"full-1: leakage: {RULE}: full-1/cyclegan/b2"


def test_generator_unknown_or_of_another_pair(table: pd.DataFrame) -> None:
    """The last was trained on clips of this split's train partition, but not on its pair's."""
    for unknown in ("fitted_on", "train_ids"):
        message = message_of(table, **{unknown: {GENERATOR: "train-ids"}})
        assert message == f"full-1: leakage: {RULE}: full-1/cyclegan/b2"
    message = message_of(table, fitted_on={GENERATOR: "other-train-ids", OTHER: "train-ids"})
    assert f"{RULE}: full-1/cyclegan/a1, full-1/cyclegan/a2, full-1/cyclegan/b1 and 1 more" in message


def test_all_broken_rules_are_named(table: pd.DataFrame) -> None:
    table = planted(table, "d1", speaker="a", sha256="sha256 of a1", split="full-2")
    table = planted(table, FAKE, partition="test", source_id="e1", generator_sha256="unknown")
    message = message_of(table)
    parts = ("speaker in two partitions", "clip in two partitions", "synthetic clip outside train")
    for rule in (*parts, "source outside train", "row of another split", RULE):
        assert rule in message


@pytest.mark.parametrize("id_", ["a1", "c2", "full-1/cyclegan/b1"])
def test_sentence_of_the_test_partition(table: pd.DataFrame, id_: str) -> None:
    for sentence in ("dogs", None):  # an unknown sentence may be one of test
        leaky = planted(table, id_, sentence=sentence, corpus="savee")
        assert message_of(leaky) == f"{SPLIT}: leakage: sentence of the test partition elsewhere, or unknown: {id_}"
        assert leaks(leaky, sentences_apart=False) == []
    assert message_of(planted(table, "d1", sentence=None)).endswith("elsewhere, or unknown: d1")


@pytest.mark.parametrize(("id_", "leaks_out"), [("c1", True), ("d1", True), ("a1", False)])
def test_unknown_speaker_outside_train(table: pd.DataFrame, id_: str, leaks_out: bool) -> None:
    found = leaks(planted(table, id_, speaker="ravdess_unknown"))
    assert any(leak.rule == "unknown speaker outside train" for leak in found) == leaks_out


@pytest.mark.parametrize(
    ("column", "value"),
    [("emotion", "happy"), ("speaker", "b"), ("sha256", "other"), ("sentence", "cats"), ("corpus", "savee")]
    + [("partition", "valid")],
)
def test_clip_other_than_in_the_split(table: pd.DataFrame, column: str, value: str) -> None:
    """A clip in another partition or with another label may break no other rule, nor may a hard one left out."""
    clean = table[~table["is_synthetic"]]
    assert message_of(table[table["id"] != "d2"], partitioned=clean).endswith("clip other than in the split: d2")
    assert message_of(table, partitioned=clean[clean["id"] != "c1"]).endswith("clip other than in the split: c1")
    changes = {column: value} | ({"speaker": "c"} if column == "partition" else {})
    [leak] = [leak for leak in leaks(planted(table, "a1", **changes), partitioned=clean) if "other than" in leak.rule]
    assert list(leak.rows["id"]) == ["a1"]


ALLOWED = {"trained_on": "train", "scaled_by": "real train", "selected_on": "valid"}
RUNS = pd.DataFrame({"classifier": ["cnn", "cnn"], "seed": [0, 1]})


@pytest.fixture
def predictions(table: pd.DataFrame) -> pd.DataFrame:
    """Of the valid and test clips, by two runs."""
    held_out = table[table["partition"] != "train"].assign(label="angry")[["id", "speaker", "partition", "label"]]
    return pd.concat([held_out.assign(classifier="cnn", seed=seed) for seed in (0, 1)])


def test_clean_predictions_pass(table: pd.DataFrame, predictions: pd.DataFrame) -> None:
    assert rules.in_predictions(predictions, table, RUNS, ALLOWED, ALLOWED) == []
    assert rules.in_predictions(predictions, table, RUNS, {**ALLOWED, "params": "x"}, ALLOWED) == []


@pytest.mark.parametrize(
    ("use", "words"),
    [
        ("trained_on", "trained on other clips than the arm's train partition"),
        ("scaled_by", "statistics of other clips than the classifier's name allows"),
        ("selected_on", "model selected on other clips than the valid partition"),
    ],
)
@pytest.mark.parametrize("found", ["hash of the test clips", None])
def test_other_clips_used(
    table: pd.DataFrame, predictions: pd.DataFrame, use: str, words: str, found: str | None
) -> None:
    used = {key: value for key, value in {**ALLOWED, use: found}.items() if value}
    [leak] = rules.in_predictions(predictions, table, RUNS, used, ALLOWED)
    assert leak.rule.endswith(words)
    part = "valid" if use == "selected_on" else "train"
    assert set(leak.rows["id"]) == set(table.loc[table["partition"] == part, "id"])


@pytest.mark.parametrize(
    "changes", [{"label": "sad"}, {"partition": "valid"}, {"speaker": "c"}, {"id": "a1"}, {"id": "unknown"}]
)
def test_other_predictions(table: pd.DataFrame, predictions: pd.DataFrame, changes: dict[str, str]) -> None:
    predictions = predictions.reset_index(drop=True)
    row = predictions.index[(predictions["id"] == "d1") & (predictions["seed"] == 1)]
    predictions.loc[row, list(changes)] = list(changes.values())
    [leak] = rules.in_predictions(predictions, table, RUNS, ALLOWED, ALLOWED)
    assert leak.rule == "prediction other than of the held-out clips"
    assert "d1" in set(leak.rows["id"])


def test_what_is_left_out_of_predictions(table: pd.DataFrame, predictions: pd.DataFrame) -> None:
    """A test clip of a run; or a run, such as a bad seed of both arms, which would break no other rule; or all."""
    every = set(predictions["id"])
    for left, missing in (
        ((predictions["id"] != "d1") | (predictions["seed"] == 0), {"d1"}),
        (predictions["seed"] == 0, every),
        (predictions["seed"] == 1, every),
        (predictions["seed"] == 2, every),
    ):
        [leak] = rules.in_predictions(predictions[left], table, RUNS, ALLOWED, ALLOWED)
        assert set(leak.rows["id"]) == missing


@pytest.mark.parametrize("trained_on", ["train-and-test-ids", ""])
def test_gate_fitted_on_others(table: pd.DataFrame, trained_on: str) -> None:
    gates = {**FITTED_ON, rules.GATE: trained_on}, {**TRAIN_IDS, rules.GATE: "real-train-ids"}
    message = message_of(table, fitted_on=gates[0], train_ids=gates[1])
    assert "quality gate fitted on other clips than the real train ones: full-1/cyclegan/a1" in message
    assert leaks(table, gates[1], gates[1]) == []
    assert leaks(table[~table["is_synthetic"]], *gates) == []  # an arm without generators has none


@pytest.mark.parametrize(
    ("part", "word"),
    [
        (rules.VOCODER, "vocoder"),
        (rules.EMOTION_CLASSIFIER, "emotion classifier"),
        (rules.MEANS, "neutral mean of a speaker"),
    ],
)
@pytest.mark.parametrize("trained_on", ["train-and-test-ids", ""])
def test_part_trained_on_others(table: pd.DataFrame, trained_on: str, part: str, word: str) -> None:
    """Only its own clips; untrained parts are not listed."""
    allowed = {**TRAIN_IDS, part: "real-train-ids"}
    message = message_of(table, fitted_on={**FITTED_ON, part + OTHER: trained_on}, train_ids=allowed)
    assert message.endswith(f"leakage: {word} of another partition or split: full-1/cyclegan/b2")
    assert leaks(table, {**FITTED_ON, part + OTHER: "real-train-ids"}, allowed) == []
    assert leaks(table, FITTED_ON, allowed) == []


def test_every_rule_is_called() -> None:
    """A rule that is not called guards nothing."""
    names = {
        name
        for name, value in vars(rules).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", "") == rules.__name__
    } - {"in_augmented", "in_predictions", "in_kept"}
    called = {
        name for group in (rules.in_augmented, rules.in_predictions, rules.in_kept) for name in group.__code__.co_names
    }
    assert names == names & called
    assert len(names) >= 10
