"""List all errors in params.yaml and data/raw."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from pipeline.cli import check_rules
from pipeline.cli.main import sections
from pipeline.cli.workspace import BANK, PARAMS, RAW, WorkspaceError
from pipeline.core import console, params
from pipeline.corpora import CORPORA, DEMO, expected, ingestion
from pipeline.corpora.table import TableParams


@click.command()
def main() -> None:
    """List all errors in params.yaml and data/raw, before `dvc repro` stops at the first one."""
    validate()


def validate(path: Path = PARAMS, folders: Mapping[str, Path] = MappingProxyType({})) -> None:
    """Print that the workspace is valid.

    Args:
        path: params.yaml
        folders: as for `problems`

    Raises:
        WorkspaceError: lists all problems
    """
    if found := problems(path, folders):
        lines = "".join(f"\n  - {line}" for line in found)
        raise WorkspaceError(f"{len(found)} problem{'s' * (len(found) > 1)} to solve first:{lines}")
    if console.verbosity() > console.QUIET:
        click.echo(f"{path} and {RAW} are valid")


def problems(path: Path = PARAMS, folders: Mapping[str, Path] = MappingProxyType({})) -> list[str]:
    """All errors in params.yaml and in the folders of the corpora that would stop `dvc repro`.

    Args:
        path: params.yaml
        folders: folders of corpora that are not in `RAW` yet

    Raises:
        ParamsError: the file is missing, or not YAML
    """
    values, errors = _loaded(path)
    if "classify" in values:
        of_classify = ("classifiers", "names", "normalisations", "known", "seeds")
        values |= {f"classify.{key}": getattr(values["classify"], key) for key in of_classify}
    if isinstance(tables := params.read(path).get("tables"), dict):  # also where another part of a table is invalid
        values["tables.names"] = set(tables)
    errors += [f"{path}: {line}" for line in check_rules.broken(values)]
    tables = values.get("tables", {})
    errors += [line for name in dict.fromkeys(values.get("banks", ())) for line in _bank(BANK / name)]
    return errors + [
        line for corpus in values.get("corpora", ()) for line in _raw(corpus, folders.get(corpus, RAW / corpus), tables)
    ]


def schema_errors(path: Path) -> list[str]:
    """Unknown keys, missing keys and invalid values of a params.yaml; errors as for `problems`."""
    return _loaded(path)[1]


def _loaded(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Valid values of params.yaml by key, and the errors."""
    found, kinds = params.read(path), sections()
    errors = [*_unknown(found, kinds, path)]
    values: dict[str, Any] = {}
    for key, kind in kinds.items():
        if key.partition(".")[0] not in found:
            errors.append(f"{path}: '{key}' is missing")
            continue
        try:
            values[key] = params.load(path, key, kind)
        except params.ParamsError as error:
            errors.append(error.message)
    return values, errors


def _unknown(found: Mapping[str, Any], kinds: Mapping[str, Any], path: Path) -> Iterable[str]:
    """Unknown keys at the levels above the sections; `params.load` finds those inside."""
    levels: dict[str, set[str]] = {}  # key with its dots, "" for the top → keys below it
    for name in kinds:
        above, _, key = name.rpartition(".")
        levels.setdefault("", set()).add(name.partition(".")[0])
        levels.setdefault(above, set()).add(key)
    for above, known in levels.items():
        if above in kinds:  # a section, of which a stage loads a key by itself
            continue
        here = found.get(above) if above else found
        for key in here if isinstance(here, dict) else ():
            if key not in known:
                yield f"{path}: '{above}{'.' * bool(above)}{key}' is not known{params.nearest(str(key), known)}"


def _raw(corpus: str, folder: Path, tables: Mapping[str, TableParams]) -> Iterable[str]:
    """Errors of a corpus's folder."""
    if corpus not in {*CORPORA, *tables} or corpus == DEMO:
        return
    if folder.is_symlink() and not folder.exists():
        yield f"{folder}: is a link to {folder.readlink()}, which does not exist; {expected(corpus)}"
    elif not folder.is_dir():
        yield f"{folder}: no such folder; {expected(corpus)}"
    elif corpus in tables:
        if not (folder / tables[corpus].table).is_file():
            yield f"{folder / tables[corpus].table}: not found; 'tables.{corpus}.table' names it"
    elif not any(map(ingestion.is_audio, ingestion.files_below(folder))):
        yield f"{folder}: has no audio file; {expected(corpus)}"


def _bank(folder: Path) -> Iterable[str]:
    """Errors of a voice bank's folder."""
    expected_in = f"expected speech in {folder}/SPEAKER/; a link will do"
    if folder.is_symlink() and not folder.exists():
        yield f"{folder}: is a link to {folder.readlink()}, which does not exist; {expected_in}"
    elif not folder.is_dir():
        yield f"{folder}: no such folder; {expected_in}"
    elif not any(path.parent != folder and ingestion.is_audio(path) for path in ingestion.files_below(folder)):
        yield f"{folder}: has no audio file in a folder of a speaker; {expected_in}"
