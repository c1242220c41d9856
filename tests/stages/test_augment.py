"""Training sets of arms, from files to files, and the leaks that must not get through."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import Result

from pipeline.augmentation.arms import ENROLLED, MixParams
from pipeline.augmentation.quality_gate import GateParams
from pipeline.core import manifest
from pipeline.core.shards import Shard, Writer
from pipeline.networks import provenance
from pipeline.stages import augment as stage_augment
from pipeline.stages import perturb
from pipeline.stages.augment import Setting
from tests.tiny_project import SPLIT as FOLD
from tests.tiny_project import run_all, working_in

SPLIT = Path("data/splits/full-1.parquet")
CLIPS = Path("data/manifest.parquet")
NONE, CYCLEGAN = (Path(f"data/augmented/full-1/{arm}.parquet") for arm in ("none", "cyclegan"))
GENERATED, OTHER = (
    Path(f"data/synthetic/full-1/cyclegan/{pair}/clips.parquet") for pair in ("angry-neutral", "neutral-sad")
)
MODEL = Path("models/cyclegan/full-1/angry-neutral")
GENERATOR_RULE = "generator of another partition or split"
Stage = Callable[..., Result]


@pytest.fixture
def augment(stage: Stage, params: Callable[..., None]) -> Callable[..., Result]:
    """The stage for some arms of full-1."""

    def run(*arms: str) -> Result:
        params({"arms": list(arms or ["cyclegan"])})
        return stage("augment", **FOLD)

    return run


def rewrite(path: Path, schema: Any, change: Callable[[pd.DataFrame], pd.DataFrame], **metadata: str | None) -> None:
    """Change the rows of a table, and words of its metadata, and leave the rest as it is."""
    words = {**manifest.metadata(path), **metadata}
    own = ("schema_version", "params", "labels")
    kept = {name: value for name, value in words.items() if value and name not in own}
    manifest.write(change(manifest.read(path, schema)), path, schema, words["params"], **kept)


def with_value(column: str, value: object, where: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Change of the rows that a query finds, one at least."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        found = rows.query(where).index
        assert len(found)
        rows.loc[found, column] = value
        return rows

    return change


def leaks(result: Result, *rules: str) -> None:
    assert result.exit_code == 1
    assert "full-1: leakage: " in result.output
    for rule in rules:
        assert rule in result.output
    assert not CYCLEGAN.exists()


def test_arm_none_is_the_real_clips(augment: Callable[..., Result], params: Callable[..., None]) -> None:
    result = augment("none")
    assert result.exit_code == 0, result.output
    assert result.output == "augment full-1 none: 36 real clips, 0 synthetic\n"
    rows, clips = manifest.read(NONE, manifest.AUGMENTED), manifest.read(CLIPS, manifest.CLIPS)
    pd.testing.assert_frame_equal(rows[clips.columns], clips)
    split = manifest.read(SPLIT, manifest.PARTITIONED)
    pd.testing.assert_frame_equal(rows[["id", "partition"]], split)
    assert (rows["weight"] == 1).all()
    assert (rows["split"] == "full-1").all()

    # whatever was generated; the folder on which the stage depends exists also where nothing was
    assert list(Path("data/synthetic/full-1/none").iterdir()) == []
    before = NONE.read_bytes()
    params({"pairs": ["angry-sad"], "augment.mix.ratio": 9, "augment.gate.keep": "passed", "seed": 5})
    for folder in ("data/synthetic", "data/features"):
        shutil.rmtree(folder)
    NONE.unlink()
    assert augment("none").exit_code == 0
    assert NONE.read_bytes() == before


def test_arm_cyclegan(augment: Callable[..., Result], params: Callable[..., None]) -> None:
    params({"augment.mix.ratio": 1, "augment.mix.weight": 0.25})
    result = augment("none", "cyclegan")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "augment full-1 none: 36 real clips, 0 synthetic",
        "augment full-1 cyclegan: 36 real clips, 18 synthetic",
    ]
    assert pq.read_schema(CYCLEGAN).remove_metadata() == manifest.AUGMENTED
    kept_metadata = manifest.metadata(CYCLEGAN)
    assert (kept_metadata["split"], kept_metadata["arm"]) == ("full-1", "cyclegan")
    rows = manifest.read(CYCLEGAN, manifest.AUGMENTED)
    real, generated = (rows[rows["is_synthetic"] == is_synthetic] for is_synthetic in (False, True))
    pd.testing.assert_frame_equal(real, manifest.read(NONE, manifest.AUGMENTED), check_dtype=False)
    assert set(generated["partition"]) == {"train"}
    assert generated.groupby("emotion").size().to_dict() == {"angry": 6, "neutral": 6, "sad": 6}
    assert generated.groupby("emotion")["weight"].sum().to_dict() == pytest.approx(
        dict.fromkeys(generated["emotion"], 0.25 * 6)
    )
    assert set(generated.loc[generated["emotion"] == "neutral", "source_emotion"]) == {"angry", "sad"}  # of both pairs
    assert generated["selected"].all()
    scores = ["emotion_confidence", "speaker_similarity", "silence", "f0_median_hz", "f0_range_st"]
    assert generated[scores].notna().all(axis=None)
    assert generated["emotion_confidence"].between(0, 1).all() and generated["emotion_confidence"].is_unique
    f0_hz = generated.groupby("emotion")["f0_median_hz"].median()  # is the target's
    assert f0_hz["angry"] == pytest.approx(1.18 * f0_hz["neutral"], rel=0.06)
    assert f0_hz["sad"] == pytest.approx(0.9 * f0_hz["neutral"], rel=0.06)
    assert real[[*manifest.AUGMENTED.names[18:32]]].isna().all().all()
    expected = pd.concat(manifest.read(table, manifest.SYNTHETIC) for table in (GENERATED, OTHER))
    expected = expected.set_index("id").loc[generated["id"]].reset_index()
    pd.testing.assert_frame_equal(generated[expected.columns].reset_index(drop=True), expected, check_dtype=False)


def test_same_bytes_twice_and_others_of_another_seed_or_other_pairs(
    augment: Callable[..., Result], params: Callable[..., None]
) -> None:
    augment()
    before = CYCLEGAN.read_bytes()
    augment()
    assert CYCLEGAN.read_bytes() == before
    ids = list(manifest.read(CYCLEGAN, manifest.AUGMENTED)["id"])
    params({"seed": 12})
    augment()
    assert list(manifest.read(CYCLEGAN, manifest.AUGMENTED)["id"]) != ids
    params({"pairs": ["neutral-sad"]})
    assert augment().exit_code == 0
    rows = manifest.read(CYCLEGAN, manifest.AUGMENTED)
    assert set(rows.loc[rows["is_synthetic"], "emotion"]) == {"neutral", "sad"}


def test_rejected_clips_stay_out(augment: Callable[..., Result], params: Callable[..., None]) -> None:
    """Two clips exceed the limit of clipping; all others pass the wide limits."""
    params({"augment.gate.keep": "passed", "augment.gate.quantile": 0, "augment.gate.min_intelligibility": -1})
    rewrite(GENERATED, manifest.SYNTHETIC, with_value("clipping", 0.2, "emotion == 'angry' and sentence == 'demo-s1'"))
    result = augment()
    assert result.exit_code == 0, result.output
    rows = manifest.read(CYCLEGAN, manifest.AUGMENTED)
    angry = rows[rows["is_synthetic"] & (rows["emotion"] == "angry")]
    assert "demo-s1" not in set(angry["sentence"])
    reasons = json.loads(manifest.metadata(CYCLEGAN)["refused"])
    assert reasons["clipping"] == 2
    assert " rejected: " in result.output and result.output.endswith("clipping 2\n")


def test_the_best_join_and_the_others_are_counted(augment: Callable[..., Result], params: Callable[..., None]) -> None:
    augment()
    everything = manifest.read(CYCLEGAN, manifest.AUGMENTED)
    assert manifest.metadata(CYCLEGAN)["refused"] == "{}"
    params({"augment.gate.keep": "best", "augment.gate.share": 0.5})
    result = augment()
    assert result.output == "augment full-1 cyclegan: 36 real clips, 12 synthetic, 12 rejected: emotion_confidence 12\n"
    rows = manifest.read(CYCLEGAN, manifest.AUGMENTED)
    sad = everything[everything["is_synthetic"] & (everything["emotion"] == "sad")]
    expected = sad.nlargest(3, "emotion_confidence")["id"]
    assert set(rows.loc[rows["is_synthetic"] & (rows["emotion"] == "sad"), "id"]) == set(expected)


def test_scorers_are_fitted_on_real_train_clips_alone(augment: Callable[..., Result]) -> None:
    """Statistics of other clips may be missing; the metadata has the hash of the train clips."""
    augment()
    before = CYCLEGAN.read_bytes()
    split = manifest.read(SPLIT, manifest.PARTITIONED).set_index("id")["partition"]
    for kind, names in (
        ("scorers", ("gate", "speakers", "evaluation_classifier")),
        ("classifier", ("log_mel", "functionals")),
    ):
        folder = Path("data/features") / kind / "demo"
        shard = Shard(folder)
        arrays = {id_: {name: np.array(shard.array(id_, name)) for name in names} for id_ in split.index}
        with Writer(folder) as writer:
            for id_, partition in split[split == "train"].items():
                assert partition == "train"
                writer.add(id_, arrays[id_])
    assert augment().exit_code == 0
    assert CYCLEGAN.read_bytes() == before
    clips = manifest.read(CLIPS, manifest.CLIPS)
    train = clips[clips["id"].map(split) == "train"]
    assert manifest.metadata(CYCLEGAN)["gated_by"] == provenance.clips_sha256(train)


def test_scorers_fitted_on_test_clips(augment: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard finds that they were fitted on more than the train partition."""
    right = provenance.clips_sha256
    clips = manifest.read(CLIPS, manifest.CLIPS)
    hashed: list[pd.DataFrame] = []

    def leaky(rows: pd.DataFrame) -> str:
        hashed.append(rows)
        return right(clips) if len(hashed) == 1 else right(rows)  # the first call is for the gate

    monkeypatch.setattr(provenance, "clips_sha256", leaky)
    leaks(augment(), "quality gate fitted on other clips than the real train ones: full-1/cyclegan/demo/")


CLIP = "full-1/cyclegan/demo/m02_s1_neutral_medium/angry"


def source_that_tests() -> None:
    change = with_value("source_id", "demo/f01_s1_neutral_medium", f"id == '{CLIP}'")
    rewrite(GENERATED, manifest.SYNTHETIC, change)


def clips_of_another_split() -> None:
    shutil.copy(str(GENERATED).replace("full-1", "full-3"), GENERATED)


def clips_of_another_split_in_disguise() -> None:
    """With the metadata of this split and its model."""
    model = manifest.metadata(GENERATED)["model"]
    clips_of_another_split()
    rewrite(GENERATED, manifest.SYNTHETIC, lambda rows: rows, split="full-1", model=model)


def model_of_other_clips() -> None:
    config = json.loads((MODEL / "config.json").read_text())
    (MODEL / "config.json").write_text(json.dumps(config | {"train_clips_sha256": "0" * 64}))


def other_weights() -> None:
    weights = MODEL / "weights.safetensors"
    shutil.copy(str(weights).replace("angry-neutral", "neutral-sad"), weights)


def moved(where: str) -> Callable[[], None]:
    return lambda: rewrite(SPLIT, manifest.PARTITIONED, with_value("partition", "test", where))


def shared_recording() -> None:
    rewrite(CLIPS, manifest.CLIPS, with_value("sha256", "0" * 64, "sentence == 'demo-s2' and emotion == 'sad'"))


@pytest.mark.parametrize(
    ("arm", "plant", "messages"),
    [
        ("cyclegan", source_that_tests, (f"source outside train: {CLIP}",)),
        (
            "cyclegan",
            clips_of_another_split,
            ("row of another split: full-3/", "source outside train", "speaker in two partitions", GENERATOR_RULE),
        ),
        (
            "cyclegan",
            clips_of_another_split_in_disguise,
            ("source outside train: full-3/", "speaker in two partitions", GENERATOR_RULE),
        ),
        ("cyclegan", model_of_other_clips, (f"{GENERATOR_RULE}: full-1/cyclegan/demo/",)),
        ("cyclegan", other_weights, (f"{GENERATOR_RULE}: full-1/cyclegan/demo/",)),
        ("cyclegan", moved("id.str.contains('m02')"), ("source outside train: full-1/cyclegan/", GENERATOR_RULE)),
        *(
            (arm, moved("id == 'demo/m02_s3_sad_medium'"), ("speaker in two partitions",))
            for arm in ("none", "cyclegan")
        ),
        ("none", shared_recording, ("clip in two partitions: demo/f01_s2_sad_medium",)),
    ],
)
def test_planted_leak(
    augment: Callable[..., Result], arm: str, plant: Callable[[], None], messages: tuple[str, ...]
) -> None:
    plant()
    leaks(augment(arm), *messages)
    assert not NONE.exists()


def test_missing_or_mistaken_files(augment: Callable[..., Result]) -> None:
    before = GENERATED.read_bytes()
    shutil.copy(OTHER, GENERATED)
    assert f"{GENERATED}: has clips of neutral-sad, expected angry-neutral" in augment().output
    GENERATED.unlink()
    assert f"{GENERATED}: not found; `dvc repro` makes it" in augment().output
    GENERATED.write_bytes(before)
    shutil.move(MODEL, "elsewhere")
    result = augment()
    assert result.exit_code == 1
    assert f"{MODEL}: no model here" in result.output
    rewrite(GENERATED, manifest.SYNTHETIC, lambda rows: rows, model=None)
    assert f"{GENERATED}: names no model that generated its clips" in augment().output
    assert not CYCLEGAN.exists()


def test_model_trained_on_the_test_speakers(
    stage: Stage, augment: Callable[..., Result], params: Callable[..., None]
) -> None:
    """Train on all clips under the split's own name, generate from the right ones: only the hash of the ids differs."""
    params({"pairs": ["angry-neutral"]})
    item = {**FOLD, "generator": "cyclegan"}
    leaky = Path("leaky") / SPLIT.name
    leaky.parent.mkdir()
    shutil.copy(SPLIT, leaky)
    rewrite(leaky, manifest.PARTITIONED, lambda rows: rows.assign(partition="train"))
    before = GENERATED.read_bytes()
    assert stage("train_cyclegan", "--split", str(leaky), **item).exit_code == 0
    assert stage("generate", **item).exit_code == 0
    assert GENERATED.read_bytes() != before
    rows = manifest.read(GENERATED, manifest.SYNTHETIC)
    assert set(rows["speaker"]) == {"demo_m01", "demo_m02"}
    leaks(augment(), f"{GENERATOR_RULE}: full-1/cyclegan/demo/")


@pytest.mark.parametrize(
    ("arm", "changes", "message"),
    [
        ("cycleGAN", {}, "arm 'cycleGAN' is not known; did you mean 'cyclegan'?"),
        ("cyclegan", {"augment.mix": {"ratio": 1, "wieght": 0.3}}, "'augment.mix.wieght' is not known; did you mean"),
        ("cyclegan", {"augment.gate.quantile": 0.5}, "'augment.gate.quantile' is 0.5"),
    ],
)
def test_wrong_params(
    augment: Callable[..., Result], params: Callable[..., None], arm: str, changes: dict[str, Any], message: str
) -> None:
    params(changes)
    result = augment(arm)
    assert result.exit_code == 1
    assert message in result.output
    assert not CYCLEGAN.exists()


@pytest.fixture(scope="module")
def controls(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Project in which all generators that need no further network have run; not to be changed."""
    with working_in(tmp_path_factory.mktemp("controls"), finished) as folder:
        names = sorted({*perturb.GENERATORS} - {ENROLLED})  # which needs a scenario of its own
        run_all(("perturb", {**FOLD, "generator": name}) for name in names)
        run_all(("generate", {**FOLD, "generator": name}) for name in ("statistics", "f0_only"))
    return folder


@pytest.fixture
def with_controls(controls: Path, project: Path) -> None:
    shutil.copytree(controls / "data/synthetic", "data/synthetic", dirs_exist_ok=True)


def training_set(arm: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Real and synthetic train rows."""
    rows = manifest.read(Path(f"data/augmented/full-1/{arm}.parquet"), manifest.AUGMENTED)
    rows = rows[rows["partition"] == "train"]
    return rows[~rows["is_synthetic"]], rows[rows["is_synthetic"]]


def test_arms_have_the_same_budget(with_controls: None, augment: Callable[..., Result]) -> None:
    """As many extra clips of each emotion with the same weight, whatever the generator; and the guard finds no leak."""
    generators = {
        "classical": {"classical": 18},
        "cyclegan": {"cyclegan": 18},
        "cyclegan+classical": {"cyclegan": 9, "classical": 9},
        "oversample": {"oversample": 18},
        "copy_synthesis": {"copy_synthesis": 18},
        "vtlp": {"vtlp": 18},
        "speaker_conversion": {"speaker_conversion": 18},
        "speaker_conversion+vtlp": {"speaker_conversion": 9, "vtlp": 9},
        "statistics": {"statistics": 18},
        "f0_only": {"f0_only": 18},
        "shuffled_labels": {"cyclegan": 18},
    }
    result = augment(*generators)
    assert result.exit_code == 0, result.output
    together = CYCLEGAN.read_bytes()
    for arm, expected in generators.items():
        real, extra = training_set(arm)
        assert (real["weight"] == 1).all()
        assert extra["generator"].value_counts().to_dict() == expected
        assert extra["emotion"].value_counts().to_dict() == {"angry": 6, "neutral": 6, "sad": 6}
        weights = extra.groupby("emotion")["weight"].sum()
        assert weights.to_dict() == pytest.approx(dict.fromkeys(weights.index, 0.3 * 6))
    (_, extra), (_, permuted) = training_set("cyclegan"), training_set("shuffled_labels")
    extra, permuted = extra.set_index("id"), permuted.set_index("id").loc[list(extra["id"])]
    assert 0 < (permuted["emotion"] == extra["emotion"]).sum() < len(extra)
    pd.testing.assert_series_equal(permuted["sha256"], extra["sha256"])
    augment("cyclegan")
    assert CYCLEGAN.read_bytes() == together  # so that an arm more does not train the others' classifiers again


def test_arms_without_speakers_who_have_neutral_clips_alone(
    with_controls: None, augment: Callable[..., Result], params: Callable[..., None]
) -> None:
    """Their clips stay in the list, with weight 0, and are no sources."""
    clips = manifest.read(CLIPS, manifest.CLIPS).merge(manifest.read(SPLIT, manifest.PARTITIONED), on="id")
    train = clips[clips["partition"] == "train"]
    poor = sorted(train["speaker"].unique())[0]
    dropped = set(train.loc[(train["speaker"] == poor) & (train["emotion"] != "neutral"), "id"])
    assert dropped
    rewrite(SPLIT, manifest.PARTITIONED, lambda rows: rows[~rows["id"].isin(dropped)])
    assert augment("none", "complete_speakers").exit_code == 0
    (every, _), (real, extra) = training_set("none"), training_set("complete_speakers")
    assert (every["weight"] == 1).all() and extra.empty
    assert list(every["id"]) == list(real["id"])
    assert (real["weight"] == (real["speaker"] != poor)).all() and (real["weight"] == 0).any()


def test_complete_speakers_and_their_clips_in_other_voices() -> None:
    """Only clips of complete speakers are sources, as many as their real clips."""
    real = pd.DataFrame(
        {
            "id": ["a1", "a2", "b1", "t1"],
            "speaker": ["a", "a", "b", "t"],
            "emotion": ["neutral", "sad", "neutral", "sad"],
            "partition": ["train", "train", "train", "test"],
            "sha256": ["1", "2", "3", "4"],
            "is_synthetic": False,
        }
    )
    synthetic = pd.DataFrame(
        {
            "id": ["s1", "s2", "s3"],
            "source_id": ["a1", "a2", "b1"],
            "emotion": ["neutral", "sad", "neutral"],
            "is_synthetic": True,
            "generator": "speaker_conversion",
        }
    )

    class Found:
        def scored(self, generators: Sequence[str]) -> pd.DataFrame:
            return pd.concat([real[real["partition"] == "train"], synthetic])

    setting = Setting(MixParams(2.0, 1.0, False, ()), GateParams("all", 0.0, 0.0, 1.0, -90.0, {}, 1.0), 1)
    rows, *_ = stage_augment.training_set("complete+speaker_conversion", "x-1", real, Found(), setting)
    weights = rows.set_index("id")["weight"].to_dict()
    assert weights == {"a1": 1, "a2": 1, "b1": 0, "t1": 1, "s1": 1, "s2": 1}


def test_a_generator_that_learns_cannot_pose_as_one_that_does_not(
    with_controls: None, augment: Callable[..., Result]
) -> None:
    """Converted clips with the hash of a generator without a model, or in its name."""
    classical = Path("data/synthetic/full-1/classical/all/clips.parquet")
    harmless = manifest.read(classical, manifest.SYNTHETIC)["generator_sha256"].iloc[0]
    rewrite(GENERATED, manifest.SYNTHETIC, with_value("generator_sha256", harmless, "emotion == 'angry'"))
    leaks(augment(), GENERATOR_RULE)
    result = augment("cyclegan+classical")
    assert result.exit_code == 1 and GENERATOR_RULE in result.output


def test_voices_of_others_than_train(with_controls: None, augment: Callable[..., Result]) -> None:
    table = Path("data/synthetic/full-1/speaker_conversion/all/clips.parquet")
    rewrite(table, manifest.SYNTHETIC, with_value("parameters", '{"targets": {"demo_f01": 1.0}}', "emotion == 'sad'"))
    leaks(augment("speaker_conversion"), "voice of a speaker outside train")
    rewrite(table, manifest.SYNTHETIC, lambda rows: rows, train_clips_sha256="0" * 64)
    leaks(augment("speaker_conversion"), GENERATOR_RULE)


def test_standard_scores_are_columns_of_the_export(
    augment: Callable[..., Result], params: Callable[..., None], stand_ins: list[int]
) -> None:
    """Only where there are synthetic clips to score; the gate may use them."""
    assert augment("none", "cyclegan").exit_code == 0
    none, usual = NONE.read_bytes(), manifest.read(CYCLEGAN, manifest.AUGMENTED)
    params({"standard_scorers.augment": ["distillmos", "ge2e"]})
    result = augment("none", "cyclegan")
    assert result.exit_code == 0, result.output
    assert NONE.read_bytes() == none
    rows = pd.read_parquet(CYCLEGAN)
    assert [*rows.columns] == [*manifest.AUGMENTED.names, "distillmos", "ge2e_similarity"]
    pd.testing.assert_frame_equal(manifest.read(CYCLEGAN, manifest.AUGMENTED), usual)
    scores = rows[["distillmos", "ge2e_similarity"]]
    assert scores.notna().all(axis=1).equals(rows["is_synthetic"])
    for least, found in ((1.0, ""), (5.0, "distillmos 24")):  # of 24 clips
        params({"augment.gate.keep": "passed", "augment.gate.min_scores": {"distillmos": least}})
        result = augment("cyclegan")
        assert result.exit_code == 0, result.output
        assert found in result.output and ("distillmos" in result.output) == bool(found)
    params({"standard_scorers.augment": ["ge2e"]})
    result = augment("cyclegan")
    assert result.exit_code == 1
    assert "params.yaml: 'augment.gate.min_scores' needs distillmos in 'standard_scorers.augment'" in result.output
