"""EmoBox: JSON lines of each partition of a fold, and a map of labels (https://github.com/emo-box/EmoBox)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import soundfile

from pipeline.export.clips import plain

# Emotions in the label maps of EmoBox
LABELS = {
    **{"neutral": "Neutral", "calm": "Calm", "happy": "Happy", "sad": "Sad", "angry": "Angry"},
    **{"fearful": "Fear", "disgust": "Disgust", "surprised": "Surprise", "boredom": "Boredom"},
}
USED = ("train", "valid", "test")
USAGE = """\
from EmoBox.EmoDataset import EmoDataset  # reads audio by torchaudio: torchcodec, and FFmpeg

train = EmoDataset("{name}", "./", "./", "{name}/label_map.json", fold=1, split="train")"""


def write(folder: Path, clips: pd.DataFrame, name: str) -> None:
    """Write <name>/fold_1/<name>_<partition>_fold_1.jsonl and <name>/label_map.json."""
    fold = folder / name / "fold_1"
    fold.mkdir(parents=True)
    for partition, own in clips[clips["partition"].isin(USED)].groupby("partition"):
        lines = [json.dumps(_line(folder, name, clip), ensure_ascii=False) for clip in own.to_dict("records")]
        path = fold / f"{name}_{partition}_fold_1.jsonl"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    labels = {emotion: LABELS[emotion] for emotion in sorted(clips["emotion"].unique())}
    (folder / name / "label_map.json").write_text(json.dumps(labels, indent=4) + "\n", encoding="utf-8")


def _line(folder: Path, name: str, clip: Mapping[Any, Any]) -> dict[str, object]:
    sound = soundfile.info(folder / str(clip["file"]))
    return {
        **{"key": clip["key"], "dataset": name, "wav": clip["file"], "type": "raw"},
        **{"sample_rate": sound.samplerate, "num_frame": sound.frames, "length": sound.frames / sound.samplerate},
        **{"task": "category", "emo": clip["emotion"], "channel": sound.channels},
        **plain({column: found for column, found in clip.items() if column not in ("key", "file", "emotion")}),
    }
