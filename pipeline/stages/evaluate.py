"""Score every arm on the test speakers, and what it gains over the arm `none`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import click
import pandas as pd
from pydantic import Field

from pipeline import audit, leakage, params, scoring
from pipeline.files import whole, write_json
from pipeline.params import section
from pipeline.predictions import predicted, read

BASELINE = "none"
DECIMALS = 6
DEMO = "the demo's voices are synthetic: their scores say nothing about real speech"

Results = dict[tuple[str, str, str], scoring.Comparison]  # by scenario, classifier and arm


@section
class EvaluateParams:
    """What metrics/summary.json speaks of, and how sure a gain must be."""

    scenario: str
    classifier: str
    confidence: Annotated[float, Field(gt=0, lt=1)]  # of the interval
    min_speakers: Annotated[int, Field(ge=2)]  # fewer are called too few


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--predictions", type=click.Path(path_type=Path), required=True)
@click.option("--augmented", type=click.Path(path_type=Path), help="Training sets, to be audited first.")
@click.option("--unaudited", is_flag=True, help="Instead of --augmented, where there are only predictions.")
@click.option("--manifest", "clips", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--splits", type=click.Path(path_type=Path), default="data/splits")
@click.option("--summary", type=click.Path(path_type=Path), required=True)
@click.option("--scores", type=click.Path(path_type=Path), required=True)
@click.option("--plots", type=click.Path(path_type=Path), required=True)
def main(
    params_path: Path,
    predictions: Path,
    augmented: Path | None,
    unaudited: bool,
    clips: Path,
    splits: Path,
    summary: Path,
    scores: Path,
    plots: Path,
) -> None:
    """Score every arm on the test speakers, and what it gains over no augmentation."""
    chosen = params.load(params_path, "evaluate", EvaluateParams)
    scenarios = params.load(params_path, "scenarios", tuple[str, ...])
    folds = params.load(params_path, "folds", tuple[int, ...])
    arms = params.load(params_path, "arms", tuple[str, ...])
    setting = params.load(params_path, "augment.setting", str)
    demo = "demo" in params.load(params_path, "corpora", tuple[str, ...])
    _expect(setting, arms, f"{params_path}: 'augment.setting'")
    _expect(chosen.scenario, scenarios, f"{params_path}: 'evaluate.scenario'")
    if not folds:
        raise click.ClickException(f"{params_path}: 'folds' is empty")
    if BASELINE not in arms:
        raise click.ClickException(f"{params_path}: 'arms' lacks '{BASELINE}', found {', '.join(arms)}")
    if (augmented is None) != unaudited:
        raise click.ClickException(
            "expected either --augmented, the training sets to look for leaks in, or --unaudited"
        )
    if augmented is None:
        click.echo("not audited: nobody looked for leaks in what the classifiers were trained on")
    else:
        places = audit.Places(clips, splits, augmented, predictions)
        for split in (f"{scenario}-{fold}" for scenario in scenarios for fold in folds):
            leakage.refuse(split, (leak for arm in arms for leak in audit.of_arm(places, split, arm)))

    results: Results = {}
    for scenario in scenarios:
        tests = {arm: _test_rows(predictions, scenario, folds, arm) for arm in arms}
        found = {arm: _compare(scenario, arm, tests, chosen.confidence) for arm in arms}
        for classifier in found[BASELINE]:  # compared, hence the same in every arm
            results |= {(scenario, classifier, arm): found[arm][classifier] for arm in arms}
    classifiers = {classifier for scenario, classifier, _ in results if scenario == chosen.scenario}
    _expect(chosen.classifier, classifiers, f"{params_path}: 'evaluate.classifier'")

    headline = results[chosen.scenario, chosen.classifier, setting]
    names = {"setting": setting, "scenario": chosen.scenario, "classifier": chosen.classifier}
    write_json(summary, {**names, "speakers": len(headline.speakers), **_rounded(headline.in_numbers())})
    write_json(scores, _nested(results, chosen.min_speakers, demo))
    rows = _test_rows(predictions, chosen.scenario, folds, setting)
    tables = {
        "confusion": _confusion(rows[rows["classifier"] == chosen.classifier]),
        "recall": _tidy({key: result.recall.to_frame("recall") for key, result in results.items()}),
        "speakers": _tidy({key: _of_speakers(result) for key, result in results.items()}),
    }
    with whole(plots) as folder:
        folder.mkdir()
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")

    for (scenario, classifier, arm), result in results.items():
        words = scoring.in_words(arm, BASELINE, result, chosen.confidence, chosen.min_speakers)
        click.echo(f"{scenario}, {classifier}: {words}")
    if demo:
        click.echo(DEMO)


def _expect(word: str, known: Iterable[str], where: str) -> None:
    if word not in known:
        raise click.ClickException(f"{where} is '{word}'{params.nearest(word, known)}")


def _test_rows(predictions: Path, scenario: str, folds: tuple[int, ...], arm: str) -> pd.DataFrame:
    """What was predicted for the test clips of all folds."""
    tables = [read(predictions / f"{scenario}-{fold}" / f"{arm}.parquet") for fold in folds]
    rows = pd.concat([table.assign(predicted=predicted(table)) for table in tables], ignore_index=True)
    rows = rows[rows["partition"] == "test"]
    if rows.empty:
        raise click.ClickException(f"{predictions}: no test clip in any fold of {scenario}, arm '{arm}'")
    return rows


def _compare(
    scenario: str, arm: str, tests: dict[str, pd.DataFrame], confidence: float
) -> dict[str, scoring.Comparison]:
    try:
        return scoring.compare(tests[arm], tests[BASELINE], confidence)
    except scoring.ScoringError as error:
        raise click.ClickException(f"{scenario}, arm '{arm}' beside '{BASELINE}': {error.message}") from None


def _nested(results: Results, least: int, demo: bool) -> dict[str, Any]:
    """Everything, by scenario, classifier and arm; with a `note` where the numbers need a caution."""
    nested: dict[str, Any] = {}
    for (scenario, classifier, arm), result in results.items():
        cautions = [scoring.too_few(len(result.speakers), least), DEMO if demo else ""]
        note = "; ".join(filter(None, cautions))
        nested.setdefault(scenario, {}).setdefault(classifier, {})[arm] = {
            "speakers": len(result.speakers),
            "clips": result.clips,
            "seeds": result.seeds,
            **({"note": note} if note else {}),
            **_rounded(result.in_numbers()),
            **_rounded({"pooled": result.pooled.to_dict(), "recall": result.recall.to_dict()}),
        }
    return nested


def _confusion(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a test clip, of the lowest seed: DVC's template counts rows, and a clip must count once."""
    first = rows[rows["seed"] == rows["seed"].min()].sort_values(["fold", "id"])
    return first[["label", "predicted"]].set_axis(["actual", "predicted"], axis=1)


def _of_speakers(result: scoring.Comparison) -> pd.DataFrame:
    uar = result.speakers["uar"]
    return pd.DataFrame({"uar": uar, "gain": uar - result.baseline["uar"]})


def _tidy(tables: dict[tuple[str, str, str], pd.DataFrame]) -> pd.DataFrame:
    stacked = pd.concat(tables, names=["scenario", "classifier", "arm"])
    return (stacked.round(DECIMALS) + 0.0).reset_index()  # + 0.0: no −0


def _rounded(numbers: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(float(value), DECIMALS) + 0.0 for key, value in found.items()}
        for name, found in numbers.items()
    }
