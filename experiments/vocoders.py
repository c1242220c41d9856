"""Quality of copy-synthesis by each vocoder, and error of quantised spectra, on the valid clips of a split.

emocycle train-vocoder --split data/splits/full-1.parquet --out models/vocoder/full-1/istft
python experiments/vocoders.py data/splits/full-1.parquet models/vocoder/full-1/istft

A clip is analysed, synthesised, and compared with the original: ESTOI, mel-cepstral distortion, and F0 by WORLD's
analysis of both. The real-time factor (seconds of synthesis for a second of speech, on one core) varies between runs.
Errors of stored spectra are in the log spectrum. Test speakers are not used. Without a trained model
(`vocoder.mel.inversion: istft`), its row is left out.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import pandas as pd
import torch

from pipeline.assessment.distortion import distances
from pipeline.audio import decoding, preparation
from pipeline.audio.intelligibility import intelligibility
from pipeline.audio.preparation import AudioParams
from pipeline.conversion.alignment import DECIBELS, timbre
from pipeline.core import manifest, params, shards
from pipeline.core.shards import Shard, Storage
from pipeline.vocoder import Features, Vocoder, VocoderParams, vocoder
from pipeline.vocoder.mel import Mel, decoded

STORAGES: tuple[Storage, ...] = ("float32", "float16", "uint8")


@click.command()
@click.argument("split_path", metavar="SPLIT", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path), required=False)
@click.option("--clips", "count", default=40, show_default=True, help="Largest number of clips, evenly spaced.")
def main(split_path: Path, model: Path | None, count: int) -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    prepared = params.load(Path("params.yaml"), "audio", AudioParams)
    chosen = params.load(Path("params.yaml"), "vocoder", VocoderParams)
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    valid = manifest.partition(clips, manifest.read(split_path, manifest.PARTITIONED), "valid").sort_values("id")
    chosen_clips = valid.iloc[:: max(1, -(-len(valid) // count))]
    originals = [decoding.read(*segment) for segment in manifest.segments(chosen_clips)]
    speech = [preparation.prepare(each.samples, each.sampling_rate, prepared) for each in originals]
    rate = prepared.sampling_rate
    seconds = sum(map(len, speech)) / rate
    world = vocoder(replace(chosen, kind="world"), rate)
    griffin_lim = Mel(replace(chosen.mel, inversion="griffin_lim"), rate, chosen.world)
    vocoders: dict[str, Vocoder] = {"world": world, "mel, griffin_lim": griffin_lim}
    if model:
        vocoders["mel, istft"] = Mel(replace(chosen.mel, inversion="istft"), rate, chosen.world, model)
    table = pd.DataFrame({name: _loss(own, world, speech, rate) for name, own in vocoders.items()}).T
    click.echo(f"{split_path.stem}: {len(speech)} valid clips, {seconds:.0f} s\n\n{table.round(3).to_string()}\n")
    spectra = {
        f"{name}, {storage}": _stored([own.analyse(samples) for samples in speech], storage, seconds)
        for name, own in (("world", world), ("mel", griffin_lim))
        for storage in STORAGES
    }
    click.echo(pd.DataFrame(spectra).T.round(3).to_string())


def _loss(own: Vocoder, world: Vocoder, speech: list[np.ndarray], rate: int) -> dict[str, float]:
    """Mean differences of copies from their originals."""
    rows, spent = [], 0.0
    for samples in speech:
        features = own.analyse(samples)
        start = time.perf_counter()
        copy = own.synthesise(features)
        spent += time.perf_counter() - start
        found = distances(world.analyse(copy[: len(samples)]), world.analyse(samples))
        estoi = intelligibility(copy[: len(samples)], samples, rate)
        rows.append({"estoi": estoi, "mcd_db": found["mcd_db"], "f0_rmse_st": found["f0_rmse_st"]})
    means = pd.DataFrame(rows).astype(float).mean()
    return {**means, "real_time_factor": spent * rate / sum(map(len, speech))}


def _stored(clips: list[Features], storage: Storage, seconds: float) -> dict[str, float]:
    """Largest and mean error of the log spectra, mean mel-cepstral distortion, and bytes."""
    errors, distortions = [], []
    with TemporaryDirectory() as folder:
        place = Path(folder, "shard")
        with shards.Writer(place, {"spectrum": storage}) as shard:
            for number, features in enumerate(clips):
                shard.add(str(number), {"spectrum": features.spectrum})
        size = sum(path.stat().st_size for path in place.glob("*.npy"))
        for error in _differences(clips, Shard(place)):
            errors.append(np.abs(DECIBELS * decoded(error)).ravel())
            distortions.append(DECIBELS * np.sqrt(np.square(timbre(error)).sum(axis=1)))
    each = np.concatenate(errors)
    return {
        "largest_db": float(each.max()),
        "mean_db": float(each.mean()),
        "mcd_db": float(np.concatenate(distortions).mean()),
        "kilobytes_a_second": size / seconds / 1000,
    }


def _differences(clips: list[Features], shard: Shard) -> Iterator[np.ndarray]:
    for number, features in enumerate(clips):
        yield shard.array(str(number), "spectrum") - features.spectrum


if __name__ == "__main__":
    main()
