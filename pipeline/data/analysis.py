"""Description of corpora: counts and measures by corpus, emotion and partition, and warnings of confounds.

Clips here are rows of the manifest with the columns of `MEASURES`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.core.params import section

MEASURES = ("duration_s", "f0_median_hz", "f0_range_st", "voiced_share", "level_db", "snr_db", "bandwidth_hz")
ATTRIBUTES = ("emotion", "gender", "intensity", "language")
GENDERS = ("female", "male")
UNKNOWN = "unknown"
LEFT_OUT = "left out"  # partition of clips that are not in a split
BINS = 24
DECIMALS = 4


@section
class AnalyseParams:
    """Thresholds of the warnings."""

    min_speakers: Annotated[int, Field(ge=1)]  # of an emotion
    min_gender_share: Annotated[float, Field(ge=0, le=0.5)]  # of the speakers, and of the clips of an emotion
    min_clips: Annotated[int, Field(ge=1)]  # of an emotion in a corpus, if another corpus has as many
    level_db: Annotated[float, Field(ge=0)]  # between the medians of two corpora [dB]
    bandwidth: Annotated[float, Field(ge=0, le=1)]  # between the medians of two corpora, relative to the wider one


def counts(clips: pd.DataFrame, by: list[str], attributes: Sequence[str] = ATTRIBUTES) -> pd.DataFrame:
    """Clips, hours and speakers of each group (`all`), and of each value of each attribute in the group.

    Args:
        clips: manifest with measures
        by: columns that define a group
        attributes: further columns; nulls count as `unknown`
    """
    groups = _valued(clips, attributes).groupby([*by, "attribute", "value"])
    table = groups.agg(clips=("id", "size"), hours=("duration_s", "sum"), speakers=("speaker", "nunique"))
    return table.assign(hours=(table["hours"] / 3600).round(DECIMALS)).reset_index()


def quartiles(clips: pd.DataFrame, by: list[str], attributes: Sequence[str] = ATTRIBUTES) -> pd.DataFrame:
    """Quartiles of each measure in the same groups as `counts`, without measures that no clip of a group has.

    Returns:
        columns of `by`, attribute, value, measure, q25, median, q75
    """
    groups = _valued(clips, attributes).groupby([*by, "attribute", "value"])[list(MEASURES)]
    table = pd.concat({name: groups.quantile(q) for name, q in (("q25", 0.25), ("median", 0.5), ("q75", 0.75))}, axis=1)
    table.columns.names = ["quartile", "measure"]
    long = table.stack("measure", future_stack=True).dropna()
    return long[["q25", "median", "q75"]].round(DECIMALS).reset_index()


def histogram(clips: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Distribution of a measure over the clips of each emotion of each corpus, in common bins.

    Returns:
        columns corpus, emotion, from, to (of the bin), clips, share (of the emotion's clips in the corpus that have the
        measure); without empty bins
    """
    known = clips.dropna(subset=[measure])
    edges = np.histogram_bin_edges(known[measure], BINS).round(DECIMALS)
    inside = np.clip(np.searchsorted(edges, known[measure], side="right") - 1, 0, BINS - 1)
    bins = known.assign(**{"from": edges[inside], "to": edges[inside + 1]})
    table = bins.groupby(["corpus", "emotion", "from", "to"]).agg(clips=("id", "size")).reset_index()
    of_emotion = table.groupby(["corpus", "emotion"])["clips"].transform("sum")
    return table.assign(share=(table["clips"] / of_emotion).round(DECIMALS))


def intensities(clips: pd.DataFrame) -> pd.DataFrame:
    """Clips of each emotion and intensity: columns corpus, emotion, intensity, clips, without empty groups."""
    named = clips.assign(intensity=clips["intensity"].fillna(UNKNOWN))
    return named.groupby(["corpus", "emotion", "intensity"]).size().rename("clips").reset_index()


def partitions(clips: pd.DataFrame, splits: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """All clips once for each split, with the columns `split` and `partition` (`left out` if not in the split).

    Args:
        clips: manifest with measures
        splits: name → rows of `manifest.PARTITIONED`
    """
    parts = [
        clips.assign(split=name, partition=clips["id"].map(rows.set_index("id")["partition"]).fillna(LEFT_OUT))
        for name, rows in splits.items()
    ]
    return pd.concat(parts, ignore_index=True)


def examples(clips: pd.DataFrame) -> pd.DataFrame:
    """Clip of median duration of each emotion of each corpus, sorted by both; the shorter of two middle ones."""
    ordered = clips.sort_values(["corpus", "emotion", "duration_s", "id"])
    groups = ordered.groupby(["corpus", "emotion"])
    middle = groups.cumcount() == (groups["id"].transform("size") - 1) // 2
    return ordered[middle]


def in_numbers(clips: pd.DataFrame) -> dict[str, dict[str, float | dict[str, float]]]:
    """Clips, hours, speakers, clips of each emotion, and existing medians of each corpus."""
    size, middle = counts(clips, ["corpus"]), quartiles(clips, ["corpus"], ())
    return {
        str(corpus): {
            **{name: whole[name].item() for name in ("clips", "hours", "speakers")},
            "emotions": _mapping(size[(size["corpus"] == corpus) & (size["attribute"] == "emotion")], "value", "clips"),
            "medians": _mapping(middle[middle["corpus"] == corpus], "measure", "median"),
        }
        for corpus, whole in size[size["attribute"] == "all"].groupby("corpus")
    }


def warnings(
    clips: pd.DataFrame, splits: Mapping[str, pd.DataFrame], chosen: AnalyseParams, nyquist_hz: float
) -> dict[str, str]:
    """Warnings of confounds in training or scores: short name → sentence with a remedy.

    Args:
        clips: manifest with measures
        splits: SCENARIO-FOLD → rows of `manifest.PARTITIONED`
        chosen: thresholds
        nyquist_hz: half the sampling rate of prepared clips, which have no higher frequencies
    """
    return {
        **_few_speakers(clips, chosen),
        **_genders(clips, chosen),
        **_emotions_of_corpora(clips, chosen),
        **_levels(clips, chosen),
        **_bandwidths(clips, chosen, nyquist_hz),
        **_sentences(clips, splits),
    }


def _few_speakers(clips: pd.DataFrame, chosen: AnalyseParams) -> dict[str, str]:
    speakers = clips.groupby("emotion")["speaker"].nunique()
    return {
        f"speakers_of_{emotion}": f"'{emotion}' has {found} speakers, not {chosen.min_speakers} or more, and a "
        "classifier may learn the speakers instead; add a corpus, or map or drop it (`emotion_map`, `emotions`)"
        for emotion, found in speakers[speakers < chosen.min_speakers].items()
    }


def _genders(clips: pd.DataFrame, chosen: AnalyseParams) -> dict[str, str]:
    known = clips[clips["gender"].isin(GENDERS)]
    if known.empty:
        return {}
    least, found = 100 * chosen.min_gender_share, {}
    speakers = known.drop_duplicates("speaker")
    women = 100 * (speakers["gender"] == "female").mean()
    if min(women, 100 - women) < least:
        found["gender_of_speakers"] = (
            f"{women:.0f} % of the {len(speakers)} speakers of known gender are women, and scores are unreliable for a "
            f"gender with less than {least:.0f} %; add a corpus, or claim nothing for that gender"
        )
    of_emotions = 100 * (known["gender"] == "female").groupby(known["emotion"]).mean()
    odd = of_emotions[np.minimum(of_emotions, 100 - of_emotions) < least]
    if len(odd):
        shares = ", ".join(f"{share:.0f} % of '{emotion}'" for emotion, share in odd.items())
        found["gender_of_emotions"] = (
            f"women speak {shares}, not {least:.0f} to {100 - least:.0f} %, and a classifier may recognise an "
            "emotion by the gender; add a corpus, or drop the emotion (`emotions`)"
        )
    return found


def _emotions_of_corpora(clips: pd.DataFrame, chosen: AnalyseParams) -> dict[str, str]:
    sizes = pd.crosstab(clips["emotion"], clips["corpus"])
    elsewhere = sizes.max(axis=1) >= chosen.min_clips
    found = {}
    for corpus, of_corpus in sizes.items():
        few = of_corpus[elsewhere & (of_corpus < chosen.min_clips)]
        if len(few):
            listed = ", ".join(f"{emotion} ({size})" for emotion, size in few.items())
            found[f"emotions_of_{corpus}"] = (
                f"'{corpus}' has fewer than {chosen.min_clips} clips of {listed}, unlike another corpus, and a "
                "classifier may recognise these emotions by the corpus; map or drop them (`emotion_map`, `emotions`)"
            )
    return found


def _levels(clips: pd.DataFrame, chosen: AnalyseParams) -> dict[str, str]:
    (low, quiet), (high, loud) = _extremes(clips["level_db"], clips["corpus"])
    if high - low <= chosen.level_db:
        return {}
    return {
        "level_of_corpora": f"speech is {high - low:.1f} dB louder in '{loud}' than in '{quiet}' (medians {high:.1f} "
        f"and {low:.1f} dB); all models here use clips of one level (`audio.level_db`); if you use the "
        "files themselves, level them too"
    }


def _bandwidths(clips: pd.DataFrame, chosen: AnalyseParams, nyquist_hz: float) -> dict[str, str]:
    (low, narrow), (high, wide) = _extremes(clips["bandwidth_hz"].clip(upper=nyquist_hz), clips["corpus"])
    if high - low <= chosen.bandwidth * high:
        return {}
    return {
        "bandwidth_of_corpora": f"'{narrow}' ends at {low:.0f} Hz and '{wide}' at {high:.0f} Hz (medians, up to "
        f"{nyquist_hz:.0f} Hz), and a classifier may recognise the corpora by it; drop one of them, or lower "
        f"`audio.sampling_rate` to about {2 * low:.0f}, as far as the vocoder allows"
    }


def _sentences(clips: pd.DataFrame, splits: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Test clips with a sentence of train clips, by scenario."""
    sentences = clips.dropna(subset=["sentence"]).set_index("id")["sentence"]
    found: dict[str, list[int]] = {}  # scenario → test clips of all folds, and those with a sentence of train clips
    for name, rows in splits.items():
        sentence = rows["id"].map(sentences)
        test = sentence[rows["partition"] == "test"]
        trained = test.notna() & test.isin(sentence[rows["partition"] == "train"])
        total = found.setdefault(name.rpartition("-")[0], [0, 0])
        total[0] += len(test)
        total[1] += int(trained.sum())
    return {
        f"sentences_of_{scenario}": f"in scenario '{scenario}', {trained:,} of {tested:,} test clips have a sentence "
        "of train clips, and scores do not apply to new sentences; `split.sentence_groups` separates them"
        for scenario, (tested, trained) in found.items()
        if trained
    }


def _extremes(values: pd.Series, corpora: pd.Series) -> tuple[tuple[float, str], tuple[float, str]]:
    """Lowest and highest median of a corpus, each with the corpus."""
    medians = sorted((float(median), str(corpus)) for corpus, median in values.groupby(corpora).median().items())
    return medians[0], medians[-1]


def _valued(clips: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    """Clips once as `all`, and once for each attribute with its value."""
    parts = [clips.assign(attribute="all", value="all")]
    parts += [clips.assign(attribute=name, value=clips[name].fillna(UNKNOWN)) for name in attributes]
    return pd.concat(parts, ignore_index=True)


def _mapping(table: pd.DataFrame, key: str, value: str) -> dict[str, float]:
    return dict(zip(table[key], table[value].tolist(), strict=True))
