"""Predict the emotions of recordings, by a classifier of the pipeline or of an enrolled person."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from pipeline.audio import decoding
from pipeline.audio.acoustics import AcousticsParams, FrontEnd
from pipeline.audio.decoding import AudioError
from pipeline.audio.preparation import AudioParams
from pipeline.augmentation.arms import needs_enrolment
from pipeline.classification.enrolment import TRAINS, PersonalClassifier
from pipeline.classification.recordings import Preparation, Prepared
from pipeline.classification.saved import SavedClassifier, Utterances
from pipeline.cli import recordings
from pipeline.cli.enrol import known_scores
from pipeline.cli.workspace import CLASSIFIERS, DATA, PARAMS, PERSONS, first_split
from pipeline.core import manifest, params, predictions
from pipeline.core.files import is_formula, write_csv
from pipeline.core.workers import in_parallel
from pipeline.corpora.ingestion import IngestParams
from pipeline.evaluation import metrics, wording
from pipeline.evaluation.significance import Gain
from pipeline.stages.evaluate import DEMO
from pipeline.vocoder import VocoderParams


class PredictError(click.ClickException):
    """No emotion can be predicted."""


@click.command()
@click.argument(
    "paths", metavar="FILE|FOLDER...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--split", help="Split of the classifier's clips, such as full-1; default: the first one of params.yaml.")
@click.option("--arm", help="Arm of the classifier's clips; default: augment.headline_arm.")
@click.option("--classifier", help="Such as svm or cnn; default: the first one of classify.classifiers.")
@click.option("--seed", type=int, help="One training of the classifier; default: the mean of all.")
@click.option("--person", help="In place of these: NAME of `emocycle enrol`, or the folder that its --out named.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV file to write, in place of a table on the screen.",
)
def main(
    paths: tuple[Path, ...],
    split: str | None,
    arm: str | None,
    classifier: str | None,
    seed: int | None,
    person: str | None,
    out: Path | None,
) -> None:
    """Predict the emotions of recordings, with the probability of each emotion.

    Of a file longer than `ingest.max_duration_s`, the mean over its utterances by their lengths; any other file is one
    utterance. The score on speakers outside its training set is printed, too.
    """
    each = (recordings.below(path) if path.is_dir() else [path] for path in paths)
    files = list(dict.fromkeys(path for found in each for path in found))
    if not files:
        raise PredictError(f"{', '.join(map(str, paths))}: no audio file ({', '.join(sorted(decoding.SUFFIXES))})")
    chosen = {"split": split, "arm": arm, "classifier": classifier, "seed": seed}
    if person is None:
        split, arm = split or first_split(), arm or params.load(PARAMS, "augment.headline_arm", str)
        table = _by_arm(files, split, arm, classifier, seed)
    elif given := [name for name, value in chosen.items() if value is not None]:
        raise PredictError(f"--person names a classifier, so --{given[0]} has no meaning with it")
    else:
        table = _by_person(files, person)
    usable = table["emotion"].notna().sum()
    if out is None:
        shown = table if usable < len(files) else table.drop(columns="reason")
        words = shown.select_dtypes(exclude="number").fillna("")
        shown = shown.assign(**{str(name): words[name].str.ljust(int(words[name].str.len().max())) for name in words})
        click.echo(shown.to_string(index=False, float_format="%.3f", justify="left", na_rep=""))
    else:
        write_csv(table, out, "%.6f")
        click.echo(f"{out}: emotions of {usable:,} of {len(files):,} files")
    if not usable:
        raise PredictError(f"none of {len(files):,} files has usable audio")


def _by_person(files: Sequence[Path], person: str) -> pd.DataFrame:
    """The table by a person's classifier."""
    classifier = PersonalClassifier.load(_folder(person))
    usable, unusable = _prepared(files, classifier.preparation, f"{person}: recordings")
    click.echo(f"How well {person}'s emotions are recognised is not known", err=True)
    click.echo(known_scores(classifier.labels, classifier.name, classifier.preparation.front_end), err=True)
    probabilities = classifier.probabilities(_utterances(usable)) if usable else ()
    return _table(files, usable, unusable, probabilities, classifier.labels)


def _by_arm(files: Sequence[Path], split: str, arm: str, classifier: str | None, seed: int | None) -> pd.DataFrame:
    """The table by a classifier that `classify` kept; what it is, and its score, are printed."""
    found, name, config = SavedClassifier.load(_kept(split, arm), classifier, seed)
    usable, unusable = _prepared(files, _preparation(config), "recordings")
    probabilities = found.probabilities(_utterances(usable)) if usable else ()
    runs = f"mean of {len(found.runs)} seeds" if len(found.runs) > 1 else f"seed {next(iter(found.runs))}"
    click.echo(f"Classifier {name} of split {split}, arm {arm}, {runs}", err=True)
    click.echo(_score(split, arm, name, found.runs.keys(), found.labels), err=True)
    export = DATA / "augmented" / split / f"{arm}.parquet"
    if export.is_file():
        clips = manifest.read(export, manifest.AUGMENTED)
        seen = set(clips.loc[clips["partition"].isin(["train", "valid"]), "sha256"])
        if known := sum(each.sha256 in seen for each in usable.values()):
            click.echo(
                f"{known:,} of {len(usable):,} files are train or valid clips, of which the score says nothing",
                err=True,
            )
    return _table(files, usable, unusable, probabilities, found.labels)


def _utterances(usable: Mapping[Path, Prepared]) -> Utterances:
    """The utterances of all files."""
    return {segment: (file.sha256, arrays) for file in usable.values() for segment, arrays in file.utterances.items()}


def _kept(split: str, arm: str) -> Path:
    """Folder of the classifiers of an arm.

    Raises:
        PredictError: there is none
    """
    for folder, word in ((CLASSIFIERS / split, split), (CLASSIFIERS / split / arm, arm)):
        if not folder.is_dir():
            there = sorted(path.name for path in folder.parent.glob("*/"))
            hint = params.nearest(word, there) if there else "; `dvc repro classify` trains them"
            raise PredictError(f"{folder}: no classifiers here{hint}")
    return CLASSIFIERS / split / arm


def _preparation(config: Mapping[str, Any]) -> Preparation:
    """As the clips of a classifier were prepared; params.yaml has only what this does not depend on."""
    recorded = config["preparation"]
    vocoder = _merged(params.read(PARAMS)["vocoder"], recorded["vocoder"])
    return Preparation(
        params.load(PARAMS, "ingest", IngestParams),
        TypeAdapter(AudioParams).validate_python(recorded["audio"]),
        TypeAdapter(VocoderParams).validate_python(vocoder),
        TypeAdapter(AcousticsParams).validate_python(recorded["acoustics"]),
        FrontEnd(config["front_end"]),
    )


def _merged(below: Any, above: Any) -> Any:
    """Nested mappings, of which the second has priority."""
    if not isinstance(above, Mapping):
        return above
    return {**below, **{key: _merged(below.get(key, {}), value) for key, value in above.items()}}


def _prepared(
    files: Sequence[Path], preparation: Preparation, label: str
) -> tuple[dict[Path, Prepared], dict[Path, AudioError]]:
    """What the classifier gets of each file that can be used, and why the others cannot; long files are named."""
    usable: dict[Path, Prepared] = {}
    unusable: dict[Path, AudioError] = {}
    for path, found in zip(files, in_parallel(preparation.prepared, files, label), strict=True):
        if isinstance(found, AudioError):
            unusable[path] = found
            continue
        usable[path] = found
        if found.duration > (longest := preparation.limits.max_duration_s):
            parts = f"mean of {len(found.utterances):,} utterances, weighted by their lengths"
            click.echo(f"{path}: {found.duration:,.1f} s, longer than {longest:g} s: {parts}", err=True)
    return usable, unusable


def _score(split: str, arm: str, name: str, seeds: Collection[int], labels: Sequence[str]) -> str:
    """UAR of a classifier on the test speakers, as a sentence; the predictions of its seeds are averaged, as here."""
    path = DATA / "predictions" / split / f"{arm}.parquet"
    if not path.is_file():
        return f"Its score on other speakers is not known: {path} is not there"
    rows = predictions.read(path)
    rows = rows[(rows["partition"] == "test") & (rows["classifier"] == name) & rows["seed"].isin(seeds)]
    columns = [f"{predictions.PREFIX}{label}" for label in labels]
    mean = rows.groupby(["id", "speaker", "label"], as_index=False)[columns].mean()
    uar = metrics.speaker_scores(mean.assign(predicted=predictions.predicted(mean), seed=0))["uar"]
    found = Gain(uar, None, params.load(PARAMS, "evaluate.confidence", float))
    between = "one speaker gives no interval"
    if found.interval is not None:
        bounds = " … ".join(f"{min(max(bound, 0.0), 1.0):.2f}" for bound in found.interval)
        between = f"{100 * found.confidence:g} % interval over speakers {bounds}"
    cautions = [wording.too_few(len(uar), params.load(PARAMS, "evaluate.min_speakers", int))]
    if "demo" in params.load(PARAMS, "corpora", tuple[str, ...]):
        cautions.append(DEMO)
    if needs_enrolment(arm):
        cautions.append("a few neutral clips of these speakers were known in training")
    chance = 1 / mean["label"].nunique()
    score = (
        f"UAR {found.mean:.3f} on {len(uar)} test speakers outside its training set ({between}; by chance {chance:.3f})"
    )
    return "; ".join(filter(None, [score, *cautions]))


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


def _table(
    files: Sequence[Path],
    usable: Mapping[Path, Prepared],
    unusable: Mapping[Path, AudioError],
    probabilities: Iterable[np.ndarray],
    labels: Sequence[str],
) -> pd.DataFrame:
    """One row a file: its path, the most probable emotion, the probability of each, and why it has none.

    Args:
        files: in the order of the rows
        usable: those with utterances
        unusable: the others
        probabilities: of each emotion, of the utterances in the order of `usable`
        labels: emotions
    """
    each, rows = iter(probabilities), {}
    for path, found in usable.items():
        own = [next(each) for _ in found.utterances]
        weights = [(segment.end or 1.0) - (segment.start or 0.0) for segment in found.utterances]
        mean = np.average(np.vstack(own), axis=0, weights=weights)
        rows[path] = {"emotion": labels[int(mean.argmax())], **dict(zip(labels, mean, strict=True))}
    reasons = {path: {"reason": f"{error.reason}: {error}"} for path, error in unusable.items()}
    columns = ["file", "emotion", *labels, "reason"]
    names = [f"./{path}" if is_formula(str(path)) else path.as_posix() for path in files]
    known = {**rows, **reasons}
    return pd.DataFrame(
        [{"file": name, **known[path]} for name, path in zip(names, files, strict=True)], columns=columns
    )
