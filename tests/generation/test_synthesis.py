"""Clips from content that needs no vocoder, samples: what is written, and what is measured from the files."""

import json
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr

from pipeline import scorers
from pipeline.audio import decoding, marking, preparation
from pipeline.audio.acoustics import AcousticsParams, FrontEnd, classifier_features
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest, workers
from pipeline.core.manifest import Segment
from pipeline.core.shards import Shard
from pipeline.generation import synthesis
from pipeline.generation.synthesis import Synthesis, Synthesiser
from pipeline.vocoder.world import World, WorldParams

RATE = 16_000
PREPARED = AudioParams(sampling_rate=RATE, trim_db=30, level_db=-26)
WORLD = World(WorldParams(frame_ms=5, order=36, f0="dio", f0_floor_hz=71, f0_ceil_hz=600, d4c_threshold=0), RATE)
ACOUSTICS = AcousticsParams(n_mels=20, frame_ms=10, window_ms=25)
OUT = Path("out/dcgan/angry")


def itself(samples: np.ndarray, source: np.ndarray | None) -> np.ndarray:
    """In place of a vocoder."""
    return samples


def voice(seconds: float = 1.0, f0_hz: float = 150.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    partials = np.arange(1, 20)[:, None]
    loudness = 0.1 / partials * (1.1 + np.sin((5 + partials % 7) * time + partials))  # each at a speed of its own
    return (loudness * np.sin(2 * np.pi * f0_hz * partials * time)).sum(axis=0)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pd.DataFrame]:
    """Function that writes synthetic clips, and returns their rows; in an empty current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workers, "cores", lambda: 1)

    def write(*wanted: Synthesis[np.ndarray], level_db: float = -26, **more: object) -> pd.DataFrame:
        words = {"emotion": "angry", "speaker": "demo_f01", "corpus": "demo", "is_synthetic": True, **more}
        rows = pd.DataFrame(
            [{"id": f"clip {i}", "filepath": f"{OUT}/{i}.flac", **words} for i in range(len(wanted))],
            columns=["id", "filepath", *words],
        )
        prepared = AudioParams(RATE, PREPARED.trim_db, level_db)
        synthesiser = Synthesiser(itself, prepared, ACOUSTICS, WORLD, FrontEnd.NATURAL)
        written = synthesis.write(
            OUT, rows, wanted, synthesiser, "0123", "full-1 dcgan", split="full-1", model="models/dcgan"
        )
        read = manifest.read(OUT / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
        pd.testing.assert_frame_equal(
            read[written.columns], written.astype({"intelligibility": float}), check_dtype=False
        )
        return written

    return write


def source(samples: np.ndarray, rate: int = RATE) -> Segment:
    soundfile.write("source.wav", samples, rate)
    return Segment(Path("source.wav"))


def test_what_a_reader_of_the_file_gets(make: Callable[..., pd.DataFrame]) -> None:
    wanted = [Synthesis(voice(seconds), None) for seconds in (0.7, 1.0)]
    rows = make(*wanted)
    assert sorted(path.name for path in OUT.iterdir()) == ["0.flac", "1.flac", "clips.parquet", "features"]
    assert rows["duration"].tolist() == pytest.approx([0.7, 1.0])
    metadata = manifest.metadata(OUT / manifest.SYNTHETIC_TABLE)
    assert (metadata["params"], metadata["split"], metadata["model"]) == ("0123", "full-1", "models/dcgan")
    shard = Shard(OUT / manifest.SYNTHETIC_FEATURES)
    for row in rows.itertuples():
        recording = decoding.read(Path(row.filepath))
        assert recording.sha256 == row.sha256
        again = preparation.prepare(recording.samples, RATE, PREPARED)
        expected = classifier_features(
            again, RATE, ACOUSTICS, WORLD.analyse(again).f0_hz[:, 0], 5
        ) | scorers.scorer_features(again, RATE)
        for name in ("log_mel", "functionals", "gate", "speakers"):
            np.testing.assert_allclose(shard.array(row.id, name), expected[name], rtol=1e-5)


@pytest.mark.parametrize("rate", [RATE, 48_000])
def test_words_against_the_source(make: Callable[..., pd.DataFrame], rate: int) -> None:
    """The source's ends are trimmed, as they were before its features went into a generator."""
    silence = np.zeros(rate // 2)
    path = source(np.concatenate([silence, 0.1 * soxr.resample(voice(), RATE, rate), silence]), rate)
    trimmed = preparation.prepare(decoding.read(*path).samples, rate, PREPARED)
    noise = np.random.default_rng(0).standard_normal(RATE)
    same, other, none = make(*map(Synthesis, (trimmed, noise, trimmed), (path, path, None)))["intelligibility"]
    assert same > 0.99 and other < 0.3 and np.isnan(none)


def test_level_and_clipping(make: Callable[..., pd.DataFrame]) -> None:
    limited = np.clip(50 * voice(), -1, 1)  # a generator that is overdriven; levelling lowers what it clipped
    rows = make(*(Synthesis(samples, None) for samples in (voice(), limited, np.zeros(RATE))))
    assert rows["clipping"].iloc[0] < 1e-3 and rows["clipping"].iloc[2] == 0
    assert rows["clipping"].iloc[1] == pytest.approx(np.mean(np.abs(limited) == 1))
    assert rows["level_db"].iloc[:2].between(-26.1, -24).all() and rows["level_db"].iloc[2] < -100


def test_tags_say_what_a_clip_is_and_change_no_sample(make: Callable[..., pd.DataFrame]) -> None:
    made = {
        "source_id": "demo/é",
        "source_emotion": "sad",
        "generator": "cyclegan",
        "generator_sha256": "ab",
        "seed": 7,
    }
    make(Synthesis(voice(), None), license="CC0-1.0", **made)
    path = OUT / "0.flac"
    with soundfile.SoundFile(path) as file:
        found = file.copy_metadata()
    assert (found["title"], found["license"]) == ("synthetic speech", "CC0-1.0")
    assert found["software"].startswith("emocycle")
    kind = marking.IPTC + "compositeWithTrainedAlgorithmicMedia"
    expected = {"synthetic": True, "digitalSourceType": kind, "id": "clip 0", "emotion": "angry", **made}
    assert json.loads(found["comment"]) == expected
    before = path.read_bytes()
    make(Synthesis(voice(), None), license="CC0-1.0", **made)
    assert path.read_bytes() == before  # no date
    preparation.write(Path("untagged.flac"), preparation.level(voice(), -26), RATE)
    np.testing.assert_array_equal(decoding.read(Path("untagged.flac")).samples, decoding.read(path).samples)


def test_no_sound_no_source_and_no_clips(make: Callable[..., pd.DataFrame]) -> None:
    for wanted, message in (
        (Synthesis(voice() * np.nan, None), "NaN or infinite; did the training of its model diverge"),
        (Synthesis(voice(), Segment(Path("gone.wav"))), "gone.wav: No such file"),
    ):
        with pytest.raises(click.ClickException, match=message):
            make(wanted)
        assert not OUT.exists()
    assert make().empty
