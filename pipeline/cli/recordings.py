"""A user's recordings, which are in no corpus."""

from pathlib import Path

from pipeline.corpora import ingestion


def below(folder: Path) -> list[Path]:
    """Audio files below a folder, at any depth, sorted; without hidden ones."""
    audio = (path for path in ingestion.files_below(folder) if ingestion.is_audio(path))
    return [path for path in audio if not ingestion.is_hidden(path.relative_to(folder))]
