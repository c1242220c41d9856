"""What `dvc repro` runs again after a change: all that depends on it, and nothing else.

The pipeline runs for real, in a small project of its own, by the commands that are installed. Most runs are by
`emocycle repro --jobs`, which decides as `dvc repro` does and is faster, because its processes import torch once.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
Change = Callable[[dict[str, Any]], None]
ACTORS = (1, 11, 4, 10, 2, 3)  # of RAVDESS: fold 1, fold 2, others
SMALL = {
    "corpora": ["ravdess"],
    "scenarios": ["full"],
    "folds": [1],
    "pairs": ["angry-neutral", "happy-neutral"],
    "perturbations": [],
    "arms": ["none", "cyclegan"],
    "emotions": ["neutral", "happy", "angry"],
    "train_cyclegan.channels": 8,
    "train_cyclegan.blocks": 1,
    "train_cyclegan.discriminator_channels": 8,
    "train_cyclegan.steps": 2,
    "train_cyclegan.log_every": 1,
    "train_cyclegan.emotion_classifier.steps": 2,
    "augment.headline_arm": "cyclegan",
    "classify.classifiers": ["svm"],
    "classify.seeds": [0],
    "classify.svm.c": [1],
    "classify.svm.gamma": [0.3],
    "evaluate.scenario": "full",
    "evaluate.classifier": "svm",
    "report.examples": 1,
    "report.extremes": 1,
}


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ravdess_tree: Callable[..., Path], change_params: Change
) -> Path:
    """A repository with the pipeline, a small corpus and small numbers, which is the current directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "pipeline", "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / ".dvc/plots", ".dvc/plots")
    for name in (".dvc/config", ".dvcignore", ".gitignore", "dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, name)
    subprocess.run(["git", "init", "--quiet"], check=True)
    ravdess_tree(Path("data/raw/ravdess"), ACTORS, SMALL["emotions"], repetitions=(1, 2))
    change_params(SMALL)
    return tmp_path


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE ARGUMENTS` in the project, with `python` as where the environment is activated."""
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "DVC_NO_ANALYTICS": "1",
    }
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def repro(*command: str) -> set[str]:
    """Stages that ran, such as `classify@full-1-none`."""
    result = run(*(command or ("pipeline", "repro", "--jobs", "2")))
    assert result.returncode == 0, result.stdout + result.stderr
    ran = re.findall(r"Running stage '([^']+)'", result.stdout)
    assert len(ran) == len(set(ran))
    return set(ran)


def items(*names: str) -> set[str]:
    """`classify@full-1-{none,cyclegan}` is two."""
    found = set()
    for name in names:
        before, brace, rest = name.partition("{")
        inner, _, after = rest.partition("}")
        found |= items(*(before + word + after for word in inner.split(","))) if brace else {name}
    return found


def test_only_what_a_change_touches_runs_again(
    project: Path, change_params: Change, ravdess_tree: Callable[..., Path]
) -> None:
    everything = repro()
    assert everything == items(
        *("demo_corpus", "ingest@ravdess", "manifest", "features@ravdess", "acoustics@ravdess", "split", "analyse"),
        *("train_cyclegan@full-1", "generate@full-1-cyclegan"),
        *("augment@full-1", "classify@full-1-{none,cyclegan}", "evaluate", "assess@full-1", "tabulate", "report"),
    )
    table = Path("data/augmented/full-1/cyclegan.parquet")
    augmented = table.read_bytes()

    leftover = Path("data/features/vocoder/.ravdess.99.tmp/spectrum.npy")  # of a stage that was killed
    leftover.parent.mkdir()
    leftover.write_bytes(b"half")
    assert repro("dvc", "repro") == set()

    change_params({"classify.cnn.steps": 17, "augment.headline_arm": "none"})
    assert repro() == items("classify@full-1-{none,cyclegan}", "evaluate", "report")
    assert '"arm": "none"' in Path("metrics/summary.json").read_text()

    # A fold and a bank more, and a pair less. The table of the arm `none` is written again, to the same bytes, so its
    # classifier is not trained again.
    ravdess_tree(Path("data/bank/mine"), (5, 6), ["neutral"])
    bank = {
        "banks": ["mine"],
        "perturbations": ["speaker_conversion"],
        "speaker_conversion": {"targets": ["bank"], "same_gender": True},
    }
    arms = ["none", "cyclegan", "speaker_conversion"]
    change_params({"pairs": ["angry-neutral"], "folds": [1, 2], "arms": arms, **bank})
    users_of_bank = items("perturb@full-{1,2}-speaker_conversion", "classify@full-{1,2}-speaker_conversion")
    users_of_bank |= items("augment@full-{1,2}", "bank@mine", "evaluate", "report")
    assert repro() == users_of_bank | items(
        *("split", "analyse", "train_cyclegan@full-{1,2}", "generate@full-{1,2}-cyclegan"),
        *("classify@full-1-cyclegan", "classify@full-2-{none,cyclegan}", "assess@full-{1,2}", "tabulate"),
    )
    assert not Path("data/synthetic/full-1/cyclegan/happy-neutral").exists()
    assert table.read_bytes() != augmented

    ravdess_tree(Path("data/bank/mine"), (7,), ["neutral"])
    assert repro() == users_of_bank
    audit = run("pipeline", "audit").stdout.splitlines()
    assert audit == [f"full-{fold} {arm}: no leak" for fold in (1, 2) for arm in arms]

    a_record_gives_the_same_statistics(change_params)


def a_record_gives_the_same_statistics(change_params: Change) -> None:
    result = run("pipeline", "record", "small")
    assert result.returncode == 0, result.stdout + result.stderr
    record = Path("experiments/small")
    paths = {name: Path("again", name) for name in ("summary.json", "ser.json", "plots")}
    result = run(
        "pipeline",
        *("evaluate", "--params", f"{record}/params.yaml", "--predictions", f"{record}/predictions", "--skip-audit"),
        *("--summary", str(paths["summary.json"]), "--scores", str(paths["ser.json"])),
        *("--plots", str(paths["plots"])),
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for name in ("summary.json", "ser.json"):
        assert paths[name].read_bytes() == (record / "metrics" / name).read_bytes()
    for path in (record / "metrics/plots/evaluate").iterdir():
        assert (paths["plots"] / path.name).read_bytes() == path.read_bytes()

    change_params({"folds": [2]})
    assert "are not those of the current params.yaml, code and data" in run("pipeline", "record", "other").stderr


def test_code_of_the_folder_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`dvc exp run --temp` copies the project; the package that this environment has must not run in its place."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # as where the package was installed from another checkout
    own = Path("pipeline/stages/tabulate.py")
    body = "    Path('code').write_text(__file__)\n"
    own.write_text("from pathlib import Path\n\nimport click\n\n\n@click.command()\ndef main():\n" + body)
    Path("dvc.yaml").write_text(
        "stages:\n  tabulate:\n    cmd: python -m pipeline tabulate\n"
        "    deps: [pipeline/stages/tabulate.py]\n    outs: [code: {cache: false}]\n"
    )
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "add", "--all"], check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "--message", "code"], check=True)
    own.write_text(own.read_text().replace("__file__", "'edited ' + __file__"))
    for arguments in (["repro"], ["exp", "run", "--force", "--temp", "--name", "apart"]):
        result = run("dvc", *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
    assert Path("code").read_text() == f"edited {project / own}"
    list_refs = ["git", "for-each-ref", "--format=%(refname)", "refs/exps"]
    refs = subprocess.run(list_refs, capture_output=True, text=True, check=True).stdout.split()
    [ref] = [ref for ref in refs if ref.endswith("/apart")]
    shown = subprocess.run(["git", "show", f"{ref}:code"], capture_output=True, text=True, check=False)
    assert shown.stdout.startswith(f"edited {project / '.dvc'}"), shown
