"""The sections of the report, each from the files of a run. Nothing new is computed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.evaluation import pooling, score_table, wording
from pipeline.evaluation.results import BASELINE
from pipeline.evaluation.significance import LEAST_FOLDS
from pipeline.evaluation.wording import signed, signed_range
from pipeline.report import pictures, reproduction, words
from pipeline.report.page import Section, Table, meanings
from pipeline.report.pictures import Picture
from pipeline.report.run import Run

MOST_ROWS = 50  # of the quarantine


def all_arms(run: Run) -> Section:
    """Gain of every arm in every scenario."""
    over = {
        (scenario, classifier): {
            arm: found["over"][BASELINE]["uar"] for arm, found in arms.items() if BASELINE in found.get("over", {})
        }
        for scenario, classifiers in run.scores.items()
        for classifier, arms in classifiers.items()
    }
    ends = [abs(uar.get(end, 0.0)) for arms in over.values() for uar in arms.values() for end in _ENDS]
    reach = 110 * max([0.01, *ends])
    shown = [
        pictures.gains(arms, reach, f"Scenario {scenario}, classifier {classifier}")
        for (scenario, classifier), arms in over.items()
        if arms
    ]
    tables = []
    for (scenario, classifier), rows in score_table.readable(run.scores).groupby(
        ["scenario", "classifier"], sort=False
    ):
        is_answer = (scenario, classifier) == (run.summary["scenario"], run.summary["classifier"])
        caption = f"Scenario {scenario}, classifier {classifier}: UAR, and gains over each reference"
        tables.append(Table.of(rows[list(_GAINS)], caption, is_folded=not is_answer))
    tables.sort(key=lambda table: table.is_folded)
    arms = {arm: words.ARMS.get(arm, "") for arm in run.arms}
    few_folds = wording.too_few(len(run.folds), LEAST_FOLDS, "folds")
    over_folds = f"Over folds: {few_folds}." if few_folds else "Thin line: over folds, cut at the edge."
    return Section(
        "arms",
        "All training sets",
        [
            f"Gain over “{BASELINE}”, real clips alone. Dot: gain. Thick line: "
            f"{100 * run.evaluate.confidence:g} % interval over speakers. {over_folds} "
            "Where a line crosses zero, no effect is shown.",
            "p: probability of such a difference by chance (sign-flip test); in brackets after Holm's correction for "
            "several comparisons, where the comparison was planned.",
        ],
        shown,
        [meanings("Training sets", arms), *tables],
    )


_GAINS = ("arm", "gain", "over", "p", "over folds", "UAR")  # the gain is seen without scrolling on a phone
_ENDS = ("gain", "ci_low", "ci_high")


def emotions(run: Run) -> Section:
    """Recall of each emotion."""
    recall = _of_headline(run, run.plot("evaluate/recall")).assign(recall=lambda rows: 100 * rows["recall"])
    shown = pictures.dots(recall, "emotion", "recall", "arm", "recall [%]", _about(run))
    rows = [
        [emotion, *(_recall(found, emotion) for found in run.of_headline.values())]
        for emotion in dict.fromkeys(recall["emotion"])
    ]
    table = Table(f"Recall in %, and gain over {BASELINE} with its interval", ["emotion", *run.of_headline], rows)
    return Section(
        "emotions", "Each emotion", ["Share of the clips of an emotion that is recognised."], [shown], [table]
    )


def speakers(run: Run) -> Section:
    """Gain of each test speaker."""
    found = _of_headline(run, run.plot("evaluate/speakers"))
    found = found.assign(points=100 * found["gain"])
    table = (100 * found.pivot(index="speaker", columns="arm", values="uar")[list(run.of_headline)]).round(1)
    compared = found[found["arm"] != BASELINE]
    shown = [pictures.ticks(compared, "arm", "points", "gain in points of UAR", _about(run), zero=True)]
    return Section(
        "speakers",
        "Each test speaker",
        ["A tick is a speaker, the dot their mean."],
        shown if len(compared) else [],
        [Table.of(table.reset_index(), "UAR of each speaker in %", is_folded=True)],
    )


def confusions(run: Run) -> Section:
    """Confusion matrix of each arm."""
    shown = []
    for arm in run.of_headline:
        rows = pooling.test_rows([run.predictions], run.members, run.folds, arm)
        rows = rows[rows["classifier"] == run.summary["classifier"]]
        shown.append(pictures.confusion(rows, sorted(rows["label"].unique()), f"“{arm}”, all folds and seeds"))
    return Section("confusion", "Confusions", ["A row is what was spoken, a column what was recognised."], shown)


def curves(run: Run) -> Section:
    """UAR by number of train speakers, and gain by each parameter that was swept."""
    counts = run.plot("analyse/partition_counts")
    counts = counts[(counts["partition"] == "train") & (counts["attribute"] == "all")]
    rows = []
    for scenario in (name for name in run.scenarios if name.startswith(("full", "low_data"))):
        of_folds = counts[counts["split"].isin([f"{scenario}-{fold}" for fold in run.folds])]
        arms = run.scores[scenario][run.summary["classifier"]]
        rows += [(of_folds["speakers"].mean(), arm, 100 * found["uar"]) for arm, found in arms.items()]
    table = pd.DataFrame(rows, columns=["speakers", "arm", "uar"])
    shown = []
    if table["speakers"].nunique() > 1:
        labels = ("train speakers", "UAR [%]")
        shown.append(pictures.lines(table, "speakers", "uar", "arm", labels, "Learning curve"))
    for key, found in run.sweeps().items():
        found = _of_headline(run, found[found["reference"] == BASELINE]).assign(points=lambda rows: 100 * rows["gain"])
        shown.append(pictures.lines(found, "value", "points", "arm", (key, "gain [points]"), f"Gain by {key}"))
    absent = "None: they need scenario full beside one of low_data, or `emocycle sweep augment.mix.ratio 0.25 0.5 1`."
    return Section("curves", "Learning and ratio curves", [] if shown else [absent], shown)


def quality(run: Run) -> Section:
    """Objective scores of conversions beside their anchors."""
    table = run.conversions
    of_scenario = table[table["scenario"] == run.members[0]]
    measures = [name for name in table.columns[4:] if of_scenario[name].notna().any()]
    if not measures:
        return Section("quality", "Objective scores of conversions", ["Nothing was converted."])
    anchors = [what for what in words.ANCHORS if what in set(of_scenario["what"])]
    means = of_scenario.groupby("what")[measures].mean().loc[anchors].T.rename_axis("measure").reset_index()
    shown = [
        pictures.ticks(_ordered(of_scenario, anchors, name), "what", name, "", _measure(name)) for name in measures
    ]
    directions = of_scenario.drop(columns="scenario")[["source", "target", "what", *measures]]
    return Section(
        "quality",
        "Objective scores of conversions",
        [
            f"Test clips of scenario {run.members[0]}, compared with a real utterance of the target emotion, where one "
            "exists. A tick is a direction, the dot their mean."
        ],
        shown,
        [
            meanings("Anchors", {what: words.ANCHORS[what] for what in anchors}),
            Table.of(means, "Means over directions"),
            Table.of(directions, "Each direction", is_folded=True),
        ],
    )


def _measure(name: str) -> str:
    return f"{name}: {words.MEASURES[name]}" if name in words.MEASURES else name


def training(run: Run, pairs: Sequence[str]) -> Section:
    """Training curves of the classifiers, and of the CycleGANs of some pairs."""
    shown = []
    for scenario in run.scenarios:
        tables = [
            run.plot(f"classify/{scenario}-{fold}_{arm}").assign(arm=arm) for fold in run.folds for arm in run.arms
        ]
        for classifier, rows in pd.concat(tables).groupby("classifier"):  # only networks have curves
            labels = ("step", "UAR on valid clips [%]")
            rows = rows.assign(uar=100 * rows["valid_uar"])
            shown.append(pictures.lines(rows, "step", "uar", "arm", labels, f"{classifier}, scenario {scenario}"))
    splits = [f"{scenario}-{fold}" for scenario in run.scenarios for fold in run.folds]
    if pairs:
        found = [run.plot(f"train_cyclegan/{split}/{pair}").assign(pair=pair) for split in splits for pair in pairs]
        shown += _losses(pd.concat(found), "pair", "CycleGAN")
    if run.trains_dcgan:
        table = pd.concat([run.plot(f"train_dcgan/{split}").assign(split=split) for split in splits])
        shown += _losses(table, "split", "DC-GAN")
    lines = ["Means over folds and seeds."] if shown else ["No network was trained."]
    return Section("training", "Training curves", lines, shown)


def _losses(table: pd.DataFrame, series: str, network: str) -> list[Picture]:
    """A chart of each column of training curves that has values."""
    names = [str(name) for name in table if name not in ("step", series) and table[name].notna().any()]
    return [
        pictures.lines(table, "step", name, series, ("step", name), f"{network}: {name.replace('_', ' ')}")
        for name in names
    ]


def corpora(run: Run) -> Section:
    """The real clips: sizes, distributions, warnings, and what was left out."""
    sizes = pd.DataFrame(
        [
            {"corpus": name, **{key: found[key] for key in ("clips", "hours", "speakers")}, **found["emotions"]}
            for name, found in run.corpus["corpora"].items()
        ]
    )
    warnings = [f"Warning: {line}" for key, line in run.corpus["warnings"].items() if key != "count"]
    shown = []
    for corpus, table in run.plot("analyse/durations").groupby("corpus"):
        shown.append(pictures.steps(table, "emotion", "duration [s]", f"{corpus}: durations"))
        f0 = run.plot("analyse/f0").query("corpus == @corpus")
        if len(f0):
            shown.append(pictures.steps(f0, "emotion", "median F0 of a clip [Hz]", f"{corpus}: F0"))
    intensities = run.plot("analyse/intensities").pivot_table(
        index=["corpus", "emotion"], columns="intensity", values="clips", fill_value=0
    )
    left_out = run.quarantine()
    tables = [Table.of(sizes, "Clips, hours, speakers, and clips of each emotion")]
    if intensities.size:
        tables.append(Table.of(intensities.astype(int).reset_index(), "Clips of each intensity", is_folded=True))
    if len(left_out):
        columns = ["filepath", "reason", "detail"]
        tables.append(Table.of(left_out[columns].head(MOST_ROWS), "Quarantine: clips that were left out", True))
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in left_out["reason"].value_counts().items())
    return Section(
        "corpora",
        "The corpora",
        [*warnings, f"Left out: {len(left_out):,} clips" + (f" ({reasons})." if reasons else ".")],
        shown,
        tables,
    )


def audit(run: Run) -> Section:
    """What the leakage audit found."""
    return Section(
        "audit",
        "Audit for leakage",
        [
            f"No leak: before it scores, stage evaluate searches {len(run.scenarios) * len(run.folds)} splits and "
            f"{len(run.arms)} training sets of each for test speakers, test clips, and models that learned from them. "
            "It writes no score where it finds one. `emocycle audit` searches again and lists each split."
        ],
    )


def reproduce(run: Run, params_path: Path) -> Section:
    """What somebody needs to repeat the run."""
    changed = reproduction.changed_params(params_path)
    unchanged = "params.yaml is not in git." if changed is None else "params.yaml is that of the last commit."
    tables = [
        meanings("Versions", reproduction.versions()),
        meanings("Hardware of the classifiers", run.hardware()),
    ]
    if changed:
        tables.insert(0, Table("Parameters that differ from the last commit", ["key", "there", "here"], changed, True))
    return Section(
        "reproduce",
        "Reproduce",
        [
            "`emocycle repro --jobs 2` repeats the run. `emocycle record NAME` keeps its commit, parameters, metrics.",
            "The same hardware gives the same bytes; other hardware changes last digits.",
            *([] if changed else [unchanged]),
        ],
        tables=tables,
    )


def _recall(found: Mapping[str, Any], emotion: str) -> str:
    gain = found.get("over", {}).get(BASELINE, {}).get("recall", {}).get(emotion)
    words = f"{100 * found['recall'][emotion]:.1f}" if emotion in found["recall"] else ""
    if not gain:
        return words
    interval = f" ({signed_range((gain['ci_low'], gain['ci_high']))})" if "ci_low" in gain else ""
    return f"{words}; {signed(gain['gain'])}{interval}"


def _of_headline(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    chosen = (table["scenario"] == run.summary["scenario"]) & (table["classifier"] == run.summary["classifier"])
    return table[chosen]


def _about(run: Run) -> str:
    return f"Scenario {run.summary['scenario']}, classifier {run.summary['classifier']}"


def _ordered(table: pd.DataFrame, anchors: Sequence[str], name: str) -> pd.DataFrame:
    """Known values of a measure, in the order of the anchors."""
    known = table[table[name].notna()]
    return known.sort_values("what", key=lambda what: what.map(list(anchors).index))
