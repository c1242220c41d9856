"""The audit of a finished workspace, by `emocycle audit` and by `evaluate`: each leak is planted in its files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.core import manifest, models
from pipeline.leakage import audit as auditing
from pipeline.leakage import rules
from pipeline.networks import hardware, provenance
from pipeline.networks.hardware import HardwareParams
from tests.tiny_project import SPLIT as SCENARIO
from tests.tiny_project import enter_copy

CLIPS = Path("data/manifest.parquet")
SPLIT = Path("data/splits/full-1.parquet")
TRAINING_SET = Path("data/augmented/full-1/cyclegan.parquet")
PREDICTIONS = Path("data/predictions/full-1/cyclegan.parquet")
MODEL = Path("models/cyclegan/full-1/angry-neutral")
KEPT = Path("models/classifiers/full-1/cyclegan/config.json")
SUMMARY = Path("metrics/summary.json")
HELD_OUT = "demo/f01_s1_angry_medium"  # tests
TRAIN = "demo/m02_s1_angry_medium"
FAKE = "full-1/cyclegan/demo/m02_s1_neutral_medium/angry"


@pytest.fixture(autouse=True)
def project(classified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a finished workspace as current directory."""
    return enter_copy(classified, tmp_path, monkeypatch)


def audit() -> Result:
    return CliRunner().invoke(main.main, ["audit"])


def change(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows, **metadata: str) -> None:
    """Change a table's rows, or words of its metadata, behind the pipeline's back."""
    table = pq.read_table(path)
    rows = edit(table.cast(plain(table.schema)).to_pandas())
    changed = pa.Table.from_pandas(rows, plain(table.schema), preserve_index=False).cast(table.schema.remove_metadata())
    words = {**manifest.metadata(path), **metadata}
    pq.write_table(changed.replace_schema_metadata({key: value for key, value in words.items() if value}), path)


def plain(schema: pa.Schema) -> pa.Schema:
    """The schema without dictionaries."""
    types = [pa.string() if pa.types.is_dictionary(field.type) else field.type for field in schema]
    return pa.schema([pa.field(field.name, type_) for field, type_ in zip(schema, types, strict=True)])


def setting(id_: str, **values: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Edit that sets values in the rows with an id."""

    def edit(rows: pd.DataFrame) -> pd.DataFrame:
        found = rows["id"] == id_
        assert found.any()
        for column, value in values.items():
            rows.loc[found, column] = value
        return rows

    return edit


def without(id_: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda rows: rows[rows["id"] != id_]


def test_a_workspace_without_leaks(stage: Callable[..., Result]) -> None:
    result = audit()
    assert result.exit_code == 0, result.output
    assert result.output == "full-1 none: no leak\nfull-1 cyclegan: no leak\n"
    result = stage("evaluate")
    assert result.exit_code == 0, result.output
    assert "not audited" not in result.output and "different hardware" not in result.output
    assert SUMMARY.exists()


def test_predictions_record_the_hardware(stage: Callable[..., Result]) -> None:
    """And `evaluate` reports where it differs."""
    recorded = json.loads((MODEL / "config.json").read_text())["machine"]
    assert recorded == hardware.resolved(HardwareParams("cpu", 1, "float32"))
    for arm, generators in (("none", []), ("cyclegan", [recorded])):
        metadata = manifest.metadata(PREDICTIONS.with_stem(arm))
        assert json.loads(metadata["machine"]) == recorded
        assert json.loads(metadata.get("generators_machines", "[]")) == generators
    change(PREDICTIONS, machine=json.dumps(recorded | {"precision": "bfloat16"}))
    output = stage("evaluate").output
    assert "classifiers ran on different hardware" in output and "precision bfloat16" in output


def test_evaluate_depends_on_what_its_audit_opens(stage: Callable[..., Result], monkeypatch: Any) -> None:
    deps = YAML(typ="safe").load(Path(__file__).parents[2] / "dvc.yaml")["stages"]["evaluate"]["deps"]
    opened: list[Path] = []
    for module, name in ((manifest, "read"), (manifest, "metadata"), (models, "config"), (provenance, "fingerprint")):
        real = getattr(module, name)

        def spy(path: Path, *more: Any, real: Any = real) -> Any:
            opened.append(path)
            return real(path, *more)

        monkeypatch.setattr(module, name, spy)
    assert stage("evaluate").exit_code == 0
    assert any(path.is_relative_to("models") for path in opened)
    assert not [path for path in opened if not any(path.is_relative_to(dep) for dep in deps)]


def copied(rows: pd.DataFrame) -> pd.DataFrame:
    """The training set with the audio of a test clip in a train clip."""
    sha256 = rows.loc[rows["id"] == HELD_OUT, "sha256"].item()
    return setting(TRAIN, sha256=sha256)(rows)


LEAKS = {
    "speaker": (TRAINING_SET, setting(TRAIN, speaker="demo_f01"), "speaker in two partitions", TRAIN),
    "sentence": (TRAINING_SET, setting(TRAIN, sentence="demo-s2"), "clip other than in the split", TRAIN),
    "sentence unknown": (TRAINING_SET, setting(HELD_OUT, sentence=None), "clip other than in the split", HELD_OUT),
    "unknown": (TRAINING_SET, setting(HELD_OUT, speaker="demo_unknown"), "unknown speaker outside train", HELD_OUT),
    "audio": (TRAINING_SET, copied, "clip in two partitions", TRAIN),
    "moved": (TRAINING_SET, setting(TRAIN, partition="valid"), "clip other than in the split", TRAIN),
    "relabelled": (TRAINING_SET, setting(HELD_OUT, emotion="sad"), "clip other than in the split", HELD_OUT),
    "left out": (TRAINING_SET, without(HELD_OUT), "clip other than in the split", HELD_OUT),
    "synthetic": (TRAINING_SET, setting(FAKE, partition="test"), "synthetic clip outside train", FAKE),
    "source": (TRAINING_SET, setting(FAKE, source_id=HELD_OUT), "source outside train", FAKE),
    "split": (TRAINING_SET, setting(FAKE, split="full-3"), "row of another split", FAKE),
    "generator": (TRAINING_SET, setting(FAKE, generator_sha256="0" * 64), "generator of another partition", FAKE),
    "prediction": (PREDICTIONS, setting(HELD_OUT, label="sad"), "prediction other than of the held-out", HELD_OUT),
    "not predicted": (PREDICTIONS, without(HELD_OUT), "prediction other than of the held-out", HELD_OUT),
    "split changed": (SPLIT, setting(TRAIN, partition="test"), "clip other than in the split", TRAIN),
    "manifest changed": (CLIPS, setting(TRAIN, emotion="sad"), "clip other than in the split", TRAIN),
}


@pytest.mark.parametrize(("path", "edit", "rule", "id_"), LEAKS.values(), ids=LEAKS)
def test_planted_leak(stage: Callable[..., Result], path: Path, edit: Any, rule: str, id_: str) -> None:
    change(path, edit)
    result = audit()
    assert result.exit_code == 1
    place = result.output.index(rule)
    assert f"    {id_} " in result.output[place:] + " "
    assert "the workspace has leaks; its results are not valid" in result.output
    result = stage("evaluate")
    assert result.exit_code == 1
    assert "full-1: leakage: " in result.output
    assert rule in result.output
    assert not SUMMARY.exists()


def test_sentences_that_should_be_apart(stage: Callable[..., Result], params: Callable[[dict[str, Any]], None]) -> None:
    """The splits are older than the parameter, or claim it."""
    change(SPLIT, sentences="apart")
    result = stage("evaluate")
    assert "sentence of the test partition elsewhere, or unknown" in result.output
    change(SPLIT, sentences="shared")
    assert stage("evaluate").exit_code == 0  # it does not load the parameter; DVC runs `split` again
    params({"split.sentence_groups": 2})
    assert "split differs from the parameters" in audit().output
    params({"arms": ["none"]})
    for name, item in (("split", {}), ("augment", SCENARIO)):
        assert stage(name, **item).exit_code == 0
    rows = manifest.read(Path("data/augmented/full-1/none.parquet"), manifest.AUGMENTED)
    assert set(rows.loc[rows["partition"] == "test", "sentence"]) == {"demo-s1", "demo-s3"}
    stage("classify", **SCENARIO, arm="none")
    assert audit().output.startswith("full-1 none: no leak\n")  # clean, and apart


def test_split_that_differs_from_the_parameters(params: Callable[[dict[str, Any]], None]) -> None:
    params({"split.scenarios.full": {"kind": "imbalanced", "keep": {"sad": 0.5}, "seed": 1}})
    result = audit()
    assert result.exit_code == 1
    assert "split differs from the parameters\n    demo/" in result.output


def test_every_split_and_arm_is_audited(
    stage: Callable[..., Result], params: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    params({"scenarios": ["full", "low_data_25"], "folds": [1, 3]})
    for name in ("low_data_25-1", "low_data_25-3", "full-3"):
        shutil.copy(SPLIT, SPLIT.with_name(f"{name}.parquet"))
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(auditing, "of_arm", lambda places, split, arm: seen.append((split, arm)) or [])
    monkeypatch.setattr(auditing, "other_split", lambda *given: [])
    expected = [
        (f"{scenario}-{fold}", arm)
        for scenario in ("full", "low_data_25")
        for fold in (1, 3)
        for arm in ("none", "cyclegan")
    ]
    assert audit().exit_code == 0
    assert seen == expected
    seen.clear()
    stage("evaluate")  # has no predictions of the others, and fails after the audit
    assert seen == expected


def test_test_clips_used_in_training(stage: Callable[..., Result]) -> None:
    rows = manifest.read(TRAINING_SET, manifest.AUGMENTED)
    tested = provenance.clips_sha256(rows[rows["partition"] == "test"])
    right = manifest.metadata(PREDICTIONS)
    for use, rule in (
        ("trained_on", "classifier trained on other clips"),
        ("scaled_by", "statistics of other clips"),
        ("selected_on", "model selected on other clips"),
    ):
        for sha256 in (tested, ""):
            change(PREDICTIONS, **{use: sha256})
            assert rule in audit().output
        assert rule in stage("evaluate").output
        change(PREDICTIONS, **{use: right[use]})
    assert not SUMMARY.exists()


@pytest.mark.parametrize("partition", ["valid", "test"])
def test_classifier_selected_or_trained_on_test(stage: Callable[..., Result], partition: str) -> None:
    """Classify runs on a table with other partitions; then the right table is put back."""
    shutil.copy(TRAINING_SET, "right.parquet")
    new = {"valid": "train", "test": "valid"}[partition]
    change(TRAINING_SET, lambda rows: rows.assign(partition=rows["partition"].replace(partition, new)))
    if partition == "valid":  # valid must not be empty
        change(TRAINING_SET, setting("demo/f01_s2_sad_medium", partition="valid"))
    assert stage("classify", **SCENARIO, arm="cyclegan").exit_code == 0
    shutil.copy("right.parquet", TRAINING_SET)
    result = audit()
    assert result.exit_code == 1
    for kept in ("", "kept classifiers: "):
        assert f"  {kept}model selected on other clips than the valid partition" in result.output


@pytest.mark.parametrize("use", ["trained_on", "selected_on"])
def test_kept_classifier_that_learned_from_others(stage: Callable[..., Result], use: str) -> None:
    config = json.loads(KEPT.read_text())
    tested = manifest.read(TRAINING_SET, manifest.AUGMENTED).query("partition == 'test'")
    KEPT.write_text(json.dumps(config | {use: provenance.clips_sha256(tested)}))
    for result in (audit(), stage("evaluate")):
        assert result.exit_code == 1
        assert f"kept classifiers: {rules.USES[use]}" in result.output


def test_generator_or_gate_fitted_on_others(stage: Callable[..., Result]) -> None:
    config = MODEL / "config.json"
    text = config.read_text()
    config.write_text(json.dumps(json.loads(text) | {"train_clips_sha256": "0" * 64}))
    for result in (audit(), stage("evaluate")):
        assert result.exit_code == 1
        assert "generator of another partition or split" in result.output
    config.write_text(text)
    tested = manifest.read(TRAINING_SET, manifest.AUGMENTED).query("partition == 'test'")
    for sha256 in (provenance.clips_sha256(tested), ""):
        change(TRAINING_SET, gated_by=sha256)
        for result in (audit(), stage("evaluate")):
            assert result.exit_code == 1
            assert "quality gate fitted on other clips than the real train ones" in result.output


def test_means_of_others(stage: Callable[..., Result]) -> None:
    """A model relative to the speaker records which neutral clips its means are of: all of train, and no others."""
    rows = manifest.read(TRAINING_SET, manifest.AUGMENTED)
    neutral = rows[~rows["is_synthetic"] & (rows["emotion"] == "neutral")]
    train, test = (neutral[neutral["partition"] == partition] for partition in ("train", "test"))
    config = json.loads((MODEL / "config.json").read_text())
    config["params"]["normalisation"] = "speaker"
    before = provenance.fingerprint(MODEL)
    for clips, leaks in ((train, False), (pd.concat([train, test]), True), (test, True), (train[:-1], True)):
        recorded = provenance.clips_sha256(clips.drop(columns="weight"))
        (MODEL / "config.json").write_text(json.dumps({**config, "means_of": recorded}))
        new = provenance.fingerprint(MODEL)
        old, before = before, new

        def renamed(rows: pd.DataFrame, old: str = old, new: str = new) -> pd.DataFrame:
            return rows.assign(generator_sha256=rows["generator_sha256"].replace(old, new))

        change(TRAINING_SET, renamed)
        result = audit()
        rule = "neutral mean of a speaker of another partition or split\n    full-1/cyclegan/"
        assert (result.exit_code, rule in result.output) == (int(leaks), leaks), result.output
        assert (stage("evaluate").exit_code == 1) == leaks
    (MODEL / "config.json").write_text(json.dumps({**config, "means_of": None}))
    change(TRAINING_SET, lambda rows: renamed(rows, new, provenance.fingerprint(MODEL)))
    assert rule in audit().output


def test_missing_files_are_named() -> None:
    for missing in (TRAINING_SET, PREDICTIONS, SPLIT, CLIPS, MODEL / "config.json"):
        content = missing.read_bytes()
        missing.unlink()
        result = audit()
        assert result.exit_code == 1
        assert str(missing.parent if missing.is_relative_to(MODEL) else missing) in result.output
        missing.write_bytes(content)
