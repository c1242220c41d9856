"""What arms gain with other numbers in params.yaml: a table, and the curve of one number."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd
from ruamel.yaml import YAML

from pipeline import comparison, params, workspace
from pipeline.files import whole

SWEEPS = Path("metrics/sweeps")
TEMPLATE = "sweep"

Changes = Mapping[str, Any]  # key of params.yaml, dots between levels → value


class SweepError(click.ClickException):
    """The sweep cannot start, or one of its runs failed."""


def sweep(key: str, values: Sequence[str], params_path: Path, sections: workspace.Values, raw: Path) -> Path:
    """Table of what arms gain at several values of one number.

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
    yaml = YAML(typ="safe")
    settings = {f"{key}={value}": {key: yaml.load(value)} for value in values}
    found = scores(settings, params_path, sections, raw)
    found.insert(0, "value", found.pop("setting").map({name: changes[key] for name, changes in settings.items()}))
    out = SWEEPS / f"{key}.csv"
    with whole(out) as temporary:
        found.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    return out


def scores(settings: Mapping[str, Changes], params_path: Path, sections: workspace.Values, raw: Path) -> pd.DataFrame:
    """Run `dvc repro evaluate` with each setting; params.yaml and the workspace are then as they were.

    Args:
        settings: by name, what each changes of params.yaml
        params_path: this and the others as for `sweep`
        sections: …
        raw: …

    Returns:
        rows of `comparison.tidy`, and the column `setting`

    Raises:
        SweepError: as for `sweep`
    """
    before = params_path.read_bytes()
    tables = []
    try:
        for name, changes in settings.items():
            params_path.write_bytes(before)
            change(params_path, changes)
            if problems := workspace.problems(params_path, raw, sections):
                raise SweepError(f"{name}: {'; '.join(problems)}")
            _repro(name)
            tables.append(comparison.tidy(comparison.read(Path("metrics/ser.json"))).assign(setting=name))
    finally:
        params_path.write_bytes(before)
    _repro("params.yaml as it was")
    return pd.concat(tables, ignore_index=True)


def plot(table: Path) -> int:
    """Draw the curve of a sweep as a page, dvc_plots/index.html; exit code of DVC."""
    return workspace.dvc("plots", "show", str(table), "-x", "value", "-y", "gain", "--template", TEMPLATE)


def change(path: Path, changes: Changes) -> None:
    """Put other values into a file of parameters, whose comments stay.

    Raises:
        SweepError: there is no such key
    """
    yaml = YAML()
    found = yaml.load(path)
    for key, value in changes.items():
        *above, last = key.split(".")
        place = found
        for level in above:
            place = place.get(level) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place:
            raise SweepError(f"{path}: has no '{key}'{params.nearest(last, place) if isinstance(place, dict) else ''}")
        place[last] = value
    yaml.dump(found, path)


def _repro(what: str) -> None:
    click.echo(f"\n{what}")
    if workspace.dvc("repro", "evaluate"):
        raise SweepError(f"{what}: `dvc repro evaluate` failed; what it says stands above")
