"""What vocoders lose of speech, and what storing their spectra in fewer bytes loses, on the valid clips of a split.

emocycle train-vocoder --split data/splits/full-1.parquet --out models/vocoder/full-1/istft
python experiments/vocoders.py data/splits/full-1.parquet models/vocoder/full-1/istft

A clip is analysed, synthesised, and compared with what it was: ESTOI, mel-cepstral distortion and F0 by WORLD's
analysis of both. The real-time factor (seconds of work for a second of speech, on one core) differs from run to run. Of
what is stored, errors are those of the log spectrum. Test speakers are not looked at. Without a trained model
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
@click.option("--clips", "count", default=40, show_default=True, help="At most, spread over all.")
def main(split_path: Path, model: Path | None, count: int) -> None:
    """Print what is lost."""
    torch.set_num_threads(1)
    prepared = params.load(Path("params.yaml"), "audio", AudioParams)
    chosen = params.load(Path("params.yaml"), "vocoder", VocoderParams)
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    valid = manifest.partition(clips, manifest.read(split_path, manifest.PARTITIONED), "valid").sort_values("id")
    heard = valid.iloc[:: max(1, -(-len(valid) // count))]
    originals = [decoding.read(*segment) for segment in manifest.segments(heard)]
    speech = [preparation.prepare(each.samples, each.sampling_rate, prepared) for each in originals]
    rate = prepared.sampling_rate
    seconds = sum(map(len, speech)) / rate
    world = vocoder(replace(chosen, kind="world"), rate)
    griffin_lim = Mel(replace(chosen.mel, inversion="griffin_lim"), rate, chosen.world)
    voices: dict[str, Vocoder] = {"world": world, "mel, griffin_lim": griffin_lim}
    if model:
        voices["mel, istft"] = Mel(replace(chosen.mel, inversion="istft"), rate, chosen.world, model)
    table = pd.DataFrame({name: _loss(voice, world, speech, rate) for name, voice in voices.items()}).T
    click.echo(f"{split_path.stem}: {len(speech)} valid clips, {seconds:.0f} s\n\n{table.round(3).to_string()}\n")
    spectra = {
        f"{name}, {storage}": _stored([voice.analyse(samples) for samples in speech], storage, seconds)
        for name, voice in (("world", world), ("mel", griffin_lim))
        for storage in STORAGES
    }
    click.echo(pd.DataFrame(spectra).T.round(3).to_string())


def _loss(voice: Vocoder, world: Vocoder, speech: list[np.ndarray], rate: int) -> dict[str, float]:
    """Means over clips of what a copy differs in from the original."""
    rows, spent = [], 0.0
    for samples in speech:
        features = voice.analyse(samples)
        start = time.perf_counter()
        copy = voice.synthesise(features)
        spent += time.perf_counter() - start
        found = distances(world.analyse(copy[: len(samples)]), world.analyse(samples))
        estoi = intelligibility(copy[: len(samples)], samples, rate)
        rows.append({"estoi": estoi, "mcd_db": found["mcd_db"], "f0_rmse_st": found["f0_rmse_st"]})
    means = pd.DataFrame(rows).astype(float).mean()
    return {**means, "real_time_factor": spent * rate / sum(map(len, speech))}


def _stored(spoken: list[Features], storage: Storage, seconds: float) -> dict[str, float]:
    """Largest and mean error of the log spectra, mean mel-cepstral distortion, and bytes."""
    errors, distortions = [], []
    with TemporaryDirectory() as folder:
        place = Path(folder, "shard")
        with shards.Writer(place, {"spectrum": storage}) as shard:
            for number, features in enumerate(spoken):
                shard.add(str(number), {"spectrum": features.spectrum})
        size = sum(path.stat().st_size for path in place.glob("*.npy"))
        for error in _differences(spoken, Shard(place)):
            errors.append(np.abs(DECIBELS * decoded(error)).ravel())
            distortions.append(DECIBELS * np.sqrt(np.square(timbre(error)).sum(axis=1)))
    each = np.concatenate(errors)
    return {
        "largest_db": float(each.max()),
        "mean_db": float(each.mean()),
        "mcd_db": float(np.concatenate(distortions).mean()),
        "kilobytes_a_second": size / seconds / 1000,
    }


def _differences(spoken: list[Features], shard: Shard) -> Iterator[np.ndarray]:
    for number, features in enumerate(spoken):
        yield shard.array(str(number), "spectrum") - features.spectrum


if __name__ == "__main__":
    main()
