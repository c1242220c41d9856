"""Benchmarks and experiments find what they import, the one that times training runs, and caches are not stale."""

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path for folder in ("benchmarks", "experiments") for path in (ROOT / folder).glob("*.py"))
TINY = {
    "hardware.threads": 1,
    "train_cyclegan.blocks": 1,
    "train_cyclegan.channels": 8,
    "train_cyclegan.discriminator_channels": 8,
    "train_cyclegan.batch": 2,
    "train_cyclegan.frames": 16,
}


def loaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script as a module, with those beside it in reach."""
    monkeypatch.syspath_prepend(path.parent)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_imports_are_available(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = getattr(loaded(path, monkeypatch), "main", None)
    if main:
        assert CliRunner().invoke(main, ["--help"]).exit_code == 0


@pytest.mark.slow
def test_training_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change_params: Callable[[dict[str, Any]], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    change_params(TINY)
    main = loaded(ROOT / "benchmarks/train_speed.py", monkeypatch).main
    result = CliRunner().invoke(main, ["--warm-up", "1", "--steps", "1", "--size", "64", "--parts"])
    assert result.exit_code == 0, result.output
    assert "params.yaml" in result.output and "classifier" in result.output


def test_results_of_other_parameters_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = loaded(ROOT / "experiments/staging.py", monkeypatch).place
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("seed: 1\n")
    found = place(Path("cache"), "F0: as it was", {"prosody.f0": "none"})
    assert found.name.startswith("F0_as_it_was-") and place(Path("cache"), "F0: as it was", {}) != found
    assert place(Path("cache"), "F0: as it was", {"prosody.f0": "none"}) == found
    Path("params.yaml").write_text("seed: 2\n")
    assert place(Path("cache"), "F0: as it was", {"prosody.f0": "none"}) != found
