"""The stage demo_corpus on a tiny corpus, with eSpeak NG."""

import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import click
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from pipeline.core.params import load
from pipeline.corpora.demo import CORPUS
from pipeline.corpora.demo_acting import DemoCorpusParams, Prosody, espeak_settings, utterances
from pipeline.stages.demo_corpus import check, main

NONE = {"rate_pct": 0, "pitch_st": 0, "range_pct": 0, "tilt_db": 0, "volume_db": 0}
SOME = {"rate_pct": 3, "pitch_st": 1, "range_pct": 10, "tilt_db": 0.3, "volume_db": 1}
TINY = {
    "seed": 1,
    "speakers": 2,
    "sentences": ["The train will be here at nine."],
    "intensities": {"medium": 0.7, "high": 1.0},
    "emotions": {"neutral": NONE, "angry": {**NONE, "rate_pct": 25, "pitch_st": 2, "tilt_db": 4}},
    "expressiveness_sd": 0.2,
    "speaker_sd": SOME,
    "acting_sd": SOME,
    "clip_sd": SOME,
}
PATH = PurePosixPath("f01/f01_s1_sad_high.flac")


def params_file(folder: Path, corpora: tuple[str, ...] = ("demo",), **changed: Any) -> Path:
    path = folder / "params.yaml"
    YAML(typ="safe").dump({"corpora": list(corpora), "demo_corpus": {**TINY, **changed}}, path)
    return path


def run(folder: Path, out: str = "demo", **changed: Any) -> Result:
    arguments = ["--params", str(params_file(folder, **changed)), "--out", str(folder / out)]
    return CliRunner().invoke(main, arguments)


def clips(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.fixture
def espeak() -> None:
    pytest.importorskip("espeakng_loader")


@pytest.mark.slow
@pytest.mark.usefixtures("espeak")
def test_writes_every_clip_and_repeats_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(tmp_path, "first")
    assert result.exit_code == 0, result.output
    assert result.output == "demo-corpus demo: 8 clips of 2 speakers\n"
    written = clips(tmp_path / "first")
    assert len(written) == 2 * 2 * 2
    for path in written:
        labels = CORPUS.parse(PurePosixPath(path))
        assert path == f"{labels.speaker}/{labels.name}.flac"
        info = soundfile.info(tmp_path / "first" / path)
        assert (info.samplerate, info.channels, info.format, info.subtype) == (22_050, 1, "FLAC", "PCM_16")
        with soundfile.SoundFile(tmp_path / "first" / path) as file:
            assert "digitalsourcetype/algorithmicMedia" in file.comment

    monkeypatch.setattr("pipeline.stages.demo_corpus.cores", lambda: 1)
    assert run(tmp_path, "second").exit_code == 0
    assert clips(tmp_path / "second") == written

    assert run(tmp_path, "other", seed=2).exit_code == 0
    assert not set(clips(tmp_path / "other").values()) & set(written.values())


@pytest.mark.slow
@pytest.mark.usefixtures("espeak")
def test_speakers_do_not_depend_on_their_number(tmp_path: Path) -> None:
    run(tmp_path, "two", emotions={"neutral": NONE})
    run(tmp_path, "four", emotions={"neutral": NONE}, speakers=4)
    two, four = clips(tmp_path / "two"), clips(tmp_path / "four")
    assert {path.split("/")[0] for path in four} == {"f01", "f02", "m01", "m02"}
    assert two and two.items() <= four.items()


def test_empty_folder_without_demo(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "old.flac").touch()
    result = run(tmp_path, corpora=("ravdess",))
    assert result.exit_code == 0, result.output
    assert not list((tmp_path / "demo").iterdir())


@pytest.mark.usefixtures("espeak")
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"emotions": {"sad": {**NONE, "volume_db": -90}}}, r"_sad_\w+.flac: has a level of -.* dB, expected -50"),
        ({"sentences": ["Oh."]}, r"_s1_\w+.flac: has a duration of 0.* s, expected 0.7 to 5 s"),
    ],
)
def test_faulty_clips_are_found_and_nothing_is_written(tmp_path: Path, changed: Any, message: str) -> None:
    result = run(tmp_path, **changed)
    assert result.exit_code == 1
    assert re.search(message, result.output)
    assert not (tmp_path / "demo").exists()


@pytest.mark.usefixtures("espeak")
def test_cut_clip_is_found(tmp_path: Path) -> None:
    run(tmp_path)
    samples, sampling_rate = soundfile.read(tmp_path / "demo" / "f01" / "f01_s1_neutral_high.flac")
    check(samples, sampling_rate, PATH)
    with pytest.raises(click.ClickException, match=f"{PATH}: has at its end a level of .* dB, expected -inf to -50 dB"):
        check(samples[: sampling_rate * 4 // 5], sampling_rate, PATH)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"speakers": 3}, "'demo_corpus.speakers' is 3"),
        ({"emotions": {"angri": NONE}}, "'demo_corpus.emotions.angri' is not known; did you mean 'angry'?"),
        ({"intensities": {"strong": 1.0}}, "'demo_corpus.intensities.strong' is not known; expected one of high, low"),
    ],
)
def test_wrong_params(tmp_path: Path, changed: Any, message: str) -> None:
    result = run(tmp_path, **changed)
    assert result.exit_code == 1
    assert message in result.output


def test_missing_espeak_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "espeakng_loader.py").write_text("raise ImportError")  # precedes the installed one
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "install the `demo` extra" in result.output
    assert not (tmp_path / "demo").exists()


def test_stage_does_not_import_espeak() -> None:
    program = "import sys, pipeline.stages.demo_corpus; print([m for m in sys.modules if 'espeak' in m])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


def test_intensity_is_a_share_of_the_emotion(tmp_path: Path) -> None:
    quiet = {"speaker_sd": NONE, "acting_sd": NONE, "clip_sd": NONE, "expressiveness_sd": 0.0}
    by_speaker = utterances(load(params_file(tmp_path, **quiet), "demo_corpus", DemoCorpusParams))
    angry = {clip.path.stem: clip.prosody for clip in by_speaker["m01"] if "angry" in clip.path.stem}
    assert angry["m01_s1_angry_high"] == Prosody(25, 2, 0, 4, 0)
    assert angry["m01_s1_angry_medium"].tilt_db == pytest.approx(0.7 * 4)


def test_settings_of_espeak() -> None:
    assert espeak_settings(Prosody(0, 0, 0, 0, 0), 0) == {"rate": 175, "pitch": 50, "range": 35}
    assert espeak_settings(Prosody(20, 4, 0, 0, 0), 2) == {"rate": 210, "pitch": 75, "range": 49}
    assert espeak_settings(Prosody(-90, -40, 900, 0, 0), 0) == {"rate": 80, "pitch": 0, "range": 35}


@pytest.mark.usefixtures("espeak")
def test_tilt_makes_a_clip_brighter(tmp_path: Path) -> None:
    run(tmp_path, speaker_sd=NONE, acting_sd=NONE, clip_sd=NONE, intensities={"high": 1.0})

    def treble_share(emotion: str) -> float:
        samples, _ = soundfile.read(tmp_path / "demo" / "m01" / f"m01_s1_{emotion}_high.flac")
        power = np.abs(np.fft.rfft(samples)) ** 2
        return float(power[len(power) // 4 :].sum() / power.sum())

    assert treble_share("angry") > 2 * treble_share("neutral")
