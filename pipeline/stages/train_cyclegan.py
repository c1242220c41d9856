"""Train the CycleGAN of each pair of emotions on the train partition of one split.

The last checkpoint of each pair stays, so that a pair that is added to params.yaml is trained alone.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch

from pipeline.conversion import pairs, training
from pipeline.conversion.checkpoints import Checkpoints
from pipeline.conversion.clips import TrainingData, relative, train_clips
from pipeline.conversion.converter import Converter
from pipeline.conversion.emotion_classifier import ClassifierLoss, EmotionClassifier, trained_classifier
from pipeline.conversion.pair import CycleGanParams, generator_size
from pipeline.conversion.prosody import ProsodyParams
from pipeline.conversion.speaker_means import NeutralSpeech
from pipeline.core import console, manifest, models, params
from pipeline.core.files import atomic_write, empty_folder, write_csv
from pipeline.core.shards import Shards
from pipeline.core.workers import Result, in_parallel
from pipeline.networks import hardware, provenance
from pipeline.networks.hardware import HardwareParams
from pipeline.networks.progress import last_line

CHECKPOINT_STEPS = 25  # between two checkpoints; a killed training loses at most so many
EMOTION_CLASSIFIER = "emotion_classifier"  # folder of the auxiliary emotion classifier, beside those of the pairs
SHOWN = 3  # speakers in a message
TOLD = ("cycle", "parallel", "classifier")  # losses of a result's line; the curve has all

Losses = list[dict[str, float]]


@dataclass(frozen=True)
class Trainer:
    """Trains models of a split; it is sent to other processes."""

    split: str
    train: pd.DataFrame  # rows of the train partition
    features: Path  # of the vocoder, by corpus
    params: CycleGanParams
    prosody: ProsodyParams
    hardware: HardwareParams
    seed: int
    checkpoints: Path
    neutral: pd.DataFrame  # rows of train that `means` are of; none with `normalisation: corpus`
    means: Mapping[str, np.ndarray]  # of each speaker's neutral speech, (order,)

    def train_classifier(self, out: Path) -> None:
        """Train the auxiliary emotion classifier on all clips, and save it."""
        classifier = trained_classifier(
            relative(train_clips(self.train, _stored(self.train, self.features)), self.means),
            list(self.train["emotion"]),
            list(self.train["speaker"]),
            self.params.emotion_classifier,
            self.params.frames,
            provenance.derived_seed(self.seed, self.split, "guide"),  # an earlier name; another gives other weights
            hardware.device(self.hardware),
            masked=() if self.prosody.energy == "cyclegan" else (0,),
        )
        config = {
            "kind": EMOTION_CLASSIFIER,
            "split": self.split,
            "emotions": list(classifier.emotions),
            "seed": self.seed,
            "machine": hardware.resolved(self.hardware),
            "train_clips_sha256": provenance.clips_sha256(self.train),
        }
        models.save(out, classifier.state_dict(), config)

    def train_pair(self, pair: str, out: Path) -> tuple[Losses, float]:
        """Train a pair with the classifier in `out`, if there is one, and save it in `out`.

        Returns:
            its training curve, and how long it took [s]
        """
        start = time.monotonic()
        a, b = emotions = pairs.parse(pair, set(self.train["emotion"]))
        rows = self.train[self.train["emotion"].isin(emotions)]
        stored = _stored(rows, self.features)
        parallel = self.params.parallel_weight > 0
        data = TrainingData.fit(train_clips(rows, stored), emotions, self.prosody, parallel, self.means)
        classifier_loss = self._classifier_loss(out / EMOTION_CLASSIFIER, emotions, data)
        device = hardware.device(self.hardware)
        given = (*data.domains, self.params, provenance.derived_seed(self.seed, self.split, pair))
        key = training.training_key(*given, self.hardware, device, classifier_loss=classifier_loss)
        checkpoints = Checkpoints(self.checkpoints / self.split / pair, key, CHECKPOINT_STEPS)
        autocast = hardware.autocast(self.hardware, device)
        networks, losses = training.train(*given, device, autocast, classifier_loss, checkpoints)
        converter = Converter(data.styles, {(a, b): networks.a_to_b, (b, a): networks.b_to_a}, data.prosody, self.means)
        config = {
            "kind": "cyclegan",
            "split": self.split,
            "emotions": list(emotions),
            "size": generator_size(data.order, self.params),
            "prosody": data.prosody.to_config(),
            "features": stored.params_hash(),
            "seed": self.seed,
            "machine": hardware.resolved(self.hardware),
            "train_clips": len(rows),
            "licenses": sorted(pd.concat([rows, self.neutral])["license"].dropna().unique()),
            "train_clips_sha256": provenance.clips_sha256(rows),
            "classifier_trained_on": provenance.clips_sha256(self.train) if classifier_loss else None,
            "means_of": provenance.clips_sha256(self.neutral) if self.means else None,
            "params": asdict(self.params),
        }
        models.save(out / pair, converter.tensors(), config)
        return losses, time.monotonic() - start

    def _classifier_loss(self, path: Path, emotions: tuple[str, str], data: TrainingData) -> ClassifierLoss | None:
        if not self.params.classifier_weight:
            return None
        tensors, config = models.load(path)
        with models.fitting(path):
            classifier = EmotionClassifier(data.order, self.params.emotion_classifier.channels, config["emotions"])
            classifier.load_state_dict(tensors)
        return ClassifierLoss(classifier, emotions, *data.undone)


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Split table (Parquet).")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Vocoder features by corpus.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the models, one of each pair.")
@click.option("--curves", type=click.Path(path_type=Path), required=True, help="Folder of the losses (CSV), by pair.")
@click.option("--empty-folder", "empty", type=click.Path(path_type=Path), help="Empty folder to write.")
@click.option("--checkpoints", type=click.Path(path_type=Path), default=".cache/training", help="Their folder.")
def main(
    params_path: Path,
    clips_path: Path,
    split_path: Path,
    features: Path,
    out: Path,
    curves: Path,
    empty: Path | None,
    checkpoints: Path,
) -> None:
    """Train the CycleGAN of each pair of emotions on the train partition of one split."""
    chosen = params.load(params_path, "train_cyclegan", CycleGanParams)
    prosody = params.load(params_path, "prosody", ProsodyParams)
    hardware_params = params.load(params_path, "hardware", HardwareParams)
    names = params.load(params_path, "pairs", tuple[str, ...])
    seed = params.load(params_path, "seed", int)
    clips = manifest.read(clips_path, manifest.CLIPS)
    train = manifest.partition(clips, manifest.read(split_path, manifest.PARTITIONED), "train")
    for name in names:
        for emotion in pairs.parse(name, set(clips["emotion"])):
            if emotion not in set(train["emotion"]):
                raise click.ClickException(f"{split_path}: pair '{name}': no train clip is '{emotion}'")
    neutral, means = train.iloc[:0], dict[str, np.ndarray]()
    if chosen.normalisation == "speaker" and names:
        neutral, means = _neutral_means(train, features, split_path)
    given = (split_path.stem, train, features, chosen, prosody, hardware_params, seed, checkpoints)
    trainer = Trainer(*given, neutral, means)
    with atomic_write(out) as models_folder, atomic_write(curves) as curves_folder:
        models_folder.mkdir(parents=True)
        curves_folder.mkdir(parents=True)
        if chosen.classifier_weight and names:
            trainer.train_classifier(models_folder / EMOTION_CLASSIFIER)
        found = _side_by_side(partial(trainer.train_pair, out=models_folder), names, hardware_params, split_path.stem)
        for name, (losses, duration_s) in zip(names, found, strict=True):
            write_csv(pd.DataFrame(losses), curves_folder / f"{name}.csv", "%.5g")
            console.tell(f"{split_path.stem} {name}", last_line(losses, chosen.steps, TOLD), duration_s)
    if empty:
        empty_folder(empty)


def _neutral_means(train: pd.DataFrame, features: Path, split_path: Path) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The neutral train clips, and the mean of each train speaker's."""
    neutral = NeutralSpeech(train, _stored(train, features))
    means = neutral.means()
    if missing := sorted(set(train["speaker"]) - set(means)):
        found = f"{', '.join(missing[:SHOWN])}{' and others' * (len(missing) > SHOWN)}"
        needs = "'train_cyclegan.normalisation: speaker' needs some of each train speaker; use 'corpus'"
        raise click.ClickException(f"{split_path}: no neutral train clip of {found}; {needs}")
    return neutral.clips, means


def _stored(clips: pd.DataFrame, features: Path) -> Shards:
    return Shards(features / corpus for corpus in sorted(clips["corpus"].unique()))


def _side_by_side(
    train: Callable[[str], Result], names: tuple[str, ...], hardware_params: HardwareParams, label: str
) -> Iterable[Result]:
    """Results of all trainings: in processes of one thread on a CPU, else one after the other.

    A fork loses the threads of OpenMP, and those of autograd on a GPU, that trained the classifier.
    """
    if hardware_params.threads == 1 and not torch.cuda.is_available():
        return in_parallel(train, names, label, chunk=1)
    return map(train, names)
