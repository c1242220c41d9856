"""What was tried to make converted clips help a classifier: each setting's gain on the developing folds, and no other.

python experiments/attempts.py [--setting NAME …]

Run it in a workspace on whose params.yaml `emocycle repro` is done, with folds 1 and 2 alone. A row an attempt, arm,
classifier and scenario goes to attempts.csv, the gains of the arm `cyclegan` as Markdown to the terminal.
"""

from pathlib import Path
from typing import Any

import click
import pandas as pd

from pipeline import cli, comparison, sweep

SETTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "weight 0.1": {"augment.mix.weight": 0.1},
    "weight 1": {"augment.mix.weight": 1.0},
    "ratio 2": {"augment.mix.ratio": 2},
    "ratio 3, weight 1": {"augment.mix.ratio": 3, "augment.mix.weight": 1.0},
    "gate: passed": {"augment.gate.keep": "passed"},
    "gate: best half": {"augment.gate.keep": "best"},
    "gate: best half, weight 1": {"augment.gate.keep": "best", "augment.mix.weight": 1.0},
    "towards happy and sad": {"augment.mix.towards": ["happy", "sad"]},
}
SHOWN = ["setting", "scenario", "classifier", "UAR", "gain", "interval"]


@click.command()
@click.option("--setting", "names", multiple=True, type=click.Choice(list(SETTINGS)), help="All, if none is named.")
def main(names: tuple[str, ...]) -> None:
    """Run each setting and say what the arms gain."""
    settings = {name: SETTINGS[name] for name in names or SETTINGS}
    found = sweep.scores(settings, Path("params.yaml"), cli.sections(), Path("data/raw"))
    found.to_csv("attempts.csv", index=False)
    rows = found[(found["arm"] == "cyclegan") & (found["reference"] == "none")]
    points = {name: (100 * rows[name]).map("{:+.1f}".format) for name in ("gain", "ci_low", "ci_high")}
    table = pd.DataFrame({**rows, "UAR": (100 * rows["uar"]).map("{:.1f}".format), "gain": points["gain"]})
    click.echo(comparison.markdown(table.assign(interval=points["ci_low"] + " … " + points["ci_high"])[SHOWN]))


if __name__ == "__main__":
    main()
