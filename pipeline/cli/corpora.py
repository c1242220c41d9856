"""List the corpora: clips in data/raw, missing clips, and sources."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from pipeline.cli import inventory
from pipeline.cli.workspace import PARAMS, RAW
from pipeline.core import params
from pipeline.corpora import CORPORA, DEMO, ingestion, table
from pipeline.corpora.table import TableParams, Tables

WIDTH = 105  # columns


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def main(names: tuple[str, ...]) -> None:
    """List all corpora, or those given: clips in data/raw, missing clips, licence and source."""
    tables, problem = _tables()
    known = [*CORPORA, *tables]
    for name in names:
        if name not in known:
            more = f"; section 'tables' cannot be read: {problem}" * bool(problem)
            raise click.ClickException(f"corpus '{name}' is not known{params.nearest(name, known)}{more}")
    chosen = list(dict.fromkeys(names or known))
    margin = max(map(len, chosen)) + 2
    exists = {name: (RAW / name).is_dir() for name in chosen}
    for name in sorted(chosen, key=lambda name: not exists[name]):
        lines = _of_table(RAW / name, tables[name]) if name in tables else _of_corpus(name)
        for number, line in enumerate(lines):
            start = "" if number else name
            click.echo(click.wrap_text(line, WIDTH, start.ljust(margin), " " * margin))
    if not all(exists[name] for name in chosen if name != DEMO):
        click.echo(f"\nPut a corpus into {RAW}/NAME, or link its folder: emocycle repro --raw NAME=FOLDER")
    if problem:
        click.echo(f"\nYour own corpora are not listed: {problem}")


def _of_corpus(name: str) -> Iterator[str]:
    """Lines about a known corpus."""
    corpus = CORPORA[name]
    yield f"{corpus.title}; licence: {corpus.license}"
    yield f"`emocycle fetch {name}`, or {corpus.source}" if corpus.archives else corpus.source
    yield from inventory.describe(corpus, RAW / name)


def _of_table(folder: Path, described: TableParams) -> Iterator[str]:
    """Lines about a corpus of section `tables`."""
    path = folder / described.table
    yield f"your table {path}; licence: {described.license}"
    if not path.is_file():
        yield "the table is missing"
        return
    try:
        found = table.listed(folder, described)
    except click.ClickException as error:
        yield error.message
        return
    unusable = ingestion.by_reason({"reason": reason} for _, reason, _ in found.left_out)
    rows = f"{len(found.labelled) + len(found.left_out):,} rows"
    yield rows + f", some of them unusable: {unusable}" * bool(unusable)


def _tables() -> tuple[Mapping[str, TableParams], str]:
    """Section `tables` of params.yaml, and an error in it."""
    try:
        return (params.load(PARAMS, "tables", Tables) if PARAMS.exists() else {}), ""
    except params.ParamsError as error:
        return {}, error.message
