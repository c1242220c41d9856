"""Fixtures that several tests share."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline.core import console
from pipeline.corpora.ravdess import EMOTIONS

pytest_plugins = ["tests.tiny_project"]  # its fixtures

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def told_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are told without their time, and the verbosity is not that of another test's command."""
    monkeypatch.setenv(console.VERBOSITY, str(console.NORMAL))
    monkeypatch.setattr(console, "SHORT_S", float("inf"))


@pytest.fixture
def shared() -> Path:
    """Real corpora and reference tables beside the repository; the test is skipped where they are not."""
    folder = ROOT.parent / "shared"
    if not (folder / "reference").is_dir():
        pytest.skip("needs the real data in ../shared, which is not there")
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tiny networks are faster on one thread, and on busy cores a hundred times so."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def ravdess_tree() -> Callable[..., Path]:
    """Function that fills a folder like RAVDESS (`Actor_01/03-01-01-01-01-01-01.wav`) with short sounds."""

    def fill(
        folder: Path,
        actors: Iterable[int] = (1, 2),
        emotions: Iterable[str] = ("neutral", "angry"),
        repetitions: Iterable[int] = (1,),
        duration_s: float = 0.4,
        sampling_rate: int = 16_000,
    ) -> Path:
        codes = {emotion: code for code, emotion in EMOTIONS.items()}
        for actor in actors:
            for emotion in emotions:
                for repetition in repetitions:
                    name = f"03-01-{codes[emotion]}-01-01-{repetition:02}-{actor:02}"
                    path = folder / f"Actor_{actor:02}" / f"{name}.wav"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    f0_hz = (110 if actor % 2 else 200) + 2 * actor + 10 * int(codes[emotion]) + repetition
                    soundfile.write(path, harmonic(f0_hz, duration_s, sampling_rate), sampling_rate)
        return folder

    return fill


@pytest.fixture(scope="session")
def change_params() -> Callable[[dict[str, Any]], None]:
    """Function that changes params.yaml in the current directory; keys have dots between levels and must exist."""

    def change(changes: dict[str, Any]) -> None:
        from pipeline.cli import workspace

        workspace.change_params(Path("params.yaml"), changes)

    return change


def harmonic(f0_hz: float, duration_s: float, sampling_rate: int) -> np.ndarray:
    """A vowel-like sound: falling harmonics with vibrato and a soft beginning and end, (samples,)."""
    time = np.arange(round(duration_s * sampling_rate)) / sampling_rate
    phase = 2 * np.pi * f0_hz * time + 0.5 * np.sin(2 * np.pi * 5 * time)
    sound = sum(np.sin(number * phase) / number for number in range(1, 11))
    return 0.2 * sound * np.sin(np.pi * time / duration_s)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Standard scorers that need no package, in place of the real ones; the list grows by the length of each clip."""
    from types import SimpleNamespace

    from pipeline.networks.weights import Weights
    from pipeline.standard_scorers import scoring

    lengths: list[int] = []

    def module(name: str) -> Any:
        class Network:
            WEIGHTS = Weights("click", {}, "scorers")  # a package that is there

            def __call__(self, samples: np.ndarray) -> np.ndarray:
                lengths.append(len(samples))
                spectrum = np.abs(np.fft.rfft(samples, 512))[1:4]
                level = np.array([1 + 4 * float(np.abs(samples).mean())])
                numbers = {
                    "ge2e": spectrum / np.linalg.norm(spectrum),
                    "swift_f0": np.array([90.0, len(samples) / 1e4]),
                }
                return numbers.get(name, level)

        return SimpleNamespace(Network=Network, __file__=__file__)

    def forget() -> None:
        scoring._scorer.cache_clear()
        scoring._version.cache_clear()

    monkeypatch.setattr(scoring, "_module", module)
    forget()
    yield lengths
    forget()
