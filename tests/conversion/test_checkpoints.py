"""An interrupted training ends with the same weights; checkpoints that are incomplete or of others are ignored."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from pipeline.conversion import checkpoints as checkpointing
from pipeline.conversion.checkpoints import LATEST, Checkpoints
from pipeline.conversion.converter import Normalisation
from pipeline.conversion.crops import Domain
from pipeline.conversion.emotion_classifier import ClassifierLoss, EmotionClassifier
from pipeline.conversion.pair import CycleGan, CycleGanParams
from pipeline.conversion.training import train, training_key
from pipeline.core import files

CPU = torch.device("cpu")
ORDER = 3
EVERYTHING: dict[str, Any] = {
    "identity_share": 0.5,
    "classifier_weight": 1,
    "log_every": 4,  # no multiple of the steps between checkpoints, nor they of it
}


class KilledError(Exception):
    """Stands for SIGKILL where that would end the tests too."""


def domain(seed: int) -> Domain:
    draw = torch.Generator().manual_seed(seed)
    return Domain.of(list(torch.randn(4, 30, ORDER, generator=draw)), ["s1", "s1", "s2", "s3"])


def arguments(params: CycleGanParams) -> dict[str, Any]:
    """Of `train`."""
    torch.manual_seed(0)
    plain = Normalisation(torch.zeros(ORDER), torch.ones(ORDER))
    return {
        "a": domain(0),
        "b": domain(1),
        "params": params,
        "seed": 5,
        "classifier_loss": ClassifierLoss(
            EmotionClassifier(ORDER, 4, ("angry", "sad")), ("angry", "sad"), [plain] * 4, [plain] * 4
        ),
    }


def trained(own_params: CycleGanParams, **more: Any) -> tuple[CycleGan, list[dict[str, float]]]:
    return train(device=CPU, **arguments(own_params) | more)


@contextmanager
def killed_after(optimiser_steps: int) -> Iterator[None]:
    """Be killed after so many steps of the generators' and the discriminators' optimisers, which take turns."""
    left = [optimiser_steps]

    def kill(*_: object) -> None:
        left[0] -= 1
        if not left[0]:
            raise KilledError

    watch = register_optimizer_step_post_hook(kill)
    try:
        with pytest.raises(KilledError):
            yield
    finally:
        watch.remove()


def same(one: CycleGan, other: CycleGan) -> bool:
    own, its = one.state_dict(), other.state_dict()
    return own.keys() == its.keys() and all(torch.equal(own[name], its[name]) for name in own)


# Continuing


@pytest.mark.parametrize("half", [False, True])
def test_training_ends_as_if_it_had_not_been_killed(params: CycleGanParams, tmp_path: Path, half: bool) -> None:
    params = replace(params, steps=11, **EVERYTHING)
    more = {"autocast": torch.autocast("cpu", torch.bfloat16)} if half else {}
    networks, curve = trained(params, **more)
    checkpoints = Checkpoints(tmp_path / "state", "key", every=3)
    for optimiser_steps in (5, 7, 8, 1, 9):  # at steps 3, 4 (nothing was saved), 7 (went on from 3), 7 and 11
        with killed_after(optimiser_steps):
            trained(params, checkpoints=checkpoints, **more)
    assert int(checkpoints.load()["step"]) == 9
    resumed, again = trained(params, checkpoints=checkpoints, **more)
    assert same(resumed, networks)
    assert again == curve


@pytest.mark.parametrize("changes", [{}, {"cycle_weight": 1e300, "log_every": 1}], ids=["finite", "nan"])
def test_training_that_had_ended_is_not_done_again(
    params: CycleGanParams, tmp_path: Path, changes: dict[str, float]
) -> None:
    params = replace(params, **changes)
    checkpoints = Checkpoints(tmp_path / "state", "key", every=2)
    networks, curve = trained(params, checkpoints=checkpoints)
    seen: list[object] = []
    watch = register_optimizer_step_post_hook(lambda *_: seen.append(1))
    try:
        resumed, again = trained(params, checkpoints=checkpoints)
    finally:
        watch.remove()
    assert seen == []
    torch.testing.assert_close(resumed.state_dict(), networks.state_dict(), rtol=0, atol=0, equal_nan=True)
    assert str(again) == str(curve)
    assert ("nan" in str(curve)) == bool(changes)


# In the middle of a process, for real


def kills(folder: str, params: dict[str, Any], points: list[int | str]) -> None:
    """Train in one child after another, each killed by SIGKILL at its point, and print the steps that are kept."""
    torch.set_num_threads(1)
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # imports for seconds, which each child would do again
    checkpoints = Checkpoints(Path(folder), "key", every=3)

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def half(_: object, path: str, *__: object) -> None:
        Path(path).write_bytes(b"half a checkpoint")
        die()

    for point in points:
        child = os.fork()
        if not child:
            optimiser_steps = count(1)
            if point == "renaming":
                files.os.replace = die
            elif point == "writing":
                checkpointing.save_file = half
            register_optimizer_step_post_hook(lambda *_: next(optimiser_steps) == point and die())  # noqa: B023
            try:
                trained(CycleGanParams(**params), checkpoints=checkpoints)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, point
        print(int((checkpoints.load() or {"step": 0})["step"]))


@pytest.mark.slow
def test_training_that_sigkill_ends_again_and_again(params: CycleGanParams, tmp_path: Path) -> None:
    params = replace(params, **EVERYTHING, steps=12)
    given = str(tmp_path), asdict(params), [3, "writing", 9, "renaming", 7, "writing", 4, 1]
    script = "import json, sys; from tests.conversion.test_checkpoints import kills; kills(*json.loads(sys.argv[1]))"
    place = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", script, json.dumps(given)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=place)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["0", "0", "3", "3", "6", "6", "6", "6"]
    networks, curve = trained(params)
    resumed, again = trained(params, checkpoints=Checkpoints(tmp_path, "key", every=3))
    assert same(resumed, networks)
    assert again == curve
    assert [path.name for path in tmp_path.iterdir()] == [LATEST]


# The file


STATE = {"whole": torch.tensor(3), "none": torch.zeros(0, 5, dtype=torch.float64), "bytes": torch.arange(9).byte()}


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    checkpoints = Checkpoints(tmp_path / "deep" / "state", "key", every=3)
    checkpoints.save(STATE)
    return checkpoints


def test_state_is_kept(kept: Checkpoints) -> None:
    found = kept.load()
    assert found is not None
    assert found.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert torch.equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype
    kept.save({"other": torch.ones(2)})
    assert list(kept.load() or ()) == ["other"]
    assert [path.name for path in kept.folder.iterdir()] == [LATEST]


def test_checkpoint_of_another_training_is_ignored_and_replaced(kept: Checkpoints) -> None:
    other = replace(kept, key="other")
    assert other.load() is None
    assert kept.load() is not None
    other.save(STATE)
    assert other.load() is not None
    assert kept.load() is None


def test_half_a_file_is_ignored(kept: Checkpoints) -> None:
    path = kept.folder / LATEST
    whole = path.read_bytes()
    for size in (0, 5, 40, 150):
        assert len(whole) > size
        path.write_bytes(whole[:size])
        assert kept.load() is None
    kept.save(STATE)
    assert kept.load() is not None


def test_failed_save_leaves_the_last_one(kept: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk is broken")

    monkeypatch.setattr(checkpointing, "save_file", fail)
    with pytest.raises(OSError, match="disk is broken"):
        kept.save({"other": torch.ones(2)})
    assert set(kept.load() or ()) == set(STATE)


# The key


def key_with(own_params: CycleGanParams, *hardware: object, **changes: Any) -> str:
    given = arguments(own_params) | changes
    own = [given.pop(name) for name in ("a", "b", "params", "seed")]
    return training_key(*own, *hardware, **given)


def test_key_is_another_for_anything_else(params: CycleGanParams) -> None:
    assert key_with(params, CPU, 1) == key_with(replace(params), torch.device("cpu"), 1)
    a, b = domain(0), domain(1)
    other = arguments(params)["classifier_loss"]
    other.a_to_b.shift += 1
    found = [
        key_with(params, CPU, 1),
        key_with(params, CPU, 2),
        key_with(params),
        *(key_with(replace(params, **{name: value})) for name, value in {**EVERYTHING, "steps": 5, "batch": 3}.items()),
        key_with(replace(params, emotion_classifier=replace(params.emotion_classifier, steps=21))),
        key_with(params, seed=6),
        key_with(params, a=b, b=a),
        key_with(params, a=replace(a, frames=a.frames + 1e-6)),
        key_with(params, a=replace(a, lengths=a.lengths - 1)),
        key_with(params, b=replace(b, probabilities=b.probabilities * 2)),
        key_with(params, classifier_loss=None),
        key_with(params, classifier_loss=other),
    ]
    assert len(set(found)) == len(found)


def test_key_is_of_the_code_too(params: CycleGanParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_with(params)
    package = tmp_path / "cyclegan"
    package.mkdir()
    for source in Path(checkpointing.__file__).parent.glob("*.py"):
        (package / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(checkpointing, "__file__", str(package / "checkpoints.py"))
    assert key_with(params) == before
    with (package / "losses.py").open("a") as file:
        file.write("\n")
    assert key_with(params) != before
