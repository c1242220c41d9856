"""Type-I errors of the intervals and the test of pipeline/evaluation/significance.py.

    python experiments/simulation.py

Each simulated experiment has a paired difference for every speaker. It is the sum of an effect of the speaker, normal
with a standard deviation of 1, and an effect of the fold's models, normal with one of `NOISES`. The true effect is 0.
`shared`: partner folds (1 and 2, 3 and 4, …), which have the same train speakers, share all of the fold noise; in
reality they share a part of it.
"""

import click
import numpy as np

from pipeline.evaluation.significance import sign_flip, t_interval

CONFIDENCE = 0.95
SIZES = ((6, 4), (4, 4), (2, 4))  # folds, speakers in each
NOISES = (0.0, 0.25, 0.5, 1.0)  # standard deviation of the fold effect, relative to that of the speaker effect
COLUMNS = ("t over speakers", "sign-flip", "t over folds")


def differences(experiments: int, folds: int, speakers: int, noise: float, shared: bool, seed: int) -> np.ndarray:
    """Gains without an effect, (experiments, folds, speakers)."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(experiments, folds, speakers))
    common = rng.normal(size=(experiments, folds // 2 if shared else folds, 1))
    return own + noise * (np.repeat(common, 2, axis=1) if shared else common)


def found(gains: np.ndarray, resamples: int) -> np.ndarray:
    """Share of the experiments in which each of `COLUMNS` finds an effect, (3,).

    Args:
        gains: (experiments, folds, speakers)
        resamples: of the sign-flip test
    """
    of_speakers, of_folds = gains.reshape(len(gains), -1), gains.mean(axis=2)
    intervals = (t_interval(values, CONFIDENCE) for values in (of_speakers, of_folds))
    over_speakers, over_folds = (((low > 0) | (high < 0)).mean() for low, high in intervals)
    is_small = sign_flip(of_speakers, resamples) <= 1 - CONFIDENCE
    return np.array([over_speakers, is_small.mean(), over_folds])


@click.command()
@click.option("--experiments", default=2000, show_default=True)
@click.option("--resamples", default=1999, show_default=True, help="Resamples of each sign-flip test.")
@click.option("--seed", default=0, show_default=True)
def main(experiments: int, resamples: int, seed: int) -> None:
    """Print a table in Markdown."""
    print(f"| folds × speakers | fold noise | shared | {' | '.join(COLUMNS)} |\n|---|---|---|{'---|' * len(COLUMNS)}")
    for folds, speakers in SIZES:
        for noise, shared in [*((noise, False) for noise in NOISES), (NOISES[-2], True)]:
            shares = found(differences(experiments, folds, speakers, noise, shared, seed), resamples)
            figures = " | ".join(f"{100 * share:.1f} %" for share in shares)
            print(f"| {folds} × {speakers} | {noise:g} | {'yes' if shared else 'no'} | {figures} |")


if __name__ == "__main__":
    main()
