"""`emocycle convert` on recordings of all kinds, with the pairs of a tiny project."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from click.testing import CliRunner, Result

from pipeline.audio import preparation
from pipeline.audio.utterances import spans
from pipeline.cli.main import main
from pipeline.conversion.converter import Converter
from pipeline.core import manifest, models
from pipeline.core.params import load
from pipeline.core.shards import Shard, Shards
from pipeline.scorers import gate
from pipeline.scorers.gate import Gate
from pipeline.vocoder import Features
from pipeline.vocoder.copies import copied
from pipeline.vocoder.world import World, WorldParams
from tests.tiny_project import run_stage

RATE = 16_000
OTHER = "data/raw/demo/m01/m01_s2_neutral_medium.flac"
ANGRY, NEUTRAL, SAD = (f"data/raw/demo/m01/m01_s1_{emotion}_medium.flac" for emotion in ("angry", "neutral", "sad"))
PAIRS = "models/cyclegan/full-1"


@pytest.fixture(autouse=True)
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current directory with a finished project, which is only read."""
    monkeypatch.chdir(tmp_path)
    for name in ("data", "models"):
        Path(name).symlink_to(finished / name)
    shutil.copy(finished / "params.yaml", ".")


def convert(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, arguments)])


def samples_of(path: Path | str, rate: int = RATE) -> np.ndarray:
    """Samples of a file that must be mono, at this rate."""
    samples, found = soundfile.read(path)
    assert (found, samples.ndim) == (rate, 1)
    return samples


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def f0_hz(samples: np.ndarray) -> float:
    """Mean of log F0, as Hz, of a clip at `RATE`."""
    found = World(load(Path("params.yaml"), "vocoder.world", WorldParams), RATE).analyse(samples).f0_hz
    return float(np.exp(np.log(found[found > 0]).mean()))


def test_a_file() -> None:
    """As loud as before, and as high as the emotion is: the corpus's angry voices are 1.18 times as high."""
    result = convert(NEUTRAL, "out/angry.wav", "--to", "angry", "--from", "neutral")
    assert result.exit_code == 0, result.output
    assert (
        result.output == f"{NEUTRAL}: given as neutral; converted to angry, 1 utterance, 0.4 of 0.5 s: out/angry.wav\n"
    )
    before, after = samples_of(NEUTRAL), samples_of("out/angry.wav")
    assert rms(after) == pytest.approx(rms(before), rel=0.01)
    assert f0_hz(after) == pytest.approx(1.18 * f0_hz(before), rel=0.03)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "mp3", "ogg"])
def test_tags_say_that_a_file_is_converted(suffix: str) -> None:
    for target, marked in (("angry", True), ("neutral", False)):
        assert convert(NEUTRAL, f"out.{suffix}", "--to", target, "--from", "neutral").exit_code == 0
        with soundfile.SoundFile(f"out.{suffix}") as file:
            assert ("compositeWithTrainedAlgorithmicMedia" in file.comment) == marked


def test_spectra_relative_to_the_speaker(change_params: Callable[[dict[str, object]], None]) -> None:
    """The mean is of the reference folder; a neutral recording can do without; others say what to give."""
    finished = Path("models").resolve()
    Path("models").unlink()
    shutil.copytree(finished, "models")
    change_params({"train_cyclegan.normalisation": "speaker", "pairs": ["angry-neutral"]})
    assert run_stage("train_cyclegan", scenario="full", fold="1").exit_code == 0
    result = convert(ANGRY, "out.wav", "--to", "neutral", "--from", "angry")
    assert result.exit_code == 1
    assert f"{ANGRY}: left out: given as angry; " in result.output
    assert "relative to each speaker's neutral speech: name neutral recordings of the speaker by --ref" in result.output
    for name, others in (("own", [NEUTRAL, OTHER]), ("strange", [SAD])):
        Path(name).mkdir()
        for other in others:
            shutil.copy(other, name)
    Path("own/broken.wav").write_bytes(b"RIFF")
    found = {}
    for name in ("own", "strange"):
        result = convert(ANGRY, f"{name}.wav", "--to", "neutral", "--from", "angry", "--reference-folder", name)
        assert result.exit_code == 0, result.output
        assert ("own/broken.wav: left out: not decodable" in result.output) == (name == "own")
        found[name] = samples_of(f"{name}.wav")
    assert len(found["own"]) == len(found["strange"]) and not np.allclose(*found.values(), atol=1e-3)
    Path("alone").mkdir()
    shutil.copy(NEUTRAL, "alone")
    for name, more in (("itself", []), ("given", ["--reference-folder", "alone"])):
        result = convert(NEUTRAL, f"{name}.wav", "--to", "angry", "--from", "neutral", *more)
        assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(samples_of("itself.wav"), samples_of("given.wav"))
    Path("empty").mkdir()
    result = convert(ANGRY, "out.wav", "--to", "neutral", "--from", "angry", "--reference-folder", "empty")
    assert result.exit_code == 1 and "empty: has no usable recording; expected a few neutral ones" in result.output


def test_reference_folder_that_no_pair_needs() -> None:
    result = convert(
        NEUTRAL, "out.wav", "--to", "angry", "--from", "neutral", "--reference-folder", "data/raw/demo/m01"
    )
    assert result.exit_code == 1
    assert f"--reference-folder: the pairs of {PAIRS} need no neutral recordings" in result.output


def test_intensity() -> None:
    result = convert(NEUTRAL, "out.wav", "--to", "angry", "--from", "neutral", "--intensity", "high")
    assert "converted to high angry" in result.output
    assert f0_hz(samples_of("out.wav")) == pytest.approx(1.18**1.5 * f0_hz(samples_of(NEUTRAL)), rel=0.03)


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_rates_are_kept(rate: int) -> None:
    spoken = soxr.resample(samples_of(NEUTRAL), RATE, rate)
    soundfile.write("in.wav", spoken, rate)
    assert convert("in.wav", "same.wav", "--to", "neutral", "--from", "neutral").exit_code == 0
    np.testing.assert_allclose(samples_of("same.wav", rate), spoken, atol=2**-14)
    assert convert("in.wav", "out.wav", "--to", "angry", "--from", "neutral").exit_code == 0
    after = samples_of("out.wav", rate)
    assert rms(after) == pytest.approx(rms(spoken), rel=0.01)
    assert f0_hz(soxr.resample(after, rate, RATE)) == pytest.approx(1.18 * f0_hz(samples_of(NEUTRAL)), rel=0.03)


def room(seconds: float) -> np.ndarray:
    """A pause with room noise at -80 dB."""
    return 1e-4 * np.random.default_rng(0).standard_normal(round(seconds * RATE))


def test_pauses_are_kept_and_speech_is_slower_or_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken = samples_of(NEUTRAL)
    given = np.concatenate([room(0.5), spoken, room(1), 0.5 * spoken, room(0.5)])
    soundfile.write("in.wav", given, RATE, subtype="FLOAT")
    [first, second] = spans(given, RATE, 30, 0.1)
    for rate in (1.0, 1.5):
        monkeypatch.setattr("pipeline.conversion.prosody.Prosody.rate", lambda *given, rate=rate: rate)
        result = convert("in.wav", "out.wav", "--to", "angry", "--from", "neutral")
        assert "converted to angry, 2 utterances, " in result.output
        after = samples_of("out.wav")
        spoken_s = sum(stop - start for start, stop in (first, second))
        assert len(after) == pytest.approx(len(given) + (rate - 1) * spoken_s, abs=100)
        pause = given[first[1] : second[0]]
        place = first[0] + (first[1] - first[0]) * rate
        kept = after[round(place) - 60 :][: len(pause) + 120]
        off = min(np.abs(kept[at : at + len(pause)] - pause).max() for at in range(len(kept) - len(pause) + 1))
        assert off <= 2**-15  # the recording's own samples, but for 16 bits
        np.testing.assert_allclose(after[: first[0]], given[: first[0]], atol=2**-15)
        np.testing.assert_allclose(after[-RATE // 4 :], given[-RATE // 4 :], atol=2**-15)


def test_each_utterance_is_converted_as_if_it_were_alone() -> None:
    """Which would not be so with statistics of all of them, nor with pauses in them; and each is as loud as it was."""
    low, high = samples_of(NEUTRAL), samples_of(OTHER)
    given = np.concatenate([room(1), low, room(2), 0.1 * high, room(1)])
    soundfile.write("in.wav", given, RATE, subtype="FLOAT")
    convert("in.wav", "out.wav", "--to", "angry", "--from", "neutral")
    after, moved = samples_of("out.wav"), 0
    for start, stop in spans(given, RATE, 30, 0.1):
        alone = given[start:stop]
        soundfile.write("alone.wav", alone, RATE, subtype="FLOAT")
        convert("alone.wav", "alone_out.wav", "--to", "angry", "--from", "neutral")
        wanted = samples_of("alone_out.wav")
        found = after[start + moved :][: len(wanted)]
        moved += len(wanted) - len(alone)
        inside = slice(RATE // 50, -RATE // 50)  # the fades are at its ends
        np.testing.assert_allclose(found[inside], wanted[inside], atol=2**-14)
        assert rms(found) == pytest.approx(rms(alone), rel=0.02)


def test_a_clip_is_converted_as_clips_are_in_the_pipeline() -> None:
    """Prepared, analysed, converted and synthesised: what `generate` does; silent ends change nothing."""
    spoken = samples_of(NEUTRAL)
    prepared = preparation.prepare(spoken, RATE, load(Path("params.yaml"), "audio", preparation.AudioParams))
    voice = World(load(Path("params.yaml"), "vocoder.world", WorldParams), RATE)
    pair = Converter.from_tensors(*models.load(Path(PAIRS, "angry-neutral")), torch.device("cpu"))
    wanted = voice.synthesise(
        pair.convert(voice.analyse(prepared), "neutral", "angry", (voice.params.f0_floor_hz, voice.params.f0_ceil_hz))
    )
    soundfile.write("in.wav", prepared, RATE, subtype="FLOAT")
    convert("in.wav", "out.wav", "--to", "angry", "--from", "neutral")
    found = samples_of("out.wav")
    wanted = preparation.level(wanted[: len(found)], 20 * np.log10(rms(prepared)))
    np.testing.assert_allclose(found, wanted * min(1, preparation.PEAK / np.abs(wanted).max()), atol=2**-14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio.trim_db": 31}, "/angry-neutral: was trained with another 'audio' or 'vocoder' than in params.yaml; "),
        ({"vocoder.world.order": 24}, "/angry-neutral: was trained with another 'audio' or 'vocoder' than in"),
        ({"pairs": ["neutral-sad"]}, f"--to angry: no pair of {PAIRS} has it; expected one of neutral, sad"),
    ],
)
def test_models_of_other_params(
    changes: dict[str, object], message: str, change_params: Callable[[dict[str, object]], None]
) -> None:
    change_params(changes)
    result = convert(NEUTRAL, "out.wav", "--to", "angry", "--from", "neutral")
    assert result.exit_code == 1
    assert message in result.output
    assert not Path("out.wav").exists()


def test_a_long_one_as_vorbis() -> None:
    """Where all is written at once, libsndfile ends the process."""
    soundfile.write("in.wav", np.resize(samples_of(NEUTRAL), 60 * 44_100), 44_100)
    assert convert("in.wav", "out.ogg", "--to", "neutral", "--from", "neutral").exit_code == 0
    assert len(samples_of("out.ogg", 44_100)) == 60 * 44_100


def test_channels_are_mixed_and_the_output_says_so() -> None:
    spoken = samples_of(NEUTRAL)
    soundfile.write("stereo.wav", np.stack([spoken, 0 * spoken], axis=1), RATE)
    result = convert("stereo.wav", "out.wav", "--to", "angry", "--from", "neutral")
    assert "stereo.wav: given as neutral; 2 channels mixed; converted to angry, 1 utterance" in result.output
    assert rms(samples_of("out.wav")) == pytest.approx(rms(spoken) / 2, rel=0.01)
    soundfile.write("stereo.wav", np.stack([spoken, -spoken], axis=1), RATE)
    result = convert("stereo.wav", "out.wav", "--to", "angry", "--from", "neutral")
    assert "stereo.wav: left out: peaks at 0, expected" in result.output and "; 2 channels mixed" in result.output


@pytest.mark.parametrize("seconds", [0.1, 8.0])
def test_short_and_long(seconds: float) -> None:
    soundfile.write("in.wav", np.resize(samples_of(NEUTRAL)[2000:8000], round(seconds * RATE)), RATE)
    assert convert("in.wav", "out.wav", "--to", "angry", "--from", "neutral").exit_code == 0
    after = samples_of("out.wav")
    assert 0.5 < len(after) / RATE / seconds < 2
    assert np.isfinite(after).all() and rms(after) > 0.005


def test_what_would_clip_is_lowered() -> None:
    spoken = samples_of(NEUTRAL)
    soundfile.write("in.wav", spoken / np.abs(spoken).max(), RATE)
    convert("in.wav", "out.wav", "--to", "angry", "--from", "neutral")
    after = np.abs(samples_of("out.wav"))
    assert after.max() < 1 and np.mean(after > 0.98) < 0.01


def test_formats() -> None:
    soundfile.write("in.wav", samples_of(NEUTRAL)[2000:4000], RATE)
    for suffix in (".wav", ".FLAC", ".ogg", ".mp3", ".aif"):
        assert convert("in.wav", f"out{suffix}", "--to", "angry", "--from", "neutral").exit_code == 0
        about = soundfile.info(f"out{suffix}")
        assert (about.samplerate, about.channels) == (RATE, 1)
        assert about.format == {".aif": "AIFF"}.get(suffix, suffix[1:].upper())
    soundfile.write("in.wav", soxr.resample(samples_of(NEUTRAL), RATE, 96_000), 96_000)
    result = convert("in.wav", "other.mp3", "--to", "angry", "--from", "neutral")
    assert result.exit_code == 1
    assert "in.wav: left out: cannot be written as .mp3 at 96,000 Hz: " in result.output
    assert not any(Path().glob("*other.mp3*"))


def test_the_source_is_predicted() -> None:
    result = convert(NEUTRAL, "angry.wav", "--to", "angry")
    assert result.exit_code == 0, result.output
    words, _, percent = result.output.partition("recognised as neutral (")
    assert words == f"{NEUTRAL}: " and 33 < int(percent.partition(" %)")[0]) <= 100
    convert(NEUTRAL, "given.wav", "--to", "angry", "--from", "neutral")
    np.testing.assert_array_equal(samples_of("angry.wav"), samples_of("given.wav"))


def test_the_gate_is_fitted_on_train_clips_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    split = manifest.read(Path("data/splits/full-1.parquet"), manifest.PARTITIONED)
    train = split.loc[split["partition"] == "train", "id"]
    shard = Shard(Path("data/features/scorers/demo"))
    analysed: list[np.ndarray] = []
    fit = Gate.fit
    monkeypatch.setattr(Gate, "fit", lambda rows, words: analysed.append(rows) or fit(rows, words))
    convert(NEUTRAL, "out.wav", "--to", "angry")
    [rows] = analysed
    np.testing.assert_array_equal(rows, np.concatenate([shard.array(id_, "gate") for id_ in train]))


def test_a_recording_passes_the_vocoder_if_the_gates_clips_did(
    change_params: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its statistics are then almost those of the clip's copy synthesis; the ends are trimmed differently."""
    seen: list[np.ndarray] = []
    probabilities = Gate.probabilities
    monkeypatch.setattr(Gate, "probabilities", lambda self, rows: seen.append(rows) or probabilities(self, rows))
    for front_end in ("natural", "vocoded"):
        change_params({"classify.front_end": front_end})
        convert(NEUTRAL, "out.wav", "--to", "angry")
    analysed = Features.load(Shards([Path("data/features/vocoder/demo")]), f"demo/{Path(NEUTRAL).stem}")
    world = World(load(Path("params.yaml"), "vocoder.world", WorldParams), RATE)
    copy = gate.statistics(copied(analysed, world, load(Path("params.yaml"), "audio", preparation.AudioParams)), RATE)
    natural, vocoded = (np.abs(each[0] - copy).mean() for each in seen)
    assert vocoded < 0.3 * natural


def test_the_target_emotion_is_left_unchanged() -> None:
    result = convert(ANGRY, "out.wav", "--to", "angry")
    assert result.exit_code == 0, result.output
    assert "recognised as angry (" in result.output and "; emotion unchanged: out.wav" in result.output
    np.testing.assert_allclose(samples_of("out.wav"), samples_of(ANGRY), atol=2**-15)


def test_a_folder() -> None:
    """What cannot be used is named, and the others go on."""
    for path, samples in (
        ("in/a.wav", samples_of(NEUTRAL)),
        ("in/deep/b.flac", samples_of(NEUTRAL)),
        ("in/silent.wav", np.zeros(RATE)),
        ("in/tiny.wav", samples_of(NEUTRAL)[:800]),
        ("in/.hidden.wav", samples_of(NEUTRAL)),
    ):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, RATE)
    Path("in/broken.wav").write_bytes(b"RIFF")
    Path("in/notes.txt").touch()
    for _ in range(2):  # what is in OUT is not converted again, though OUT is in IN
        result = convert("in", "in/out", "--to", "angry", "--from", "neutral")
        assert result.exit_code == 1
        for line in (
            "in/a.wav: given as neutral; converted to angry, 1 utterance, 0.4 of 0.5 s: in/out/a.wav\n",
            "in/deep/b.flac: given as neutral; converted to angry, 1 utterance, 0.4 of 0.5 s: in/out/deep/b.flac\n",
            "in/silent.wav: left out: peaks at 0",
            "in/tiny.wav: left out: lasts 0.050 s, expected 0.100 s or more\n",
            "in/broken.wav: left out: not decodable as audio",
            "Error: 3 of 5 files could not be converted\n",
        ):
            assert line in result.output
        found = sorted(path.relative_to("in/out").as_posix() for path in Path("in/out").rglob("*") if path.is_file())
        assert found == ["a.wav", "deep/b.flac"]


def test_a_file_into_a_folder() -> None:
    Path("out.v2").mkdir()
    assert convert(NEUTRAL, "new", "--to", "angry", "--from", "neutral").exit_code == 0
    assert convert(NEUTRAL, "out.v2", "--to", "angry", "--from", "neutral").exit_code == 0
    assert Path("new", Path(NEUTRAL).name).is_file() and Path("out.v2", Path(NEUTRAL).name).is_file()
    result = convert(NEUTRAL, "params.yaml/out.wav", "--to", "sad", "--from", "neutral")
    assert result.exit_code == 1
    assert f"{NEUTRAL}: left out: " in result.output and "params.yaml" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([NEUTRAL, "out.wav", "--to", "angri"], f"--to angri: no pair of {PAIRS} has it; did you mean 'angry'?"),
        ([NEUTRAL, "out.wav", "--to", "sad", "--from", "angry"], f"{PAIRS}: pair angry-sad was not trained, only "),
        ([NEUTRAL, "out.wav", "--to", "sad", "--from", "neutrl"], f"--from neutrl: no pair of {PAIRS} has it; did you"),
        (
            [ANGRY, "out.wav", "--to", "sad"],
            "pair angry-sad was not trained, only angry-neutral, neutral-sad; or add --from",
        ),
        ([NEUTRAL, "out.wav", "--to", "sad", "--split", "full-2"], "models/cyclegan/full-2: no pair was trained; `dvc"),
        ([NEUTRAL, NEUTRAL, "--to", "sad"], f"{NEUTRAL}: would be overwritten by its conversion"),
        (["data/raw/demo", "data/raw/demo", "--to", "sad"], "would be overwritten by its conversion"),
        (["data/raw", "out.wav", "--to", "sad"], "out.wav: expected a folder, as data/raw is one"),
        (["models", "out", "--to", "sad"], "models: has no audio file; expected .aif, .aiff, .flac"),
        ([NEUTRAL, "out.m4a", "--to", "sad"], "out.m4a: cannot be written; expected .aif, .aiff"),
        (["gone.wav", "out.wav", "--to", "sad"], "'gone.wav' does not exist"),
        ([NEUTRAL, "out.wav", "--to", "sad", "--intensity", "extreme"], "'extreme' is not one of"),
    ],
)
def test_errors(arguments: list[str], message: str) -> None:
    before = Path(NEUTRAL).read_bytes()
    result = convert(*arguments)
    assert result.exit_code != 0
    assert message in result.output
    assert not any(Path().glob("out*"))
    assert Path(NEUTRAL).read_bytes() == before


def test_the_level_of_the_input_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes into the networks is as loud as the clips that they learned from, and without silent ends."""
    analysed: list[np.ndarray] = []
    analyse = World.analyse
    monkeypatch.setattr(World, "analyse", lambda self, samples: analysed.append(samples) or analyse(self, samples))
    spoken = samples_of(NEUTRAL)
    padded = np.concatenate([np.zeros(RATE), spoken, np.zeros(RATE)])
    for samples in (padded, 0.05 * padded, padded[64 * 128 :]):
        soundfile.write("in.wav", samples, RATE, subtype="FLOAT")
        convert("in.wav", "out.wav", "--to", "angry", "--from", "neutral")
    first, soft, early = analysed
    np.testing.assert_allclose(soft, first, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(early, first, rtol=1e-4, atol=1e-6)
    assert len(first) <= len(spoken)
    assert 20 * np.log10(rms(first)) == pytest.approx(-26, abs=0.01)


def test_the_emotion_of_a_long_recording_is_that_of_its_utterances() -> None:
    """Pauses are no part of what is recognised, and nothing is as long as the recording."""
    spoken = samples_of(NEUTRAL)[:7168]  # a whole number of hops, so that all are trimmed alike
    pause = np.zeros(RATE)
    for name, times in (("one.wav", 1), ("many.wav", 5)):
        soundfile.write(name, np.concatenate([pause, *[spoken, pause] * times]), RATE)
    one, many = (convert(name, "out.wav", "--to", "angry").output for name in ("one.wav", "many.wav"))
    assert "many.wav: recognised as neutral (" in many and "5 utterances" in many
    percents = [int(output.partition("recognised as neutral (")[2].partition(" %)")[0]) for output in (one, many)]
    assert percents[1] == percents[0]
