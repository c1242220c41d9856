"""Score every arm on the test speakers, and what it gains over the arms that it is compared with."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import click
import pandas as pd
from pydantic import Field

from pipeline.core import params
from pipeline.core.files import atomic_write, write_json
from pipeline.core.params import section
from pipeline.evaluation import metrics, pooling
from pipeline.evaluation.metrics import Performance
from pipeline.evaluation.results import BASELINE, Key, PrimaryParams, Results
from pipeline.leakage import audit, rules

DEMO = "the demo's voices are synthetic: their scores say nothing about real speech"


@section
class EvaluateParams:
    """What metrics/summary.json speaks of, what arms are compared with, and how sure a gain must be."""

    scenario: str
    classifier: str
    confidence: Annotated[float, Field(gt=0, lt=1)]  # of the intervals
    min_speakers: Annotated[int, Field(ge=2)]  # fewer are called too few
    references: tuple[str, ...]  # those that are not among `arms` are left out
    primary: PrimaryParams


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option(
    "--predictions",
    "folders",
    type=click.Path(path_type=Path),
    required=True,
    multiple=True,
    help="May be repeated: runs that differ in `seed` alone are averaged.",
)
@click.option("--augmented", type=click.Path(path_type=Path), help="Training sets, to be audited first.")
@click.option("--skip-audit", is_flag=True, help="Instead of --augmented, where there are only predictions.")
@click.option("--manifest", "clips", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--splits", type=click.Path(path_type=Path), default="data/splits")
@click.option("--summary", type=click.Path(path_type=Path), required=True)
@click.option("--scores", type=click.Path(path_type=Path), required=True)
@click.option("--plots", type=click.Path(path_type=Path), required=True)
def main(
    params_path: Path,
    folders: tuple[Path, ...],
    augmented: Path | None,
    skip_audit: bool,
    clips: Path,
    splits: Path,
    summary: Path,
    scores: Path,
    plots: Path,
) -> None:
    """Score every arm on the test speakers, and what it gains over the arms that it is compared with."""
    chosen = params.load(params_path, "evaluate", EvaluateParams)
    scenarios = params.load(params_path, "scenarios", tuple[str, ...])
    folds = params.load(params_path, "folds", tuple[int, ...])
    arms = params.load(params_path, "arms", tuple[str, ...])
    setting = params.load(params_path, "augment.headline_arm", str)
    demo = "demo" in params.load(params_path, "corpora", tuple[str, ...])
    _expect(setting, arms, f"{params_path}: 'augment.headline_arm'")
    _expect(chosen.scenario, scenarios, f"{params_path}: 'evaluate.scenario'")
    if not folds:
        raise click.ClickException(f"{params_path}: 'folds' is empty")
    for where, words in (("arms", arms), ("evaluate.references", chosen.references)):
        if BASELINE not in words:
            raise click.ClickException(f"{params_path}: '{where}' lacks '{BASELINE}', found {', '.join(words)}")
    for reference in chosen.primary.references:
        _expect(reference, chosen.references, f"{params_path}: one of 'evaluate.primary.references'")
    splits_of = {scenario: [f"{scenario}-{fold}" for fold in folds] for scenario in scenarios}
    split_names = [split for names in splits_of.values() for split in names]
    if (augmented is None) != skip_audit:
        raise click.ClickException(
            "expected either --augmented, the training sets to look for leaks in, or --skip-audit"
        )
    if augmented is None:
        click.echo("not audited: nobody looked for leaks in what the classifiers were trained on")
    elif len(folders) > 1:
        raise click.ClickException("several --predictions: each run was audited on its own; expected --skip-audit")
    else:
        places = audit.Places(clips, splits, augmented, folders[0])
        for split in split_names:
            rules.require_no_leak(split, (leak for arm in arms for leak in audit.of_arm(places, split, arm)))
    pooling.check(folders, split_names, arms)
    cautions = {scenario: [DEMO] if demo else [] for scenario in scenarios}
    for scenario, names in splits_of.items():
        unfair = pooling.unequal_budgets(folders, names, arms)
        cautions[scenario] += [f"not the same budget in all arms: {'; '.join(unfair)}"] if unfair else []
        cautions[scenario] += pooling.unequal_machines(folders, names, arms)

    performances: dict[Key, Performance] = {}
    for scenario in scenarios:
        tests = {arm: pooling.test_rows(folders, scenario, folds, arm) for arm in arms}
        found = {arm: _scored(scenario, arm, tests) for arm in arms}
        for classifier in found[BASELINE]:  # paired, hence the same in every arm
            performances |= {(scenario, classifier, arm): found[arm][classifier] for arm in arms}
    classifiers = {classifier for scenario, classifier, _ in performances if scenario == chosen.scenario}
    _expect(chosen.classifier, classifiers, f"{params_path}: 'evaluate.classifier'")
    results = Results(performances, chosen.references, chosen.primary, chosen.confidence, chosen.min_speakers)

    about = {"setting": setting, "scenario": chosen.scenario, "classifier": chosen.classifier}
    write_json(summary, {**about, **results.summary(chosen.scenario, chosen.classifier, setting)})
    write_json(scores, results.in_numbers(cautions, generator_seeds=len(folders)))
    rows = pooling.test_rows(folders, chosen.scenario, folds, setting)
    tables = {
        "confusion": _confusion(rows[rows["classifier"] == chosen.classifier]),
        "recall": results.recalls(),
        "speakers": results.speakers(),
    }
    with atomic_write(plots) as folder:
        folder.mkdir()
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")

    for line in results.in_words():
        click.echo(line)
    for caution in dict.fromkeys(line for lines in cautions.values() for line in lines):
        click.echo(caution)


def _expect(word: str, known: Iterable[str], where: str) -> None:
    if word not in known:
        raise click.ClickException(f"{where} is '{word}'{params.nearest(word, known)}")


def _scored(scenario: str, arm: str, tests: Mapping[str, pd.DataFrame]) -> dict[str, Performance]:
    """What an arm scored, by classifier; refused where it is not of the clips and seeds of the baseline."""
    try:
        metrics.check_paired(tests[arm], tests[BASELINE])
    except metrics.ScoringError as error:
        raise click.ClickException(f"{scenario}, arm '{arm}' beside '{BASELINE}': {error.message}") from None
    return metrics.performances(tests[arm])


def _confusion(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a test clip, of the lowest seed: DVC's template counts rows, and a clip must count once."""
    first = rows[rows["seed"] == rows["seed"].min()].sort_values(["fold", "id"])
    return first[["label", "predicted"]].set_axis(["actual", "predicted"], axis=1)
