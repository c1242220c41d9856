"""The stage manifest: selection and mapping of emotions, and shared recordings."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.core import manifest
from pipeline.stages.manifest import main

PARAMS = """
corpora:
- ravdess
- demo
emotion_map:
  calm: neutral
emotions:
- neutral
- angry
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)


def clip(corpus: str, name: str, emotion: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"{corpus}/{name}",
        "filepath": f"data/raw/{corpus}/{name}.wav",
        "emotion": emotion,
        "emotion_raw": emotion[:2],
        "speaker": f"{corpus}_1",
        "corpus": corpus,
        "sampling_rate": 16_000,
        "duration": 1.5,
        "sha256": f"{corpus}{name}",
        "is_synthetic": False,
    } | changes


def corpora(ravdess: list[dict[str, Any]], demo: list[dict[str, Any]]) -> None:
    for name, rows in (("ravdess", ravdess), ("demo", demo)):
        manifest.write(rows, Path(f"data/corpora/{name}.parquet"), manifest.CLIPS, "0")


def run() -> Result:
    return CliRunner().invoke(main, [])


def test_manifest_and_csv() -> None:
    corpora(
        [clip("ravdess", "b", "calm"), clip("ravdess", "a", "angry", intensity="high")],
        [clip("demo", "c", "neutral"), clip("demo", "d", "happy")],
    )
    result = run()
    assert result.exit_code == 0, result.output
    assert result.output == (
        "manifest ravdess, demo: kept 3 of 4 clips; left out: emotion happy 1\nmanifest emotions: neutral 2, angry 1\n"
    )
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    assert clips["id"].tolist() == ["demo/c", "ravdess/a", "ravdess/b"]
    assert clips["emotion"].tolist() == ["neutral", "angry", "neutral"]
    assert clips["emotion_raw"].tolist() == ["ne", "an", "ca"]
    assert Path("data/data.csv").read_bytes() == (
        b"filepath,emotion,intensity\n"
        b"data/raw/demo/c.wav,neutral,\n"
        b"data/raw/ravdess/a.wav,angry,high\n"
        b"data/raw/ravdess/b.wav,neutral,\n"
    )
    before = Path("data/manifest.parquet").read_bytes()
    run()
    assert Path("data/manifest.parquet").read_bytes() == before


def test_other_tables_in_the_folder_are_not_read() -> None:
    corpora([clip("ravdess", "a", "angry"), clip("ravdess", "b", "calm")], [clip("demo", "c", "angry")])
    Path("params.yaml").write_text(PARAMS.replace("- demo\n", ""))
    run()
    assert set(manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)["corpus"]) == {"ravdess"}


def test_recording_in_two_corpora() -> None:
    corpora(
        [clip("ravdess", "a", "calm", sha256="a"), clip("ravdess", "b", "angry")],
        [clip("demo", "same", "happy", sha256="a"), clip("demo", "own", "angry")],
    )
    result = run()
    assert result.exit_code == 1
    assert (
        "data/raw/ravdess/a.wav and data/raw/demo/same.wav are the same recording, so ravdess_1 is demo_1"
        in result.output
    )
    assert "remove 'ravdess' or 'demo' from `corpora`" in result.output
    assert not Path("data/manifest.parquet").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("- angry", "- anrgy", "emotions: 'anrgy' is not known; did you mean 'angry'?"),
        ("- angry", "- neutral", "emotions: 'neutral' is there 2 times"),
        (
            "- angry",
            "- sad",
            "emotions: no clip is 'sad'; in ravdess, demo, after emotion_map, there are angry",
        ),
        ("- angry", "- calm", "emotions: no clip is 'calm'"),
        ("- neutral\n- angry", "  []", "emotions: is empty; expected one of angry, "),
        ("calm: neutral", "clam: neutral", "emotion_map: 'clam' is not known; did you mean 'calm'?"),
        ("calm: neutral", "calm: netral", "emotion_map: 'netral' is not known; did you mean 'neutral'?"),
        ("emotion_map", "emotions_map", "'emotion_map' is missing; did you mean 'emotions_map'?"),
        ("- ravdess", "- ravdes", "data/corpora/ravdes.parquet: not found"),
    ],
)
def test_wrong_params(old: str, new: str, message: str) -> None:
    corpora([clip("ravdess", "a", "angry"), clip("ravdess", "b", "calm")], [clip("demo", "c", "angry")])
    Path("params.yaml").write_text(PARAMS.replace(old, new))
    result = run()
    assert result.exit_code == 1
    assert message in result.output
    assert not Path("data/manifest.parquet").exists()
