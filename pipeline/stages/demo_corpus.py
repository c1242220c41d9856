"""Write the embedded demo corpus: short sentences spoken by eSpeak NG in many voices and acted emotions."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated

import click
import numpy as np
import soundfile
from pydantic import Field

from pipeline import audio, params
from pipeline.corpora.demo import VOICES, name
from pipeline.files import whole
from pipeline.manifest import EMOTIONS, INTENSITIES
from pipeline.workers import cores

RATE = 175  # of the plain voice [words a minute]
RANGE = 35  # of the plain voice, in eSpeak's 0-100: less than its usual 50, to leave room above
LEVEL_CUT_DB = 6  # the plain voice is this much below eSpeak's, to leave room above [dB]
DURATION_S = (0.7, 5.0)  # a sentence's, with the pause after it
LEVEL_DB = (-50.0, -3.0)  # root mean square, of full scale: no speech is outside
END_S = 0.02  # at the end of a sentence eSpeak is silent, unless it was cut [s]
END_DB = -50.0  # as silent as this, of full scale


@params.section
class Prosody:
    """How something is said, against the plain voice; or the standard deviations of that."""

    rate_pct: float  # [percent faster]
    pitch_st: float  # [semitones higher]
    range_pct: float  # [percent more pitch movement]
    tilt_db: float  # slope of the spectrum: vocal effort makes it brighter [dB an octave]
    volume_db: float  # [dB louder]


@params.section
class DemoCorpusParams:
    """Who says what, how, in the demo."""

    seed: int
    speakers: Annotated[int, Field(ge=2, le=len(VOICES), multiple_of=2)]  # half of them women
    sentences: list[str]
    intensities: dict[str, float]  # share of the emotion's prosody
    emotions: dict[str, Prosody]
    expressiveness_sd: float  # of the logarithm of the share of an emotion's prosody that a speaker shows
    speaker_sd: Prosody  # of a speaker's habits, in any emotion
    acting_sd: Prosody  # of a speaker's own way to act an emotion
    clip_sd: Prosody  # from clip to clip


@dataclass(frozen=True)
class Utterance:
    """One clip to be."""

    path: PurePosixPath  # below the corpus's folder
    text: str
    prosody: Prosody


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the corpus.")
def main(params_path: Path, out: Path) -> None:
    """Write the demo corpus, or an empty folder where `corpora` does without it."""
    with whole(out) as folder:
        folder.mkdir()
        if "demo" not in params.load(params_path, "corpora", tuple[str, ...]):
            click.echo("demo: not among `corpora`, an empty folder")
            return
        demo = params.load(params_path, "demo_corpus", DemoCorpusParams)
        spoken = utterances(demo)
        with ThreadPoolExecutor(cores()) as pool:  # a thread only waits for its process
            counts = list(pool.map(partial(speak, spoken, demo.seed, folder), spoken))
    click.echo(f"demo: {sum(counts)} clips of {len(counts)} speakers")


def utterances(demo: DemoCorpusParams) -> dict[str, list[Utterance]]:
    """What each speaker says and how; a speaker's prosody does not depend on how many others there are."""
    _check_words("emotions", demo.emotions, EMOTIONS)
    _check_words("intensities", demo.intensities, INTENSITIES)
    spoken: dict[str, list[Utterance]] = {}
    for number, speaker in enumerate(VOICES):
        if int(speaker[1:]) > demo.speakers // 2:
            continue
        random = np.random.default_rng([demo.seed, number])
        habit = _drawn(demo.speaker_sd, random)
        share = np.exp(demo.expressiveness_sd * random.standard_normal())
        spoken[speaker] = []
        for emotion, prosody in demo.emotions.items():
            acting = share * np.array(astuple(prosody)) + _drawn(demo.acting_sd, random)
            for intensity, strength in demo.intensities.items():
                for sentence, text in enumerate(demo.sentences, start=1):
                    said = Prosody(*(habit + strength * acting + _drawn(demo.clip_sd, random)).tolist())
                    spoken[speaker].append(Utterance(name(speaker, sentence, emotion, intensity), text, said))
    return spoken


def speak(spoken: Mapping[str, list[Utterance]], seed: int, folder: Path, speaker: str) -> int:
    """Number of clips that one speaker's process has spoken into `folder`."""
    voice = VOICES[speaker]
    (folder / speaker).mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        files = [str(Path(temporary, f"{number}.wav")) for number in range(len(spoken[speaker]))]
        request = {
            "language": voice.language,
            "variant": voice.variant,
            "seed": seed,
            "utterances": [
                {"file": file, "text": utterance.text, **espeak_settings(utterance.prosody, voice.pitch_st)}
                for file, utterance in zip(files, spoken[speaker], strict=True)
            ],
        }
        program = [sys.executable, "-m", "pipeline.espeak"]
        result = subprocess.run(program, input=json.dumps(request), text=True, capture_output=True, check=False)
        if result.returncode:
            raise click.ClickException(f"demo: {speaker}: {result.stderr.strip() or result.returncode}")
        for file, utterance in zip(files, spoken[speaker], strict=True):
            plain, sampling_rate = soundfile.read(file)
            samples = with_effort(plain, sampling_rate, utterance.prosody)
            check(samples, sampling_rate, utterance.path)
            audio.write(folder / utterance.path, samples, sampling_rate)
    return len(files)


def espeak_settings(prosody: Prosody, pitch_st: float) -> dict[str, int]:
    """Prosody in eSpeak's numbers, held inside what it accepts.

    Args:
        prosody: of the utterance
        pitch_st: the voice's own shift [semitones]
    """
    octaves = (prosody.pitch_st + pitch_st) / 12
    return {
        "rate": int(np.clip(round(RATE * (1 + prosody.rate_pct / 100)), 80, 400)),
        "pitch": int(np.clip(round(50 * (1 + octaves)), 0, 100)),  # half as high at 0, twice at 100
        # eSpeak's range is linear in Hz: it grows with the pitch, to stay the same in semitones.
        "range": int(np.clip(round(RANGE * (1 + prosody.range_pct / 100) * 2**octaves), 0, 100)),
    }


def with_effort(samples: np.ndarray, sampling_rate: int, prosody: Prosody) -> np.ndarray:
    """Samples with the prosody's volume and spectral tilt, which leaves 1 kHz as it is; no phase changes."""
    size = len(samples) + sampling_rate // 10  # what rings before the start falls behind the end, and off
    frequency_hz = np.maximum(np.fft.rfftfreq(size, 1 / sampling_rate), 60.0)
    gain_db = prosody.volume_db - LEVEL_CUT_DB + prosody.tilt_db * np.log2(frequency_hz / 1000)
    return np.fft.irfft(np.fft.rfft(samples, size) * 10 ** (gain_db / 20), size)[: len(samples)]


def check(samples: np.ndarray, sampling_rate: int, path: PurePosixPath) -> None:
    """Raise click.ClickException for a clip that is silent, noise or cut.

    Args:
        samples: (samples,), full scale is ±1
        sampling_rate: [Hz]
        path: names the clip
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


def _drawn(sd: Prosody, random: np.random.Generator) -> np.ndarray:
    """A normal deviation of each of a prosody's numbers, (5,)."""
    deviations: np.ndarray = np.array(astuple(sd)) * random.standard_normal(5)
    return deviations


def _check_words(key: str, found: Mapping[str, object], known: tuple[str, ...]) -> None:
    for word in found:
        if word not in known:
            raise params.ParamsError(f"'demo_corpus.{key}.{word}' is not known{params.nearest(word, known)}")
