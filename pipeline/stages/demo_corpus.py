"""Write the demo corpus: short sentences, synthesised by eSpeak NG with the voices and prosody of demo_acting."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

import click
import numpy as np
import soundfile

from pipeline.audio import marking, preparation
from pipeline.core import console, params
from pipeline.core.console import tracked
from pipeline.core.files import atomic_write
from pipeline.core.workers import cores
from pipeline.corpora import demo
from pipeline.corpora.demo import VOICES
from pipeline.corpora.demo_acting import DemoCorpusParams, Utterance, espeak_settings, utterances, with_effort

# Run by its path, a process does not import the package, which takes most of its time.
ESPEAK = [sys.executable, "-P", str(Path(demo.__file__).with_name("espeak.py"))]
DURATION_S = (0.7, 5.0)  # of a sentence with the pause after it
LEVEL_DB = (-50.0, -3.0)  # root mean square of speech, of full scale
END_S = 0.02  # eSpeak ends a sentence with silence, unless it was cut [s]
END_DB = -50.0  # highest level of that silence, of full scale

SPOKEN = marking.comment(marking.PROGRAMMED, generator="eSpeak NG")  # tags of the clips

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml", show_default=True)
@click.option("--out", type=PATH, required=True, help="Folder of the corpus to write.")
def main(params_path: Path, out: Path) -> None:
    """Write the demo corpus, or an empty folder if it is not in `corpora`."""
    with atomic_write(out) as folder:
        folder.mkdir()
        if "demo" not in params.load(params_path, "corpora", tuple[str, ...]):
            console.tell("demo", "not among `corpora`, an empty folder")
            return
        demo = params.load(params_path, "demo_corpus", DemoCorpusParams)
        by_speaker = utterances(demo)
        with ThreadPoolExecutor(cores()) as pool:  # a thread only waits for its process
            spoken = pool.map(partial(speak, by_speaker, demo.seed, folder), by_speaker)
            counts = list(tracked(spoken, "demo", len(by_speaker)))
    console.tell("demo", f"{sum(counts)} clips of {len(counts)} speakers")


def speak(by_speaker: Mapping[str, list[Utterance]], seed: int, folder: Path, speaker: str) -> int:
    """Write the clips of one speaker into `folder`; returns their number."""
    voice = VOICES[speaker]
    (folder / speaker).mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        files = [str(Path(temporary, f"{number}.wav")) for number in range(len(by_speaker[speaker]))]
        request = {
            "language": voice.language,
            "variant": voice.variant,
            "seed": seed,
            "utterances": [
                {"file": file, "text": utterance.text, **espeak_settings(utterance.prosody, voice.pitch_st)}
                for file, utterance in zip(files, by_speaker[speaker], strict=True)
            ],
        }
        result = subprocess.run(ESPEAK, input=json.dumps(request), text=True, capture_output=True, check=False)
        if result.returncode:
            raise click.ClickException(f"demo: {speaker}: {result.stderr.strip() or result.returncode}")
        for file, utterance in zip(files, by_speaker[speaker], strict=True):
            plain, sampling_rate = soundfile.read(file)
            samples = with_effort(plain, sampling_rate, utterance.prosody)
            check(samples, sampling_rate, utterance.path)
            preparation.write(folder / utterance.path, samples, sampling_rate, SPOKEN)
    return len(files)


def check(samples: np.ndarray, sampling_rate: int, path: PurePosixPath) -> None:
    """Raise ClickException for a clip that is silent, noise or cut.

    Args:
        samples: (samples,), full scale is ±1
        sampling_rate: [Hz]
        path: of the clip, for the error
    """
    duration_s = len(samples) / sampling_rate
    for what, value, unit, (low, high) in (
        ("a duration", duration_s, "s", DURATION_S),
        ("a level", _level_db(samples), "dB", LEVEL_DB),
        ("at its end a level", _level_db(samples[-int(END_S * sampling_rate) :]), "dB", (-np.inf, END_DB)),
    ):
        if not low <= value <= high:
            raise click.ClickException(
                f"demo: {path}: has {what} of {value:.1f} {unit}, expected {low:g} to {high:g} {unit}"
            )


def _level_db(samples: np.ndarray) -> float:
    """Root mean square [dB of full scale], -200 for silence."""
    return float(20 * np.log10(np.sqrt(np.mean(np.square(samples))) + 1e-10)) if len(samples) else -200.0
