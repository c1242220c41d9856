"""What arms gain with other numbers in params.yaml: a table, and the curve of one number."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import pandas as pd
from ruamel.yaml import YAML

from pipeline.cli import workspace
from pipeline.core import params
from pipeline.core.files import atomic_write
from pipeline.evaluation import score_table

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
    with atomic_write(out) as temporary:
        found.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    return out


def scores(settings: Mapping[str, Changes], params_path: Path, sections: workspace.Values, raw: Path) -> pd.DataFrame:
    """Run `dvc repro evaluate` with each setting, and then with params.yaml as it was, even where one of them fails.

    An interrupted sweep leaves params.yaml as it was, and the outputs of the setting that it was at.

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
    for name, changes in settings.items():  # all, before anything runs
        with TemporaryDirectory() as folder:
            trial = Path(folder) / params_path.name
            trial.write_bytes(before)
            change(trial, changes, params_path)
            if problems := workspace.problems(trial, raw, sections):
                raise SweepError(f"{name}: {'; '.join(problems)}".replace(str(trial), str(params_path)))
    tables = []
    try:
        for name, changes in settings.items():
            with atomic_write(params_path) as temporary:
                temporary.write_bytes(before)
                change(temporary, changes, params_path)
            if _repro(name):
                break
            tables.append(score_table.tidy(score_table.read(Path("metrics/ser.json"))).assign(setting=name))
    finally:
        with atomic_write(params_path) as temporary:
            temporary.write_bytes(before)
    restored = not _repro(f"{params_path} as it was")
    if restored and len(tables) == len(settings):
        return pd.concat(tables, ignore_index=True)
    failed = f"{name}: `dvc repro evaluate` failed; what it says stands above; " * (len(tables) < len(settings))
    outputs = "so are the outputs" if restored else "the outputs are not: `dvc repro evaluate` failed with it"
    raise SweepError(f"{failed}{params_path} is as it was, {outputs}")


def plot(table: Path) -> int:
    """Draw the curve of a sweep as a page, dvc_plots/index.html; exit code of DVC."""
    return workspace.dvc("plots", "show", str(table), "-x", "value", "-y", "gain", "--template", TEMPLATE)


def change(path: Path, changes: Changes, called: Path) -> None:
    """Put other values into a file of parameters, without its comments.

    A writer that keeps comments leaves broken YAML where a list with a comment becomes empty.

    Args:
        path: the file
        changes: key, dots between levels → value
        called: what an error calls the file

    Raises:
        SweepError: there is no such key
    """
    found = params.read(path)
    for key, value in changes.items():
        *above, last = key.split(".")
        place: Any = found
        for level in above:
            place = place.get(level) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place:
            hint = params.nearest(last, place) if isinstance(place, dict) else ""
            raise SweepError(f"{called}: has no '{key}'{hint}")
        place[last] = value
    YAML(typ="safe").dump(found, path)


def _repro(what: str) -> int:
    """Exit code of `dvc repro evaluate`."""
    click.echo(f"\n{what}")
    return workspace.dvc("repro", "evaluate")
