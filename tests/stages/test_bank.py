"""A voice bank of a tiny project: its tables, clips in its voices, and the guard."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile
from click.testing import CliRunner, Result

from pipeline.audio import decoding, preparation
from pipeline.audio.preparation import AudioParams
from pipeline.cli import main
from pipeline.core import bank, manifest
from pipeline.core.params import load
from pipeline.generation.speaker_statistics import SpeakerStatistics, of_bank
from pipeline.vocoder.world import World, WorldParams
from tests.tiny_project import SPLIT, run_stage

RAW, VOICES = Path("data/bank/mine"), Path("data/voices/mine")
CONVERTED = Path("data/synthetic/full-1/speaker_conversion/all")
TABLE = CONVERTED / manifest.SYNTHETIC_TABLE
HELD_OUT = "demo/f01_s1_angry_medium"  # tests
BANK = {"bank": "mine"}
Stage = Callable[..., Result]


def speech(folder: str, number: int, f0_hz: float, partials: int, duration_s: float = 0.5) -> Path:
    """Write a vowel with vibrato."""
    time = np.arange(round(duration_s * 16_000)) / 16_000
    phase = 2 * np.pi * f0_hz * time + 0.3 * np.sin(2 * np.pi * 4 * time + number)
    sound = sum(np.sin(place * phase) / place for place in range(1, partials)) * np.sin(np.pi * time / duration_s)
    path = RAW / folder / f"{number}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * sound, 16_000)
    return path


@pytest.fixture
def raw(project: Path, params: Callable[..., None]) -> Path:
    """Folder of two speakers, with each kind of file that cannot be used."""
    for number in range(3):
        speech("anna", number, 210, 20)
        speech("bert/more", number, 110, 8)
    shutil.copy(RAW / "anna/0.wav", RAW / "anna/again.wav")
    soundfile.write(RAW / "anna/silence.wav", np.zeros(8000), 16_000)
    speech("long", 0, 210, 20, duration_s=41)
    (RAW / "bert/broken.wav").write_bytes(b"RIFF")
    (RAW / "bert/._0.wav").write_bytes(b"resource fork")
    (RAW / "notes.txt").write_text("not audio")
    shutil.copy(RAW / "anna/1.wav", RAW / "nobody.wav")
    changes = {"targets": ["bank"], "same_gender": True}
    params({"banks": ["mine"], "perturb.copies": 2, "speaker_conversion": changes, "perturbations": []})
    return RAW


@pytest.fixture
def converted(raw: Path, stage: Stage, params: Callable[..., None]) -> pd.DataFrame:
    """Clips in the voices of the bank; the arm's training set is written."""
    for name, item in (("bank", BANK), ("perturb", {**SPLIT, "generator": "speaker_conversion"})):
        result = stage(name, **item)
        assert result.exit_code == 0, result.output
    params({"arms": ["none", "speaker_conversion"], "augment.headline_arm": "speaker_conversion"})
    result = stage("augment", **SPLIT)
    assert result.exit_code == 0, result.output
    return manifest.read(TABLE, manifest.SYNTHETIC)


def test_tables_of_a_bank(raw: Path, stage: Stage) -> None:
    result = stage("bank", **BANK)
    assert result.exit_code == 0, result.output
    counts = "duplicate 1, not audio 1, silent 1, too long 1, unknown name 1, unreadable 1"
    unwrapped = result.output.replace("\n  ", " ")
    assert f"mine: 2 speakers, 0.00 hours, kept 6 of 12 clips; quarantined: {counts}\n" in unwrapped
    assert "mine: warning: bank/mine/long is left out, because none of the clips is usable" in result.output
    clips = bank.clips(VOICES)
    assert clips["speaker"].value_counts().to_dict() == {"bank/mine/anna": 3, "bank/mine/bert": 3}
    for path, sha256 in zip(clips["filepath"], clips["sha256"], strict=True):
        assert decoding.read(Path(path)).sha256 == sha256
    left_out = manifest.read(VOICES / bank.QUARANTINE, manifest.QUARANTINE).set_index("filepath")
    assert left_out.loc["data/bank/mine/nobody.wav", "detail"] == "is not in a folder of a speaker"
    assert left_out.loc["data/bank/mine/anna/silence.wav", "reason"] == "silent"

    speakers = bank.speakers(VOICES).set_index("speaker")
    assert speakers["clips"].to_dict() == {"bank/mine/anna": 3, "bank/mine/bert": 3}
    assert speakers.loc["bank/mine/anna", "duration"] == pytest.approx(1.5)
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    world = World(load(Path("params.yaml"), "vocoder.world", WorldParams), prepared.sampling_rate)
    for name, found in of_bank(VOICES).items():
        own = [Path(path) for path in clips.loc[clips["speaker"] == name, "filepath"]]
        expected = SpeakerStatistics.of(world.analyse(preparation.prepared(path, prepared)) for path in own)
        np.testing.assert_allclose(found.mean, expected.mean)
        np.testing.assert_allclose(found.deviation, expected.deviation)
        assert found.log_f0 == expected.log_f0

    before = {path.name: path.read_bytes() for path in VOICES.iterdir()}
    assert stage("bank", **BANK).exit_code == 0
    assert {path.name: path.read_bytes() for path in VOICES.iterdir()} == before


def test_links(raw: Path, stage: Stage, tmp_path: Path) -> None:
    """The folder of a bank may be a link; none inside leads out of it."""
    shutil.move(RAW / "bert", tmp_path / "other")
    (RAW / "bert").symlink_to(tmp_path / "other")
    shutil.move(RAW, tmp_path / "mine")
    RAW.symlink_to(tmp_path / "mine")
    result = stage("bank", **BANK)
    assert result.exit_code == 0 and "1 speakers" in result.output and "outside 4" in result.output


def test_a_recording_of_two_speakers_is_of_neither(raw: Path, stage: Stage) -> None:
    shutil.copy(RAW / "anna/2.wav", RAW / "bert/2.wav")
    assert "conflicting labels 2" in stage("bank", **BANK).output
    assert bank.clips(VOICES)["speaker"].value_counts().to_dict() == {"bank/mine/anna": 2, "bank/mine/bert": 3}


def test_an_empty_bank(project: Path, stage: Stage) -> None:
    assert "data/bank/mine: no such folder" in stage("bank", **BANK).output
    RAW.mkdir(parents=True)
    result = stage("bank", **BANK)
    assert result.exit_code == 1 and "expected speech in data/bank/mine/SPEAKER/" in result.output
    (RAW / "anna").mkdir()
    (RAW / "anna/a.wav").write_bytes(b"RIFF")
    result = stage("bank", **BANK)
    assert result.exit_code == 1 and "kept 0 of 1 clips; quarantined: unreadable 1" in result.output
    assert "data/bank/mine/anna/a.wav" in result.output and not VOICES.exists()


def test_clips_in_the_voices_of_a_bank(converted: pd.DataFrame, stage: Stage, params: Callable[..., None]) -> None:
    targets = converted["parameters"].map(lambda text: next(iter(json.loads(text)["targets"])))
    assert targets.groupby(converted["source_id"]).agg(set).map({"bank/mine/anna", "bank/mine/bert"}.__eq__).all()
    metadata = manifest.metadata(TABLE)
    assert json.loads(metadata["banks"]) == {"data/voices/mine": bank.fingerprint(VOICES)}
    result = stage("classify", **SPLIT, arm="speaker_conversion")
    assert result.exit_code == 0, result.output
    params({"banks": []})
    result = stage("perturb", **SPLIT, generator="speaker_conversion")
    assert result.exit_code == 1 and "has 'bank', but 'banks' is empty" in result.output
    params({"speaker_conversion.targets": ["train"]})
    result = stage("perturb", **SPLIT, generator="speaker_conversion")
    assert result.exit_code == 0 and "banks" not in manifest.metadata(TABLE)


def rewritten(path: Path, schema: Any, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change the rows of a table and keep its metadata."""
    metadata = manifest.metadata(path)
    words = {key: value for key, value in metadata.items() if key not in ("schema_version", "params", "labels")}
    manifest.write(edit(manifest.read(path, schema)), path, schema, metadata["params"], **words)


def as_a_test_clip(clips: pd.DataFrame) -> pd.DataFrame:
    tested = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS).set_index("id")
    return clips.assign(sha256=[tested.loc[HELD_OUT, "sha256"], *clips["sha256"][1:]])


def renamed(clips: pd.DataFrame) -> pd.DataFrame:
    """The bank lacks a speaker whose voice clips have."""
    return clips.assign(speaker=clips["speaker"].replace("bank/mine/anna", "bank/mine/carla"))


@pytest.mark.parametrize(
    ("edit", "rules", "others"),
    [
        (as_a_test_clip, ["recording outside train that is also in a voice bank: " + HELD_OUT], "voice of a speaker"),
        (renamed, ["voice of a speaker outside train, enrolment and voice bank: full-1/"], "recording outside"),
        (lambda clips: clips[::-1], [], "voice of a speaker"),
    ],
)
def test_planted_leak(
    converted: pd.DataFrame, edit: Callable[[pd.DataFrame], pd.DataFrame], rules: list[str], others: str
) -> None:
    """In the tables of the bank; each change of them shows too."""
    rewritten(VOICES / bank.CLIPS_TABLE, bank.CLIPS, edit)
    for result in (run_stage("augment", **SPLIT), audited(), run_stage("evaluate")):
        assert result.exit_code == 1 and others not in result.output
        output = " ".join(result.output.split())
        for rule in [*rules, "voice bank that was changed after the clips were made: full-1/speaker_conversion/"]:
            assert rule in output or rule.replace(": ", " ") in output


def audited() -> Result:
    """The audit, after the classifiers ran."""
    for arm in ("none", "speaker_conversion"):
        if not Path(f"data/predictions/full-1/{arm}.parquet").exists():
            assert run_stage("classify", **SPLIT, arm=arm).exit_code == 0
    return CliRunner().invoke(main.main, ["audit"])


def test_no_leak_without_a_planted_one(converted: pd.DataFrame) -> None:
    result = audited()
    assert result.output == "full-1 none: no leak\nfull-1 speaker_conversion: no leak\n"


def test_a_test_recording_under_another_name(raw: Path, stage: Stage, params: Callable[..., None]) -> None:
    """Or in another lossless format: the samples are the same."""
    samples, rate = soundfile.read(f"data/raw/demo/f01/{Path(HELD_OUT).name}.flac", dtype="int16")
    soundfile.write(RAW / "bert/unlabelled.wav", samples, rate)
    for name, item in (("bank", BANK), ("perturb", {**SPLIT, "generator": "speaker_conversion"})):
        assert stage(name, **item).exit_code == 0
    params({"arms": ["none", "speaker_conversion"]})
    result = stage("augment", **SPLIT)
    assert result.exit_code == 1
    assert f"recording outside train that is also in a voice bank: {HELD_OUT}" in result.output


def test_a_table_that_does_not_name_its_bank(converted: pd.DataFrame) -> None:
    table = pq.read_table(TABLE)
    words = {key: value for key, value in table.schema.metadata.items() if key != b"banks"}
    pq.write_table(table.replace_schema_metadata(words), TABLE)
    result = run_stage("augment", **SPLIT)
    assert result.exit_code == 1 and "voice of a speaker outside train, enrolment and voice bank" in result.output
    assert "changed" not in result.output


def test_a_bank_that_is_gone_is_named(converted: pd.DataFrame) -> None:
    (VOICES / bank.SPEAKERS_TABLE).unlink()
    result = run_stage("augment", **SPLIT)
    assert result.exit_code == 1 and "data/voices/mine/speakers.parquet: not found" in result.output
