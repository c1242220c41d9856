"""Read one corpus: a row for each clip, and a row with the reason for each file that is left out."""

import os
from dataclasses import asdict
from functools import partial
from pathlib import Path, PurePosixPath

import click

from pipeline import ingestion, manifest, params
from pipeline.audio import SUFFIXES, AudioError
from pipeline.corpora import CORPORA
from pipeline.corpora.corpus import Corpus, Labels, UnknownNameError
from pipeline.ingestion import Clip, IngestParams, Sound
from pipeline.workers import in_parallel


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--corpus", "name", required=True, help="A key of pipeline.corpora.CORPORA.")
@click.option("--raw", type=click.Path(path_type=Path), required=True, help="Folder of the audio files.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--quarantine", type=click.Path(path_type=Path), required=True)
def main(params_path: Path, name: str, raw: Path, out: Path, quarantine: Path) -> None:
    """Read one corpus: a row for each clip, and a row with the reason for each file that is left out."""
    chosen = params.load(params_path, "ingest", IngestParams)
    if name not in CORPORA:
        raise click.ClickException(f"corpus '{name}' is not known{params.nearest(name, CORPORA)}")
    corpus = CORPORA[name]
    expected = f"expected the clips of {corpus.title} there; where to get them: {corpus.source}"
    if not raw.is_dir():
        raise click.ClickException(f"{raw}: no such folder; {expected}")

    folder = Path(os.path.relpath(raw))  # relative to the project, with its links unresolved
    files = ingestion.files_below(folder)
    audio_files = [path for path in files if path.suffix.lower() in SUFFIXES]
    labelled, left_out = _labelled(corpus, audio_files, folder)
    clips: list[Clip] = []
    examined = in_parallel(partial(ingestion.examine, params=chosen), list(labelled), name)
    for (path, labels), sound in zip(labelled.items(), examined, strict=True):
        if isinstance(sound, AudioError):
            left_out.append(ingestion.rejection(path.as_posix(), sound.reason, sound))
        else:
            clips.append(_row(name, corpus, path, labels, sound))
    # Other audio under one name is mostly the same recording at another rate: the first is as good as any.
    # To trust none would lose all of a corpus that has a converted copy beside it.
    for key, reason in (("sha256", "duplicate"), ("id", "name clash")):
        clips, twins = ingestion.without_twins(clips, key, reason, ("speaker", "emotion"))
        left_out += twins

    ignored = f"; ignored {len(files) - len(audio_files):,} files of other kinds" * (files != audio_files)
    reasons = f"; quarantined: {ingestion.by_reason(left_out)}" * bool(left_out)
    counts = f"kept {len(clips):,} of {len(audio_files):,} clips{reasons}{ignored}"
    if not clips:
        example = "".join(f"; {row['filepath']}: {row['detail']}" for row in left_out[:1])
        raise click.ClickException(f"{raw}: {counts}{example}; {expected}")
    digest = params.digest(chosen)
    by_path = sorted(left_out, key=lambda row: str(row["filepath"]))
    manifest.write(by_path, quarantine, manifest.QUARANTINE, digest)
    manifest.write(sorted(clips, key=lambda clip: str(clip["id"])), out, manifest.CLIPS, digest)
    click.echo(f"{name}: {counts}")


def _labelled(corpus: Corpus, paths: list[Path], folder: Path) -> tuple[dict[Path, Labels], list[Clip]]:
    """Labels of the files with names of the corpus, and quarantine rows of the others."""
    labelled: dict[Path, Labels] = {}
    left_out: list[Clip] = []
    for path in paths:
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if ingestion.is_hidden(name):
            detail = "a hidden file, or a resource fork of macOS"
            left_out.append(ingestion.rejection(path.as_posix(), "not audio", detail))
            continue
        try:
            path.as_posix().encode()
            labelled[path] = corpus.parse(name)
        except UnicodeEncodeError:
            left_out.append(ingestion.rejection(path.as_posix(), "unknown name", "the path is not UTF-8"))
        except UnknownNameError as error:
            left_out.append(ingestion.rejection(path.as_posix(), "unknown name", error))
    return labelled, left_out


def _row(name: str, corpus: Corpus, path: Path, labels: Labels, sound: Sound) -> Clip:
    said = asdict(labels) | asdict(sound)
    said.pop("name")
    return said | {
        "id": f"{name}/{labels.name}",
        "filepath": path.as_posix(),
        "speaker": f"{name}_{labels.speaker}",
        "corpus": name,
        "license": corpus.license,
        "is_synthetic": False,
    }
