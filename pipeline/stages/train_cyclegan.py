"""Train one pair's CycleGAN on the train partition of one split."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import pandas as pd
import torch

from pipeline.conversion import pairs, training
from pipeline.conversion.alignment import Speech
from pipeline.conversion.checkpoints import Checkpoints
from pipeline.conversion.clips import spoken
from pipeline.conversion.converter import Converter, Normalisation, Styles
from pipeline.conversion.crops import Domain
from pipeline.conversion.emotion_classifier import ClassifierLoss, EmotionClassifier
from pipeline.conversion.pair import CycleGanParams, generator_size
from pipeline.conversion.parallel import ParallelUtterance, with_parallel_targets
from pipeline.conversion.prosody import Prosody, ProsodyParams
from pipeline.core import hardware, manifest, models, params, provenance
from pipeline.core.files import atomic_write
from pipeline.core.hardware import HardwareParams
from pipeline.core.shards import Shards

CHECKPOINT_STEPS = 25  # between two; what a killed training loses at most


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--pair", required=True, help="Two emotions, such as angry-happy.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the corpora's shards.")
@click.option(
    "--emotion-classifier", "classifier_path", type=click.Path(path_type=Path), required=True, help="Its model."
)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--curve", type=click.Path(path_type=Path), required=True, help="CSV of the training's losses.")
@click.option("--checkpoints", "checkpoint_folder", type=click.Path(path_type=Path), default=".cache/training")
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
    chosen_prosody = params.load(params_path, "prosody", ProsodyParams)
    seed = params.load(params_path, "seed", int)
    machine = params.load(params_path, "hardware", HardwareParams)
    clips = manifest.read(clips_path, manifest.CLIPS)
    emotions = pairs.parse(pair, set(clips["emotion"]))
    split = manifest.read(split_path, manifest.PARTITIONED)
    in_train = manifest.partition(clips, split, "train")
    train = in_train[in_train["emotion"].isin(emotions)]
    for emotion in emotions:
        if emotion not in set(train["emotion"]):
            raise click.ClickException(f"{split_path}: pair '{pair}': no train clip is '{emotion}'")

    stored = Shards(features / corpus for corpus in sorted(train["corpus"].unique()))
    own = spoken(train, stored)
    prosody = Prosody.fit(own.values(), chosen_prosody)
    frames = {id_: torch.from_numpy(clip.features.spectrum) for id_, clip in own.items()}
    styles = Styles.fit(((frames[id_], clip.emotion, clip.intensity) for id_, clip in own.items()), prosody.intensities)
    takes: dict[str, list[ParallelUtterance]] = {emotion: [] for emotion in emotions}
    for id_, clip in own.items():
        seen = styles.source(clip.emotion, clip.intensity).apply(frames[id_])
        speech = Speech.of(clip.features.spectrum)
        takes[clip.emotion].append(ParallelUtterance(speech, seen, clip.speaker, clip.sentence, clip.intensity))
    domains: dict[str, Domain] = {}
    undone: dict[str, list[Normalisation]] = {}  # of each clip's conversion to the other emotion
    for emotion, other in (emotions, emotions[::-1]):
        acted = takes[emotion]
        if chosen.parallel_weight:
            drawn, acted = with_parallel_targets(acted, takes[other])
        else:
            drawn = [one.normalised for one in acted]
        domains[emotion] = Domain.of(drawn, [one.speaker for one in acted])
        undone[emotion] = [styles.target(emotion, other, styles.level(other, one.intensity)) for one in acted]
    device = hardware.device(machine)
    autocast = hardware.autocast(machine, device)
    own_seed = provenance.derived_seed(seed, split_path.stem, pair)
    a, b = emotions
    classifier_loss = None
    about: dict[str, Any] = {}  # of the emotion classifier, where it is used
    if chosen.classifier_weight:
        weights, about = models.load(classifier_path)
        if about["train_clips_sha256"] != provenance.clips_sha256(in_train):
            raise click.ClickException(
                f"{classifier_path}: has heard other clips than the train partition of {split_path}"
            )
        if about.get("params") != params.params_hash(chosen, chosen_prosody):
            raise click.ClickException(f"{classifier_path}: made with other parameters; `dvc repro` makes it again")
        classifier = EmotionClassifier(
            takes[a][0].normalised.shape[1], chosen.emotion_classifier.channels, about["emotions"]
        )
        classifier.load_state_dict(weights)
        classifier_loss = ClassifierLoss(classifier, emotions, undone[a], undone[b])
    key = training.training_key(
        domains[a], domains[b], chosen, own_seed, machine, device, classifier_loss=classifier_loss
    )
    checkpoints = Checkpoints(checkpoint_folder / split_path.stem / pair, key, CHECKPOINT_STEPS)
    networks, losses = training.train(
        domains[a], domains[b], chosen, own_seed, device, autocast, classifier_loss, checkpoints
    )
    converter = Converter(styles, {(a, b): networks.a_to_b, (b, a): networks.b_to_a}, prosody)

    config = {
        "kind": "cyclegan",
        "split": split_path.stem,
        "emotions": list(emotions),
        "size": generator_size(takes[a][0].normalised.shape[1], chosen),
        "prosody": prosody.to_config(),
        "features": stored.params_hash(),
        "seed": seed,
        "machine": hardware.resolved(machine),
        "train_clips": len(train),
        "train_clips_sha256": provenance.clips_sha256(train),
        "classifier_trained_on": about.get("train_clips_sha256"),
        "params": asdict(chosen),
    }
    models.save(out, converter.tensors(), config)
    with atomic_write(curve) as temporary:
        pd.DataFrame(losses).to_csv(temporary, index=False, float_format="%.5g")
    checkpoints.delete()
    click.echo(f"{split_path.stem} {pair}: {chosen.steps} steps on {len(train):,} clips, {losses[-1]}")
