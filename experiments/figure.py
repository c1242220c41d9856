"""Draw docs/gains.svg from the recorded scores: the gain of each arm over no augmentation, with its intervals.

Run it as `python experiments/figure.py`.
"""

import json
from pathlib import Path
from typing import Any

import click
import matplotlib
from matplotlib import pyplot

HERE = Path(__file__).parent
SCORES = (HERE / "ravdess-confirm/three-seeds/ser.json", HERE / "ravdess-voices/metrics/ser.json")  # folds 3 to 6
OUT = HERE.parent / "docs/gains.svg"
REFERENCE = "none"
PANELS = {"full": "16 train speakers (full)", "low_data_25": "4 train speakers (low_data_25)"}
ARMS = {
    "cyclegan": "CycleGAN conversion",
    "classical": "classical augmentation",
    "voices": "VTLP",  # the arm's name in records of that time
    "copy_synthesis": "control: vocoder alone",
}
COLOURS = {"cnn": "#0072b2", "svm": "#d55e00"}  # of Okabe and Ito, which colour-blind people tell apart

INTERVAL: dict[str, Any] = {"linewidth": 4, "alpha": 0.5, "solid_capstyle": "butt"}


@click.command()
def main() -> None:
    """Draw docs/gains.svg: a thick line is the interval over speakers, a thin line the interval over folds."""
    matplotlib.rcParams.update({"svg.hashsalt": "gains", "font.size": 10, "svg.fonttype": "path"})
    figure, axes = pyplot.subplots(1, len(PANELS), figsize=(9, 3.4), sharex=True, sharey=True, layout="constrained")
    names = list(reversed(ARMS))
    for axis, (scenario, title) in zip(axes, PANELS.items(), strict=True):
        axis.axvline(0, color="grey", linewidth=1)
        for number, (classifier, colour) in enumerate(COLOURS.items()):
            for arm, gain in gains(scenario, classifier).items():
                y = names.index(arm) + 0.15 - 0.3 * number
                axis.plot([100 * gain["fold_low"], 100 * gain["fold_high"]], [y, y], color=colour, linewidth=1)
                axis.plot([100 * gain["ci_low"], 100 * gain["ci_high"]], [y, y], color=colour, **INTERVAL)
                label = classifier if arm == "cyclegan" else None
                axis.plot(100 * gain["gain"], y, "o", color=colour, label=label)
        axis.set(title=title, xlabel="gain in UAR over no augmentation [points]")
        axis.set_yticks(range(len(names)), [ARMS[name] for name in names])
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(loc="lower left", frameon=False)
    figure.savefig(OUT, metadata={"Date": None})


def gains(scenario: str, classifier: str) -> dict[str, dict[str, float]]:
    """Gain in UAR over no augmentation and its intervals, by arm; fractions."""
    found: dict[str, dict[str, float]] = {}
    for path in SCORES:
        arms = json.loads(path.read_text(encoding="utf-8")).get(scenario, {}).get(classifier, {})
        for arm, scores in arms.items():
            if arm in ARMS and REFERENCE in scores.get("over", {}):
                found.setdefault(arm, scores["over"][REFERENCE]["uar"])
    return found


if __name__ == "__main__":
    main()
