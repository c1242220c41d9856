"""Score every arm on the test speakers, and compute its gains over the reference arms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd

from pipeline.core import console, params
from pipeline.core.console import tracked
from pipeline.core.files import atomic_write, write_csv, write_json
from pipeline.evaluation import metrics, pooling
from pipeline.evaluation.comparison import ScoringError, check_paired
from pipeline.evaluation.metrics import Performance
from pipeline.evaluation.results import BASELINE, EvaluateParams, Key, Results
from pipeline.leakage import audit
from pipeline.leakage.leak import require_no_leak

DEMO = "the demo's speech is synthetic: its scores say nothing about real speech"


@dataclass(frozen=True)
class Experiment:
    """The parts of params.yaml that are evaluated, checked against each other."""

    evaluate: EvaluateParams
    scenarios: tuple[str, ...]
    folds: tuple[int, ...]
    arms: tuple[str, ...]
    headline_arm: str
    is_demo: bool

    @property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Scenarios behind each name that has scores: a scenario itself, or those that are pooled."""
        return {scenario: (scenario,) for scenario in self.scenarios} | self.evaluate.pooled

    def splits(self, *scenarios: str) -> list[str]:
        """Names of the splits of some scenarios, such as `full-1`."""
        return [f"{scenario}-{fold}" for scenario in scenarios for fold in self.folds]


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option(
    "--predictions",
    "folders",
    type=click.Path(path_type=Path),
    required=True,
    multiple=True,
    help="Folder of predictions. May be repeated: runs that differ only in `seed` are averaged.",
)
@click.option("--augmented", type=click.Path(path_type=Path), help="Folder of the training sets, audited first.")
@click.option("--skip-audit", is_flag=True, help="Instead of --augmented: score without auditing the training sets.")
@click.option("--manifest", "clips", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--splits", type=click.Path(path_type=Path), default="data/splits")
@click.option("--classifiers", type=click.Path(path_type=Path), default="models/classifiers")
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
    classifiers: Path,
    summary: Path,
    scores: Path,
    plots: Path,
) -> None:
    """Score every arm on the test speakers, and compute its gains over the reference arms."""
    experiment = _experiment(params_path)
    _audit(experiment, folders, augmented, clips, splits, classifiers, skip_audit)
    pooling.check(folders, experiment.splits(*experiment.scenarios), experiment.arms)
    cautions = {name: _cautions(experiment, folders, members) for name, members in experiment.members.items()}
    results = _results(experiment, folders, params_path)

    chosen, arm = experiment.evaluate, experiment.headline_arm
    about = {"arm": arm, "scenario": chosen.scenario, "classifier": chosen.classifier}
    write_json(summary, {**about, **results.summary(chosen.scenario, chosen.classifier, arm)})
    write_json(scores, results.in_numbers(cautions, generator_seeds=len(folders)))
    rows = pooling.test_rows(folders, experiment.members[chosen.scenario], experiment.folds, arm)
    _write_plots(plots, results, rows[rows["classifier"] == chosen.classifier])
    for subject, words in results.in_words():
        console.tell(subject, words)
    for line in dict.fromkeys(line for lines in cautions.values() for line in lines):
        console.warn("", line)


def _experiment(path: Path) -> Experiment:
    experiment = Experiment(
        params.load(path, "evaluate", EvaluateParams),
        params.load(path, "scenarios", tuple[str, ...]),
        params.load(path, "folds", tuple[int, ...]),
        params.load(path, "arms", tuple[str, ...]),
        params.load(path, "augment.headline_arm", str),
        "demo" in params.load(path, "corpora", tuple[str, ...]),
    )
    references = experiment.evaluate.references
    _expect(experiment.headline_arm, experiment.arms, f"{path}: 'augment.headline_arm'")
    _expect(experiment.evaluate.scenario, experiment.members, f"{path}: 'evaluate.scenario'")
    for name, members in experiment.evaluate.pooled.items():
        for scenario in members:
            _expect(scenario, experiment.scenarios, f"{path}: one of 'evaluate.pooled.{name}'")
        if name in experiment.scenarios:
            raise click.ClickException(f"{path}: 'evaluate.pooled.{name}' has the name of a scenario")
    if not experiment.folds:
        raise click.ClickException(f"{path}: 'folds' is empty")
    for where, words in (("arms", experiment.arms), ("evaluate.references", references)):
        if BASELINE not in words:
            raise click.ClickException(f"{path}: '{where}' lacks '{BASELINE}', found {', '.join(words)}")
    for reference in experiment.evaluate.primary.references:
        _expect(reference, references, f"{path}: one of 'evaluate.primary.references'")
    return experiment


def _expect(word: str, known: Iterable[str], where: str) -> None:
    if word not in known:
        raise click.ClickException(f"{where} is '{word}'{params.nearest(word, known)}")


def _audit(
    experiment: Experiment,
    folders: Sequence[Path],
    augmented: Path | None,
    clips: Path,
    split_tables: Path,
    classifiers: Path,
    skip_audit: bool,
) -> None:
    """Search the training sets for leaks, or report that this is skipped.

    Raises:
        ClickException: there is a leak, or the options are not of one run that can be audited
    """
    if (augmented is None) != skip_audit:
        raise click.ClickException("expected either --augmented, the training sets to audit, or --skip-audit")
    if augmented is None:
        console.warn("", "not audited: the training sets were not searched for leaks")
        return
    if len(folders) > 1:
        raise click.ClickException("several --predictions: each run was audited on its own; expected --skip-audit")
    places = audit.Places(clips, split_tables, augmented, folders[0], classifiers)
    splits = experiment.splits(*experiment.scenarios)
    for split in tracked(splits, "audit", len(splits)):
        require_no_leak(split, (leak for arm in experiment.arms for leak in audit.of_arm(places, split, arm)))


def _cautions(experiment: Experiment, folders: Sequence[Path], scenarios: Sequence[str]) -> list[str]:
    """Notes on the numbers of a scenario, or of pooled ones."""
    splits = experiment.splits(*scenarios)
    unequal = pooling.unequal_budgets(folders, splits, experiment.arms)
    return [
        *([DEMO] if experiment.is_demo else []),
        *([f"training differs between arms: {'; '.join(unequal)}"] if unequal else []),
        *pooling.unequal_hardware(folders, splits, experiment.arms),
    ]


def _results(experiment: Experiment, folders: Sequence[Path], params_path: Path) -> Results:
    """Scores of all arms in all scenarios.

    Raises:
        ClickException: the clips or seeds of an arm are not those of the baseline, or `evaluate.classifier` is unknown
    """
    chosen = experiment.evaluate
    performances: dict[Key, Performance] = {}
    for name, members in tracked(experiment.members.items(), "scores", len(experiment.members)):
        performances |= _scored(experiment, folders, name, members)
    classifiers = {classifier for scenario, classifier, _ in performances if scenario == chosen.scenario}
    _expect(chosen.classifier, classifiers, f"{params_path}: 'evaluate.classifier'")
    return Results(performances, chosen.references, chosen.primary, chosen.confidence, chosen.min_speakers)


def _scored(
    experiment: Experiment, folders: Sequence[Path], name: str, scenarios: Sequence[str]
) -> dict[Key, Performance]:
    """Scores of all arms in one scenario, or in several that are pooled by a name, each paired with the baseline."""
    tests = {arm: pooling.test_rows(folders, scenarios, experiment.folds, arm) for arm in experiment.arms}
    found: dict[str, Mapping[str, Performance]] = {}
    for arm, rows in tests.items():
        try:
            check_paired(rows, tests[BASELINE])
        except ScoringError as error:
            raise click.ClickException(f"{name}, arm '{arm}' beside '{BASELINE}': {error.message}") from None
        found[arm] = metrics.performances(rows)
    # Paired, so every arm has the classifiers of the baseline.
    return {(name, word, arm): found[arm][word] for word in found[BASELINE] for arm in experiment.arms}


def _confusion(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a test clip, of the lowest seed: DVC's template counts rows, and a clip must count once."""
    first = rows[rows["seed"] == rows["seed"].min()].sort_values(["fold", "id"])
    return first[["label", "predicted"]].set_axis(["actual", "predicted"], axis=1)


def _write_plots(out: Path, results: Results, rows: pd.DataFrame) -> None:
    """Write the tables that DVC plots.

    Args:
        out: folder
        results: of all arms
        rows: test rows of the headline arm and classifier
    """
    tables = {"confusion": _confusion(rows), "recall": results.recalls(), "speakers": results.speakers()}
    with atomic_write(out) as folder:
        folder.mkdir()
        for name, table in tables.items():
            write_csv(table, folder / f"{name}.csv")
