"""Synthesise clips with a DC-GAN, as many of each emotion as it was trained on."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import click
import numpy as np
import pandas as pd
import torch
from pydantic import NonNegativeInt

from pipeline.audio import preparation
from pipeline.audio.acoustics import AcousticsParams, FrontEnd, mel_transform
from pipeline.audio.preparation import AudioParams
from pipeline.core import console, models, params
from pipeline.core.params import section
from pipeline.generation import synthesis
from pipeline.generation.dcgan.spectrograms import SpectrogramGenerator
from pipeline.generation.synthesis import Synthesis, Synthesiser
from pipeline.networks import hardware, provenance
from pipeline.networks.hardware import HardwareParams
from pipeline.vocoder import VocoderParams, vocoder
from pipeline.vocoder.griffin_lim import griffin_lim

GENERATOR = "dcgan"


@section
class GenerateDcganParams:
    """Synthesis of samples from spectrograms."""

    iterations: NonNegativeInt  # of Griffin-Lim


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--model", type=click.Path(path_type=Path), required=True, help="Model folder of the DC-GAN.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the synthetic clips.")
def main(params_path: Path, model: Path, out: Path) -> None:
    """Synthesise clips with a DC-GAN, as many of each emotion as it was trained on."""
    prepared = params.load(params_path, "audio", AudioParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    vocoder_params = params.load(params_path, "vocoder", VocoderParams)
    hardware_params = params.load(params_path, "hardware", HardwareParams)
    chosen = params.load(params_path, "generate_dcgan", GenerateDcganParams)
    front_end = params.load(params_path, "classify.front_end", FrontEnd)
    if error := vocoder_params.front_end_error(front_end):
        raise params.ParamsError(f"{params_path}: {error}")
    tensors, config = models.load(model)
    with models.fitting(model):
        generator = SpectrogramGenerator.from_tensors(tensors, config["size"], hardware.device(hardware_params))
        split, seed = config["split"], config["seed"]
        rows = synthetic_rows(config["train_clips"], split, out, config["licenses"])
    rows = rows.assign(generator_sha256=provenance.fingerprint(model), seed=seed)
    own_seed = provenance.derived_seed(seed, split, GENERATOR, "noise")
    numbers = torch.tensor([config["emotions"].index(emotion) for emotion in rows["emotion"]])
    synthesise: Callable[[np.ndarray, np.ndarray | None], np.ndarray] = partial(
        synthesised, prepared=prepared, acoustics=acoustics, iterations=chosen.iterations, seed=own_seed
    )
    own = vocoder(vocoder_params, prepared.sampling_rate)
    if front_end == FrontEnd.VOCODED:
        synthesise = partial(synthesis.revocoded, synthesise=synthesise, prepared=prepared, vocoder=own)
    written = synthesis.write(
        out,
        rows,
        (Synthesis(mel, source=None) for mel in generator.mels(numbers, own_seed).numpy()),
        Synthesiser(synthesise, prepared, acoustics, own, front_end),
        params.params_hash(prepared, acoustics, vocoder_params, hardware_params, chosen, front_end),
        f"{split} {GENERATOR}",
        split=split,
        emotions="all",
        model=model.as_posix(),
    )
    console.tell(f"{split} {GENERATOR}", f"{len(written):,} clips, {written['duration'].sum() / 3600:.2f} hours")


def synthetic_rows(counts: Mapping[str, int], split: str, out: Path, licenses: list[str]) -> pd.DataFrame:
    """Rows of clips from noise, sorted by id, without measurements of the audio.

    They have no source; their speaker and corpus are the generator.

    Args:
        counts: clips of each emotion
        split: name of the split
        out: folder of the clips
        licenses: of the generator's training clips
    """
    names = [(emotion, f"{number:05}") for emotion in sorted(counts) for number in range(1, counts[emotion] + 1)]
    return pd.DataFrame(
        {
            "id": f"{split}/{GENERATOR}/{emotion}/{number}",
            "filepath": f"{PurePosixPath(out).as_posix()}/{emotion}_{number}.flac",
            "emotion": emotion,
            "speaker": GENERATOR,
            "corpus": GENERATOR,
            "is_synthetic": True,
            "license": "; ".join(licenses) or None,
            "generator": GENERATOR,
        }
        for emotion, number in names
    )


def synthesised(
    log_mel: np.ndarray,
    source: np.ndarray | None,
    prepared: AudioParams,
    acoustics: AcousticsParams,
    iterations: int,
    seed: int,
) -> np.ndarray:
    """Samples of a log-mel spectrogram (frames, n_mels), without the silence at its ends."""
    mel = mel_transform(prepared.sampling_rate, acoustics)
    return preparation.prepare(griffin_lim(log_mel, mel, iterations, seed), prepared.sampling_rate, prepared)
