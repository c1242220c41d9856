"""Export an augmented list, with its audio, to the format of another tool."""

from pathlib import Path

import click
import pandas as pd

from pipeline.cli.workspace import DATA, PARAMS
from pipeline.core import manifest, params
from pipeline.core.files import atomic_write, write_csv, write_json
from pipeline.export import FORMATS, card, clips, croissant, hf

AUGMENTED = DATA / "augmented"
UNUSED = "train clips of weight 0, which this arm does not learn from"  # most tools know no weights


class ExportError(click.ClickException):
    """The export is not possible."""


@click.command()
@click.argument("split")
@click.argument("arm")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--format", "format_name", type=click.Choice(list(FORMATS)), required=True, help="Format of the tables.")
@click.option("--copy/--link", default=True, show_default=True, help="Copy audio, or make symbolic links to it.")
@click.option("--i-may", is_flag=True, help="Copy also clips that their licence does not allow to pass on.")
def main(split: str, arm: str, out: Path, format_name: str, copy: bool, i_may: bool) -> None:
    """Export data/augmented/SPLIT/ARM.parquet, with its audio, to the new folder OUT."""
    of_banks = params.load(PARAMS, "bank_licenses", dict[str, str])
    rows = clips.with_licenses_of_voices(_rows(split, arm), of_banks)
    if out.exists():
        raise ExportError(f"{out}: exists already; expected the name of a new folder")
    whole = rows["start"].isna() & rows["end"].isna()
    reasons = clips.restrictions(rows, ~whole | copy) if not i_may else pd.Series("", rows.index)
    told = (reasons[reasons != ""] + " (licence " + rows["license"] + ")").value_counts()
    left_out = {str(reason): int(count) for reason, count in told.items()}
    for reason, count in left_out.items():
        click.echo(f"{count:,} clips are left out: {reason}; add --i-may if you may pass them on")
    rows = rows[reasons == ""]
    unused = (rows["partition"] == "train") & (rows["weight"] == 0)
    if unused.any():
        left_out[UNUSED] = int(unused.sum())
        click.echo(f"{unused.sum():,} clips are left out: {UNUSED}")
        rows = rows[~unused]
    if rows.empty:
        raise ExportError(f"{split} {arm}: no clip is left, expected some that may be passed on")
    name, chosen = f"emocycle-{split}-{arm}", FORMATS[format_name]
    found = clips.described(rows)
    with atomic_write(out) as folder:
        clips.place(rows, found["file"], folder, link=not copy)
        write_csv(found, folder / clips.TABLE)
        chosen.write(folder, found, name)
        header = hf.header(found) if format_name == "hf" else {}
        usage = chosen.usage.replace("{name}", name).replace("{out}", out.resolve().name)
        text = card.text(found, name, usage, left_out, linked=not copy, header=header)
        (folder / "README.md").write_text(text, encoding="utf-8")
        write_json(folder / "croissant.json", croissant.description(folder, found, name, split, arm))
    synthetic = int(found["is_synthetic"].sum())
    how = "copied" if copy else "linked"
    click.echo(
        f"{out}: {len(found):,} clips, {synthetic:,} synthetic, audio {how}, for {chosen.title}; see its README.md"
    )


def _rows(split: str, arm: str) -> pd.DataFrame:
    """Rows of an augmented list.

    Raises:
        ExportError: there is no such list, or it is not one of the pipeline
    """
    for folder, word, pattern in ((AUGMENTED, split, "*"), (AUGMENTED / split, f"{arm}.parquet", "*.parquet")):
        known = [path.stem if path.suffix == ".parquet" else path.name for path in folder.glob(pattern)]
        if not (folder / word).exists():
            asked = word.removesuffix(".parquet")
            hint = params.nearest(asked, known) if known else "; `emocycle repro` writes it"
            raise ExportError(f"{folder}: has no '{asked}'{hint}")
    path = AUGMENTED / split / f"{arm}.parquet"
    rows = manifest.scored(path)
    if fault := clips.fault(rows):
        raise ExportError(f"{path}: {fault}")
    return rows
