"""README.md of an export: the data card."""

from collections.abc import Mapping
from io import StringIO

import pandas as pd
from ruamel.yaml import YAML

from pipeline.export.clips import TABLE, is_recording

LIMITS = (
    "Emotions are acted. Labels of converted clips are the target of the conversion; nobody has listened to them.",
    "Only `train` has synthetic clips. Other partitions would leak: a synthetic clip has the words, and often the "
    "voice, of its source.",
    "Use `weight` as the weight of a clip in training, or as the probability to draw it.",
    "Whether synthetic clips help a classifier is an open question; see the scores of the run that made them.",
)
OF_PERSONS = "A row with a `person` is for a classifier of that person alone; its clip may be there again for another."
MARK = (
    "Synthetic files say in their tags that they are synthetic, from what and by what (EU AI Act, article 50; IPTC "
    "`digitalSourceType`). There is no watermark in the samples: a classifier could learn it as a sign of an emotion."
)


def text(
    clips: pd.DataFrame, name: str, usage: str, left_out: Mapping[str, int], linked: bool, header: Mapping[str, object]
) -> str:
    """Markdown of the card.

    Args:
        clips: of the export
        name: of the export
        usage: how to read it
        left_out: clips that are left out, by reason
        linked: whether audio is linked
        header: YAML that stands above; none if empty
    """
    sections = [
        _front(header),
        f"# {name}",
        "Real and synthetic emotional speech, written by emocycle. Each clip is a row of "
        f"`{TABLE}`: `is_synthetic`, `partition`, `weight`, `source_id`, `generator` and its hash. "
        "`croissant.json` describes the columns.",
        "## Use",
        "\n".join(f"    {line}".rstrip() for line in usage.splitlines()),
        "## Clips",
        _counts(clips, left_out),
        "## Sources and licences",
        _sources(clips, linked),
        "## Limits",
        "\n".join(f"- {line}" for line in (*LIMITS, *([OF_PERSONS] if clips["person"].notna().any() else []), MARK)),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _front(header: Mapping[str, object]) -> str:
    if not header:
        return ""
    lines = StringIO()
    YAML(typ="safe").dump(dict(header), lines)
    return f"---\n{lines.getvalue()}---"


def _counts(clips: pd.DataFrame, left_out: Mapping[str, int]) -> str:
    made = clips["generator"].where(~is_recording(clips), None).fillna("recorded")
    repeated = clips["is_synthetic"] & is_recording(clips)
    made = made.where(~repeated, clips["generator"].fillna("") + " (recorded, repeated)")
    counts = pd.crosstab([clips["partition"], made], clips["emotion"]).reset_index()
    counts.columns = ["partition", "made by", *counts.columns[2:]]
    lost = [f"{count:,} clips are left out: {reason}." for reason, count in left_out.items()]
    return "\n\n".join([_table(counts), *lost])


def _sources(clips: pd.DataFrame, linked: bool) -> str:
    known = clips.fillna({"license": "unknown"}).groupby(["corpus", "license"])
    table = known.agg(clips=("key", "size"), speakers=("speaker", "nunique")).reset_index()
    note = "Audio is linked, not copied: pass on only what its licence allows." if linked else ""
    licences = "Synthetic clips have the licences of their sources, and of the speakers whose voices they got."
    return "\n\n".join(filter(None, [_table(table), licences, note]))


def _table(table: pd.DataFrame) -> str:
    lines = [[*table.columns], ["---"] * len(table.columns), *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
