"""Lhotse: manifests of recordings and of supervisions, one pair a partition (https://lhotse.readthedocs.io)."""

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import soundfile

from pipeline.export.clips import plain

KNOWN = ("speaker", "gender", "language")  # fields of a supervision; all other columns are in `custom`
USAGE = """\
from lhotse import CutSet, RecordingSet, SupervisionSet

recordings = RecordingSet.from_file("recordings_train.jsonl.gz").with_path_prefix(".")
cuts = CutSet.from_manifests(recordings, SupervisionSet.from_file("supervisions_train.jsonl.gz"))"""


def write(folder: Path, clips: pd.DataFrame, name: str) -> None:
    """Write the manifests; paths are relative to the folder."""
    for partition, own in clips.groupby("partition"):
        recordings, supervisions = [], []
        for clip in own.to_dict("records"):
            recording = _recording(folder, clip["key"], clip["file"])
            recordings.append(recording)
            supervisions.append(_supervision(recording, clip))
        _write(folder / f"recordings_{partition}.jsonl.gz", recordings)
        _write(folder / f"supervisions_{partition}.jsonl.gz", supervisions)


def _recording(folder: Path, key: str, file: str) -> dict[str, Any]:
    sound = soundfile.info(folder / file)
    return {
        "id": key,
        "sources": [{"type": "file", "channels": list(range(sound.channels)), "source": file}],
        "sampling_rate": sound.samplerate,
        "num_samples": sound.frames,
        "duration": sound.frames / sound.samplerate,
        "channel_ids": list(range(sound.channels)),
    }


def _supervision(recording: dict[str, Any], clip: Mapping[Any, Any]) -> dict[str, Any]:
    channels = recording["channel_ids"]
    known = {name: clip[name] for name in KNOWN if clip[name] is not None}
    return {
        **{"id": clip["key"], "recording_id": clip["key"], "start": 0.0, "duration": recording["duration"]},
        "channel": channels if len(channels) > 1 else 0,
        **known,
        "custom": plain({name: found for name, found in clip.items() if name not in (*KNOWN, "key", "file")}),
    }


def _write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write lines of JSON, compressed; the same lines give the same bytes."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
