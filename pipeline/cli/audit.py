"""Search the workspace for leaks between training and test data."""

from collections.abc import Iterator
from itertools import product

import click

from pipeline.cli.workspace import CLASSIFIERS, DATA, PARAMS
from pipeline.core import manifest, params
from pipeline.corpora import AGREED_FOLDS
from pipeline.data import splits
from pipeline.data.splits import SplitParams
from pipeline.leakage import audit
from pipeline.leakage.leak import Leak


@click.command()
def main() -> None:
    """Search for leaks in the outputs of `dvc repro`, for every split and arm of params.yaml."""
    n_leaks = 0
    for split, arm, leaks in _leaks():
        click.echo(f"{split} {arm}: " + (f"{len(leaks)} rules broken" if leaks else "no leak"))
        click.echo("".join(f"  {line}\n" for leak in leaks for line in leak.in_full()), nl=False)
        n_leaks += len(leaks)
    if n_leaks:
        raise click.ClickException("the workspace has leaks; its results are not valid")


def _leaks() -> Iterator[tuple[str, str, list[Leak]]]:
    """Each split and arm of params.yaml, with its leaks."""
    scenarios = params.load(PARAMS, "scenarios", tuple[str, ...])
    folds = params.load(PARAMS, "folds", tuple[int, ...])
    arms = params.load(PARAMS, "arms", tuple[str, ...])
    chosen = params.load(PARAMS, "split", SplitParams)
    places = audit.Places(
        DATA / "manifest.parquet",
        DATA / "splits",
        DATA / "augmented",
        DATA / "predictions",
        CLASSIFIERS,
    )
    clips = manifest.read(places.manifest, manifest.CLIPS)
    for scenario, fold in product(scenarios, folds):
        split = f"{scenario}-{fold}"
        expected = splits.partitions(clips, fold, chosen.scenarios[scenario], chosen, AGREED_FOLDS)
        stale = audit.other_split(places.splits / f"{split}.parquet", expected, chosen.sentence_groups > 1)
        for arm in arms:
            yield split, arm, [*stale, *audit.of_arm(places, split, arm)]
