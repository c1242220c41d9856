"""Marking of synthetic clips in the tags of their files, as article 50 of the EU AI Act asks; samples stay as they are.

The tag `comment` is JSON. Its `digitalSourceType` is a term of IPTC (https://cv.iptc.org/newscodes/digitalsourcetype/).
"""

import json
from collections.abc import Mapping
from typing import Any

import soundfile

from pipeline.core.manifest import LEARNS_NOTHING, REPEATS

SOFTWARE = "emocycle"
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CAPTURED = "digitalCapture"  # a recording
ALTERED = "algorithmicallyEnhanced"  # a recording, altered by an algorithm that learned from no data
EDITED = "compositeWithTrainedAlgorithmicMedia"  # a recording, altered by what learned from data
CREATED = "trainedAlgorithmicMedia"  # by what learned from data, from noise
PROGRAMMED = "algorithmicMedia"  # by an algorithm that learned from no data

ORIGIN = ("id", "emotion", "source_id", "source_emotion", "generator", "generator_sha256", "seed")  # columns


def digital_source_type(clip: Mapping[Any, Any], trained_vocoder: bool = False) -> str:
    """IPTC's term for what a clip is.

    Args:
        clip: row of `manifest.SYNTHETIC` or `manifest.AUGMENTED`
        trained_vocoder: whether a neural vocoder synthesised it
    """
    generator = clip.get("generator")
    if not clip["is_synthetic"] or generator in REPEATS:
        return CAPTURED
    if not isinstance(clip.get("source_id"), str):
        return CREATED
    return ALTERED if generator in LEARNS_NOTHING and not trained_vocoder else EDITED


def tags(clip: Mapping[Any, Any], trained_vocoder: bool = False) -> dict[str, str]:
    """Tags of a synthetic clip: that it is synthetic, from what, and by what.

    Args:
        clip: row of `manifest.SYNTHETIC`
        trained_vocoder: whether a neural vocoder synthesised it
    """
    origin = {name: clip[name] for name in ORIGIN if clip.get(name) is not None and clip[name] == clip[name]}
    found = comment(digital_source_type(clip, trained_vocoder), **origin)
    return found | ({"license": clip["license"]} if isinstance(clip.get("license"), str) else {})


def comment(source_type: str, **origin: Any) -> dict[str, str]:
    """Tags of a file that is no recording; `origin` says how it was made."""
    words = {"synthetic": True, "digitalSourceType": IPTC + source_type, **origin}
    return {"title": "synthetic speech", "software": SOFTWARE, "comment": json.dumps(words, default=int)}


def write(file: soundfile.SoundFile, found: Mapping[str, str]) -> None:
    """Set tags of an audio file that is open for writing; before its samples."""
    for name, text in found.items():
        setattr(file, name, text)
