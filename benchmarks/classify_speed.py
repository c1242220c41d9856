"""CPU seconds of one training of each classifier, on random clips as long as acted utterances.

python benchmarks/classify_speed.py

The first training of the cnn also compiles kernels. CPU seconds (user and system) depend less on other load than time.
The limit of the cnn is measured in the same run: products of large matrices in the same precision, one thread. Its
ratio counts the arithmetic of convolutions and products alone, that of the checkpoints on valid too.
"""

import dataclasses
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import click
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from train_speed import product_flops_per_s

from pipeline.classification import cnn, svm
from pipeline.classification.classifiers import ClassifyParams
from pipeline.classification.training import Clips
from pipeline.core import params
from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams

PARAMS = Path("params.yaml")
CLASSES, FUNCTIONALS = 4, 585


def cpu_seconds(work: Callable[[], object]) -> float:
    """User and system time of some work in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def random_clips(clips: int, n_mels: int, draw: torch.Generator) -> Clips:
    """Spectrograms of 1.1 to 3 seconds."""
    lengths = torch.randint(110, 300, (clips,), generator=draw).tolist()
    mels = [torch.randn(length, n_mels, generator=draw) for length in lengths]
    return Clips(mels, torch.arange(clips) % CLASSES, torch.ones(clips))


@click.command()
@click.option("--clips", default=500, show_default=True, help="Training clips; a fifth as many select.")
@click.option("--steps", type=int, help="Training steps of the cnn, instead of those of params.yaml.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True)
def main(clips: int, steps: int | None, rounds: int, precision: Literal["auto", "float32", "bfloat16"]) -> None:
    """Print CPU seconds a training."""
    given = dataclasses.replace(params.load(PARAMS, "hardware", HardwareParams), threads=1, precision=precision)
    device = hardware.device(given)
    chosen = params.load(PARAMS, "classify", ClassifyParams)
    network = getattr(chosen, "cnn")  # noqa: B009, mypy does not know the sections of the classifiers
    network = dataclasses.replace(network, steps=steps or network.steps)
    draw = torch.Generator().manual_seed(0)
    train, valid = (random_clips(some, 64, draw) for some in (clips, clips // 5))
    scaler, autocast = cnn.Scaler.fit(train.inputs), hardware.autocast(given, device)

    def train_network(seed: int) -> None:
        cnn.train_cnn(train, valid, scaler, CLASSES, network, seed, device, autocast)

    before, dtype = product_flops_per_s(2048, device, autocast)
    of_cnn = [cpu_seconds(partial(train_network, seed)) for seed in range(1 + rounds)]
    after, _ = product_flops_per_s(2048, device, autocast)
    with FlopCounterMode(display=False) as arithmetic:  # last, as the first training is to compile the kernels
        train_network(0)
    rows = np.random.default_rng(0).standard_normal((clips + clips // 5, FUNCTIONALS))
    labels = np.arange(len(rows)) % CLASSES
    some, others = (rows[:clips], labels[:clips]), (rows[clips:], labels[clips:])
    weights, is_real = np.ones(clips), np.ones(clips, bool)
    learn = partial(svm.train_svm, *some, weights, is_real, others, getattr(chosen, "svm"))  # noqa: B009
    of_svm = [cpu_seconds(learn) for _ in range(1 + rounds)]
    click.echo(f"cnn: first {of_cnn[0]:.2f} s, then {np.median(of_cnn[1:]):.2f} s of the CPU ({network.steps} steps)")
    rate = arithmetic.get_total_flops() / np.median(of_cnn[1:])
    share = rate / max(before, after)
    click.echo(f"cnn: {rate / 1e9:,.0f} GFLOP a CPU second in {dtype}, {share:.0%} of large products of matrices")
    click.echo(f"svm: {np.median(of_svm[1:]):.2f} s of the CPU (the whole grid)")


if __name__ == "__main__":
    main()
