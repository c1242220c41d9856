"""The table of what `assess` finds, and the figures that it comes to.

docs/method.md describes the comparisons.
"""

from typing import Any

import pandas as pd
import pyarrow as pa

UNCONVERTED = "source"  # as it is: zero effort
COPY_SYNTHESIS = "copy_synthesis"  # a real clip, analysed and synthesised: what the vocoder loses
CONVERTED = "converted"  # distances: as the networks made it; what is heard: synthesised
RESYNTHESISED = "rendered"  # the same, synthesised and analysed again, so that the vocoder's loss is in its distances
SECOND_REFERENCE = "second_reference"  # a real clip of the target
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
DIRECTION = ("source", "target")
DECIMALS = 4
DEMO = "the demo's voices are synthetic: these figures say nothing about real speech"

_WORD = pa.dictionary(pa.int32(), pa.string())
ASSESSED = pa.schema(
    [
        pa.field("source", _WORD, nullable=False),  # emotion to convert from
        pa.field("target", _WORD, nullable=False),  # emotion to convert to
        pa.field("what", _WORD, nullable=False),  # one of WHAT
        pa.field("id", pa.string(), nullable=False),  # of the real clip that this is, or was made from
        pa.field("speaker", _WORD, nullable=False),
        pa.field("sentence", _WORD),
        pa.field("intensity", _WORD),
        pa.field("takes", pa.int32(), nullable=False),  # real clips that it was compared with
        *(pa.field(name, pa.float64()) for name in DISTANCES),  # means over these
        pa.field("estoi", pa.float64()),  # against the real clip that it was made from
        pa.field("estoi_at_source_f0", pa.float64()),  # likewise, of a rendition with that clip's F0
        pa.field("heard", _WORD),  # the emotion, by the examiner
        pa.field("identified", _WORD),  # the speaker
    ]
)


def figures(table: pd.DataFrame) -> pd.DataFrame:
    """Means of each direction and of what is compared in it, over clips; NaN where nothing was measured.

    Args:
        table: rows of `ASSESSED`

    Returns:
        `FIGURES` by source, target and what; two are shares of the clips: `recognition_accuracy` that are recognised as
        the target, `speaker_identification` whose speaker is identified
    """
    judged = table.assign(
        recognition_accuracy=(table["heard"] == table["target"]).where(table["heard"].notna()),
        speaker_identification=(table["identified"] == table["speaker"]).where(table["identified"].notna()),
    )
    names = list(FIGURES)
    return judged.astype(dict.fromkeys(names, float)).groupby([*DIRECTION, "what"])[names].mean()


def gap_closed(table: pd.DataFrame) -> pd.Series:
    """How much of the way from zero effort to a second take conversions go in mel-cepstral distortion.

    Where some speak a sentence in two takes and others do not, those who do count.

    Args:
        table: rows of `ASSESSED`

    Returns:
        by source and target, 1 for all of the way; only of directions in which a second take is nearer than a source
    """
    whole_way = (UNCONVERTED, CONVERTED, SECOND_REFERENCE)
    known = table[table["mcd_db"].notna() & table["what"].isin(whole_way)]
    of_one_thing = known.groupby([*DIRECTION, "speaker", "sentence", "intensity"], dropna=False)
    known = known[of_one_thing["what"].transform("nunique") == len(whole_way)]
    mcd = known.groupby([*DIRECTION, "what"])["mcd_db"].mean().unstack("what").reindex(columns=whole_way)
    mcd = mcd[mcd[UNCONVERTED] > mcd[SECOND_REFERENCE]]
    return (mcd[UNCONVERTED] - mcd[CONVERTED]) / (mcd[UNCONVERTED] - mcd[SECOND_REFERENCE])


def in_numbers(table: pd.DataFrame) -> dict[str, Any]:
    """Figures of each direction, such as `neutral_to_angry`, and their `mean` over directions; only what is known.

    The mean has `recognition_uar` besides, for which every target counts the same, however many directions lead to it.

    Args:
        table: rows of `ASSESSED`

    Returns:
        by direction, figure and what; `gap_closed` by direction alone, with the number of `directions` that its mean
        is of (`with_gap`); all numbers are rounded
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
    """The means of the figures that matter most, on one line.

    Args:
        numbers: of `in_numbers`
    """
    if not numbers:
        return "nothing was converted"
    mean = numbers["mean"]
    said = [
        f"{name} " + ", ".join(f"{what} {value:.3f}" for what, value in mean[name].items())
        for name in ("mcd_db", "recognition_accuracy", "speaker_identification", "estoi", "estoi_at_source_f0")
        if name in mean
    ]
    if "gap_closed" in mean:
        without = [name for name, block in numbers.items() if "gap_closed" not in block]
        reason = f", not of {', '.join(without)}: no second take there is nearer than the source" if without else ""
        counts = f"of {mean['with_gap']} of {mean['directions']} directions"
        said.append(f"gap_closed {mean['gap_closed']:.3f} ({counts}{reason})")
    return "; ".join(said)


def _block(by_what: pd.DataFrame, gap: float | None) -> dict[str, Any]:
    """Known figures, of (what, figures)."""
    rounded = by_what.reindex(WHAT).round(DECIMALS) + 0.0  # + 0.0: no −0
    block: dict[str, Any] = {str(name): known for name in rounded if (known := rounded[name].dropna().to_dict())}
    return block if gap is None else {**block, "gap_closed": round(float(gap), DECIMALS) + 0.0}
