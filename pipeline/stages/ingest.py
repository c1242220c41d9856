"""Read one corpus: a row for each clip, and a row with the reason for each file that is left out."""

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath

import click

from pipeline import ingestion, manifest, params
from pipeline.audio import LOSSY, AudioError
from pipeline.cache import Cache
from pipeline.corpora import CORPORA, expected, table
from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.table import TableParams, Tables
from pipeline.ingestion import Clip, IngestParams, Sound


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--corpus", "name", required=True, help="A key of pipeline.corpora.CORPORA, or of `tables`.")
@click.option("--raw", type=click.Path(path_type=Path), required=True, help="Folder of the audio files.")
@click.option("--cache", "cache_path", type=click.Path(path_type=Path), default=".cache/decoded.sqlite")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--quarantine", type=click.Path(path_type=Path), required=True)
def main(params_path: Path, name: str, raw: Path, cache_path: Path, out: Path, quarantine: Path) -> None:
    """Read one corpus: a row for each clip, and a row with the reason for each file that is left out."""
    chosen = params.load(params_path, "ingest", IngestParams)
    tables = params.load(params_path, "tables", Tables)
    if name not in {**CORPORA, **tables}:
        raise click.ClickException(f"corpus '{name}' is not known{params.nearest(name, {**CORPORA, **tables})}")
    if not raw.is_dir():
        raise click.ClickException(f"{raw}: no such folder; {expected(name)}")
    folder = Path(os.path.relpath(raw))  # relative to the project, with its links unresolved
    labelled, left_out, ignored = _of_table(folder, tables[name]) if name in tables else _of_names(folder, name)

    clips: list[Clip] = []
    decoded = 0
    licensed = tables[name].license if name in tables else CORPORA[name].license
    cache = Cache(cache_path, ingestion.decoder())
    found = ingestion.examined(list(labelled), cache, chosen.max_duration_s, name)
    for (path, labels), examined in zip(labelled.items(), found, strict=True):
        decoded += examined.is_new
        sound = ingestion.accept(examined.found, chosen)
        if isinstance(sound, AudioError):
            left_out.append(ingestion.rejection(path.as_posix(), sound.reason, sound))
        else:
            clips.append(_row(name, licensed, path, labels, sound))
    clips, twins = ingestion.distinct(clips)
    left_out += twins

    listed = len(clips) + len(left_out)
    reasons = f"; quarantined: {ingestion.by_reason(left_out)}" * bool(left_out)
    others = f"; ignored {ignored:,} files of {'no row' if name in tables else 'other kinds'}" * bool(ignored)
    counts = f"kept {len(clips):,} of {listed:,} clips{reasons}{others}"
    if not clips:
        example = "".join(f"; {row['filepath']}: {row['detail']}" for row in left_out[:1])
        raise click.ClickException(f"{raw}: {counts}{example}; {expected(name)}")
    digest = params.digest(chosen, tables.get(name))
    by_path = sorted(left_out, key=lambda row: str(row["filepath"]))
    manifest.write(by_path, quarantine, manifest.QUARANTINE, digest)
    manifest.write(sorted(clips, key=lambda clip: str(clip["id"])), out, manifest.CLIPS, digest)
    click.echo(f"{name}: {counts}")
    if decoded < len(labelled):
        click.echo(f"{name}: decoded {decoded:,} files; what is in the others was known ({cache_path})")


def _of_names(folder: Path, corpus_name: str) -> tuple[dict[Path, Labels], list[Clip], int]:
    """Labels that the names of files say, quarantine rows of the other audio files, and how many are no audio."""
    corpus = CORPORA[corpus_name]
    files = ingestion.files_below(folder)
    audio_files = sorted((path for path in files if ingestion.is_audio(path)), key=_is_lossy)
    genders = corpus.genders(path for path in files if not ingestion.is_audio(path)) if corpus.genders else {}
    labelled: dict[Path, Labels] = {}
    left_out: list[Clip] = []
    for path in audio_files:
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if ingestion.is_hidden(name):
            detail = "a hidden file, or a resource fork of macOS"
            left_out.append(ingestion.rejection(path.as_posix(), "not audio", detail))
            continue
        try:
            path.as_posix().encode()
            labels = corpus.parse(name)
            labelled[path] = replace(labels, gender=labels.gender or genders.get(labels.speaker))
        except UnicodeEncodeError:
            left_out.append(ingestion.rejection(path.as_posix(), "unknown name", "the path is not UTF-8"))
        except UnknownNameError as error:
            left_out.append(ingestion.rejection(path.as_posix(), "unknown name", error))
    return labelled, left_out, len(files) - len(audio_files)


def _of_table(folder: Path, described: TableParams) -> tuple[dict[Path, Labels], list[Clip], int]:
    """Labels that the rows of a table say, and quarantine rows of the others."""
    labelled, unusable = table.listed(folder, described)
    listed = {*labelled, *(path for path, _, _ in unusable)}
    others = [path for path in ingestion.files_below(folder) if ingestion.is_audio(path) and path not in listed]
    left_out = [ingestion.rejection(path.as_posix(), reason, detail) for path, reason, detail in unusable]
    return labelled, left_out, len(others)


def _is_lossy(path: Path) -> bool:
    return path.suffix.lower() in LOSSY


def _row(name: str, licensed: str, path: Path, labels: Labels, sound: Sound) -> Clip:
    said = {**vars(labels), **vars(sound)}
    said.pop("name")
    said.pop("peak")
    return said | {
        "id": f"{name}/{labels.name}",
        "filepath": path.as_posix(),
        "speaker": f"{name}_{labels.speaker}",
        "corpus": name,
        "license": licensed,
        "is_synthetic": False,
    }
