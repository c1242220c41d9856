"""How much of a gain is the luck of trainings: spread over generator seeds and classifier seeds, in points of UAR.

    python experiments/seed_noise.py experiments/ravdess-confirm{,-seed2,-seed3}

The records differ in `seed` alone; the scenarios, folds and arms that all of them have are looked at, with the cnn. A
score is a fold's mean over speakers. `training`: standard deviation over the classifier's seeds, at the same clips.
`generator`: over generator seeds, less what `training` explains of it (nested analysis of variance; 0 where that is
more). `fold noise`: what the luck of both arms adds to a fold's gain over `none`, all seeds averaged. `speakers`:
standard deviation of the gains of a fold's speakers. `ratio`: of the last two; the fold noise of
experiments/simulation.py, as far as it comes from seeds. `claimed`: the true gain that, with such deviations, is
claimed in four simulated experiments of five, where a claim takes intervals above zero, over speakers and over folds.
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
    """Variances that classifier seeds and generator seeds add to a fold's score.

    Args:
        scores: of an arm, (folds, generator seeds, classifier seeds)
    """
    training = scores.var(axis=2, ddof=1).mean()
    generator = scores.mean(axis=2).var(axis=1, ddof=1).mean() - training / scores.shape[2]
    return float(training), max(0.0, float(generator))


def claimed(speakers: float, noise: float, folds: int, of_each: int) -> float:
    """The true gain that is claimed with `POWER`; what speakers and folds add to it is normal.

    Args:
        speakers: standard deviation of what they add
        noise: of what folds add
        folds: their number
        of_each: speakers of a fold
    """
    luck = speakers * differences(EXPERIMENTS, folds, of_each, noise / speakers, shared=False, seed=0)
    lows = [t_interval(gains, CONFIDENCE)[0] for gains in (luck.reshape(EXPERIMENTS, -1), luck.mean(axis=2))]
    return float(np.quantile(-np.minimum(*lows), POWER))  # a true gain moves both


def by_seed(records: list[Path], scenario: str, folds: list[int], arm: str) -> "pd.Series[float]":
    """UAR of each speaker, with index record, fold, seed, speaker."""
    found: dict[tuple[object, ...], pd.Series] = {}
    for record in records:
        rows = pooling.test_rows([record / "predictions"], scenario, folds, arm)
        groups = rows[rows["classifier"] == CLASSIFIER].groupby(["fold", "seed"])
        found |= {(record.name, *key): metrics.speaker_scores(of_one)["uar"] for key, of_one in groups}
    return pd.concat(found, names=["record", "fold", "seed"])


def table(records: list[Path]) -> pd.DataFrame:
    """A row a scenario and arm, but for the baseline; in points."""
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
        luck = plain.groupby(["fold", "seed"]).mean().groupby("fold").var(ddof=1).mean()
        for arm in (arm for arm in arms if arm != BASELINE):
            scores = by_seed(records, scenario, folds, arm)
            fold_means = scores.groupby(levels).mean()
            sizes = [fold_means.index.get_level_values(level).nunique() for level in levels]
            training, generator = components(fold_means.to_numpy().reshape(sizes))
            gains = scores.groupby(["fold", "speaker"]).mean() - plain.groupby(["fold", "speaker"]).mean()
            speakers = gains.groupby("fold").var(ddof=1).mean()
            seeds = plain.index.get_level_values("seed").nunique()
            noise = generator / sizes[1] + training / (sizes[1] * sizes[2]) + luck / seeds
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
        raise click.UsageError("expected two or more records, one a generator seed")
    print(table(list(records)).to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    main()
