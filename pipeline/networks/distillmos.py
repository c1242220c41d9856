"""The network DistillMOS with its weights; MIT.

Stahl and Gamper 2025, Distillation and pruning for scalable self-supervised representation-based speech quality
assessment. A convolutional network and a transformer, trained on the outputs of a large self-supervised model.
"""

from typing import Any

import torch

from pipeline.networks.weights import Weights

FILES = {"distillmos/weights/distill_mos_v7.pt": "b18b3ac60227267cfb91e5d00ce22cc7b73716fd92f269484da1446e27031a40"}


def weights(extra: str) -> Weights:
    """Its weights, in a package that this extra installs."""
    return Weights("distillmos", FILES, extra)


def network(weights: Weights) -> Any:
    """The frozen network, samples at 16 kHz (batch, samples) → MOS (batch,), 1 … 5.

    Raises:
        WeightsError: the package or its weights are missing, or are other ones
    """
    (path,) = weights.paths()
    from distillmos import ConvTransformerSQAModel

    found = ConvTransformerSQAModel(load_weights=False)
    found.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["model"])
    return found.requires_grad_(False).eval()
