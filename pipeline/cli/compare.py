"""Print the score and the gain of every arm in every scenario."""

import textwrap
from pathlib import Path

import click

from pipeline.core.files import read_json
from pipeline.evaluation import score_table, wording


@click.command()
@click.option(
    "--scores",
    type=click.Path(path_type=Path),
    default="metrics/ser.json",
    show_default=True,
    help="Scores that stage `evaluate` wrote.",
)
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write the table as Markdown, too.")
@click.option("--csv", type=click.Path(path_type=Path), metavar="FILE", help="Write all numbers as CSV, too.")
def main(scores: Path, markdown: Path | None, csv: Path | None) -> None:
    """Print the score and the gain of every arm in every scenario."""
    score_table.show(scores, markdown, csv)
    summary = scores.with_name("summary.json")  # of the same run
    if summary.is_file():
        answer = wording.answer(read_json(summary, "`emocycle repro` writes it again"))
        click.echo("\n" + textwrap.fill(answer, score_table.WIDTH))
