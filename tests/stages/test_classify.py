"""Predictions of the classifiers on a tiny corpus: all of them, and nothing of them known from test."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from pipeline import manifest, predictions
from pipeline.classifier import training
from pipeline.shards import Shard, Writer
from pipeline.stages import classify as classify_stage

LABELS = ["angry", "neutral", "sad"]
COLUMNS = [predictions.PREFIX + label for label in LABELS]
RUNS = [("cnn", 0), ("cnn", 1), ("svm", 0)]
NONE, CYCLEGAN = (Path(f"data/augmented/full-1/{arm}.parquet") for arm in ("none", "cyclegan"))
Stage = Callable[..., Result]
Classify = Callable[..., pd.DataFrame]


@pytest.fixture
def classify(stage: Stage) -> Classify:
    """Augment, change the arm's table if asked to, and classify; the predictions."""

    def run(arm: str = "none", change: Callable[[pd.DataFrame], pd.DataFrame] | None = None) -> pd.DataFrame:
        item = {"scenario": "full", "fold": "1", "arm": arm}
        result = stage("augment", **item)
        assert result.exit_code == 0, result.output
        table = Path(f"data/augmented/full-1/{arm}.parquet")
        if change:
            manifest.write(change(manifest.read(table, manifest.AUGMENTED)), table, manifest.AUGMENTED, "changed")
        result = stage("classify", **item)
        assert result.exit_code == 0, result.output
        return predictions.read(predicted(arm))

    return run


def predicted(arm: str) -> Path:
    return Path(f"data/predictions/full-1/{arm}.parquet")


def curve(arm: str) -> Path:
    return Path(f"metrics/plots/classify/full-1_{arm}.csv")


def relabelled(*partitions: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Change that gives each clip of some partitions the next of the labels."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        following = dict(zip(LABELS, LABELS[1:] + LABELS[:1], strict=True))
        of_these = rows["partition"].isin(partitions)
        return rows.assign(emotion=rows["emotion"].where(~of_these, rows["emotion"].map(following)))

    return change


def chances(rows: pd.DataFrame, partition: str | None = None) -> pd.DataFrame:
    """Probabilities by classifier, seed and clip."""
    kept = rows if partition is None else rows[rows["partition"] == partition]
    return kept.set_index(["classifier", "seed", "id"])[COLUMNS].sort_index()


def test_what_is_learned_from_and_chosen_on(stage: Stage, classify: Classify, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very clips, for the leakage guard has only the stage's word for it."""
    given: dict[str, tuple[list[int], list[int]]] = {}
    train_cnn, train_svm = training.train_cnn, classify_stage.train_svm

    def spied_cnn(train: Any, valid: Any, *more: Any) -> Any:
        given["cnn"] = train.labels.tolist(), valid.labels.tolist()
        return train_cnn(train, valid, *more)

    def spied_svm(functionals: Any, labels: Any, weights: Any, is_real: Any, valid: Any, *more: Any) -> Any:
        given["svm"] = labels.tolist(), valid[1].tolist()
        assert len(functionals) == len(is_real) == len(labels) and len(valid[0]) == len(valid[1])
        return train_svm(functionals, labels, weights, is_real, valid, *more)

    monkeypatch.setattr(training, "train_cnn", spied_cnn)
    monkeypatch.setattr(classify_stage, "train_svm", spied_svm)
    classify("cyclegan")
    rows = manifest.read(CYCLEGAN, manifest.AUGMENTED)
    labels = rows["emotion"].map(LABELS.index)
    expected = tuple(labels[rows["partition"] == part].tolist() for part in ("train", "valid"))
    assert given == {"cnn": expected, "svm": expected}


def test_every_valid_and_test_clip_in_every_run(classify: Classify) -> None:
    found = classify()
    rows = manifest.read(NONE, manifest.AUGMENTED)
    heard = rows[rows["partition"].isin(("valid", "test"))].set_index("id")
    assert set(heard["partition"]) == {"valid", "test"}
    assert sorted({(row.classifier, row.seed) for row in found.itertuples()}) == RUNS
    for _, run in found.groupby(["classifier", "seed"]):
        assert sorted(run["id"]) == sorted(heard.index)
        assert list(run["label"]) == list(heard.loc[run["id"], "emotion"])
        assert list(run["speaker"]) == list(heard.loc[run["id"], "speaker"])
        assert list(run["partition"]) == list(heard.loc[run["id"], "partition"])
    assert set(found["fold"]) == {1}
    assert list(found.columns)[-3:] == COLUMNS
    np.testing.assert_allclose(found[COLUMNS].sum(axis=1), 1, atol=1e-5)
    runs = [run[COLUMNS].to_numpy() for _, run in found.groupby(["classifier", "seed"])]
    assert not any(np.allclose(one, two) for one, two in zip(runs, runs[1:], strict=False))


def test_emotions_that_sound_apart_are_told_apart(classify: Classify) -> None:
    found = classify()
    svm = found[found["classifier"] == "svm"]
    assert np.mean(predictions.predicted(svm) == svm["label"]) > 0.6  # by chance a third


def test_curve(classify: Classify) -> None:
    classify()
    found = pd.read_csv(curve("none"))
    assert list(found.columns) == ["seed", "step", "loss", "valid_uar"]
    assert [(row.seed, row.step) for row in found.itertuples()] == [(0, 3), (0, 6), (1, 3), (1, 6)]
    assert found["valid_uar"].between(0, 1).all()


def test_same_bytes_twice(classify: Classify) -> None:
    classify("cyclegan")
    before = predicted("cyclegan").read_bytes(), curve("cyclegan").read_bytes()
    classify("cyclegan")
    assert (predicted("cyclegan").read_bytes(), curve("cyclegan").read_bytes()) == before


def test_test_labels_are_not_known(classify: Classify) -> None:
    plain, permuted = classify(), classify(change=relabelled("test"))
    test = permuted["partition"] == "test"
    assert (permuted.loc[test, "label"] != plain.loc[test, "label"]).all()
    pd.testing.assert_frame_equal(chances(permuted), chances(plain))


def test_valid_labels_do_not_train(classify: Classify, params: Callable[..., None]) -> None:
    """Where there is nothing to choose, they change nothing but how sharp the svm's probabilities are."""
    params({"classify.cnn.checkpoints": 1, "classify.svm.c": [1], "classify.svm.gamma": [1]})
    plain, permuted = classify(), classify(change=relabelled("valid"))
    pd.testing.assert_frame_equal(chances(permuted).loc["cnn"], chances(plain).loc["cnn"])
    choices = [chances(rows).loc["svm"].idxmax(axis=1) for rows in (plain, permuted)]
    pd.testing.assert_series_equal(*choices)


def test_train_labels_do(classify: Classify) -> None:
    plain, permuted = classify(), classify(change=relabelled("train"))
    difference = (chances(permuted) - chances(plain)).abs().max(axis=1)
    for classifier in ("svm", "cnn"):
        assert difference.loc[classifier].max() > 0.01


def test_test_clips_do_not_know_each_other(classify: Classify) -> None:
    plain = classify()
    fewer = classify(change=lambda rows: rows[(rows["partition"] != "test") | (rows["sentence"] == "demo-s1")])
    assert 0 < (fewer["partition"] == "test").sum() < (plain["partition"] == "test").sum()
    expected = chances(plain).loc[chances(fewer).index]
    pd.testing.assert_frame_equal(chances(fewer), expected, atol=1e-5)


def test_synthetic_clips_train(classify: Classify) -> None:
    plain, more = classify("none"), classify("cyclegan")
    assert sorted(more["id"]) == sorted(plain["id"])  # the same clips are predicted, real ones
    difference = (chances(more) - chances(plain)).abs().max(axis=1)
    for classifier in ("svm", "cnn"):
        assert difference.loc[classifier].max() > 1e-3


def test_synthetic_clips_do_not_standardise(classify: Classify) -> None:
    """Outlandish ones that weigh next to nothing change next to nothing, whatever their features."""
    for folder in Path("data/synthetic/full-1/cyclegan").glob("*/features"):
        shard, ids = Shard(folder), list(pd.read_parquet(folder / "index.parquet")["id"])
        names = ("log_mel", "functionals", "gate", "voice")
        arrays = {id_: {name: 10 + 10 * shard.array(id_, name) for name in names} for id_ in ids}
        shutil.rmtree(folder)
        with Writer(folder) as writer:
            for id_ in ids:
                writer.add(id_, arrays[id_])

    def weightless(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(weight=rows["weight"].where(~rows["is_synthetic"], 1e-12))

    plain, outlandish = classify("none"), classify("cyclegan", change=weightless)
    pd.testing.assert_frame_equal(chances(outlandish), chances(plain), atol=2e-3)


@pytest.mark.parametrize(("classifier", "runs"), [("svm", 1), ("cnn", 2)])
def test_one_classifier_alone(classify: Classify, params: Callable[..., None], classifier: str, runs: int) -> None:
    both = classify()
    params({"classify.classifiers": [classifier]})
    found = classify()
    assert set(found["classifier"]) == {classifier}
    assert len(found) == runs * both["id"].nunique()
    pd.testing.assert_frame_equal(chances(found).loc[classifier], chances(both).loc[classifier])
    assert len(pd.read_csv(curve("none"))) == (4 if classifier == "cnn" else 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classify.classifiers": ["svm", "cn"]}, "'classify.classifiers.1' is 'cn': Input should be 'svm' or 'cnn'"),
        ({"classify.svm": {"c": [1], "gama": [1]}}, "'classify.svm.gama' is not known; did you mean 'gamma'?"),
        ({"classify.cnn.steps": "few"}, "'classify.cnn.steps' is 'few'"),
        ({"hardware": {"devise": "cpu", "threads": 1, "precision": "auto"}}, "did you mean 'device'?"),
    ],
)
def test_wrong_params(stage: Stage, params: Callable[..., None], changes: dict[str, Any], message: str) -> None:
    item = {"scenario": "full", "fold": "1", "arm": "none"}
    assert stage("augment", **item).exit_code == 0
    params(changes)
    result = stage("classify", **item)
    assert result.exit_code == 1
    assert message in result.output
    assert not predicted("none").exists()
    assert not curve("none").exists()


def test_missing_table_and_missing_features(stage: Stage) -> None:
    item = {"scenario": "full", "fold": "1", "arm": "cyclegan"}
    result = stage("classify", **item)
    assert result.exit_code == 1
    assert f"{CYCLEGAN}: not found; `dvc repro` makes it" in result.output
    assert stage("augment", **item).exit_code == 0
    shutil.rmtree("data/synthetic/full-1/cyclegan/neutral-sad/features")
    result = stage("classify", **item)
    assert result.exit_code == 1
    assert "data/synthetic/full-1/cyclegan/neutral-sad/features: no features here" in result.output
