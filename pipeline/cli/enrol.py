"""Train an emotion classifier for one person, from a few neutral recordings."""

import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch

from pipeline.audio.acoustics import AcousticsParams, FrontEnd
from pipeline.audio.decoding import AudioError, Recording
from pipeline.audio.preparation import AudioParams
from pipeline.augmentation.arms import MixParams
from pipeline.classification import enrolment
from pipeline.classification.classifiers import CLASSIFIERS, ClassifyParams
from pipeline.classification.enrolment import RELATIVE, PersonalClassifier
from pipeline.classification.interface import Resources, check_front_end
from pipeline.classification.recordings import Preparation
from pipeline.classification.saved import features_of, versions
from pipeline.classification.training import uar
from pipeline.cli import recordings
from pipeline.cli.workspace import DATA, PARAMS, PERSONS, WorkspaceError, first_split
from pipeline.core import manifest, params, predictions
from pipeline.core.files import read_json
from pipeline.core.manifest import Segment
from pipeline.core.models import CONFIG
from pipeline.core.shards import Shards
from pipeline.corpora.ingestion import IngestParams
from pipeline.generation.speaker_statistics import SpeakerStatistics
from pipeline.networks import hardware, provenance
from pipeline.networks.hardware import HardwareParams
from pipeline.vocoder import VocoderParams

EXPERIMENTS, SCORES = Path("experiments"), Path("metrics/ser.json")
PERSONAL = "personal_conversion"  # arm: a classifier for each test speaker, as this command trains it
EMBEDDINGS = Path(".cache/embeddings")  # the default of `classify`
NAME = re.compile(r"\w[\w.-]{0,99}")


class EnrolError(click.ClickException):
    """The person cannot be enrolled."""


@click.command()
@click.argument("name", metavar="NAME")
@click.argument("folder", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--split", help="Split whose train clips are used, such as full-1; default: the first one of params.yaml."
)
@click.option(
    "--classifier",
    "chosen",
    type=click.Choice(enrolment.NAMES),
    default=enrolment.NAMES[0],
    show_default=True,
    help=f"{RELATIVE}: features minus the mean of the neutral clips of each speaker, also of this person.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the classifier; default: persons/NAME.")
@click.option("--force", is_flag=True, help="Replace a classifier that is there.")
def main(name: str, folder: Path, split: str | None, chosen: str, out: Path | None, force: bool) -> None:
    """Train an emotion classifier for one person, from the neutral recordings in FOLDER.

    A voice is personal data: ask for the person's consent. `emocycle predict` uses the classifier.
    """
    start = time.perf_counter()
    out = _place(name, out, force)
    split = split or first_split()
    prepared = clip_preparation()
    word = enrolment.word_of(chosen)
    settings = getattr(params.load(PARAMS, "classify", ClassifyParams), word)
    if prepared.front_end == FrontEnd.VOCODED and CLASSIFIERS[word].reads_audio:
        raise EnrolError(f"'{word}' reads the recordings themselves: expected 'classify.front_end' natural with it")
    clips = _clips(split, prepared)
    train, valid = (clips[clips["partition"] == partition] for partition in ("train", "valid"))
    recorded = _recordings(folder, prepared)
    own = recorded.values()
    seconds = sum(each.duration for each in own)
    click.echo(f"{name}: {len(own):,} recordings used, {seconds:,.1f} s")
    voice = SpeakerStatistics.of(prepared.features(each.samples, each.sampling_rate) for each in own)
    labels = sorted(train["emotion"].unique())
    clips = clips.assign(label=clips["emotion"].map(labels.index))
    machine = params.load(PARAMS, "hardware", HardwareParams)
    places = DATA / "features" / "classifier", EMBEDDINGS
    resources = Resources(*places, prepared.audio, machine, hardware.device(machine), len(labels), {0: 0})
    contents = enrolment.conversions(train, _stored("vocoder", train), voice, prepared, f"{name}: conversions")
    converted = enrolment.read_by(settings, contents, resources)
    click.echo(f"{len(converted):,} train clips of {train['speaker'].nunique():,} speakers converted to this voice")
    real = np.concatenate([*CLASSIFIERS[word].features(clips, settings, resources)])
    mean = np.zeros(real.shape[1])
    if chosen.endswith(RELATIVE):
        arrays = {Segment(path): prepared.arrays(each.samples, each.sampling_rate) for path, each in recorded.items()}
        utterances = {place: (recorded[place.path].sha256, found) for place, found in arrays.items()}
        mean = np.concatenate([*features_of(utterances, word, settings, resources)]).mean(axis=0, dtype=np.float64)
        real, converted = enrolment.relative(real, clips), converted - mean
    weight = params.load(PARAMS, "augment.mix", MixParams).weight
    model = enrolment.train(word, clips, real, converted, weight, settings, resources)
    is_valid = (clips["partition"] == "valid").to_numpy()
    expected = torch.tensor(clips.loc[is_valid, "label"].to_numpy())
    score = uar(torch.tensor(model.probabilities(real[is_valid])), expected)
    about = {
        "person": name,
        "split": split,
        "recordings": len(own),
        "recordings_sha256": _sha256(own),
        "train_clips_sha256": provenance.clips_sha256(train),
        "valid_clips_sha256": provenance.clips_sha256(valid),
        "valid_uar": score,
        "conversions_weight": weight,
        "versions": versions(),
    }
    PersonalClassifier(chosen, settings, model, mean, labels, prepared, machine).save(out, about)
    speakers = f"{valid['speaker'].nunique():,} valid speakers of {split}"
    click.echo(f"UAR {score:.3f} on {speakers}; how well {name}'s emotions are recognised is not known")
    click.echo(known_scores(labels, chosen, prepared.front_end))
    click.echo(f"{out}: written, {time.perf_counter() - start:.0f} s")
    click.echo(
        "A voice is personal data: this needs the person's consent, and the folder is as private as the recordings"
    )
    click.echo("The recordings stay on this machine, and no synthetic clip was written")


def _place(name: str, out: Path | None, force: bool) -> Path:
    """Folder to write.

    Raises:
        EnrolError: the name cannot be one, or something is there that is not to be replaced
    """
    if not NAME.fullmatch(name):
        raise EnrolError(f"{name!r} is no name of a folder: expected letters, digits, '_', '-' and '.'")
    out = out or PERSONS / name
    if out.exists() and not force:
        raise EnrolError(f"{out}: exists; --force replaces it")
    if out.exists() and not (out / CONFIG).is_file():
        raise EnrolError(f"{out}: is not a classifier, so it is not replaced; choose another --out")
    return out


def clip_preparation() -> Preparation:
    """How clips are prepared.

    Raises:
        ParamsError: the vocoder is not WORLD
    """
    chosen = params.load(PARAMS, "vocoder", VocoderParams)
    if error := chosen.world_error("enrolled_conversion"):
        raise params.ParamsError(f"{PARAMS}: {error}")
    return Preparation(
        params.load(PARAMS, "ingest", IngestParams),
        params.load(PARAMS, "audio", AudioParams),
        chosen,
        params.load(PARAMS, "acoustics", AcousticsParams),
        params.load(PARAMS, "classify.front_end", FrontEnd),
    )


def _clips(split: str, prepared: Preparation) -> pd.DataFrame:
    """Real train clips of a split, and those of the valid speakers with an emotion that train has, with `partition`.

    Raises:
        ClickException: the split or features are missing, or features are of other params
    """
    clips = manifest.read(DATA / "manifest.parquet", manifest.CLIPS)
    partitions = manifest.read(DATA / "splits" / f"{split}.parquet", manifest.PARTITIONED)
    train, valid = (manifest.partition(clips, partitions, part) for part in ("train", "valid"))
    valid = valid[valid["emotion"].isin(train["emotion"])]
    if _stored("vocoder", train).params_hash() != params.params_hash(prepared.audio, prepared.vocoder.analysis):
        raise WorkspaceError(f"{DATA}: features of another 'audio' or 'vocoder'; `dvc repro` makes them again")
    used = pd.concat([train.assign(partition="train"), valid.assign(partition="valid")], ignore_index=True)
    used = used.assign(generator=None, is_synthetic=False, source_id=None)
    check_front_end(used, DATA / "features" / "classifier", prepared.front_end)
    return used


def _stored(kind: str, clips: pd.DataFrame) -> Shards:
    """Stored features of clips."""
    return Shards(DATA / "features" / kind / corpus for corpus in sorted(clips["corpus"].unique()))


def _recordings(folder: Path, prepared: Preparation) -> dict[Path, Recording]:
    """The usable recordings of a person by file, each once; others are reported.

    Raises:
        EnrolError: none is usable
    """
    found: dict[Path, Recording] = {}
    for path in recordings.below(folder):
        try:
            recording = prepared.recording(path)
            if recording.sha256 in {each.sha256 for each in found.values()}:
                raise AudioError("duplicate", "the same audio as another file")
            found[path] = recording
        except AudioError as error:
            click.echo(f"{path}: left out: {error}", err=True)
    if not found:
        raise EnrolError(f"{folder}: has no usable recording; expected a few neutral ones of one person")
    return found


def known_scores(labels: Sequence[str], chosen: str, front_end: FrontEnd) -> str:
    """Scores of classifiers that were trained like a person's, of other people, as a sentence.

    They are those of this workspace, or else of all records of experiments with the same corpora.

    Args:
        labels: emotions of the classifier
        chosen: the classifier, such as pretrained+neutral_norm
        front_end: of its features
    """
    vocoded = predictions.VOCODED * (front_end == FrontEnd.VOCODED)
    classifier = enrolment.word_of(chosen) + vocoded + predictions.normalisation(chosen)
    corpora = params.load(PARAMS, "corpora", tuple[str, ...]) if PARAMS.is_file() else ()
    records = [
        path
        for path in sorted(EXPERIMENTS.glob(f"*/{SCORES}"))
        if params.load(path.parents[1] / PARAMS, "corpora", tuple[str, ...]) == corpora
    ]
    for paths in ([SCORES] if SCORES.is_file() else [], records):
        found = [
            (path, scenario, score)
            for path in paths
            for scenario, by_classifier in read_json(path, "`emocycle repro` writes it again").items()
            if (score := by_classifier.get(classifier, {}).get(PERSONAL)) and score["recall"].keys() == {*labels}
        ]
        if found:
            break
    else:
        return f"Of other people no score is known, either: no scenario of kind `enrolment` has run with arm {PERSONAL}"
    uar = sorted(f"{score['uar']:.3f}" for *_, score in found)
    people = sorted({score["speakers"] for *_, score in found})
    where = dict.fromkeys(f"{path}" + f", scenario {scenario}" * (len(found) == 1) for path, scenario, _ in found)
    return (
        f"For orientation, {' or '.join(map(str, people))} other people with a classifier like this: mean UAR "
        f"{' to '.join(dict.fromkeys([uar[0], uar[-1]]))}, by chance {1 / len(labels):.3f} ({'; '.join(where)})"
    )


def _sha256(own: Iterable[Recording]) -> str:
    """Hash of recordings, in any order."""
    return hashlib.sha256("\n".join(sorted(each.sha256 for each in own)).encode()).hexdigest()
