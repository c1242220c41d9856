"""eSpeak NG, run as the stage runs it."""

import json
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("espeakng_loader")

from pipeline.stages.demo_corpus import ESPEAK  # noqa: E402 - after the skip


def espeak(folder: Path, **changed: Any) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    utterance = {"file": "1.wav", "text": "Nine", "rate": 300, "pitch": 50, "range": 50}
    request = {"language": "en", "variant": "f2", "seed": 1, "utterances": [utterance], **changed}
    return subprocess.run(ESPEAK, input=json.dumps(request), text=True, capture_output=True, check=False, cwd=folder)


def test_speaks_16_bits_at_22050_hz(tmp_path: Path) -> None:
    assert espeak(tmp_path).returncode == 0
    with wave.open(str(tmp_path / "1.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (22_050, 1, 2)
        assert file.getnframes() > 5_000


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"variant": "f99"}, "no variant 'f99', expected a file name of"),
        ({"language": "en-xx"}, "no language 'en-xx', expected one such as"),
    ],
)
def test_unknown_voices(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    result = espeak(tmp_path, **changed)
    assert result.returncode == 1
    assert message in result.stderr
    assert not (tmp_path / "1.wav").exists()
