"""Train one pair's CycleGAN on the train partition of one split."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import pandas as pd

from pipeline.conversion import pairs, training
from pipeline.conversion.checkpoints import Checkpoints
from pipeline.conversion.clips import TrainingData, train_clips
from pipeline.conversion.converter import Converter
from pipeline.conversion.emotion_classifier import ClassifierLoss, EmotionClassifier
from pipeline.conversion.pair import CycleGanParams, generator_size
from pipeline.conversion.prosody import ProsodyParams
from pipeline.core import hardware, manifest, models, params, provenance
from pipeline.core.files import atomic_write
from pipeline.core.hardware import HardwareParams
from pipeline.core.shards import Shards

CHECKPOINT_STEPS = 25  # between two checkpoints; a killed training loses at most so many


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option(
    "--split", "split_path", type=click.Path(path_type=Path), required=True, help="Parquet table of the split."
)
@click.option("--pair", required=True, help="Two emotions, such as angry-happy.")
@click.option(
    "--features", type=click.Path(path_type=Path), required=True, help="Folder of vocoder features, by corpus."
)
@click.option(
    "--emotion-classifier",
    "classifier_path",
    type=click.Path(path_type=Path),
    required=True,
    help="Model folder of the split's auxiliary emotion classifier.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Model folder.")
@click.option("--curve", type=click.Path(path_type=Path), required=True, help="CSV of the training losses.")
@click.option(
    "--checkpoints",
    "checkpoint_folder",
    type=click.Path(path_type=Path),
    default=".cache/training",
    help="Folder of checkpoints.",
)
def main(
    params_path: Path,
    clips_path: Path,
    split_path: Path,
    pair: str,
    features: Path,
    classifier_path: Path,
    out: Path,
    curve: Path,
    checkpoint_folder: Path,
) -> None:
    """Train one pair's CycleGAN on the train partition of one split."""
    chosen = params.load(params_path, "train_cyclegan", CycleGanParams)
    prosody = params.load(params_path, "prosody", ProsodyParams)
    seed = params.load(params_path, "seed", int)
    machine = params.load(params_path, "hardware", HardwareParams)
    split = split_path.stem
    clips = manifest.read(clips_path, manifest.CLIPS)
    emotions = pairs.parse(pair, set(clips["emotion"]))
    in_train = manifest.partition(clips, manifest.read(split_path, manifest.PARTITIONED), "train")
    train = in_train[in_train["emotion"].isin(emotions)]
    for emotion in emotions:
        if emotion not in set(train["emotion"]):
            raise click.ClickException(f"{split_path}: pair '{pair}': no train clip is '{emotion}'")
    stored = Shards(features / corpus for corpus in sorted(train["corpus"].unique()))
    data = TrainingData.fit(train_clips(train, stored), emotions, prosody, parallel=chosen.parallel_weight > 0)
    classifier_loss = None
    classifier_config: dict[str, Any] = {}
    if chosen.classifier_weight:
        classifier, classifier_config = _classifier(classifier_path, data.order, chosen, prosody, in_train, split_path)
        classifier_loss = ClassifierLoss(classifier, emotions, *data.undone)

    device = hardware.device(machine)
    given = (*data.domains, chosen, provenance.derived_seed(seed, split, pair))
    key = training.training_key(*given, machine, device, classifier_loss=classifier_loss)
    checkpoints = Checkpoints(checkpoint_folder / split / pair, key, CHECKPOINT_STEPS)
    autocast = hardware.autocast(machine, device)
    networks, losses = training.train(*given, device, autocast, classifier_loss, checkpoints)

    a, b = emotions
    converter = Converter(data.styles, {(a, b): networks.a_to_b, (b, a): networks.b_to_a}, data.prosody)
    config = {
        "kind": "cyclegan",
        "split": split,
        "emotions": list(emotions),
        "size": generator_size(data.order, chosen),
        "prosody": data.prosody.to_config(),
        "features": stored.params_hash(),
        "seed": seed,
        "machine": hardware.resolved(machine),
        "train_clips": len(train),
        "train_clips_sha256": provenance.clips_sha256(train),
        "classifier_trained_on": classifier_config.get("train_clips_sha256"),
        "params": asdict(chosen),
    }
    models.save(out, converter.tensors(), config)
    with atomic_write(curve) as temporary:
        pd.DataFrame(losses).to_csv(temporary, index=False, float_format="%.5g")
    checkpoints.delete()
    click.echo(f"{split} {pair}: {chosen.steps} steps on {len(train):,} clips, {losses[-1]}")


def _classifier(
    path: Path, order: int, chosen: CycleGanParams, prosody: ProsodyParams, train: pd.DataFrame, split_path: Path
) -> tuple[EmotionClassifier, dict[str, Any]]:
    """The split's auxiliary emotion classifier and its config, after a check that it fits this training."""
    tensors, config = models.load(path)
    if config["train_clips_sha256"] != provenance.clips_sha256(train):
        raise click.ClickException(f"{path}: trained on other clips than the train partition of {split_path}")
    if config.get("params") != params.params_hash(chosen, prosody):
        raise click.ClickException(f"{path}: trained with other parameters; `dvc repro` trains it again")
    classifier = EmotionClassifier(order, chosen.emotion_classifier.channels, config["emotions"])
    classifier.load_state_dict(tensors)
    return classifier, config
