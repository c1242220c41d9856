"""Download a corpus to data/raw/NAME, or print how to get it."""

import os
from pathlib import Path

import click

from pipeline.cli import archives, download, inventory
from pipeline.cli.workspace import DATA, PARAMS, RAW
from pipeline.core import params
from pipeline.corpora import CORPORA, DEMO
from pipeline.corpora.corpus import Archive, Corpus

DOWNLOADS = DATA / "downloads"  # archives, until they are unpacked


@click.command()
@click.argument("name")
@click.option("--to", type=click.Path(path_type=Path), metavar="FOLDER", help="Target folder, if not data/raw/NAME.")
def main(name: str, to: Path | None) -> None:
    """Download the missing clips of a corpus to data/raw/NAME.

    Where the licence does not allow a direct download, the steps to get the corpus are printed.
    """
    corpus, folder = _corpus(name), to or RAW / name
    if os.path.lexists(folder) and not folder.is_dir():
        raise click.ClickException(f"{folder}: is a file or a broken link; expected a folder, or nothing")
    found = inventory.read(corpus, folder)
    if found.is_complete(corpus):
        click.echo(f"{name}: nothing to do; {' '.join(inventory.describe(corpus, folder))}")
        return
    if not corpus.archives:
        click.echo(_steps(name, folder))
        return
    click.echo(f"{corpus.title}: its licence is {corpus.license}")
    for number, archive in enumerate(corpus.archives, 1):
        if inventory.missing(corpus, found) or not corpus.expected_counts:
            _unpack(archive, DOWNLOADS / f"{name}-{number}.zip", folder)
        if archive.lfs:
            download.resolve(folder, archive.members, archive.lfs, archive.most_bytes)
    click.echo("\n".join(inventory.describe(corpus, folder)))
    if to:
        click.echo(f"To use this folder: emocycle repro --raw {name}={to}")
    if corpus.expected_counts and not inventory.read(corpus, folder).is_complete(corpus):
        raise click.ClickException(f"{name}: is not complete, though all of its archives are unpacked")


def _corpus(name: str) -> Corpus:
    if not PARAMS.is_file():
        raise click.ClickException(f"{PARAMS.absolute()}: not found; run `emocycle fetch` inside the project")
    if name not in CORPORA:
        raise click.ClickException(f"corpus '{name}' is not known{params.nearest(name, CORPORA)}")
    if name == DEMO:
        raise click.ClickException(f"{DEMO}: is not downloaded; `emocycle repro` synthesises it")
    return CORPORA[name]


def _unpack(archive: Archive, path: Path, folder: Path) -> None:
    """Download an archive to `path`, unpack it, and delete it."""
    download.download(archive.url, path, archive.size, archive.md5)
    try:
        new, old = archives.unpack(path, folder, archive.members, archive.most_bytes, bool(archive.lfs))
    except archives.ArchiveError:
        path.unlink()  # the next call downloads it again
        raise
    path.unlink()
    kept = f"; {old:,} existing files were kept" * bool(old)
    click.echo(f"{folder}: unpacked {new:,} files{kept}")


def _steps(name: str, folder: Path) -> str:
    corpus = CORPORA[name]
    return (
        f"`emocycle fetch` cannot download {corpus.title}. Its licence: {corpus.license}\n"
        f"  1. Get it: {corpus.source}\n"
        f"  2. Unpack it into {folder}, or into another folder and run: emocycle repro --raw {name}=/its/folder\n"
        f"  3. Check the number of clips: emocycle corpora {name}"
    )
