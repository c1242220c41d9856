"""What of the corpora is there, by the names of their files, and how to get the rest."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import click

from pipeline.cli import archives, download
from pipeline.core import params
from pipeline.corpora import CORPORA, DEMO, ingestion, table
from pipeline.corpora.corpus import Corpus, Labels, UnknownNameError
from pipeline.corpora.table import TableParams, Tables

MOST_SPEAKERS = 5  # with a line of their own
MOST_NAMES = 12  # of speakers, in one line
WIDTH = 105  # columns


@dataclass
class Found:
    """What is in a corpus's folder."""

    n_files: int = 0  # audio files that are not hidden
    n_hidden: int = 0  # audio files that are
    unknown: list[Path] = field(default_factory=list)  # audio files whose names are not the corpus's
    others: list[Path] = field(default_factory=list)  # no audio files
    clips: dict[str, Labels] = field(default_factory=dict)  # by name, so that each is there once
    sounding: set[str] = field(default_factory=set)  # names of clips of which a file is more than a pointer of Git LFS

    def counts(self) -> Counter[tuple[str, str]]:
        """Number of clips of each speaker and emotion."""
        return Counter((labels.speaker, labels.emotion) for labels in self.clips.values())

    def is_complete(self, corpus: Corpus) -> bool:
        """Whether all clips are there, and not as pointers; never where nobody knows how many there are."""
        return bool(corpus.expected_counts) and not _missing(corpus, self) and len(self.sounding) == len(self.clips)


def show(names: Sequence[str], raw: Path, params_path: Path) -> None:
    """Print what is there of each corpus, and of those of `tables` in params.yaml.

    Args:
        names: of corpora; all where empty
        raw: folder of the corpora's folders
        params_path: params.yaml, which need not be there

    Raises:
        click.ClickException: there is no corpus of such a name
    """
    tables, problem = _tables(params_path)
    known = [*CORPORA, *tables]
    for name in names:
        if name not in known:
            also = f"; corpora with tables of their own cannot be read: {problem}" * bool(problem)
            raise click.ClickException(f"corpus '{name}' is not known{params.nearest(name, known)}{also}")
    chosen = list(dict.fromkeys(names or known))
    margin = max(map(len, chosen)) + 2
    is_there = {name: (raw / name).is_dir() for name in chosen}
    for name in sorted(chosen, key=lambda name: not is_there[name]):  # what is there comes first
        if name in tables:
            lines = list(_of_table(raw / name, tables[name]))
        else:
            lines = [*_about(name), *_of_folder(CORPORA[name], raw / name)]
        for number, line in enumerate(lines):
            start = "" if number else name
            click.echo(click.wrap_text(line, WIDTH, start.ljust(margin), " " * margin))
    if not all(is_there.values()):
        click.echo(f"\nA corpus goes into {raw}/NAME; one that is elsewhere: emocycle repro --raw NAME=FOLDER")
    if problem:
        click.echo(f"\nCorpora with tables of their own are not listed: {problem}")


def fetch(name: str, raw: Path, to: Path | None, downloads: Path) -> None:
    """Download what is missing of a corpus, or say how to get one that cannot be downloaded just so.

    Args:
        name: of the corpus
        raw: folder of the corpora's folders
        to: the corpus's folder, where it is to be another than that of its name in `raw`; what is there stays
        downloads: folder of archives that are not unpacked yet

    Raises:
        click.ClickException: there is no such corpus, it cannot be downloaded or unpacked, or is not complete then
    """
    if name not in CORPORA:
        raise click.ClickException(f"corpus '{name}' is not known{params.nearest(name, CORPORA)}")
    if name == DEMO:
        raise click.ClickException(f"{DEMO}: is not downloaded; `emocycle repro` makes it where `corpora` names it")
    corpus, folder = CORPORA[name], to or raw / name
    if os.path.lexists(folder) and not folder.is_dir():
        raise click.ClickException(
            f"{folder}: is a file, or a link to what is not there; expected a folder, or nothing"
        )
    found = _found(corpus, folder)
    if found.is_complete(corpus):
        click.echo(f"{name}: nothing to do; {' '.join(_of_folder(corpus, folder))}")
        return
    if not corpus.archives:
        click.echo(_steps(name, folder))
        return
    click.echo(f"{corpus.title}: its licence is {corpus.license}")
    for number, archive in enumerate(corpus.archives, 1):
        if _missing(corpus, found) or not corpus.expected_counts:
            path = downloads / f"{name}-{number}.zip"
            download.download(archive.url, path, archive.size, archive.md5)
            try:
                new, old = archives.unpack(path, folder, archive.members, archive.most_bytes, bool(archive.lfs))
            except archives.ArchiveError:
                path.unlink()  # another call gets another one
                raise
            path.unlink()
            stayed = f"; {old:,} were there and stayed as they are" * bool(old)
            click.echo(f"{folder}: unpacked {new:,} files{stayed}")
        if archive.lfs:
            download.resolve(folder, archive.members, archive.lfs, archive.most_bytes)
    click.echo("\n".join(_of_folder(corpus, folder)))
    if to:
        click.echo(f"It is not where the pipeline looks: emocycle repro --raw {name}={to}")
    if corpus.expected_counts and not _found(corpus, folder).is_complete(corpus):
        raise click.ClickException(f"{name}: is not complete, though all of its archives are unpacked")


def _about(name: str) -> Iterator[str]:
    """What it is, and where to get it."""
    corpus = CORPORA[name]
    yield f"{corpus.title}; licence: {corpus.license}"
    yield f"`emocycle fetch {name}`, or {corpus.source}" if corpus.archives else corpus.source


def _of_folder(corpus: Corpus, folder: Path) -> Iterator[str]:
    """What is in a corpus's folder, and what is missing there."""
    if folder.is_symlink() and not folder.exists():
        yield f"{folder}: is a link to {folder.readlink()}, which is not there"
    if not folder.is_dir():
        return
    found = _found(corpus, folder)
    said = f"{folder}: {len(found.clips):,} clips in {found.n_files:,} audio files"
    yield said + ", complete" * found.is_complete(corpus)
    yield from _missing(corpus, found) if found.clips else ()
    if pointers := len(found.clips) - len(found.sounding):
        yield f"{pointers:,} clips are but pointers of Git LFS: run `git lfs pull` there, or `emocycle fetch`"
    if beyond := sum((found.counts() - Counter(corpus.expected_counts)).values()) * bool(corpus.expected_counts):
        yield f"{beyond:,} clips more than the corpus has of these speakers and emotions"
    if found.unknown:
        example = _printable(found.unknown[0])
        yield f"{len(found.unknown):,} audio files are not named as the corpus's are, such as {example}"
    if found.n_hidden:
        yield f"{found.n_hidden:,} audio files are hidden, or resource forks of macOS"
    if corpus.genders and found.clips:
        try:
            if not corpus.genders(found.others):
                yield "nobody's gender is known, for the corpus's table of speakers is not there"
        except click.ClickException as error:
            yield error.message


def _found(corpus: Corpus, folder: Path) -> Found:
    """What is in a folder, by the names of its files; nothing where it is not there."""
    found = Found()
    for path in ingestion.files_below(folder):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if not ingestion.is_audio(path):
            found.others.append(path)
            continue
        if ingestion.is_hidden(name):
            found.n_hidden += 1
            continue
        found.n_files += 1
        try:
            path.as_posix().encode()
            labels = corpus.parse(name)
        except (UnicodeEncodeError, UnknownNameError):
            found.unknown.append(path)
            continue
        found.clips.setdefault(labels.name, labels)
        if labels.name not in found.sounding and not download.is_pointer(path):
            found.sounding.add(labels.name)
    return found


def _missing(corpus: Corpus, found: Found) -> list[str]:
    """Which clips are not there: a line for all speakers of whom there is none, and one for each of the others."""
    counts = found.counts()
    expected: dict[str, dict[str, int]] = defaultdict(dict)
    for (speaker, emotion), count in corpus.expected_counts.items():
        expected[speaker][emotion] = count
    absent, lines = [], []
    for speaker, emotions in expected.items():
        there = {emotion: min(counts[speaker, emotion], count) for emotion, count in emotions.items()}
        few = [
            f"{emotion} {there[emotion]} of {count}" for emotion, count in emotions.items() if there[emotion] < count
        ]
        if not any(there.values()):
            absent.append(speaker)
        elif few:
            total = f"{sum(there.values()):,} of {sum(emotions.values()):,}"
            lines.append(f"speaker {speaker} has {total} clips ({', '.join(few)})")
    if len(lines) > MOST_SPEAKERS:
        lines[MOST_SPEAKERS:] = [f"and {len(lines) - MOST_SPEAKERS} more speakers lack clips"]
    if absent:
        others = f" and {len(absent) - MOST_NAMES} others" * (len(absent) > MOST_NAMES)
        lines.append("no clips of speakers " + ", ".join(absent[:MOST_NAMES]) + others)
    return lines


def _of_table(folder: Path, described: TableParams) -> Iterator[str]:
    """What a corpus's own table lists."""
    path = folder / described.table
    yield f"your table {path}; licence: {described.license}"
    if not path.is_file():
        yield "the table is not there"
        return
    try:
        found = table.listed(folder, described)
    except click.ClickException as error:
        yield error.message
        return
    unusable = ingestion.by_reason({"reason": reason} for _, reason, _ in found.left_out)
    rows = f"{len(found.labelled) + len(found.left_out):,} rows"
    yield rows + f", of which some cannot be used: {unusable}" * bool(unusable)


def _tables(path: Path) -> tuple[Mapping[str, TableParams], str]:
    """Section `tables` of params.yaml, and what is wrong with it."""
    try:
        return (params.load(path, "tables", Tables) if path.exists() else {}), ""
    except params.ParamsError as error:
        return {}, error.message


def _steps(name: str, folder: Path) -> str:
    corpus = CORPORA[name]
    return (
        f"`emocycle fetch` cannot get {corpus.title}, whose licence is: {corpus.license}\n"
        f"  1. Get it: {corpus.source}\n"
        f"  2. Unpack it into {folder}, or elsewhere and say: emocycle repro --raw {name}=/its/folder\n"
        f"  3. See whether all is there: emocycle corpora {name}"
    )


def _printable(path: Path) -> str:
    """A path, with what is not UTF-8 in it escaped."""
    return str(path).encode("utf-8", "backslashreplace").decode()
