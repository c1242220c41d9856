"""DNSMOS P.835 (Reddy et al. 2022): naturalness, a predicted mean opinion score (MOS); MIT."""

import numpy as np

from pipeline.networks.weights import Weights

MODEL = "speechmos/dnsmos_models/sig_bak_ovr.onnx"
LENGTH, HOP = 144_160, 16_000  # samples of one input, and between two
OVERALL = (-0.06766283, 1.11546468, 0.04602535)  # polynomial from the output to the overall MOS, of its authors


class Network:
    """The frozen network."""

    WEIGHTS = Weights(
        "speechmos",
        {MODEL: "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"},
        "scorers",
    )

    def __init__(self) -> None:
        """Load the network, for one thread; errors as of `Weights.paths`."""
        (path,) = self.WEIGHTS.paths()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._network = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples at 16 kHz, (samples,) → overall MOS, (1,), 1 … 5; a clip is repeated up to 9.01 s."""
        repeated = np.resize(samples, max(LENGTH, len(samples)))
        starts = range(0, len(repeated) - LENGTH + 1, HOP)
        inputs = np.stack([repeated[start : start + LENGTH] for start in starts]).astype(np.float32)
        outputs = self._network.run(None, {"input_1": inputs})[0]  # (inputs, 3): signal, background, overall
        return np.polyval(OVERALL, outputs[:, 2]).mean(keepdims=True)
