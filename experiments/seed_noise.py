"""How much of a gain is due to random seeds: its variance over generator and classifier seeds, in points of UAR.

    python experiments/seed_noise.py experiments/ravdess-confirm{,-seed2,-seed3}

The records differ in `seed` alone. Scenarios, folds and arms that all records share are used, with the cnn. A score is
the mean over the speakers of a fold. Columns:

- `training`: standard deviation over the classifier's seeds, on the same clips.
- `generator`: standard deviation over generator seeds without `training` (nested analysis of variance; at least 0).
- `fold noise`: standard deviation of a fold's gain over `none` due to the seeds of both arms, all seeds averaged.
- `speakers`: standard deviation of the gains of a fold's speakers.
- `ratio`: of the last two, as in experiments/simulation.py, as far as it comes from seeds.
- `claimed`: the true gain that is claimed in 80 % of simulated experiments with these deviations. A claim needs
  intervals above zero, over speakers and over folds.
"""

from pathlib import Path

import click
import numpy as np
import pandas as pd
from simulation import CONFIDENCE, differences

from pipeline.core import params
from pipeline.evaluation import metrics, pooling
from pipeline.evaluation.results import BASELINE
from pipeline.evaluation.significance import POWER, t_interval

CLASSIFIER = "cnn"
EXPERIMENTS = 20_000


def components(scores: np.ndarray) -> tuple[float, float]:
    """Variances of a fold's score due to classifier seeds and to generator seeds.

    Args:
        scores: of an arm, (folds, generator seeds, classifier seeds)
    """
    training = scores.var(axis=2, ddof=1).mean()
    generator = scores.mean(axis=2).var(axis=1, ddof=1).mean() - training / scores.shape[2]
    return float(training), max(0.0, float(generator))


def claimed(speakers: float, noise: float, folds: int, of_each: int) -> float:
    """The true gain that is claimed with probability `POWER`; effects of speakers and folds are normal.

    Args:
        speakers: standard deviation of the effects of speakers
        noise: standard deviation of the effects of folds
        folds: number of folds
        of_each: speakers of a fold
    """
    noises = speakers * differences(EXPERIMENTS, folds, of_each, noise / speakers, shared=False, seed=0)
    lows = [t_interval(gains, CONFIDENCE)[0] for gains in (noises.reshape(EXPERIMENTS, -1), noises.mean(axis=2))]
    return float(np.quantile(-np.minimum(*lows), POWER))  # a true gain shifts both


def by_seed(records: list[Path], scenario: str, folds: list[int], arm: str) -> "pd.Series[float]":
    """UAR of each speaker, with index record, fold, seed, speaker."""
    found: dict[tuple[object, ...], pd.Series] = {}
    for record in records:
        rows = pooling.test_rows([record / "predictions"], [scenario], folds, arm)
        groups = rows[rows["classifier"] == CLASSIFIER].groupby(["fold", "seed"])
        found |= {(record.name, *key): metrics.speaker_scores(of_one)["uar"] for key, of_one in groups}
    return pd.concat(found, names=["record", "fold", "seed"])


def table(records: list[Path]) -> pd.DataFrame:
    """One row for each scenario and arm other than the baseline, in points."""
    listed = [params.read(record / "params.yaml") for record in records]
    scenarios, folds, arms = (
        [word for word in listed[0][key] if all(word in found[key] for found in listed)]
        for key in ("scenarios", "folds", "arms")
    )
    pooling.check([record / "predictions" for record in records], [f"{s}-{f}" for s in scenarios for f in folds], arms)
    levels = ["fold", "record", "seed"]
    rows = []
    for scenario in scenarios:
        plain = by_seed(records[:1], scenario, folds, BASELINE)
        baseline = plain.groupby(["fold", "seed"]).mean().groupby("fold").var(ddof=1).mean()
        for arm in (arm for arm in arms if arm != BASELINE):
            scores = by_seed(records, scenario, folds, arm)
            fold_means = scores.groupby(levels).mean()
            sizes = [fold_means.index.get_level_values(level).nunique() for level in levels]
            training, generator = components(fold_means.to_numpy().reshape(sizes))
            gains = scores.groupby(["fold", "speaker"]).mean() - plain.groupby(["fold", "speaker"]).mean()
            speakers = gains.groupby("fold").var(ddof=1).mean()
            seeds = plain.index.get_level_values("seed").nunique()
            noise = generator / sizes[1] + training / (sizes[1] * sizes[2]) + baseline / seeds
            points = {"training": training, "generator": generator, "fold noise": noise, "speakers": speakers}
            deviations = {name: 100 * variance**0.5 for name, variance in points.items()}
            of_each = round(gains.groupby("fold").size().mean())
            least = claimed(deviations["speakers"], deviations["fold noise"], len(folds), of_each)
            row = {"scenario": scenario, "arm": arm, **deviations, "ratio": (noise / speakers) ** 0.5, "claimed": least}
            rows.append(row)
    return pd.DataFrame(rows)


@click.command()
@click.argument("records", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(records: tuple[Path, ...]) -> None:
    """Print a table in Markdown."""
    if len(records) < 2:
        raise click.UsageError("expected two or more records, one for each generator seed")
    print(table(list(records)).to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    main()
