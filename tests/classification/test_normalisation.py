"""Normalisation by speaker: the clips that set the statistics."""

import numpy as np
import pandas as pd
import pytest

from pipeline.classification.normalisation import LEAST, by_corpus, by_neutral, by_speaker, normalised

VOICE = '{"targets": {"b": 1.0}}'
ROWS = [  # speaker, partition, synthetic
    *[("a", "train", False)] * 3,
    *[("b", "train", False)] * 3,
    ("a", "train", True),
    ("dcgan", "train", True),
    *[("c", "test", False)] * 3,
]
CLIPS = pd.DataFrame(ROWS, columns=["speaker", "partition", "is_synthetic"]).assign(parameters=None)


@pytest.fixture
def arrays() -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    levels = {"a": 5.0, "b": -3.0, "c": 40.0, "dcgan": 0.0}
    return [(levels[who] + draw.standard_normal((4, 2)) * [1, 7]).astype(np.float32) for who in CLIPS["speaker"]]


@pytest.mark.parametrize("numbers", [(0, 1, 2), (3, 4, 5), (8, 9, 10)])
def test_real_clips_of_a_speaker_are_standard(arrays: list[np.ndarray], numbers: tuple[int, ...]) -> None:
    found = by_speaker(arrays, CLIPS)
    rows = np.concatenate([found[number] for number in numbers])
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.std(axis=0), 1, rtol=0.01)
    assert [array.shape for array in found] == [array.shape for array in arrays]
    assert found[0].dtype == np.float32


def test_rows_of_several_layers(arrays: list[np.ndarray]) -> None:
    """Each layer is standardised by itself."""
    found = by_speaker([np.stack([array, 9 - 3 * array], axis=1) for array in arrays], CLIPS)
    for layers, alone in zip(found, by_speaker(arrays, CLIPS), strict=True):
        np.testing.assert_allclose(layers[:, 0], alone, atol=1e-5)
        np.testing.assert_allclose(layers[:, 1], -alone, atol=1e-5)


def test_synthetic_clips_do_not_count(arrays: list[np.ndarray]) -> None:
    other = [array + 100 * synthetic for array, synthetic in zip(arrays, CLIPS["is_synthetic"], strict=True)]
    before, after = by_speaker(arrays, CLIPS), by_speaker(other, CLIPS)
    for one, two, synthetic in zip(before, after, CLIPS["is_synthetic"], strict=True):
        assert np.array_equal(one, two) != synthetic


@pytest.mark.parametrize(("number", "by"), [(6, (0, 1, 2)), (7, (0, 1, 2, 3, 4, 5))])
def test_a_synthetic_clip_is_normalised_by_real_ones(
    arrays: list[np.ndarray], number: int, by: tuple[int, ...]
) -> None:
    """By its speaker's or, where there are none, by all train clips."""
    rows = np.concatenate([arrays[one] for one in by])
    expected = (arrays[number] - rows.mean(axis=0)) / rows.std(axis=0)
    np.testing.assert_allclose(by_speaker(arrays, CLIPS)[number], expected, rtol=1e-4, atol=1e-5)


def test_partitions_are_separate(arrays: list[np.ndarray]) -> None:
    """A speaker who trains and validates, as no split allows, is two."""
    split = CLIPS.assign(partition=CLIPS["partition"].where(np.arange(len(CLIPS)) != 2, "valid"))
    moved = [array + 100 * (number == 2) for number, array in enumerate(arrays)]
    one, two = by_speaker(arrays, split), by_speaker(moved, split)
    assert all(np.array_equal(one[number], two[number]) for number in range(11) if number != 2)


def test_a_feature_that_a_speaker_does_not_vary() -> None:
    """Its deviation counts as `LEAST` of the overall one."""
    clips = CLIPS[:6]
    arrays = [np.array([[number, 7.0 + (who == "b") * number]]) for number, who in enumerate(clips["speaker"])]
    arrays[1] = np.array([[1.0, 7.001]])
    found = by_speaker(arrays, clips)
    rows = np.concatenate(arrays)
    expected = (7.001 - rows[:3, 1].mean()) / (LEAST * rows[:, 1].std())
    assert found[1][0, 1] == pytest.approx(expected, rel=1e-3)
    constant = by_speaker([np.ones((1, 2))] * 6, clips)
    assert all((array == 0).all() for array in constant)


def test_clips_in_another_voice_are_a_speaker_of_their_own(arrays: list[np.ndarray]) -> None:
    """The synthetic clips of `a` in the voice of `b`: apart from those of `a`, and from a perturbed clip."""
    more = pd.DataFrame([("a", "train", True)] * 2, columns=["speaker", "partition", "is_synthetic"])
    clips = pd.concat([CLIPS, more], ignore_index=True)
    clips["parameters"] = [None] * 6 + ['{"semitones": 1}'] + [None] * 4 + [VOICE] * 2
    arrays = [*arrays, 50 + arrays[0], 70 + arrays[1]]
    found = by_speaker(arrays, clips)
    rows = np.concatenate(found[-2:])
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    alone = by_speaker(arrays[:-2], clips[:-2])
    assert all(np.array_equal(one, two) for one, two in zip(found, alone, strict=False))


KNOWN = [  # speaker, partition, emotion, synthetic, parameters, expected level
    ("a", "train", "neutral", False, None, 0),
    ("a", "train", "angry", False, None, 2),
    ("b", "train", "neutral", False, None, 0),
    ("a", "train", "angry", True, VOICE, 2),  # in the voice of b
    ("a", "train", "angry", True, '{"semitones": 1}', 2),
    ("a", "train", "angry", True, '{"targets": {"a": 0.5, "b": 0.5}}', 2),
    ("a", "train", "angry", True, '{"targets": {"c": 1.0}}', 2),
    ("dcgan", "train", "angry", True, None, 2),
    ("c", "enrol", "neutral", False, None, 0),
    ("c", "test", "angry", False, None, 2),
    ("c", "test", "neutral", False, None, 0.5),
]


def test_relative_to_the_neutral_clips_of_the_speaker() -> None:
    """Or of the speakers of the voice; test clips set no mean, neither do synthetic ones."""
    columns = ["speaker", "partition", "emotion", "is_synthetic", "parameters", "level"]
    clips = pd.DataFrame(KNOWN, columns=columns)
    levels = {"a": 10.0, "b": 20.0, "c": 40.0, "dcgan": 15.0}  # dcgan has no clips: the mean of train's neutral ones
    voices = [levels[speaker] for speaker in clips["speaker"]]
    voices[3], voices[5], voices[6] = levels["b"], 15.0, levels["c"]
    draw = np.random.default_rng(0)
    shapes = [draw.standard_normal((4, 2)) * [0.01, 0.02] for _ in voices]
    arrays = [
        (shape - shape.mean(axis=0) + level + own).astype(np.float32)
        for shape, level, own in zip(shapes, clips["level"], voices, strict=True)
    ]
    found = by_neutral(arrays, clips)
    np.testing.assert_allclose([array.mean() for array in found], clips["level"], atol=1e-5)
    assert {array.dtype for array in found} == {np.dtype(np.float32)}
    assert [array.shape for array in found] == [array.shape for array in arrays]
    changed = [array + 100 * (partition == "test") for array, partition in zip(arrays, clips["partition"], strict=True)]
    for before, after, partition in zip(found, by_neutral(changed, clips), clips["partition"], strict=True):
        assert np.array_equal(before, after) == (partition != "test")


def test_relative_to_the_neutral_clips_of_the_corpus() -> None:
    """Or of the corpora of a voice's speakers, in their shares; test clips set no mean."""
    rows = [  # corpus, speaker, partition, emotion, synthetic, parameters, level above its own corpus
        ("x", "x_a", "train", "neutral", False, None, 0),
        ("x", "x_b", "train", "neutral", False, None, 0),
        ("x", "x_a", "train", "angry", False, None, 3),
        ("y", "y_a", "train", "neutral", False, None, 0),
        ("x", "x_a", "train", "angry", True, '{"targets": {"y_a": 1.0}}', 3),
        ("x", "x_a", "train", "angry", True, '{"targets": {"x_b": 0.25, "x_a": 0.25, "y_a": 0.5}}', 3),
        ("y", "y_c", "test", "angry", False, None, 3),
        ("y", "y_c", "test", "neutral", False, None, 1),
    ]
    columns = ["corpus", "speaker", "partition", "emotion", "is_synthetic", "parameters", "level"]
    clips = pd.DataFrame(rows, columns=columns)
    base = clips["corpus"].map({"x": 10.0, "y": 30.0}).tolist()
    base[4], base[5] = 30.0, 20.0
    arrays = [np.full((1, 2), own + level) for own, level in zip(base, clips["level"], strict=True)]
    found = by_corpus(arrays, clips)
    np.testing.assert_allclose([array.mean() for array in found], clips["level"], atol=1e-5)


def test_normalisations_by_name(arrays: list[np.ndarray]) -> None:
    clips = CLIPS.assign(emotion="neutral", corpus="x")
    assert normalised(arrays, clips, "train") is arrays
    for name, expected in (("speaker", by_speaker), ("neutral", by_neutral), ("corpus", by_corpus)):
        found = normalised(arrays, clips, name)
        assert all(np.array_equal(one, two) for one, two in zip(found, expected(arrays, clips), strict=True))
