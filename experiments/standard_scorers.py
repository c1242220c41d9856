"""Do the standard scorers agree with our own? Spearman's correlations over clips and over directions.

python experiments/standard_scorers.py  # in a workspace after `assess` with all of standard_scorers.assess

Over directions, the points are the means of the converted clips in each split. `augment` adds the last row, if its
export has `ge2e_similarity`: there, the points are the synthetic clips of the arm.
"""

from pathlib import Path

import click
import pandas as pd

from pipeline.assessment import figures
from pipeline.assessment.figures import CONVERTED, DIRECTION, RESYNTHESISED

# Measures to compare, and rows of the table with both
COMPARED = [
    ("dnsmos", "distillmos", (CONVERTED,)),
    ("estoi", "distillmos", (CONVERTED,)),
    ("estoi", "dnsmos", (CONVERTED,)),
    ("mcd_db", "distillmos", (CONVERTED,)),
    ("mcd_db", "dnsmos", (CONVERTED,)),
    ("estoi", "ge2e_similarity", (CONVERTED,)),
    ("is_identified", "ge2e_identification", (CONVERTED,)),
    ("is_identified", "ge2e_similarity", (CONVERTED,)),
    ("f0_mean_st", "swift_f0_mean_st", (RESYNTHESISED,)),
    ("f0_deviation_st", "swift_f0_deviation_st", (RESYNTHESISED,)),
]
SHOWN = ["distillmos", "dnsmos", "ge2e_similarity", "ge2e_identification", "is_identified"]


@click.command()
@click.option("--assessed", type=click.Path(path_type=Path), default="data/assessed")
@click.option("--split", "splits", multiple=True, default=("full-1", "full-2"), show_default=True)
@click.option("--arm", default="cyclegan", show_default=True)
def main(assessed: Path, splits: tuple[str, ...], arm: str) -> None:
    """Print the anchors of each score, and the correlations."""
    tables = [figures.read(assessed / f"{split}.parquet").assign(split=split) for split in splits]
    table = pd.concat(tables, ignore_index=True)
    table["is_identified"] = (table["identified"] == table["speaker"]).where(table["identified"].notna()).astype(float)
    f0 = [name for one, other, what in COMPARED if RESYNTHESISED in what for name in (one, other)]
    click.echo(table.groupby("what")[[*SHOWN, *f0]].mean().round(3).to_string())
    found = []
    for one, other, what in COMPARED:
        rows = table[table["what"].isin(what)].dropna(subset=[one, other])
        means = rows.groupby([*DIRECTION, "split"])[[one, other]].mean()
        within = rows[[one, other]] - rows.groupby([*DIRECTION, "split"])[[one, other]].transform("mean")
        found.append(
            {
                "ours": one,
                "standard": other,
                "clips": len(rows),
                "over clips": rows[one].corr(rows[other], "spearman"),
                "within a direction": within[one].corr(within[other], "spearman"),
                "directions": len(means),
                "over directions": means[one].corr(means[other], "spearman"),
            }
        )
    exported = [pd.read_parquet(Path("data/augmented") / split / f"{arm}.parquet") for split in splits]
    if all("ge2e_similarity" in rows for rows in exported):
        rows = pd.concat(exported).dropna(subset=["ge2e_similarity", "speaker_similarity"])
        correlation = rows["speaker_similarity"].corr(rows["ge2e_similarity"], "spearman")
        names = {"ours": "speaker_similarity", "standard": "ge2e_similarity"}
        found.append({**names, "clips": len(rows), "over clips": correlation})
    click.echo(pd.DataFrame(found).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
