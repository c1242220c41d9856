"""Tabulate the figures of each direction over all splits, from the tables of `assess`."""

from pathlib import Path

import click
import pandas as pd

from pipeline.assessment.figures import DECIMALS, DEMO, figures, in_numbers, in_words, read
from pipeline.core import console, params
from pipeline.core.files import write_csv, write_json


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--assessed", type=click.Path(path_type=Path), required=True, help="Folder of the splits' tables.")
@click.option("--metrics", type=click.Path(path_type=Path), required=True)
@click.option("--table", "table_path", type=click.Path(path_type=Path), required=True, help="CSV of the same figures.")
def main(params_path: Path, assessed: Path, metrics: Path, table_path: Path) -> None:
    """Tabulate the figures of each direction over all splits, from the tables of `assess`."""
    scenarios = params.load(params_path, "scenarios", tuple[str, ...])
    folds = params.load(params_path, "folds", tuple[int, ...])
    demo = "demo" in params.load(params_path, "corpora", tuple[str, ...])
    tables = {
        scenario: pd.concat([read(assessed / f"{scenario}-{fold}.parquet") for fold in folds], ignore_index=True)
        for scenario in scenarios
    }
    numbers = {scenario: in_numbers(table) for scenario, table in tables.items()}
    known = {scenario: found for scenario, found in numbers.items() if found}
    write_json(metrics, {**({"note": DEMO} if demo else {}), **known})
    flat = pd.concat({scenario: figures(table) for scenario, table in tables.items()}, names=["scenario"])
    write_csv(flat.round(DECIMALS) + 0.0, table_path, index=True)  # + 0.0: no −0
    for scenario, found in numbers.items():
        console.tell(scenario, in_words(found))
    if demo:
        console.warn("", DEMO)
