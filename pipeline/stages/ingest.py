"""Read one corpus: a row for each clip, and a row with the reason for each file or segment that is left out."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import click

from pipeline.audio.recordings import LOSSY, AudioError
from pipeline.core import manifest, params
from pipeline.core.manifest import EMOTIONS, INTENSITIES, Segment
from pipeline.corpora import CORPORA, expected, ingestion, table
from pipeline.corpora.cache import Cache
from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.ingestion import Clip, IngestParams, Sound
from pipeline.corpora.table import Listed, Tables

MOST_WORDS = 12  # of a table, in a line


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--corpus", "name", required=True, help="A key of pipeline.corpora.CORPORA, or of `tables`.")
@click.option("--raw", type=click.Path(path_type=Path), required=True, help="Folder of the audio files.")
@click.option("--cache", "cache_path", type=click.Path(path_type=Path), default=".cache/decoded.sqlite")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--quarantine", type=click.Path(path_type=Path), required=True)
def main(params_path: Path, name: str, raw: Path, cache_path: Path, out: Path, quarantine: Path) -> None:
    """Read one corpus: a row for each clip, and a row with the reason for each file or segment that is left out."""
    chosen = params.load(params_path, "ingest", IngestParams)
    tables = params.load(params_path, "tables", Tables)
    if name not in {**CORPORA, **tables}:
        raise click.ClickException(f"corpus '{name}' is not known{params.nearest(name, {**CORPORA, **tables})}")
    if not raw.is_dir():
        raise click.ClickException(f"{raw}: no such folder; {expected(name)}")
    folder = Path(os.path.relpath(raw))  # relative to the project, with its links unresolved
    labelled: Mapping[Segment, Labels]
    said: list[str] = []  # of the table, besides the counts
    if name in tables:
        listed = table.listed(folder, tables[name])
        labelled, left_out, ignored = _of_table(folder, listed)
        said += _unknown(listed, name)
    else:
        labelled, left_out, ignored = _of_names(folder, name)

    clips: list[Clip] = []
    licensed = tables[name].license if name in tables else CORPORA[name].license
    cache = Cache(cache_path, ingestion.decoder())
    examined = {each.segment: each for each in ingestion.examined(labelled, cache, chosen.max_duration_s, name)}
    for segment, labels in labelled.items():  # in order of preference
        sound = ingestion.accept(examined[segment].found, chosen)
        if isinstance(sound, AudioError):
            left_out.append(ingestion.rejection(segment, sound.reason, sound))
        else:
            clips.append(_row(name, licensed, segment, labels, sound))
    clips, twins = ingestion.distinct(clips)
    left_out += twins

    reasons = f"; quarantined: {ingestion.by_reason(left_out)}" * bool(left_out)
    others = f"; ignored {ignored:,} files of {'no row' if name in tables else 'other kinds'}" * bool(ignored)
    counts = f"kept {len(clips):,} of {len(clips) + len(left_out):,} clips{reasons}{others}"
    said += _overlaps(clips)
    if name in tables:
        said.append(f"columns that are not used: {', '.join(listed.unused) or 'none'}")
    if not clips:
        example = [f"{row['filepath']}: {row['detail']}" for row in left_out[:1]]
        raise click.ClickException("; ".join([f"{raw}: {counts}", *example, *said, expected(name)]))
    digest = params.params_hash(chosen, tables.get(name))
    by_path = sorted(left_out, key=lambda row: str(row["filepath"]))
    manifest.write(by_path, quarantine, manifest.QUARANTINE, digest)
    manifest.write(sorted(clips, key=lambda clip: str(clip["id"])), out, manifest.CLIPS, digest)
    click.echo(f"{name}: {counts}")
    decoded = sum(each.is_new for each in examined.values())
    if decoded < len(labelled):
        click.echo(f"{name}: decoded {decoded:,} clips; what is in the others was known ({cache_path})")
    for line in said:
        click.echo(f"{name}: {line}")


def _of_names(folder: Path, corpus_name: str) -> tuple[dict[Segment, Labels], list[Clip], int]:
    """Labels that the names of files say, quarantine rows of the other audio files, and how many are no audio."""
    corpus = CORPORA[corpus_name]
    files = ingestion.files_below(folder)
    audio_files = sorted((path for path in files if ingestion.is_audio(path)), key=_is_lossy)
    genders = corpus.genders(path for path in files if not ingestion.is_audio(path)) if corpus.genders else {}
    labelled: dict[Segment, Labels] = {}
    left_out: list[Clip] = []
    for path in audio_files:
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if ingestion.is_hidden(name):
            detail = "a hidden file, or a resource fork of macOS"
            left_out.append(ingestion.rejection(Segment(path), "not audio", detail))
            continue
        try:
            path.as_posix().encode()
            labels = corpus.parse(name)
            labelled[Segment(path)] = replace(labels, gender=labels.gender or genders.get(labels.speaker))
        except UnicodeEncodeError:
            left_out.append(ingestion.rejection(Segment(path), "unknown name", "the path is not UTF-8"))
        except UnknownNameError as error:
            left_out.append(ingestion.rejection(Segment(path), "unknown name", error))
    return labelled, left_out, len(files) - len(audio_files)


def _of_table(folder: Path, listed: Listed) -> tuple[Mapping[Segment, Labels], list[Clip], int]:
    """Labels that the rows of a table say, quarantine rows of the others, and how many audio files have no row."""
    named = {segment.path for segment in (*listed.labelled, *(segment for segment, _, _ in listed.left_out))}
    others = [path for path in ingestion.files_below(folder) if ingestion.is_audio(path) and path not in named]
    left_out = [ingestion.rejection(*row) for row in listed.left_out]
    return listed.labelled, left_out, len(others)


def _unknown(listed: Listed, name: str) -> Iterator[str]:
    """Which words a table has that mean nothing to us, the commonest first, and where to say what they mean."""
    for column, key in (("emotion", "emotions"), ("intensity", "intensities")):
        words = sorted((-count, word) for (of, word), count in listed.unknown.items() if of == column)
        if words:
            some = ", ".join(f"'{word}' {-count:,}" for count, word in words[:MOST_WORDS])
            more = f" and {len(words) - MOST_WORDS} more" * (len(words) > MOST_WORDS)
            known = ", ".join(EMOTIONS if column == "emotion" else INTENSITIES)
            yield f"unknown {key}: {some}{more}; say in 'tables.{name}.{key}' which of these they are: {known}"


def _overlaps(clips: list[Clip]) -> Iterator[str]:
    shared, other = ingestion.overlapping(clips)
    if shared:
        yield f"{shared:,} clips overlap another in their file, {other:,} of them one of another speaker or emotion"


def _is_lossy(path: Path) -> bool:
    return path.suffix.lower() in LOSSY


def _row(name: str, licensed: str, segment: Segment, labels: Labels, sound: Sound) -> Clip:
    said = {**vars(labels), **vars(sound)}
    said.pop("name")
    said.pop("peak")
    return said | {
        "id": f"{name}/{labels.name}",
        "filepath": segment.path.as_posix(),
        "start": segment.start,
        "end": segment.end,
        "speaker": f"{name}_{labels.speaker}",
        "corpus": name,
        "license": licensed,
        "is_synthetic": False,
    }
