"""Run the pipeline with several values of one parameter, and plot the gains."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import pandas as pd
from ruamel.yaml import YAML

from pipeline.cli import check, workspace
from pipeline.cli.alone import alone
from pipeline.cli.workspace import PARAMS, WorkspaceError
from pipeline.core.files import write_csv
from pipeline.evaluation import score_table

SWEEPS = Path("metrics/sweeps")


@click.command(context_settings={"ignore_unknown_options": True})  # a negative value is no option
@click.argument("key")
@click.argument("values", nargs=-1, required=True)
@alone()
def main(key: str, values: tuple[str, ...]) -> None:
    """Run `dvc repro evaluate` with each of VALUES for KEY of params.yaml, and plot the gains.

    Example: emocycle sweep augment.mix.ratio 0.25 0.5 1
    """
    table = SWEEPS / f"{key}.csv"
    found = _scores(key, values)
    write_csv(found, table)
    click.echo(f"{table}: gains by value; plot:")
    workspace.dvc("plots", "show", str(table), "-x", "value", "-y", "gain", "--template", "sweep")


def _scores(key: str, texts: Sequence[str]) -> pd.DataFrame:
    """Scores with each value of a parameter; params.yaml is restored afterwards, also after an error.

    After an interrupt, params.yaml is restored, but the outputs are those of the current value.

    Args:
        key: dots between levels
        texts: values, as YAML

    Returns:
        column `value`, and those of `score_table.tidy`

    Raises:
        WorkspaceError: unknown key, invalid value, or `dvc repro` failed
    """
    before = PARAMS.read_bytes()
    values = {text: YAML(typ="safe").load(text) for text in texts}
    for text, value in values.items():  # all are checked before the first run
        with TemporaryDirectory() as folder:
            trial = Path(folder) / PARAMS
            trial.write_bytes(before)
            workspace.change_params(trial, {key: value}, PARAMS)
            if problems := check.problems(trial):
                raise WorkspaceError(f"{key}={text}: {'; '.join(problems)}".replace(str(trial), str(PARAMS)))
    tables = []
    for text, value in values.items():
        with workspace.changed_params({key: value}):
            if _repro(f"{key}={text}"):
                break
            table = score_table.tidy(score_table.read(Path("metrics/ser.json")))
            table.insert(0, "value", [value] * len(table))
            tables.append(table)
    is_restored = not _repro(f"{PARAMS} restored")
    if is_restored and len(tables) == len(values):
        return pd.concat(tables, ignore_index=True)
    failed = f"{key}={text}: `dvc repro evaluate` failed, see its output above; " * (len(tables) < len(values))
    outputs = "the outputs, too" if is_restored else "but not the outputs: `dvc repro evaluate` failed"
    raise WorkspaceError(f"{failed}{PARAMS} is restored, {outputs}")


def _repro(name: str) -> int:
    """Exit code of `dvc repro evaluate`."""
    click.echo(f"\n{name}")
    return workspace.dvc("repro", "evaluate")
