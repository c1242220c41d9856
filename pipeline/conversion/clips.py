"""The clips that networks learn from, with their features."""

import pandas as pd

from pipeline.conversion.prosody import ClipProsody
from pipeline.core.shards import Shards
from pipeline.vocoder.features import Features


def spoken(clips: pd.DataFrame, stored: Shards) -> dict[str, ClipProsody]:
    """Clips by id, in their order.

    Args:
        clips: rows of `manifest.CLIPS`
        stored: features of the vocoder
    """
    known = clips[["id", "emotion", "speaker", "sentence", "intensity"]].astype(object)
    return {
        id_: ClipProsody(Features.load(stored, id_), *said)
        for id_, *said in known.where(known.notna(), None).itertuples(index=False)
    }
