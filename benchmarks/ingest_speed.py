"""Time of `ingest` relative to reading, decoding and hashing every file.

python benchmarks/ingest_speed.py ravdess FOLDER

The bare work uses the same number of processes and alternates with the command, so that other load slows both.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import click
import soundfile

from pipeline.audio.decoding import SUFFIXES
from pipeline.core.workers import cores, in_parallel
from pipeline.corpora.ingestion import files_below
from pipeline.stages.ingest import main as ingest

ROUNDS = 5
PARAMS = "ingest: {min_duration_s: 0.1, max_duration_s: 45, silence_peak: 1e-4}\ntables: {}\n"


def bare(path: Path) -> tuple[str, str]:
    """Read, hash, decode, hash."""
    data = path.read_bytes()
    samples, _ = soundfile.read(BytesIO(data), dtype="float32", always_2d=True)
    return hashlib.sha256(data).hexdigest(), hashlib.sha256(samples.tobytes()).hexdigest()


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@click.command()
@click.argument("corpus")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(corpus: str, folder: Path) -> None:
    """Compare the command with the bare work, in one run."""
    files = [path for path in files_below(folder) if path.suffix.lower() in SUFFIXES]
    taken: dict[str, list[float]] = {"bare": [], "ingest": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(temporary)
            (place / "params.yaml").write_text(PARAMS)
            names = {"params": "params.yaml", "out": "o.parquet", "quarantine": "q.parquet"}
            arguments = [f"--{option}={place / name}" for option, name in names.items()]
            command = partial(ingest.main, [*arguments, f"--corpus={corpus}", f"--raw={folder}"], standalone_mode=False)
            taken["bare"].append(seconds(lambda: list(in_parallel(bare, files, "bare"))))
            taken["ingest"].append(seconds(command))
    best = {name: min(found) for name, found in taken.items()}
    click.echo(f"{len(files):,} files, {cores()} processes, the best of {ROUNDS} rounds")
    for name, found in best.items():
        click.echo(f"{name:7} {found:7.2f} s   {found / best['bare']:.2f} of the bare work")


if __name__ == "__main__":
    main()
