"""The table that `assess` writes, and the figures computed from it.

docs/reference.md describes the comparisons.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.core import manifest

# Values of the column `what`
UNCONVERTED = "unconverted"  # the source clip itself
COPY_SYNTHESIS = "copy_synthesis"  # a real clip, analysed and synthesised: the vocoder's loss alone
CONVERTED = "converted"  # distances are of the converted features; scores are of the synthesised clip
RESYNTHESISED = "resynthesised"  # distances of the synthesised clip, analysed again: they include the vocoder's loss
SECOND_REFERENCE = "second_reference"  # a real clip of the target emotion
WHAT = (UNCONVERTED, CONVERTED, RESYNTHESISED, COPY_SYNTHESIS, SECOND_REFERENCE)

DISTANCES = (  # of `pipeline.assessment.distortion`
    "mcd_db",
    "f0_rmse_st",
    "f0_correlation",
    "f0_mean_st",
    "f0_deviation_st",
    "energy_deviation_db",
    "log_duration",
)
FIGURES = (*DISTANCES, "estoi", "estoi_at_source_f0", "recognition_accuracy", "speaker_identification")
# Columns of each standard scorer, which are there where it is used; means of them are figures
STANDARD = {
    "distillmos": ("distillmos",),
    "dnsmos": ("dnsmos",),
    "ge2e": ("ge2e_similarity", "ge2e_identification"),
    "swift_f0": ("swift_f0_mean_st", "swift_f0_deviation_st"),  # differences, means over the references
}
SHOWN = (  # when `tabulate` ends
    *("mcd_db", "recognition_accuracy", "speaker_identification", "estoi", "estoi_at_source_f0"),
    *("distillmos", "dnsmos", "ge2e_similarity"),
)
DIRECTION = ("source", "target")
DECIMALS = 4
DEMO = "the demo's speech is synthetic: these figures say nothing about real speech"

_WORD = pa.dictionary(pa.int32(), pa.string())
ASSESSED = pa.schema(
    [
        pa.field("source", _WORD, nullable=False),  # emotion to convert from
        pa.field("target", _WORD, nullable=False),  # emotion to convert to
        pa.field("what", _WORD, nullable=False),  # one of WHAT
        pa.field("id", pa.string(), nullable=False),  # of the real clip, or of the source of a synthesised one
        pa.field("speaker", _WORD, nullable=False),
        pa.field("sentence", _WORD),
        pa.field("intensity", _WORD),
        pa.field("references", pa.int32(), nullable=False),  # number of real clips that it is compared with
        *(pa.field(name, pa.float64()) for name in DISTANCES),  # means over the references
        pa.field("estoi", pa.float64()),  # against the source clip
        pa.field("estoi_at_source_f0", pa.float64()),  # the same, synthesised with the F0 of the source
        pa.field("recognised", _WORD),  # emotion, by the evaluation classifier
        pa.field("identified", _WORD),  # speaker, by the speaker space
    ]
)


def schema(scorers: Iterable[str]) -> pa.Schema:
    """`ASSESSED` with the columns of some standard scorers."""
    return pa.schema([*ASSESSED, *(pa.field(name, pa.float64()) for each in scorers for name in STANDARD[each])])


def read(path: Path) -> pd.DataFrame:
    """Rows of a table of `assess`, with the columns of the standard scorers that it has."""
    known = set(manifest.columns(path))
    return manifest.read(path, schema(name for name, columns in STANDARD.items() if known.issuperset(columns)))


def figures(table: pd.DataFrame) -> pd.DataFrame:
    """Means over clips, for each direction and value of `what`; NaN where nothing was measured.

    Args:
        table: rows of `ASSESSED`

    Returns:
        `FIGURES`, and those of `STANDARD` in the table, by source, target and what; `recognition_accuracy` is the share
        of clips recognised as the target, `speaker_identification` the share whose speaker is identified
    """
    scored = table.assign(
        recognition_accuracy=(table["recognised"] == table["target"]).where(table["recognised"].notna()),
        speaker_identification=(table["identified"] == table["speaker"]).where(table["identified"].notna()),
    )
    names = [*FIGURES, *(name for columns in STANDARD.values() for name in columns if name in table)]
    return scored.astype(dict.fromkeys(names, float)).groupby([*DIRECTION, "what"])[names].mean()


def gap_closed(table: pd.DataFrame) -> pd.Series:
    """Share of the gap in mel-cepstral distortion between no conversion and a second reference that conversions close.

    Only utterances with a second reference count.

    Args:
        table: rows of `ASSESSED`

    Returns:
        by source and target, 1 for the whole gap; only for directions with a second reference nearer than the source
    """
    ends = (UNCONVERTED, CONVERTED, SECOND_REFERENCE)
    known = table[table["mcd_db"].notna() & table["what"].isin(ends)]
    utterances = known.groupby([*DIRECTION, "speaker", "sentence", "intensity"], dropna=False)
    known = known[utterances["what"].transform("nunique") == len(ends)]
    mcd = known.groupby([*DIRECTION, "what"])["mcd_db"].mean().unstack("what").reindex(columns=ends)
    mcd = mcd[mcd[UNCONVERTED] > mcd[SECOND_REFERENCE]]
    return (mcd[UNCONVERTED] - mcd[CONVERTED]) / (mcd[UNCONVERTED] - mcd[SECOND_REFERENCE])


def in_numbers(table: pd.DataFrame) -> dict[str, Any]:
    """Figures of each direction, such as `neutral_to_angry`, and their `mean` over directions; without unknown ones.

    The mean also has `recognition_uar`, in which every target counts the same, whatever its number of directions.

    Args:
        table: rows of `ASSESSED`

    Returns:
        by direction, figure and what; `gap_closed` by direction; in the mean also the number of `directions` and of
        those with `gap_closed` (`with_gap`); all numbers are rounded
    """
    found, gaps = figures(table), gap_closed(table)
    numbers = {
        f"{source}_to_{target}": _block(rows.droplevel(DIRECTION), gaps.get((source, target)))
        for (source, target), rows in found.groupby(list(DIRECTION))
    }
    if numbers:
        of_targets = found["recognition_accuracy"].groupby(level=["target", "what"]).mean()
        mean = found.groupby(level="what").mean().assign(recognition_uar=of_targets.groupby(level="what").mean())
        counts = {"directions": len(numbers), "with_gap": len(gaps)}
        numbers["mean"] = _block(mean, gaps.mean() if len(gaps) else None) | counts
    return numbers


def in_words(numbers: dict[str, Any]) -> str:
    """Means of the main figures, on one line.

    Args:
        numbers: of `in_numbers`
    """
    if not numbers:
        return "nothing was converted"
    mean = numbers["mean"]
    parts = [
        f"{name} " + ", ".join(f"{what} {value:.3f}" for what, value in mean[name].items())
        for name in SHOWN
        if name in mean
    ]
    if "gap_closed" in mean:
        without = [name for name, block in numbers.items() if "gap_closed" not in block]
        reason = f", not of {', '.join(without)}: no second reference is nearer than the source" if without else ""
        counts = f"of {mean['with_gap']} of {mean['directions']} directions"
        parts.append(f"gap_closed {mean['gap_closed']:.3f} ({counts}{reason})")
    return "; ".join(parts)


def _block(by_what: pd.DataFrame, gap: float | None) -> dict[str, Any]:
    """Known figures of a table (what, figures)."""
    rounded = by_what.reindex(WHAT).round(DECIMALS) + 0.0  # + 0.0: no −0
    block: dict[str, Any] = {str(name): known for name in rounded if (known := rounded[name].dropna().to_dict())}
    return block if gap is None else {**block, "gap_closed": round(float(gap), DECIMALS) + 0.0}
