"""Speed of training a CycleGAN, relative to the speed of matrix products on the same machine.

python benchmarks/train_speed.py
python benchmarks/train_speed.py --parts  # also without any optional loss, and with each

Target: at least 15,000 frames (of both emotions together) per second on two cores, with the settings of params.yaml.
The limit is measured in the same run, before and after: products of large matrices in the precision of the training.
The ratio counts the arithmetic of convolutions and products alone, by their shapes, not that of norms and optimisers.
The time includes the initialisation of the networks; use more steps where they are short, as on a GPU. Other load on
the same cores distorts the figures, since threads wait for each other in every layer.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline.conversion.converter import Normalisation
from pipeline.conversion.crops import Domain
from pipeline.conversion.emotion_classifier import ClassifierLoss, EmotionClassifier
from pipeline.conversion.pair import CycleGanParams
from pipeline.conversion.training import train
from pipeline.core import params
from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams

# Optional losses switched off; `PARTS` switches them on one by one.
OFF: dict[str, Any] = {
    "identity_share": 1,
    "parallel_weight": 0,
    "classifier_weight": 0,
}
PARTS: dict[str, dict[str, Any]] = {
    "none": {},
    "no discriminators": {"adversarial_weight": 0},
    "identity for half": {"identity_share": 0.5},
    "parallel loss": {"parallel_weight": 20},
    "classifier": {"classifier_weight": 1},
}


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--warm-up", default=5, help="Steps before the clock starts.")
@click.option("--steps", default=30, help="Steps that are timed.")
@click.option("--size", type=int, help="Size of the square matrices; 8192 on a GPU, else 2048.")
@click.option("--parts", is_flag=True, help="Time each optional loss by itself.")
def main(params_path: Path, warm_up: int, steps: int, size: int | None, parts: bool) -> None:
    """Print frames and arithmetic per second, and their share of the speed of matrix products."""
    machine = params.load(params_path, "hardware", HardwareParams)
    chosen = params.load(params_path, "train_cyclegan", CycleGanParams)
    order = params.load(params_path, "vocoder.world.order", int)
    device = hardware.device(machine)
    autocast = hardware.autocast(machine, device)
    size = size or (8192 if device.type == "cuda" else 2048)
    generator = torch.Generator().manual_seed(0)

    def clips(width: int) -> Domain:
        return Domain.of(list(torch.randn(100, 500, width, generator=generator)), ["one"] * 100)

    a, b = clips(order), clips(order)
    with_targets = clips(2 * order), clips(2 * order)
    plain = Normalisation(torch.zeros(order), torch.ones(order))
    classifier = EmotionClassifier(order, chosen.emotion_classifier.channels, ("a", "b"))
    classifier_loss = ClassifierLoss(classifier, ("a", "b"), [plain] * 100, [plain] * 100)

    def run(own: CycleGanParams, count: int) -> None:
        own = replace(own, steps=count, log_every=count)
        train(*(with_targets if own.parallel_weight else (a, b)), own, 0, device, autocast, classifier_loss)
        synchronise(device)

    settings = {"params.yaml": chosen}
    if parts:
        settings |= {name: replace(chosen, **OFF | changes) for name, changes in PARTS.items()}

    before, dtype = product_flops_per_s(size, device, autocast)
    print(f"{device.type}, {machine.threads} threads, {dtype}, torch {torch.__version__}")
    print(f"{'':18} {'frames/s':>9} {'ms/step':>8} {'GFLOP/step':>11} {'GFLOP/s':>8}")
    rates = []
    for name, own in settings.items():
        with FlopCounterMode(display=False) as arithmetic:  # one crop is enough: arithmetic goes with their number
            run(replace(own, batch=1), steps)
        flops = arithmetic.get_total_flops() * own.batch / steps
        run(own, warm_up)
        start = time.perf_counter()
        run(own, steps)
        step_s = (time.perf_counter() - start) / steps
        rates.append(flops / step_s)
        frames = 2 * own.batch * own.frames
        print(f"{name:18} {frames / step_s:9,.0f} {1e3 * step_s:8.1f} {flops / 1e9:11.2f} {rates[-1] / 1e9:8,.0f}")
    after, _ = product_flops_per_s(size, device, autocast)
    print(f"products of {size}x{size}: {before / 1e9:,.0f} GFLOP/s before, {after / 1e9:,.0f} after")
    print(f"training (params.yaml) reaches {rates[0] / max(before, after):.0%} of the better one")


def product_flops_per_s(
    size: int, device: torch.device, precision: AbstractContextManager[None]
) -> tuple[float, torch.dtype]:
    """Best rate of ten products of square matrices, and the precision of training on this device."""
    x, y = (torch.randn(size, size, device=device) for _ in range(2))
    with precision:
        dtype = torch.mm(x[:1], y[:, :1]).dtype
    x, y = x.to(dtype), y.to(dtype)
    best_s = float("inf")
    for _ in range(10):
        synchronise(device)
        start = time.perf_counter()
        torch.mm(x, y)
        synchronise(device)
        best_s = min(best_s, time.perf_counter() - start)
    return 2 * size**3 / best_s, dtype


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
