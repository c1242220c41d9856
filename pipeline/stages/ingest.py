"""Read one corpus: a row for each clip, and a row with the reason for each unusable file or segment."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import click

from pipeline.audio.decoding import LOSSY, AudioError
from pipeline.core import console, manifest, params
from pipeline.core.manifest import EMOTIONS, INTENSITIES, Segment
from pipeline.corpora import CORPORA, expected, ingestion, table
from pipeline.corpora.corpus import Corpus, Labels, UnknownNameError
from pipeline.corpora.ingestion import Clip, IngestParams, Sound
from pipeline.corpora.table import Listed, TableParams, Tables

MOST_WORDS = 12  # of a table, in a message

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option("--corpus", "name", required=True, help="Key of pipeline.corpora.CORPORA, or of `tables` in params.yaml.")
@click.option("--raw", type=PATH, required=True, help="Folder of the audio files.")
@click.option("--out", type=PATH, required=True, help="Parquet table of the clips to write.")
@click.option("--quarantine", type=PATH, required=True, help="Parquet table of unusable clips to write.")
def main(params_path: Path, name: str, raw: Path, out: Path, quarantine: Path) -> None:
    """Read one corpus: a row for each clip, and a row with the reason for each unusable file or segment."""
    chosen = params.load(params_path, "ingest", IngestParams)
    tables = params.load(params_path, "tables", Tables)
    found = _found(raw, name, tables)
    clips, left_out = _accepted(found, chosen, name)
    counts = _counts(len(clips), left_out, found.ignored, "no row" if name in tables else "other kinds")
    notes = [*found.unknown_words, *_overlaps(clips), *found.unused_columns]
    if not clips:
        example = [f"{row['filepath']}: {row['detail']}" for row in left_out[:1]]
        raise click.ClickException("; ".join([f"{raw}: {counts}", *example, *notes, expected(name)]))
    params_hash = params.params_hash(chosen, tables.get(name))
    by_path = sorted(left_out, key=lambda row: str(row["filepath"]))
    manifest.write(by_path, quarantine, manifest.QUARANTINE, params_hash)
    manifest.write(sorted(clips, key=lambda clip: str(clip["id"])), out, manifest.CLIPS, params_hash)
    for note in notes:
        console.warn(name, note)
    console.tell(name, counts)


@dataclass(frozen=True)
class _Found:
    """Labels and files of a corpus, before decoding."""

    license: str
    labelled: Mapping[Segment, Labels]  # in order of preference
    left_out: list[Clip]  # rows of the quarantine
    ignored: int  # files
    unknown_words: list[str]  # messages
    unused_columns: list[str]  # messages


def _found(raw: Path, name: str, tables: Tables) -> _Found:
    """Labels and files of a corpus, by its table or by the names of its files."""
    if name not in {**CORPORA, **tables}:
        raise click.ClickException(f"corpus '{name}' is not known{params.nearest(name, {**CORPORA, **tables})}")
    if not raw.is_dir():
        raise click.ClickException(f"{raw}: no such folder; {expected(name)}")
    folder = Path(os.path.relpath(raw))  # relative to the project, with its links unresolved
    return _of_table(folder, tables[name]) if name in tables else _of_names(folder, CORPORA[name])


def _accepted(found: _Found, chosen: IngestParams, name: str) -> tuple[list[Clip], list[Clip]]:
    """Rows of the usable clips, each recording once, and rows of the quarantine."""
    clips: list[Clip] = []
    left_out = list(found.left_out)
    decoded = ingestion.decoded(found.labelled, chosen.max_duration_s, name)
    for (segment, labels), result in zip(found.labelled.items(), decoded, strict=True):
        sound = ingestion.accept(result, chosen)
        if isinstance(sound, AudioError):
            left_out.append(ingestion.rejection(segment, sound.reason, sound))
        else:
            clips.append(_row(name, found.license, segment, labels, sound))
    clips, twins = ingestion.distinct(clips)
    return clips, left_out + twins


def _counts(kept: int, left_out: list[Clip], ignored: int, kind: str) -> str:
    """Numbers of clips and files, and the reasons why clips are left out."""
    reasons = f"; quarantined: {ingestion.by_reason(left_out)}" * bool(left_out)
    others = f"; ignored {ignored:,} files of {kind}" * bool(ignored)
    return f"kept {kept:,} of {kept + len(left_out):,} clips{reasons}{others}"


def _of_names(folder: Path, corpus: Corpus) -> _Found:
    """Labels from the names of audio files; files that are not audio are ignored."""
    files = ingestion.files_below(folder)
    audio_files = sorted((path for path in files if ingestion.is_audio(path)), key=_is_lossy)
    others = (path for path in files if not ingestion.is_audio(path) and ingestion.is_inside(path, folder))
    genders = corpus.genders(others) if corpus.genders else {}
    labelled: dict[Segment, Labels] = {}
    left_out: list[Clip] = []
    for path in audio_files:
        if fault := ingestion.fault(path, folder):
            left_out.append(ingestion.rejection(Segment(path), *fault))
            continue
        try:
            labels = corpus.parse(PurePosixPath(path.relative_to(folder).as_posix()))
            labelled[Segment(path)] = replace(labels, gender=labels.gender or genders.get(labels.speaker))
        except UnknownNameError as error:
            left_out.append(ingestion.rejection(Segment(path), "unknown name", error))
    return _Found(corpus.license, labelled, left_out, len(files) - len(audio_files), [], [])


def _of_table(folder: Path, chosen: TableParams) -> _Found:
    """Labels from the rows of a table; audio files without a row are ignored."""
    listed = table.listed(folder, chosen)
    named = {segment.path for segment in (*listed.labelled, *(segment for segment, _, _ in listed.left_out))}
    others = [path for path in ingestion.files_below(folder) if ingestion.is_audio(path) and path not in named]
    left_out = [ingestion.rejection(*row) for row in listed.left_out]
    columns = f"columns that are not used: {', '.join(listed.unused) or 'none'}"
    unknown = list(_unknown(listed, folder.name))
    return _Found(chosen.license, listed.labelled, left_out, len(others), unknown, [columns])


def _unknown(listed: Listed, name: str) -> Iterator[str]:
    """Messages about unknown words of a table, the most frequent first, with the key of params.yaml to map them."""
    for column, key in (("emotion", "emotions"), ("intensity", "intensities")):
        words = sorted((-count, word) for (of, word), count in listed.unknown.items() if of == column)
        if words:
            some = ", ".join(f"'{word}' {-count:,}" for count, word in words[:MOST_WORDS])
            more = f" and {len(words) - MOST_WORDS} more" * (len(words) > MOST_WORDS)
            known = ", ".join(EMOTIONS if column == "emotion" else INTENSITIES)
            yield f"unknown {key}: {some}{more}; map them in 'tables.{name}.{key}' to one of: {known}"


def _overlaps(clips: list[Clip]) -> Iterator[str]:
    shared, other = ingestion.overlapping(clips)
    if shared:
        yield f"{shared:,} clips overlap another in their file, {other:,} of them one of another speaker or emotion"


def _is_lossy(path: Path) -> bool:
    return path.suffix.lower() in LOSSY


def _row(name: str, licensed: str, segment: Segment, labels: Labels, sound: Sound) -> Clip:
    facts = {**vars(labels), **vars(sound)}
    facts.pop("name")
    facts.pop("peak")
    return facts | {
        "id": f"{name}/{labels.name}",
        "filepath": segment.path.as_posix(),
        "start": segment.start,
        "end": segment.end,
        "speaker": f"{name}_{labels.speaker}",
        "corpus": name,
        "license": licensed,
        "is_synthetic": False,
    }
