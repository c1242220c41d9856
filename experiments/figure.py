"""Draw docs/gains.svg, docs/enrolment.svg, docs/speakers.svg and docs/voices.svg from the recorded scores.

Run it as `python experiments/figure.py`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import matplotlib
from matplotlib import pyplot

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
CONFIRM = (HERE / "ravdess-confirm/three-seeds/ser.json", HERE / "ravdess-voices/metrics/ser.json")  # folds 3 to 6
PERSON, PERSON_16, PERSON_NEMO = "ravdess-enrolment-pretrained", "ravdess-enrolment-16", "nemo-enrolment-pretrained"
RAVDESS, RAVDESS_16, NEMO = ((HERE / name / "metrics/ser.json",) for name in (PERSON, PERSON_16, PERSON_NEMO))
COLOURS = ("#0072b2", "#d55e00", "#009e73")  # of Okabe and Ito, which colour-blind people tell apart
INTERVAL: dict[str, Any] = {"linewidth": 4, "alpha": 0.5, "solid_capstyle": "butt"}


@dataclass(frozen=True)
class Panel:
    """One scenario of some records."""

    title: str
    scenario: str
    scores: Sequence[Path]


@dataclass(frozen=True)
class Figure:
    """Panels side by side, with the same rows and classifiers."""

    name: str  # of the file
    panels: Sequence[Panel]
    rows: Mapping[tuple[str, str], str]  # arm and reference → label
    classifiers: Mapping[str, str]  # name → label
    label: str  # of the axis


FIGURES = (
    Figure(
        "gains",
        (
            Panel("16 train speakers (full)", "full", CONFIRM),
            Panel("4 train speakers (low_data_25)", "low_data_25", CONFIRM),
        ),
        {
            ("cyclegan", "none"): "CycleGAN conversion",
            ("classical", "none"): "classical augmentation",
            ("voices", "none"): "VTLP",  # the arm's name in records of that time
            ("copy_synthesis", "none"): "control: vocoder alone",
        },
        {"cnn": "cnn", "svm": "svm"},
        "gain in UAR over no augmentation [points]",
    ),
    Figure(
        "enrolment",
        (
            Panel("RAVDESS, 2 train speakers", "enrol_2", RAVDESS),
            Panel("RAVDESS, 4 train speakers", "enrol_4", RAVDESS),
            Panel("RAVDESS, 16 train speakers", "enrol_all", RAVDESS_16),
            Panel("nEMO, 3 train speakers", "enrol_all", NEMO),
        ),
        {
            ("personal_conversion", "none"): "the person's voice, over none",
            ("personal_conversion", "other_person"): "… over another person's voice",
            ("other_person", "none"): "another person's voice, over none",
            ("speaker_conversion", "none"): "train speakers' voices, over none",
            ("oversample", "none"): "control: repeated clips, over none",
        },
        {
            "pretrained": "pretrained",
            "pretrained+neutral_norm": "relative to the person's neutral clips",
            "pretrained+speaker_norm": "relative to all clips of the person",
        },
        "gain in UAR [points]",
    ),
)

CURVES = {  # panel → number of train speakers → record and scenario
    "folds 1 and 2, developing": {
        1: ("ravdess-few-develop", "s1"),
        2: ("ravdess-few-develop", "s2"),
        4: ("ravdess-clips", "k6_4"),
        8: ("ravdess-speakers", "s8"),
        16: ("ravdess-speakers", "s16_1"),
    },
    "folds 3 to 6, confirming": {
        1: ("ravdess-few", "few_1"),
        2: ("ravdess-few", "few_2"),
        4: ("ravdess-enrolment", "enrol_4"),
        16: ("ravdess-enrolment", "enrol_all"),
    },
}
LINES = {  # classifier and arm → colour, style and label
    ("svm+vocoded", "none"): (COLOURS[0], "o--", "no augmentation"),
    ("svm+vocoded", "personal_conversion"): (COLOURS[0], "o-", "the person's voice"),
    ("svm+vocoded+neutral_norm", "none"): (COLOURS[1], "s--", "no augmentation, relative to the 6 neutral clips"),
    ("svm+vocoded+neutral_norm", "personal_conversion"): (COLOURS[1], "s-", "the person's voice, relative to them"),
}

Places = dict[int, tuple[str, str]]  # number of train speakers → folder of scores, and scenario


def at(scores: str, scenarios: Mapping[int, str]) -> Places:
    """Scenarios in one folder of scores."""
    return {number: (scores, scenario) for number, scenario in scenarios.items()}


OTHER_VOICES = {2: "s2", 4: "s4", 16: "s16_1"}  # number of train speakers → scenario
ENROLLED, ENROLLED_16 = {2: "enrol_2", 4: "enrol_4"}, {16: "enrol_all"}
DEVELOPING = at(f"{PERSON}/develop/metrics", ENROLLED) | at(f"{PERSON_16}/develop/metrics", ENROLLED_16)
VOICES: dict[str, dict[str, tuple[str, Places]]] = {  # panel → label → arm and places
    "voices of others, folds 1 and 2": {
        "of train speakers": ("speaker_conversion", at("ravdess-pretrained/develop/metrics", OTHER_VOICES)),
        "of a bank of 4": ("speaker_conversion", at("ravdess-pretrained/bank_4", OTHER_VOICES)),
        "of a bank of 9": ("speaker_conversion", at("ravdess-pretrained/bank_9", OTHER_VOICES)),
    },
    "the person's voice, folds 1 and 2": {
        "from 6 recordings": ("personal_conversion", DEVELOPING),
        "from 1 recording": ("personal_conversion", at(f"{PERSON}/develop_1", ENROLLED)),
        "another person's": ("other_person", DEVELOPING),
    },
    "folds 3 to 6, confirming": {
        "of train speakers": (
            "speaker_conversion",
            at("ravdess-pretrained/metrics", {2: "low_2", 4: "low_4", 16: "full"}),
        ),
        "the person's": (
            "personal_conversion",
            at(f"{PERSON}/metrics", ENROLLED) | at(f"{PERSON_16}/metrics", ENROLLED_16),
        ),
    },
}


@click.command()
def main() -> None:
    """Draw the figures of docs/.

    Of gains, a thick line is the interval over speakers, a thin line the interval over folds.
    """
    matplotlib.rcParams.update({"svg.hashsalt": "gains", "font.size": 10, "svg.fonttype": "path"})
    for figure in FIGURES:
        draw(figure)
    draw_curves()
    draw_voices()


def draw(figure: Figure) -> None:
    """Write a figure to docs/."""
    size = (4.5 * len(figure.panels), 0.85 * len(figure.rows))
    canvas, axes = pyplot.subplots(1, len(figure.panels), figsize=size, sharex=True, sharey=True, layout="constrained")
    for axis, panel in zip(axes, figure.panels, strict=True):
        axis.axvline(0, color="grey", linewidth=1)
        for number, (classifier, colour) in enumerate(zip(figure.classifiers, COLOURS, strict=False)):
            points = []
            for place, (arm, reference) in enumerate(figure.rows):
                if (gain := found(panel, classifier, arm, reference)) is None:
                    continue
                y = -place - 0.25 * (number - (len(figure.classifiers) - 1) / 2)
                if "fold_low" in gain:
                    axis.plot([100 * gain["fold_low"], 100 * gain["fold_high"]], [y, y], color=colour, linewidth=1)
                axis.plot([100 * gain["ci_low"], 100 * gain["ci_high"]], [y, y], color=colour, **INTERVAL)
                points.append((100 * gain["gain"], y))
            axis.plot(*zip(*points, strict=True), "o", color=colour, label=figure.classifiers[classifier])
        axis.set(title=panel.title, xlabel=figure.label)
        axis.set_yticks([-place for place in range(len(figure.rows))], list(figure.rows.values()))
        axis.spines[["top", "right"]].set_visible(False)
    canvas.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    canvas.savefig(DOCS / f"{figure.name}.svg", metadata={"Date": None})


def draw_curves() -> None:
    """Write docs/speakers.svg: UAR against the number of train speakers."""
    canvas, axes = pyplot.subplots(1, len(CURVES), figsize=(10, 4), sharex=True, sharey=True, layout="constrained")
    for axis, (title, curve) in zip(axes, CURVES.items(), strict=True):
        files = {number: HERE / record / "metrics/ser.json" for number, (record, _) in curve.items()}
        scores = {number: json.loads(file.read_text(encoding="utf-8")) for number, file in files.items()}
        for (classifier, arm), (colour, style, label) in LINES.items():
            uar = [100 * scores[number][scenario][classifier][arm]["uar"] for number, (_, scenario) in curve.items()]
            axis.plot(list(curve), uar, style, color=colour, label=label)
        axis.set_xscale("log", base=2)
        axis.set(title=f"RAVDESS, {title}", xlabel="train speakers")
        axis.spines[["top", "right"]].set_visible(False)
    numbers = sorted({number for curve in CURVES.values() for number in curve})
    axes[0].set_xticks(numbers, [str(number) for number in numbers])
    axes[0].set_ylabel("UAR [%]")
    canvas.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    canvas.savefig(DOCS / "speakers.svg", metadata={"Date": None})


def draw_voices() -> None:
    """Write docs/voices.svg: gain of clips in other voices against the number of train speakers, `pretrained`."""
    canvas, axes = pyplot.subplots(1, len(VOICES), figsize=(13, 4), sharex=True, sharey=True, layout="constrained")
    for axis, (title, lines) in zip(axes, VOICES.items(), strict=True):
        axis.axhline(0, color="grey", linewidth=1)
        for number, (label, (arm, where)) in enumerate(lines.items()):
            panels = [Panel(title, scenario, (HERE / scores / "ser.json",)) for scores, scenario in where.values()]
            gains = [found(panel, "pretrained", arm, "none") for panel in panels]
            low, gain, high = ([100 * own[key] for own in gains if own] for key in ("ci_low", "gain", "ci_high"))
            places = [speakers * 1.06 ** (number - 1) for speakers in where]  # side by side
            axis.plot([places, places], [low, high], color=COLOURS[number], **INTERVAL)
            axis.plot(places, gain, "o-", color=COLOURS[number], label=label)
        axis.set_xscale("log", base=2)
        axis.set(title=title, xlabel="train speakers")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, loc="lower right")
    axes[0].set_xticks(list(OTHER_VOICES), [str(number) for number in OTHER_VOICES])
    axes[0].set_ylabel("gain in UAR over no augmentation [points]")
    canvas.savefig(DOCS / "voices.svg", metadata={"Date": None})


def found(panel: Panel, classifier: str, arm: str, reference: str) -> dict[str, float] | None:
    """Gain in UAR of an arm over a reference, with its intervals; fractions. None where no record has it."""
    for path in panel.scores:
        arms = json.loads(path.read_text(encoding="utf-8")).get(panel.scenario, {}).get(classifier, {})
        if reference in arms.get(arm, {}).get("over", {}):
            gain: dict[str, float] = arms[arm]["over"][reference]["uar"]
            return gain
    return None


if __name__ == "__main__":
    main()
