"""Tiny projects on which stages have run by the commands of dvc.yaml."""

import fcntl
import os
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.core import workers

ROOT = Path(__file__).parents[1]
RATE = 16_000
SPEAKERS = {
    "f01": 150.0,
    "f02": 160.0,
    "m01": 140.0,
    "m02": 155.0,
}  # F0 [Hz]; fold 1: f01 test, f02 valid
EMOTIONS = {"neutral": (1.0, 0.05), "angry": (1.18, 0.05), "sad": (0.9, 0.03)}  # level and movement of F0
SENTENCES = (1, 2, 3)
PAIRS = ("angry-neutral", "neutral-sad")
DEMO = {"corpus": "demo"}
SPLIT = {"scenario": "full", "fold": "1"}
CYCLEGAN = {"generator": "cyclegan"}

# Changes of the repository's params.yaml.
TINY = {
    "folds": [1, 3],
    "pairs": list(PAIRS),
    "arms": ["none", "cyclegan"],
    "emotions": list(EMOTIONS),
    "hardware.device": "cpu",
    "hardware.threads": 1,  # more threads are slower for a tiny network
    "hardware.precision": "float32",
    "split.n_folds": 4,
    "vocoder.world.order": 16,
    "acoustics.n_mels": 20,
    "train_cyclegan.channels": 8,
    "train_cyclegan.blocks": 2,
    "train_cyclegan.discriminator_channels": 4,
    "train_cyclegan.steps": 4,
    "train_cyclegan.batch": 4,
    "train_cyclegan.frames": 32,
    "train_cyclegan.emotion_classifier.channels": 4,
    "train_cyclegan.emotion_classifier.steps": 4,
    "dcgan_scenarios": ["full"],
    "train_dcgan.frames": 32,
    "train_dcgan.latent": 4,
    "train_dcgan.channels": 2,
    "train_dcgan.discriminator_channels": 2,
    "train_dcgan.steps": 4,
    "train_dcgan.batch": 4,
    "generate_dcgan.iterations": 1,
    "classify.seeds": [0, 1],
    "classify.svm.c": [0.3, 3],
    "classify.svm.gamma": [0.3, 1],
    "classify.cnn.channels": 8,
    "classify.cnn.steps": 6,
    "classify.cnn.batch": 8,
    "classify.cnn.frames": 32,
    "classify.cnn.checkpoints": 2,
    "report.examples": 1,
    "report.extremes": 1,
}

# Further changes for a neural vocoder.
NEURAL = {
    "pairs": [PAIRS[0]],
    "prosody.f0": "none",
    "vocoders": ["istft"],
    "vocoder.kind": "mel",
    "vocoder.storage": "uint8",
    "vocoder.mel.inversion": "istft",
    "vocoder.mel.istft.channels": 8,
    "vocoder.mel.istft.blocks": 1,
    "vocoder.mel.istft.steps": 3,
    "vocoder.mel.istft.batch": 2,
    "vocoder.mel.istft.frames": 16,
}


@cache
def stages() -> dict[str, Any]:
    """Stages of dvc.yaml."""
    found: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    return found


def run_stage(name: str, *more: str, **item: str) -> Result:
    """Run the command of a stage in dvc.yaml, in the current directory.

    Args:
        name: of the stage
        more: further options, which override those of dvc.yaml
        item: of its matrix
    """
    command = stages()[name]["cmd"]
    for dimension, value in item.items():
        command = command.replace(f"${{item.{dimension}}}", value)
    assert "${" not in command, command
    return CliRunner().invoke(main.main, [*shlex.split(command)[3:], *more])


def record(folder: Path) -> None:
    """Write a demo corpus: harmonics with a formant, F0 by emotion, a little noise, and silent ends."""
    draw = np.random.default_rng(0)
    for speaker, f0_hz in SPEAKERS.items():
        for emotion, (level, movement) in EMOTIONS.items():
            for sentence in SENTENCES:
                time = np.arange(round((0.4 + 0.03 * sentence) * RATE)) / RATE
                melody = f0_hz * level * np.exp(movement * np.sin(2 * np.pi * 3 * time + sentence))
                phase = 2 * np.pi * np.cumsum(melody) / RATE
                partials = np.arange(1, 21)[:, None]
                formants = 1 / (1 + ((partials * f0_hz - 500 - 100 * sentence) / 300) ** 2) + 0.3 / partials
                sound = (formants * np.sin(partials * phase)).sum(axis=0) * np.sin(np.pi * time / time[-1])
                silence = np.zeros(RATE // 20)
                sound = np.concatenate([silence, sound, silence])
                path = folder / speaker / f"{speaker}_s{sentence}_{emotion}_medium.flac"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, 0.05 * sound + 1e-4 * draw.standard_normal(len(sound)), RATE)


def run_all(stages: Iterable[tuple[str, dict[str, str]]]) -> None:
    for name, item in stages:
        result = run_stage(name, **item)
        assert result.exit_code == 0, result.output


def enter_copy(project: Path | None, copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy a project to an empty folder, which becomes the current directory; stages use one process there."""
    if project:
        shutil.copytree(project, copy, dirs_exist_ok=True)
    monkeypatch.chdir(copy)
    monkeypatch.setattr(workers, "cores", lambda: 1)
    return copy


@contextmanager
def working_in(folder: Path, project: Path | None = None) -> Iterator[Path]:
    """`enter_copy` for a while."""
    with pytest.MonkeyPatch.context() as patch:
        yield enter_copy(project, folder, patch)


def made_once(factory: pytest.TempPathFactory, name: str, project: Path | None, make: Callable[[], None]) -> Path:
    """Folder of a project that is made once, by the first of the parallel workers that needs it; do not change it.

    Args:
        factory: of the worker
        name: of the folder
        project: to start from, as a copy
        make: with the copy as current directory
    """
    root = factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / name
    done = folder.with_name(f"{name}.done")
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            with working_in(folder, project):
                make()
            done.touch()
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, change_params: Callable[[dict[str, Any]], None]) -> Path:
    """Project before `augment` on folds 1 and 3; in fold 3, m01 is in test."""
    other = {"scenario": "full", "fold": "3"}

    def make() -> None:
        shutil.copy(ROOT / "params.yaml", "params.yaml")
        change_params(TINY)
        record(Path("data/raw/demo"))
        run_all([("ingest", DEMO), ("manifest", {}), ("features", DEMO), ("acoustics", DEMO), ("split", {})])
        run_all((name, {**item, **CYCLEGAN}) for item in (SPLIT, other) for name in ("train_cyclegan", "generate"))
        change_params({"folds": [1]})

    return made_once(tmp_path_factory, "finished", None, make)


@pytest.fixture(scope="session")
def classified(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Project before `evaluate`, of fold 1, classified in two processes."""

    def make() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(workers, "cores", lambda: 2)
            run_all([("augment", SPLIT), *(("classify", {**SPLIT, "arm": arm}) for arm in ("none", "cyclegan"))])

    return made_once(tmp_path_factory, "classified", finished, make)


@pytest.fixture(scope="session")
def reported(classified: Path, tmp_path_factory: pytest.TempPathFactory, change_params: Any) -> Path:
    """The classified project with all metrics and the report."""

    def make() -> None:
        change_params({"perturbations": [], "dcgan_scenarios": []})
        run_all([("analyse", {}), ("evaluate", {}), ("assess", SPLIT), ("tabulate", {}), ("report", {})])

    return made_once(tmp_path_factory, "reported", classified, make)


@pytest.fixture(scope="session")
def with_dcgan(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished project with a DC-GAN of fold 1 and its clips."""
    stages = [(name, SPLIT) for name in ("train_dcgan", "generate_dcgan")]
    return made_once(tmp_path_factory, "with_dcgan", finished, lambda: run_all(stages))


@pytest.fixture(scope="session")
def spoken(finished: Path, tmp_path_factory: pytest.TempPathFactory, change_params: Any) -> Path:
    """Project with a pair of fold 1 that uses a neural vocoder, and another vocoder."""

    def make() -> None:
        change_params(NEURAL)
        run_all([("features", DEMO), ("acoustics", DEMO), ("train_cyclegan", SPLIT)])
        run_all(("train_vocoder", {**SPLIT, "fold": fold, "vocoder": "istft"}) for fold in ("1", "3"))
        run_all([("generate", {**SPLIT, **CYCLEGAN})])

    return made_once(tmp_path_factory, "spoken", finished, make)


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished project as current directory."""
    return enter_copy(finished, tmp_path, monkeypatch)


@pytest.fixture
def stage(project: Path) -> Callable[..., Result]:
    """`run_stage` in the project."""
    return run_stage


@pytest.fixture
def params(project: Path, change_params: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """`change_params` in the project."""
    return change_params
