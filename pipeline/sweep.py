"""One number of params.yaml at several values, and what each gains: a table and its curve."""

from collections.abc import Sequence
from pathlib import Path

import click
import pandas as pd
from ruamel.yaml import YAML

from pipeline import comparison, params, workspace
from pipeline.files import whole

SWEEPS = Path("metrics/sweeps")
TEMPLATE = "sweep"


class SweepError(click.ClickException):
    """The sweep cannot start, or one of its runs failed."""


def sweep(key: str, values: Sequence[str], params_path: Path, sections: workspace.Values, raw: Path) -> Path:
    """Run `dvc repro evaluate` with each value; params.yaml and the workspace are then as they were.

    Args:
        key: of params.yaml, dots between levels, such as `augment.mix.ratio`
        values: as they would stand there
        params_path: params.yaml
        sections: as for `workspace.problems`
        raw: folder of the corpora

    Returns:
        a CSV of `comparison.tidy`, with the column `value`

    Raises:
        SweepError: there is no such key, a value cannot stand there, or a run failed
    """
    before = params_path.read_bytes()
    tables = []
    try:
        for value in values:
            params_path.write_bytes(before)
            _change(params_path, key, value)
            if problems := workspace.problems(params_path, raw, sections):
                raise SweepError(f"{key}={value}: {'; '.join(problems)}")
            _repro(f"{key}={value}")
            found = comparison.tidy(comparison.read(Path("metrics/ser.json")))
            tables.append(found.assign(value=YAML(typ="safe").load(value)))
    finally:
        params_path.write_bytes(before)
    _repro("params.yaml as it was")
    out = SWEEPS / f"{key}.csv"
    with whole(out) as temporary:
        pd.concat(tables).to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    return out


def plot(table: Path) -> int:
    """Draw the curve as a page, dvc_plots/index.html; exit code of DVC."""
    return workspace.dvc("plots", "show", str(table), "-x", "value", "-y", "gain", "--template", TEMPLATE)


def _change(path: Path, key: str, value: str) -> None:
    yaml = YAML()
    found = yaml.load(path)
    *above, last = key.split(".")
    place = found
    for level in above:
        place = place.get(level) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place:
        raise SweepError(f"{path}: has no '{key}'{params.nearest(last, place) if isinstance(place, dict) else ''}")
    place[last] = YAML(typ="safe").load(value)
    yaml.dump(found, path)


def _repro(what: str) -> None:
    click.echo(f"\n{what}")
    if workspace.dvc("repro", "evaluate"):
        raise SweepError(f"{what}: `dvc repro evaluate` failed; what it says stands above")
