"""Predict the emotions of recordings, by the classifier of an enrolled person."""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import pandas as pd

from pipeline.audio.decoding import AudioError
from pipeline.classification.enrolment import TRAINS, PersonalClassifier
from pipeline.cli import recordings
from pipeline.cli.workspace import PERSONS
from pipeline.core import params
from pipeline.core.files import atomic_write
from pipeline.core.workers import in_parallel


class PredictError(click.ClickException):
    """No emotion can be predicted."""


@click.command()
@click.argument(
    "paths", metavar="FILE|FOLDER...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--person", required=True, help="NAME of `emocycle enrol`, or the folder that its --out named.")
@click.option("--out", type=click.Path(path_type=Path), help="CSV file to write, in place of a table on the screen.")
def main(paths: tuple[Path, ...], person: str, out: Path | None) -> None:
    """Predict the emotions of recordings of an enrolled person, with the probability of each emotion."""
    classifier = PersonalClassifier.load(_folder(person))
    files = [path for each in paths for path in (recordings.below(each) if each.is_dir() else [each])]
    found = list(in_parallel(classifier.preparation.functionals, files, f"{person}: recordings"))
    usable: dict[Path, np.ndarray] = {}
    for path, functionals in zip(files, found, strict=True):
        if isinstance(functionals, AudioError):
            click.echo(f"{path}: left out: {functionals}", err=True)
        else:
            usable[path] = functionals
    if not usable:
        raise PredictError(f"none of {len(files):,} files has usable audio")
    table = _table(list(usable), classifier.svm.probabilities(np.concatenate([*usable.values()])), classifier.labels)
    if out is None:
        words = {name: table[name].str.ljust(int(table[name].str.len().max())) for name in ("file", "emotion")}
        click.echo(table.assign(**words).to_string(index=False, float_format="%.3f", justify="left"))
        return
    with atomic_write(out) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6f")
    click.echo(f"{out}: emotions of {len(table):,} of {len(files):,} files")


def _folder(person: str) -> Path:
    """Folder of a person's classifier.

    Raises:
        PredictError: nobody of this name is enrolled
    """
    for folder in (PERSONS / person, Path(person)):
        if folder.is_dir():
            return folder
    enrolled = [path.name for path in PERSONS.iterdir()] if PERSONS.is_dir() else []
    hint = params.nearest(person, enrolled) if enrolled else f"; `{TRAINS}` enrols a person"
    raise PredictError(f"nobody of the name '{person}' is enrolled{hint}")


def _table(paths: Sequence[Path], probabilities: np.ndarray, labels: Sequence[str]) -> pd.DataFrame:
    """One row a file: its path, the most probable emotion, and the probability of each."""
    emotions = [labels[place] for place in probabilities.argmax(axis=1)]
    named = dict(zip(labels, probabilities.T, strict=True))
    return pd.DataFrame({"file": [path.as_posix() for path in paths], "emotion": emotions, **named})
