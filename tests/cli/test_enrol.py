"""`emocycle enrol` and `emocycle predict` with recordings of all kinds, on a tiny project."""

import json
import re
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
from click.testing import CliRunner, Result
from pydantic import TypeAdapter
from safetensors.numpy import load_file, save_file

from pipeline.audio import preparation
from pipeline.classification import enrolment, pretrained
from pipeline.classification.recordings import Preparation, Prepared
from pipeline.cli.enrol import clip_preparation
from pipeline.cli.main import main
from pipeline.core import manifest, models, predictions
from pipeline.core.manifest import Segment
from pipeline.core.models import CONFIG, WEIGHTS
from pipeline.core.shards import Shards
from pipeline.generation import speaker_statistics
from pipeline.networks.weights import Weights
from pipeline.vocoder import Features
from tests.tiny_project import DEMO, RATE, run_all, working_in

ANNA = Path("persons/anna")
STRANGER = "data/raw/demo/f01/f01_s{}_{}_medium.flac"  # a test speaker of full-1
NEUTRAL = [STRANGER.format(sentence, "neutral") for sentence in (1, 2)]
SPLIT = {"scenario": "enrolment", "fold": "1"}
CONSENT = "this needs the person's consent"


def emocycle(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def copied(paths: Iterable[str], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copy(path, folder)
    return folder


def table(result: Result) -> list[list[str]]:
    """Words of the table on the screen, without the progress bar."""
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    return [line.split() for line in lines[next(n for n, line in enumerate(lines) if line.startswith("file")) :]]


def config() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ANNA / CONFIG).read_text())
    return found


@pytest.fixture(scope="module")
def enrolled(
    finished: Path, tmp_path_factory: pytest.TempPathFactory, change_params: Callable[[dict[str, Any]], None]
) -> Path:
    """Project with vocoded features of 8 bits, where f01 is enrolled as anna; do not change it."""
    with working_in(tmp_path_factory.mktemp("enrolled"), finished) as folder:
        change_params({"classify.front_end": "vocoded", "vocoder.storage": "uint8"})
        run_all([("features", DEMO), ("acoustics", DEMO)])
        result = emocycle("enrol", "anna", copied(NEUTRAL, Path("recordings")))
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def here(enrolled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current directory with the project; only `persons` and params.yaml may be changed."""
    monkeypatch.chdir(tmp_path)
    for name in ("data", "recordings"):
        Path(name).symlink_to(enrolled / name)
    shutil.copy(enrolled / "params.yaml", ".")
    shutil.copytree(enrolled / "persons", "persons")


@pytest.mark.usefixtures("here")
def test_what_is_written_and_said(tmp_path: Path) -> None:
    sounds = copied(NEUTRAL, tmp_path / "sounds")
    shutil.copy(NEUTRAL[0], sounds / "again.flac")
    (sounds / "broken.wav").write_bytes(b"RIFF, but no more")
    soundfile.write(sounds / "silent.wav", np.zeros(RATE), RATE)
    (sounds / "notes.txt").write_text("no sound")
    (sounds / ".hidden.wav").write_bytes(b"")
    result = emocycle("enrol", "otto", sounds, "--split", "full-3", "--out", "mine/otto")
    assert result.exit_code == 0, result.output
    assert "otto: 2 recordings used, 1.1 s\n18 train clips of 2 speakers converted to this voice\n" in result.stdout
    assert CONSENT in result.output and "no synthetic clip was written" in result.output
    left_out = {Path(path).name: why for path, why in re.findall("^(.+): left out: (.+)$", result.stderr, re.MULTILINE)}
    assert left_out.keys() == {"broken.wav", "silent.wav", "f01_s1_neutral_medium.flac"}
    assert "not decodable" in left_out["broken.wav"] and "peaks at 0" in left_out["silent.wav"]
    found = json.loads(Path("mine/otto", CONFIG).read_text())
    assert {path.name for path in Path("mine/otto").iterdir()} == {CONFIG, WEIGHTS}
    assert (found["person"], found["split"], found["recordings"]) == ("otto", "full-3", 2)
    assert found["labels"] == ["angry", "neutral", "sad"]
    assert f"UAR {found['valid_uar']:.3f} on 1 valid speakers of full-3; " in result.output
    assert found["recordings_sha256"] == config()["recordings_sha256"]  # the same two, in any order
    assert found["train_clips_sha256"] != config()["train_clips_sha256"]  # of another split
    assert sorted(path.name for path in Path().iterdir()) == [
        *("data", "mine", "params.yaml", "persons", "recordings", "sounds")
    ]


@pytest.mark.usefixtures("here")
def test_emotions_of_the_person() -> None:
    """The corpus's angry voices are high and its sad voices low, relative to the person's neutral voice."""
    emotions = ("angry", "neutral", "sad")
    files = [STRANGER.format(3, emotion) for emotion in emotions]
    header, *rows = table(emocycle("predict", *files, "--person", "anna"))
    assert header == ["file", "emotion", *emotions]
    assert [row[:2] for row in rows] == [list(row) for row in zip(files, emotions, strict=True)]
    assert all(sum(map(float, row[2:])) == pytest.approx(1, abs=0.002) for row in rows)


@pytest.mark.usefixtures("here")
def test_a_folder_and_files_of_all_kinds(tmp_path: Path) -> None:
    """A file at another rate, in stereo, gets the same probabilities; unusable files are named."""
    original = STRANGER.format(3, "angry")
    folder = copied([original], tmp_path / "some")
    samples, _ = soundfile.read(original)
    at_48_khz = soxr.resample(samples, RATE, 48_000)
    soundfile.write(folder / "stereo.wav", np.stack([1.2 * at_48_khz, 0.8 * at_48_khz], axis=1), 48_000, "FLOAT")
    (folder / "broken.mp3").write_bytes(b"no sound")
    result = emocycle("predict", folder, "--person", "anna", "--out", "found/table.csv")
    assert result.exit_code == 0, result.output
    assert result.stdout == "found/table.csv: emotions of 2 of 3 files\n"
    rows = pd.read_csv("found/table.csv", index_col="file")
    angry, stereo, broken = f"{folder}/{Path(original).name}", f"{folder}/stereo.wav", f"{folder}/broken.mp3"
    assert list(rows.index) == sorted([angry, stereo, broken])
    assert rows["emotion"].to_dict() == {angry: "angry", stereo: "angry", broken: pytest.approx(np.nan, nan_ok=True)}
    labels = ["angry", "neutral", "sad"]
    np.testing.assert_allclose(rows.loc[angry, labels].astype(float), rows.loc[stereo, labels].astype(float), atol=0.05)
    assert rows.loc[broken, labels].isna().all() and rows["reason"].notna().tolist() == [
        path == broken for path in rows.index
    ]
    assert rows.loc[broken, "reason"].startswith("unreadable: not decodable")
    lines = emocycle("predict", folder, "--person", "anna").stdout.splitlines()
    assert next(line for line in lines if line.startswith(broken)).split()[1:3] == ["unreadable:", "not"]


@pytest.mark.usefixtures("here")
def test_a_long_recording(tmp_path: Path) -> None:
    """The mean over its utterances, which are prepared as clips are: pauses between them change nothing."""
    angry, sad = (soundfile.read(STRANGER.format(3, emotion))[0] for emotion in ("angry", "sad"))
    pause = np.zeros(2 * RATE)
    soundfile.write(tmp_path / "long.wav", np.concatenate([pause, *[angry, pause, sad, pause] * 9]), RATE)
    single = emocycle("predict", *(STRANGER.format(3, emotion) for emotion in ("angry", "sad")), "--person", "anna")
    result = emocycle("predict", "long.wav", "--person", "anna", "--out", "long.csv")
    assert result.exit_code == 0, result.output
    assert re.search(r"long.wav: \d\d\.\d s, longer than 40 s: mean of 18 utterances, weighted", result.stderr)
    both = np.array([[float(cell) for cell in row[2:]] for row in table(single)[1:]])
    share = len(angry) / (len(angry) + len(sad))
    found = pd.read_csv("long.csv")[["angry", "neutral", "sad"]].to_numpy()[0]
    np.testing.assert_allclose(found, share * both[0] + (1 - share) * both[1], atol=0.05)


@pytest.mark.usefixtures("here")
def test_nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    (tmp_path / "empty").mkdir()
    result = emocycle("predict", "broken.wav", "--person", "anna", "--out", "table.csv")
    assert result.exit_code == 1 and "none of 1 files has usable audio" in result.output
    assert pd.read_csv("table.csv")["reason"].str.contains("not decodable").tolist() == [True]
    assert "empty: no audio file (.aif, " in emocycle("predict", "empty", "--person", "anna").output
    before = (ANNA / WEIGHTS).read_bytes()
    result = emocycle("enrol", "anna", "empty", "--force")
    assert result.exit_code == 1 and "empty: has no usable recording" in result.output
    assert (ANNA / WEIGHTS).read_bytes() == before


@pytest.mark.usefixtures("here")
def test_clips_are_prepared_as_those_of_training() -> None:
    """By the configuration alone: params.yaml may change or be gone."""
    path = Path(STRANGER.format(3, "sad"))
    Path("params.yaml").unlink()
    prepared = TypeAdapter(Preparation).validate_python(config()["preparation"])
    stored = Shards([Path("data/features/classifier/demo")])
    id_ = f"demo/{path.stem}"
    found = prepared.prepared(path)
    assert isinstance(found, Prepared)
    np.testing.assert_array_equal(found.utterances[Segment(path)]["functionals"], stored.array(id_, "functionals"))
    assert emocycle("predict", path, "--person", "anna").exit_code == 0


def test_natural_clips_are_prepared_as_those_of_training(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    path = Path(STRANGER.format(3, "sad"))
    stored = Shards([Path("data/features/classifier/demo")])
    found = clip_preparation().prepared(path)
    assert isinstance(found, Prepared)
    for name in ("functionals", "log_mel"):
        np.testing.assert_array_equal(found.utterances[Segment(path)][name], stored.array(f"demo/{path.stem}", name))


@pytest.fixture
def converted(params: Callable[[dict[str, Any]], None]) -> None:
    """A project with the clips of `enrolled_conversion` as current directory."""
    params({"split.scenarios.enrolment.share": 1, "scenarios": ["enrolment"], "folds": [1]})
    run_all([("split", {})])
    run_all([("perturb", {**SPLIT, "generator": "enrolled_conversion"})])


@pytest.mark.usefixtures("converted")
def test_conversions_are_those_of_the_stage() -> None:
    """What classifiers read of a person's voice, in memory, equals that of the clips that `perturb` writes."""
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    partitions = manifest.read(Path("data/splits/enrolment-1.parquet"), manifest.PARTITIONED)
    train, known = (manifest.partition(clips, partitions, name) for name in ("train", "enrol"))
    stored = Shards([Path("data/features/vocoder/demo")])
    known = known[known["speaker"] == "demo_f01"]
    voice = speaker_statistics.SpeakerStatistics.of(Features.load(stored, id_) for id_ in known["id"])
    prepared = clip_preparation()
    found = enrolment.conversions(train, stored, voice, prepared, "anna")
    folder = Path("data/synthetic/enrolment-1/enrolled_conversion/all")
    written = manifest.read(folder / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
    written = written[written["parameters"].str.contains("demo_f01")].set_index("source_id")
    features = Shards([folder / manifest.SYNTHETIC_FEATURES])
    for id_, (functionals, samples) in zip(train["id"], found, strict=True):
        np.testing.assert_array_equal(functionals, features.array(written.loc[id_, "id"], "functionals"))
        path = Path(written.loc[id_, "filepath"])
        np.testing.assert_array_equal(samples, preparation.prepared(path, prepared.audio))


@pytest.mark.usefixtures("converted")
def test_predictions_are_those_of_the_stage(
    params: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test speaker who is enrolled with the same recordings gets what arm `personal_conversion` predicts."""

    class Network:
        WEIGHTS, SETTINGS = Weights("stand-in", {}, "pretrained"), ()

        def __init__(self, resources: Any) -> None: ...

        def __call__(self, samples: np.ndarray) -> np.ndarray:
            return np.log(np.abs(np.fft.rfft(samples[:4096]))[40:200].reshape(4, -1).mean(axis=1)).astype(np.float32)

    monkeypatch.setattr(pretrained, "NETWORKS", {"stand_in": Network})
    params(
        {
            "arms": ["none", "personal_conversion"],
            "augment.headline_arm": "personal_conversion",
            "classify.classifiers": ["svm", "pretrained"],
            "classify.normalisations": ["train", "neutral"],
            "classify.pretrained.embeddings": ["stand_in"],
            "classify.svm": {"c": [1], "gamma": [0.3]},
            "classify.pretrained.c": [1],
            "classify.pretrained.gamma": [0.3],
        }
    )
    run_all([("augment", SPLIT), ("classify", {**SPLIT, "arm": "personal_conversion"})])
    expected = predictions.read(Path("data/predictions/enrolment-1/personal_conversion.parquet"))
    expected = expected[(expected["partition"] == "test") & (expected["speaker"] == "demo_f01")]
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS).set_index("id")
    partitions = manifest.read(Path("data/splits/enrolment-1.parquet"), manifest.PARTITIONED).set_index("id")
    known = clips[(partitions["partition"].reindex(clips.index) == "enrol") & (clips["speaker"] == "demo_f01")]
    copied(known["filepath"], Path("recordings"))
    for name in enrolment.NAMES:
        assert emocycle("enrol", "anna", "recordings", "--classifier", name, "--force").exit_code == 0
        rows = expected[expected["classifier"] == name]
        files = list(clips.loc[rows["id"], "filepath"])
        assert len(files) > 3
        assert emocycle("predict", *files, "--person", "anna", "--out", "found.csv").exit_code == 0
        found = pd.read_csv("found.csv", index_col="file").loc[files]
        assert list(found["emotion"]) == list(predictions.predicted(rows))
        if not name.endswith(enrolment.RELATIVE):  # else other neutral clips of the valid speakers set the temperature
            probabilities = rows[[f"p_{label}" for label in ("angry", "neutral", "sad")]]
            np.testing.assert_allclose(found[["angry", "neutral", "sad"]].to_numpy(), probabilities, atol=1e-4)


@pytest.mark.usefixtures("here")
def test_a_classifier_that_reads_audio_needs_the_natural_front_end() -> None:
    result = emocycle("enrol", "otto", "recordings", "--classifier", "pretrained")
    assert result.exit_code == 1 and "'pretrained' reads the recordings themselves" in result.output


@pytest.mark.usefixtures("here")
def test_the_score_of_the_same_for_other_people() -> None:
    """From the workspace, else from records of the same corpora, the same features and the same emotions."""
    recall = dict.fromkeys(["angry", "neutral", "sad"], 0.6)

    def write(folder: str, classifier: str, uar: float, emotions: dict[str, float] = recall) -> None:
        score = {"personal_conversion": {"speakers": 8, "uar": uar, "recall": emotions}}
        Path(folder, "metrics").mkdir(parents=True, exist_ok=True)
        Path(folder, "metrics/ser.json").write_text(json.dumps({"enrolment": {classifier: score}, "full": {}}))

    def said() -> str:
        outputs = [emocycle("predict", NEUTRAL[0], "--person", "anna").stderr]
        outputs += [emocycle("enrol", "anna", "recordings", "--force").stdout]
        found = [line for line in "".join(outputs).splitlines() if "other people" in line.lower()]
        assert len(found) == 2 and found[0] == found[1]
        return found[0]

    write("experiments/a", "svm+vocoded", 0.5)
    shutil.copy("params.yaml", "experiments/a")
    write("experiments/b", "svm+vocoded", 0.7)
    Path("experiments/b/params.yaml").write_text("corpora: [ravdess]")  # another corpus
    write(".", "svm", 0.9)  # natural features
    one = "8 other people with a classifier like this: mean UAR 0.500, by chance 0.333"
    assert f"{one} (experiments/a/metrics/ser.json, scenario enrolment)" in said()
    shutil.copy("params.yaml", "experiments/b")
    assert "mean UAR 0.500 to 0.700, by chance" in said()
    write(".", "svm+vocoded", 0.61234)
    assert "mean UAR 0.612, by chance 0.333 (metrics/ser.json, scenario enrolment)" in said()
    write(".", "svm+vocoded", 0.8, {"angry": 0.6})
    shutil.rmtree("experiments")
    assert "no score is known" in said()


@pytest.mark.usefixtures("here")
def test_the_same_recordings_give_the_same_classifier() -> None:
    assert emocycle("enrol", "anna", "recordings", "--out", "again").exit_code == 0
    for name in (CONFIG, WEIGHTS):
        assert Path("again", name).read_bytes() == (ANNA / name).read_bytes()


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a\\b", "-x y", "x" * 101])
@pytest.mark.usefixtures("here")
def test_names_that_are_no_folder(name: str) -> None:
    result = emocycle("enrol", "--", name, "recordings")
    assert result.exit_code == 1 and "is no name of a folder" in result.output


@pytest.mark.usefixtures("here")
def test_what_exists_is_kept() -> None:
    result = emocycle("enrol", "anna", "recordings")
    assert result.exit_code == 1 and "persons/anna: exists; --force replaces it" in result.output
    assert emocycle("enrol", "anna", "recordings", "--force").exit_code == 0
    Path("letters").mkdir()
    Path("letters/one.txt").write_text("dear")
    result = emocycle("enrol", "anna", "recordings", "--force", "--out", "letters")
    assert result.exit_code == 1 and "is not a classifier, so it is not replaced" in result.output
    assert Path("letters/one.txt").read_text() == "dear"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocoder.kind": "mel", "prosody.f0": "none"}, "needs an envelope without F0"),
        ({"vocoder.world.f0_floor_hz": 80}, "features of another 'audio' or 'vocoder'; `dvc repro` makes them again"),
        ({"classify.front_end": "natural"}, "features of front end 'vocoded', but 'classify.front_end' is 'natural'"),
        ({"folds": [2]}, "data/splits/full-2.parquet: not found"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_workspace_of_other_params(
    change: dict[str, Any], message: str, change_params: Callable[[dict[str, Any]], None]
) -> None:
    change_params(change)
    result = emocycle("enrol", "otto", "recordings")
    assert result.exit_code == 1 and message in result.output and not Path("persons/otto").exists()


def _cut() -> None:
    (ANNA / WEIGHTS).write_bytes((ANNA / WEIGHTS).read_bytes()[:-8])


def _changed() -> None:
    tensors = load_file(ANNA / WEIGHTS)
    save_file(tensors | {"intercepts": tensors["intercepts"] + 1}, ANNA / WEIGHTS)


def _saved_with(change: dict[str, Any]) -> None:
    tensors, config = models.load(ANNA)
    models.save(ANNA, tensors, config | change)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "cannot be read"),
        (_changed, "not as it was saved"),
        (partial(_saved_with, {"preparation": {"rate": 8000}}), "of another version, or changed"),
        (partial(_saved_with, {"labels": ["angry", "sad"]}), "expected"),
        ((ANNA / WEIGHTS).unlink, "no model here; `emocycle enrol NAME FOLDER` trains it"),
    ],
)
@pytest.mark.usefixtures("here")
def test_damaged_files_are_refused(damage: Callable[[], None], message: str) -> None:
    damage()
    result = emocycle("predict", NEUTRAL[0], "--person", "anna")
    assert result.exit_code == 1 and message in result.output


@pytest.mark.usefixtures("here")
def test_persons_that_are_not_enrolled() -> None:
    result = emocycle("predict", NEUTRAL[0], "--person", "ana")
    assert result.exit_code == 1 and "nobody of the name 'ana' is enrolled; did you mean 'anna'?" in result.output
    shutil.rmtree("persons")
    assert "`emocycle enrol NAME FOLDER` enrols a person" in emocycle("predict", NEUTRAL[0], "--person", "ana").output
