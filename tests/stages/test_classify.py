"""Predictions of the classifiers on a tiny corpus: all of them, and independent of test labels."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import Result
from sklearn.metrics import balanced_accuracy_score

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.classification import budget, cnn, interface, pretrained, ssl, svm
from pipeline.classification.classifiers import CLASSIFIERS
from pipeline.classification.interface import ArmFeatures
from pipeline.core import manifest, predictions
from pipeline.core.params import load as load_params
from pipeline.core.shards import Shard, Writer
from pipeline.leakage import audit, rules
from pipeline.networks.weights import Weights
from pipeline.stages.classify import extra
from tests.tiny_project import SPLIT, enter_copy

LABELS = ["angry", "neutral", "sad"]
COLUMNS = [predictions.PREFIX + label for label in LABELS]
RUNS = [("cnn", 0), ("cnn", 1), ("svm", 0)]
BY_SPEAKER = "+speaker_norm"
NONE, CYCLEGAN = (Path(f"data/augmented/full-1/{arm}.parquet") for arm in ("none", "cyclegan"))
PLACES = audit.Places(
    Path("data/manifest.parquet"),
    Path("data/splits"),
    Path("data/augmented"),
    Path("data/predictions"),
    Path("models/classifiers"),
)
Stage = Callable[..., Result]
Classify = Callable[..., pd.DataFrame]


@pytest.fixture
def project(classified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a project before `classify` as current directory."""
    copy = enter_copy(classified, tmp_path, monkeypatch)
    shutil.rmtree(copy / "data/predictions")
    shutil.rmtree(copy / "metrics/plots/classify")
    return copy


@pytest.fixture
def plain(classified: Path) -> Classify:
    """Function that gives the predictions of an unchanged arm."""
    return lambda arm="none": predictions.read(classified / predicted(arm))


@pytest.fixture
def classify(classified: Path, stage: Stage) -> Classify:
    """Change an arm's table, and classify; the predictions."""

    def run(arm: str = "none", change: Callable[[pd.DataFrame], pd.DataFrame] | None = None) -> pd.DataFrame:
        table = Path(f"data/augmented/full-1/{arm}.parquet")
        shutil.copy(classified / table, table)
        if change:
            manifest.write(change(manifest.read(table, manifest.AUGMENTED)), table, manifest.AUGMENTED, "changed")
        result = stage("classify", **SPLIT, arm=arm)
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


def probabilities(rows: pd.DataFrame, partition: str | None = None) -> pd.DataFrame:
    """Probabilities by classifier, seed and clip."""
    kept = rows if partition is None else rows[rows["partition"] == partition]
    return kept.set_index(["classifier", "seed", "id"])[COLUMNS].sort_index()


def test_clips_for_training_and_selection(
    classified: Path, classify: Classify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked by the clips themselves: the leakage guard only reads metadata that the stage writes.

    The same bytes as `classified` wrote in two processes.
    """
    given: dict[str, tuple[list[int], list[int]]] = {}
    train_cnn, train_svm = cnn.train_cnn, svm.train_svm

    def spied_cnn(train: Any, valid: Any, *more: Any) -> Any:
        given["cnn"] = train.labels.tolist(), valid.labels.tolist()
        return train_cnn(train, valid, *more)

    def spied_svm(functionals: Any, labels: Any, weights: Any, is_real: Any, valid: Any, *more: Any) -> Any:
        given["svm"] = labels.tolist(), valid[1].tolist()
        assert len(functionals) == len(is_real) == len(labels) and len(valid[0]) == len(valid[1])
        return train_svm(functionals, labels, weights, is_real, valid, *more)

    monkeypatch.setattr(cnn, "train_cnn", spied_cnn)
    monkeypatch.setattr(svm, "train_svm", spied_svm)
    classify("cyclegan")
    rows = manifest.read(CYCLEGAN, manifest.AUGMENTED)
    labels = rows["emotion"].map(LABELS.index)
    expected = tuple(labels[rows["partition"] == part].tolist() for part in ("train", "valid"))
    assert given == {"cnn": expected, "svm": expected}
    for path in (predicted("cyclegan"), curve("cyclegan")):
        assert path.read_bytes() == (classified / path).read_bytes()


def test_every_valid_and_test_clip_in_every_run(plain: Classify, project: Path) -> None:
    found = plain()
    rows = manifest.read(NONE, manifest.AUGMENTED)
    held_out = rows[rows["partition"].isin(("valid", "test"))].set_index("id")
    assert set(held_out["partition"]) == {"valid", "test"}
    assert sorted({(row.classifier, row.seed) for row in found.itertuples()}) == RUNS
    for _, run in found.groupby(["classifier", "seed"]):
        assert sorted(run["id"]) == sorted(held_out.index)
        assert list(run["label"]) == list(held_out.loc[run["id"], "emotion"])
        assert list(run["speaker"]) == list(held_out.loc[run["id"], "speaker"])
        assert list(run["partition"]) == list(held_out.loc[run["id"], "partition"])
    assert set(found["fold"]) == {1}
    assert list(found.columns)[-3:] == COLUMNS
    np.testing.assert_allclose(found[COLUMNS].sum(axis=1), 1, atol=1e-5)
    runs = [run[COLUMNS].to_numpy() for _, run in found.groupby(["classifier", "seed"])]
    assert not any(np.allclose(one, two) for one, two in zip(runs, runs[1:], strict=False))

    more = plain("cyclegan")  # predicts the same clips, real ones
    assert sorted(more["id"]) == sorted(found["id"])
    difference = (probabilities(more) - probabilities(found)).abs().max(axis=1)
    for classifier in ("svm", "cnn"):
        assert difference.loc[classifier].max() > 1e-3


def test_output_and_curve(project: Path, stage: Stage) -> None:
    output = stage("classify", **SPLIT, arm="none").output
    found = predictions.read(predicted("none"))
    svm = found[found["classifier"] == "svm"]
    assert np.mean(predictions.predicted(svm) == svm["label"]) > 0.6  # chance level: a third

    valid = svm[svm["partition"] == "valid"]
    score = balanced_accuracy_score(valid["label"], predictions.predicted(valid))
    assert re.match(rf"classify full-1 none: \d+ clips, UAR on valid: svm {score:.3f}, cnn \S+ \(\S+ \S+\)$", output)
    rows = pd.read_csv(curve("none"))
    assert list(rows.columns) == ["classifier", "seed", "step", "loss", "valid_uar", "valid_nll"]
    assert set(rows["classifier"]) == {"cnn"}
    assert [(row.seed, row.step) for row in rows.itertuples()] == [(0, 3), (0, 6), (1, 3), (1, 6)]
    assert rows["valid_uar"].between(0, 1).all()
    assert rows["valid_nll"].between(0, 5).all()


def test_arms_share_seeds_and_splits_do_not(classify: Classify, plain: Classify) -> None:
    here, arm = plain(), classify("cyclegan", lambda rows: manifest.read(NONE, manifest.AUGMENTED))
    there = classify(change=lambda rows: rows.assign(split="full-2"))
    pd.testing.assert_frame_equal(probabilities(here), probabilities(arm))
    pd.testing.assert_frame_equal(probabilities(here).loc["svm"], probabilities(there).loc["svm"])
    for seed in (0, 1):
        assert not np.allclose(probabilities(here).loc["cnn", seed], probabilities(there).loc["cnn", seed])


def test_only_labels_of_train_train(classify: Classify, plain: Classify, params: Callable[..., None]) -> None:
    unchanged, permuted = plain(), classify(change=relabelled("test"))
    test = permuted["partition"] == "test"
    assert (permuted.loc[test, "label"] != unchanged.loc[test, "label"]).all()
    pd.testing.assert_frame_equal(probabilities(permuted), probabilities(unchanged))

    difference = probabilities(classify(change=relabelled("train"))) - probabilities(unchanged)
    assert (difference.abs().groupby("classifier").max() > 0.01).any(axis=1).all()

    # Where nothing is selected, the labels of valid change only the temperature of the svm.
    params({"classify.cnn.checkpoints": 1, "classify.svm.c": [1], "classify.svm.gamma": [1]})
    unchanged, permuted = classify(), classify(change=relabelled("valid"))
    pd.testing.assert_frame_equal(probabilities(permuted).loc["cnn"], probabilities(unchanged).loc["cnn"])
    choices = [probabilities(rows).loc["svm"].idxmax(axis=1) for rows in (unchanged, permuted)]
    pd.testing.assert_series_equal(*choices)


def test_test_clips_are_independent(classify: Classify, plain: Classify) -> None:
    fewer = classify(change=lambda rows: rows[(rows["partition"] != "test") | (rows["sentence"] == "demo-s1")])
    assert 0 < (fewer["partition"] == "test").sum() < (plain()["partition"] == "test").sum()
    expected = probabilities(plain()).loc[probabilities(fewer).index]
    pd.testing.assert_frame_equal(probabilities(fewer), expected, atol=1e-5)


def test_synthetic_clips_do_not_standardise(classify: Classify, params: Callable[..., None]) -> None:
    """Extreme ones with a weight of almost 0 change almost nothing.

    With a small penalty C all support vectors can be at their bound. Then libsvm sets the intercept to the middle of an
    interval, which any further clip can change.
    """
    params({"classify.svm.c": [10], "classify.svm.gamma": [1]})
    plain = classify()
    for folder in Path("data/synthetic/full-1/cyclegan").glob("*/features"):
        shard, ids = Shard(folder), list(pd.read_parquet(folder / "index.parquet")["id"])
        names = ("log_mel", "functionals", "gate", "speakers")
        arrays = {id_: {name: 10 + 10 * shard.array(id_, name) for name in names} for id_ in ids}
        shutil.rmtree(folder)
        with Writer(folder) as writer:
            for id_ in ids:
                writer.add(id_, arrays[id_])

    def weightless(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(weight=rows["weight"].where(~rows["is_synthetic"], 1e-12))

    outlandish = classify("cyclegan", change=weightless)
    pd.testing.assert_frame_equal(probabilities(outlandish), probabilities(plain), atol=2e-4)


def test_one_classifier_alone(classify: Classify, plain: Classify, params: Callable[..., None]) -> None:
    both = plain()
    for classifier, runs in (("svm", 1), ("cnn", 2)):
        params({"classify.classifiers": [classifier]})
        found = classify()
        assert set(found["classifier"]) == {classifier}
        assert len(found) == runs * both["id"].nunique()
        pd.testing.assert_frame_equal(probabilities(found).loc[classifier], probabilities(both).loc[classifier])
        assert len(pd.read_csv(curve("none"))) == (4 if classifier == "cnn" else 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classify.classifiers": ["svm", "cn"]}, "'classify.classifiers.1' is 'cn'"),
        ({"classify.svm": {"c": [1], "gama": [1]}}, "'classify.svm.gama' is not known; did you mean 'gamma'?"),
        ({"classify.pretrained.embeddings": ["distilmos"]}, "'classify.pretrained.embeddings.0' is 'distilmos'"),
        (
            {"classify.classifiers": ["svm", "ssl"]},
            "'classify.ssl.weights': 'models/ssl/wavlm_base_plus.pth' not found",
        ),
    ],
)
def test_wrong_params(stage: Stage, params: Callable[..., None], changes: dict[str, Any], message: str) -> None:
    params(changes)
    result = stage("classify", **SPLIT, arm="none")
    assert result.exit_code == 1
    assert message in result.output
    assert not predicted("none").exists()
    assert not curve("none").exists()


def test_missing_table_and_missing_features(stage: Stage) -> None:
    item = {**SPLIT, "arm": "cyclegan"}
    shutil.rmtree("data/synthetic/full-1/cyclegan/neutral-sad/features")
    result = stage("classify", **item)
    assert result.exit_code == 1
    assert "data/synthetic/full-1/cyclegan/neutral-sad/features: no features here" in result.output
    CYCLEGAN.unlink()
    result = stage("classify", **item)
    assert result.exit_code == 1
    assert f"{CYCLEGAN}: not found; `dvc repro` makes it" in result.output


def test_budget_is_what_the_runs_did(classified: Path, project: Path) -> None:
    arms = ("none", "cyclegan")
    stated = {arm: budget.stated(manifest.metadata(classified / predicted(arm))) for arm in arms}
    network = {"classifier": "cnn", "steps": 6, "batch": 8, "checkpoints": 2}
    assert stated["none"] == {
        "runs": [{"classifier": "svm", "seed": 0, "grid": 4}, {**network, "seed": 0}, {**network, "seed": 1}],
        "front_end": "natural",
        "real_clips": stated["cyclegan"]["real_clips"],
        "extra_clips": 0,
        "extra_weight": 0,
        "params": stated["cyclegan"]["params"],
    }
    assert budget.unequal(stated, ("none",)) == []
    rows = manifest.read(CYCLEGAN, manifest.AUGMENTED)
    expected = rows.loc[rows["is_synthetic"], "weight"].sum()
    assert stated["cyclegan"]["extra_clips"] == rows["is_synthetic"].sum() > 3
    assert stated["cyclegan"]["extra_weight"] == pytest.approx(expected, abs=1e-3) and expected > 1

    # A clip of weight 0 does not count.
    real = rows[~rows["is_synthetic"]]
    trained = real["partition"] == "train"
    assert extra(real) == {"real_clips": trained.sum(), "extra_clips": 0, "extra_weight": 0}
    left_out = real.assign(weight=np.where(trained & (trained.cumsum() <= 2), 0.0, real["weight"]))
    assert extra(left_out) == {"real_clips": trained.sum() - 2, "extra_clips": 0, "extra_weight": 0}


def test_speaker_normalisation_is_in_the_name(classify: Classify, plain: Classify, params: Callable[..., None]) -> None:
    """Statistics of all real clips are allowed under that name; under another name they are a leak."""
    usual = plain("cyclegan")
    params({"classify.normalisations": ["speaker"]})
    found = classify("cyclegan")
    assert set(found["classifier"]) == {"svm+speaker_norm", "cnn+speaker_norm"}
    assert set(usual["classifier"]) == {"svm", "cnn"}
    for classifier in ("svm", "cnn"):
        normalised = probabilities(found).loc[classifier + BY_SPEAKER]
        assert (normalised - probabilities(usual).loc[classifier]).abs().max().max() > 0.01
    assert audit.of_arm(PLACES, "full-1", "cyclegan") == []

    metadata = manifest.metadata(predicted("cyclegan"))
    renamed = found.assign(classifier=found["classifier"].str.removesuffix(BY_SPEAKER))
    runs = metadata["runs"].replace(BY_SPEAKER, "")
    used = {use: metadata[use] for use in ("trained_on", "selected_on")}
    scaled = metadata[f"scaled_by{BY_SPEAKER}"]
    predictions.write(renamed, predicted("cyclegan"), LABELS, "changed", runs=runs, **used, scaled_by=scaled)
    [leak] = audit.of_arm(PLACES, "full-1", "cyclegan")
    assert leak.rule == rules.USES["scaled_by"]
    # the other way round: the name claims it, the statistics are of train
    usually = audit.uses(manifest.read(CYCLEGAN, manifest.AUGMENTED), ["svm"])["scaled_by"]
    some = {**used, f"scaled_by{BY_SPEAKER}": usually}
    predictions.write(found, predicted("cyclegan"), LABELS, "changed", runs=metadata["runs"], **some)
    assert [leak.rule for leak in audit.of_arm(PLACES, "full-1", "cyclegan")] == [rules.USES["scaled_by"]]

    # of a test speaker's other clips too
    fewer = classify("cyclegan", lambda rows: rows[(rows["partition"] != "test") | (rows["sentence"] == "demo-s1")])
    difference = (probabilities(fewer) - probabilities(found).loc[probabilities(fewer).index]).abs().max(axis=1)
    assert difference.loc["cnn+speaker_norm"].max() > 1e-3


def test_pretrained(classify: Classify, params: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedding of real and synthetic clips, computed once for all arms, stands beside the functionals."""
    embedded_samples: list[np.ndarray] = []

    class Network:
        WEIGHTS, SETTINGS = Weights("stand-in", {}, "pretrained"), ()

        def __init__(self, resources: Any) -> None: ...

        def __call__(self, samples: np.ndarray) -> np.ndarray:
            embedded_samples.append(samples)
            return np.array([len(samples), samples.std()], dtype=np.float32)

    given: list[ArmFeatures] = []
    row = CLASSIFIERS["pretrained"]
    spied = replace(row, runs=lambda features, *rest: given.append(features) or row.runs(features, *rest))
    monkeypatch.setitem(CLASSIFIERS, "pretrained", spied)
    monkeypatch.setattr(pretrained, "NETWORKS", {"stand_in": Network})
    params({"classify.classifiers": ["pretrained"], "classify.pretrained.embeddings": ["stand_in"]})
    found = classify("cyclegan")
    rows = manifest.read(CYCLEGAN, manifest.AUGMENTED)
    assert len(embedded_samples) == len(rows) and rows["is_synthetic"].any()
    features = np.concatenate(given[0].arrays)
    audio = load_params(Path("params.yaml"), "audio", AudioParams)
    prepared = [preparation.prepared(path, audio, start, end) for path, start, end in manifest.segments(rows)]
    expected = [(len(samples), samples.std()) for samples in prepared]
    np.testing.assert_allclose(features[:, -2:], expected, rtol=1e-6)
    functionals = np.concatenate(interface.stored(rows, Path("data/features/classifier"), "functionals"))
    np.testing.assert_array_equal(features[:, :-2], functionals)
    assert {(row.classifier, row.seed) for row in found.itertuples()} == {("pretrained", 0)}
    grid = budget.stated(manifest.metadata(predicted("cyclegan")))["runs"][0]
    assert grid["classifier"] == "pretrained" and grid["grid"] > 1

    params({"classify.normalisations": ["speaker"]})
    assert set(classify("none")["classifier"]) == {"pretrained+speaker_norm"}
    assert len(embedded_samples) == len(rows)
    rows, normalised = manifest.read(NONE, manifest.AUGMENTED), np.concatenate(given[1].arrays)
    for own in rows.groupby(["partition", "speaker"]).indices.values():
        np.testing.assert_allclose(normalised[own].mean(axis=0), 0, atol=1e-4)


def test_ssl(classify: Classify, params: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Features of each clip are computed once for all arms."""
    computed: list[int] = []

    class Network(torch.nn.Module):
        def extract_features(self, samples: torch.Tensor) -> tuple[list[torch.Tensor], None]:
            computed.append(len(samples))
            frames = samples[:, : samples.shape[1] // 4 * 4].reshape(len(samples), -1, 4)
            return [frames, frames.abs()], None

    monkeypatch.setattr(ssl, "_loaded", lambda params: (Network(), 16_000))
    Path("tiny.pth").write_bytes(b"weights")
    small = {"weights": "tiny.pth", "steps": 6, "batch": 8, "checkpoints": 2}
    params({"classify.classifiers": ["ssl"], **{f"classify.ssl.{key}": value for key, value in small.items()}})
    found = classify("none")
    rows = manifest.read(NONE, manifest.AUGMENTED)
    assert len(computed) == len(rows)
    again = classify("none")
    assert len(computed) == len(rows)
    pd.testing.assert_frame_equal(found, again)
    classify("cyclegan")
    assert len(computed) == len(manifest.read(CYCLEGAN, manifest.AUGMENTED))
    assert sorted({(row.classifier, row.seed) for row in found.itertuples()}) == [("ssl", 0), ("ssl", 1)]
    assert budget.stated(manifest.metadata(predicted("none")))["runs"][0] == {
        **{"classifier": "ssl", "seed": 0, "steps": 6, "batch": 8, "checkpoints": 2},
    }

    given: list[ArmFeatures] = []
    row = CLASSIFIERS["ssl"]
    spied = replace(row, runs=lambda features, *rest: given.append(features) or row.runs(features, *rest))
    monkeypatch.setitem(CLASSIFIERS, "ssl", spied)
    params({"classify.normalisations": ["speaker"]})
    assert set(classify("none")["classifier"]) == {"ssl+speaker_norm"}
    layers = np.concatenate(given[0].arrays)
    for own in rows.groupby(["partition", "speaker"]).indices.values():
        np.testing.assert_allclose(layers[own].mean(axis=0), 0, atol=1e-4)


def test_the_front_end_is_in_the_name(stage: Stage, classify: Classify, params: Callable[..., None]) -> None:
    """Every real clip is a copy synthesis then; one folder of other features beside them is an error."""
    item, refused = {**SPLIT, "arm": "cyclegan"}, "{}: features of front end '{}', but 'classify.front_end' is '{}'"
    params({"classify.classifiers": ["svm"]})
    natural = classify("cyclegan")
    params({"classify.front_end": "vocoded"})
    result = stage("classify", **item)  # real clips are still natural, beside converted ones
    assert result.exit_code == 1
    assert refused.format("data/features/classifier/demo", "natural", "vocoded") in result.output

    assert stage("acoustics", corpus="demo").exit_code == 0
    found = classify("cyclegan")
    assert set(found["classifier"]) == {"svm+vocoded"}
    assert (probabilities(found).loc["svm+vocoded"] - probabilities(natural).loc["svm"]).abs().max().max() > 1e-3
    assert audit.of_arm(PLACES, "full-1", "cyclegan") == []
    stated = budget.stated(manifest.metadata(predicted("cyclegan")))
    assert stated["front_end"] == "vocoded"

    folder = Path("data/synthetic/full-1/cyclegan/neutral-sad/features")  # as of a generator without the vocoder
    index = pq.read_table(folder / "index.parquet").replace_schema_metadata({"front_end": "natural"})
    pq.write_table(index, folder / "index.parquet")
    result = stage("classify", **item)
    assert result.exit_code == 1
    assert refused.format(folder, "natural", "vocoded") in result.output
    params({"classify.front_end": "natural"})
    result = stage("classify", **item)
    assert result.exit_code == 1
    assert refused.format("data/features/classifier/demo", "vocoded", "natural") in result.output
