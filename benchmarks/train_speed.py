"""How fast a CycleGAN trains, against what the machine's matrix products reach.

python benchmarks/train_speed.py

Target: at least 10,000 frames (of both emotions together) a second on two cores, with the settings of params.yaml.
The limit is measured in the same run, right before and right after: products of large matrices in the precision that
training uses. The ratio counts arithmetic alone, as torch counts it in the convolutions. Other work on the same cores
spoils the figures: threads wait for each other in every layer.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import click
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.flop_counter import FlopCounterMode

from pipeline import hardware, params
from pipeline.cyclegan.training import CycleGanParams, Domain, train
from pipeline.hardware import HardwareParams


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--warm-up", default=5, help="Steps before the clock starts.")
@click.option("--steps", default=30, help="Steps that are timed.")
@click.option("--size", type=int, help="Of the square matrices; 8192 on a GPU, else 2048.")
def main(params_path: Path, warm_up: int, steps: int, size: int | None) -> None:
    """Print frames a second, arithmetic a second, and the share of what matrix products reach."""
    machine = params.load(params_path, "hardware", HardwareParams)
    chosen = params.load(params_path, "train_cyclegan", CycleGanParams)
    order = params.load(params_path, "vocoder.world.order", int)
    device = hardware.device(machine)
    size = size or (8192 if device.type == "cuda" else 2048)
    generator = torch.Generator().manual_seed(0)
    a, b = (Domain.of(list(torch.randn(100, 500, order, generator=generator)), ["one"] * 100) for _ in range(2))

    def run(count: int) -> None:
        train(a, b, replace(chosen, steps=count, log_every=count), 0, device, hardware.autocast(machine, device))

    with FlopCounterMode(display=False) as counter:
        run(1)
    flops = counter.get_total_flops()
    before, dtype = product_flops_per_s(size, device, hardware.autocast(machine, device))
    ends: list[float] = []  # of the steps of the generators' and the discriminators' optimiser, in turn

    def note(*_: object) -> None:
        if len(ends) + 1 in (2 * warm_up, 2 * (warm_up + steps)):
            synchronise(device)
        ends.append(time.perf_counter())

    watch = register_optimizer_step_post_hook(note)
    try:
        run(warm_up + steps)
    finally:
        watch.remove()
    step_s = (ends[-1] - ends[2 * warm_up - 1]) / steps
    after, _ = product_flops_per_s(size, device, hardware.autocast(machine, device))

    frames = 2 * chosen.batch * chosen.frames
    print(f"{device.type}, {machine.threads} threads, {dtype}, torch {torch.__version__}")
    print(f"training: {frames / step_s:,.0f} frames/s, {1000 * step_s:.1f} ms a step of {frames:,} frames")
    print(f"arithmetic: {flops / 1e9:.1f} GFLOP a step, {flops / step_s / 1e9:,.0f} GFLOP/s")
    print(f"products of {size}x{size}: {before / 1e9:,.0f} GFLOP/s before, {after / 1e9:,.0f} after")
    print(f"training reaches {flops / step_s / max(before, after):.0%} of the better one")


def product_flops_per_s(
    size: int, device: torch.device, precision: AbstractContextManager[None]
) -> tuple[float, torch.dtype]:
    """Best rate of ten products of square matrices, and the precision that training would give them."""
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
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
