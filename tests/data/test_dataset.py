"""The export in training code: what the README shows, on a finished project."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest
from pipeline.core.params import load
from pipeline.data.dataset import EmotionalSpeech

README = Path(__file__).parents[2] / "README.md"
TABLE = Path("data/augmented/full-1/cyclegan.parquet")


@pytest.fixture(autouse=True)
def there(classified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(classified)


def shown() -> list[dict[str, Any]]:
    """Names that each Python example of the README leaves behind."""
    found = []
    for example in re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL):
        names: dict[str, Any] = {"pandas": pandas, "torch": torch, "EmotionalSpeech": EmotionalSpeech}
        exec(example, names)
        found.append(names)
    return found


def test_the_examples_of_the_readme_give_the_same_rows() -> None:
    by_pandas, by_torch = shown()
    assert list(by_pandas["train"]["id"]) == list(by_torch["train"].rows["id"])
    assert 0 < by_pandas["train"]["is_synthetic"].sum() < len(by_pandas["train"])
    drawn = list(by_torch["sampler"])
    assert len(drawn) == len(by_torch["train"])


def test_the_table_names_the_preparation() -> None:
    clips, none = EmotionalSpeech(TABLE), EmotionalSpeech(TABLE.with_stem("none"))
    assert clips.audio == none.audio == load(Path("params.yaml"), "audio", AudioParams)
    assert (clips.vocoded, none.vocoded) == (["cyclegan"], [])


def test_another_preparation(tmp_path: Path) -> None:
    """The table's, or the one that is given in its place."""
    rows = manifest.read(TABLE, manifest.AUGMENTED)
    audio = AudioParams(sampling_rate=12_000, trim_db=30, level_db=-20)
    table = tmp_path / "other.parquet"
    manifest.write(rows, table, manifest.AUGMENTED, "", audio=json.dumps(asdict(audio)), vocoded="[]")
    usual, _ = EmotionalSpeech(TABLE)[0]
    for clips in (EmotionalSpeech(table), EmotionalSpeech(TABLE, audio=audio)):
        samples, _ = clips[0]
        assert 10 * np.log10(float(samples.square().mean())) == pytest.approx(-20, abs=0.5)
        assert len(samples) == pytest.approx(0.75 * len(usual), rel=0.02)
    manifest.write(rows, table, manifest.AUGMENTED, "")
    with pytest.raises(manifest.ManifestError, match="lack 'audio'"):
        EmotionalSpeech(table)


def test_items_are_prepared_clips_with_their_emotions() -> None:
    """Nothing synthetic but in train."""
    clips = EmotionalSpeech(TABLE)
    assert clips.emotions == ["angry", "neutral", "sad"]
    for index in (0, len(clips) - 1):  # real and synthetic
        samples, label = clips[index]
        row = clips.rows.iloc[index]
        assert clips.emotions[label] == row["emotion"]
        assert samples.dtype == torch.float32 and samples.ndim == 1
        level_db = 10 * np.log10(float(samples.square().mean()))
        assert level_db == pytest.approx(-26, abs=0.5)
    assert float(clips.weights.sum()) == pytest.approx(1.3 * 18, rel=1e-3)
    for partition in ("valid", "test"):
        held_out = EmotionalSpeech(TABLE, partition).rows
        assert not held_out["is_synthetic"].any()
        assert set(held_out["speaker"]).isdisjoint(clips.rows["speaker"])


@pytest.mark.parametrize(
    ("table", "message"), [(TABLE, "has no clip of partition 'dev'"), (Path("no.parquet"), "not found")]
)
def test_what_is_not_there_is_named(table: Path, message: str) -> None:
    with pytest.raises(manifest.ManifestError, match=message):
        EmotionalSpeech(table, "dev")
