"""Seconds a clip and peak memory of the stages that work on tables, for 1,000, 10,000 and 100,000 clips.

python benchmarks/scale.py [CLIPS ...]

The corpus is a table and one small WAV file a clip; features and predictions are random. Each stage runs in a process
of its own. Seconds are of the CPU, of all processes.
"""

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np
import pandas as pd

from pipeline.cli.workspace import change_params
from pipeline.core import manifest, predictions
from pipeline.core.shards import Writer
from pipeline.leakage import audit

ROOT = Path(__file__).parents[1]
RATE = 8_000
EMOTIONS = ["neutral", "happy", "sad", "angry"]
SPEAKERS = 40
ARMS = ["none", "oversample", "classical"]
SPLIT = "full-1"
FEATURES = {
    "classifier": {"log_mel": (10, 20), "functionals": (1, 60)},
    "scorers": {"gate": (1, 52), "speakers": (1, 19)},
}
STAGES = {
    "ingest": [
        "--corpus=big",
        "--raw=data/raw/big",
        "--out=data/corpora/big.parquet",
        "--quarantine=data/left.parquet",
    ],
    "manifest": [],
    "split": ["--out=data/splits"],
    "augment": [
        *("--split=data/splits/full-1.parquet", "--synthetic=data/synthetic/full-1"),
        *("--features=data/features", "--out=data/augmented/full-1"),
    ],
    "evaluate": [
        *("--predictions=data/predictions", "--augmented=data/augmented", "--summary=metrics/summary.json"),
        *("--scores=metrics/ser.json", "--plots=metrics/plots"),
    ],
}


def corpus(folder: Path, clips: int) -> None:
    """A table, and a file of 0.11 s for each clip."""
    draw = np.random.default_rng(0)
    (folder / "audio").mkdir(parents=True)
    with (folder / "clips.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filepath", "emotion", "speaker", "gender", "sentence"])
        for number in range(clips):
            speaker = number % SPEAKERS
            emotion = EMOTIONS[number // SPEAKERS % len(EMOTIONS)]
            name = f"{number:06}.wav"
            table.writerow([name, emotion, f"s{speaker:02}", "fm"[speaker % 2], f"sentence {number // 160 % 50}"])
            with wave.open(str(folder / "audio" / name), "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(2)
                sound.setframerate(RATE)
                sound.writeframes(draw.integers(-3000, 3000, RATE * 11 // 100, np.int16).tobytes())


def features(folder: Path, ids: Iterable[str], *kinds: str) -> None:
    """Random features of some kinds, as small as the stages allow."""
    draw = np.random.default_rng(0)
    shapes = {name: shape for kind in kinds for name, shape in FEATURES[kind].items()}
    with Writer(folder) as writer:
        for id_ in ids:
            writer.add(id_, {name: draw.standard_normal(shape, np.float32) for name, shape in shapes.items()})


def synthetic(clips: pd.DataFrame) -> None:
    """One clip of `classical` for each train clip."""
    train = manifest.partition(
        clips, manifest.read(Path(f"data/splits/{SPLIT}.parquet"), manifest.PARTITIONED), "train"
    )
    folder = Path(f"data/synthetic/{SPLIT}/classical/all")
    rows = train.assign(
        id=f"{SPLIT}/classical/" + train["id"] + "/1",
        filepath=folder.as_posix() + "/" + train["id"].str.replace("/", "_") + ".flac",
        sha256="x" + train["sha256"],
        is_synthetic=True,
        source_id=train["id"],
        source_emotion=train["emotion"],
        generator="classical",
        generator_sha256="classical",
        level_db=-26.0,
        clipping=0.0,
        intelligibility=0.9,
    )
    manifest.write(rows, folder / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC, "0", split=SPLIT, emotions="all")
    features(folder / manifest.SYNTHETIC_FEATURES, rows["id"], *FEATURES)


def predicted() -> None:
    """Random predictions of two runs for each arm."""
    draw = np.random.default_rng(0)
    for arm in ARMS:
        rows = manifest.read(Path(f"data/augmented/{SPLIT}/{arm}.parquet"), manifest.AUGMENTED)
        held_out = rows[rows["partition"] != "train"]
        columns = [predictions.PREFIX + label for label in sorted(EMOTIONS)]
        about = held_out[["id", "speaker", "partition"]].assign(fold=1, label=held_out["emotion"], classifier="cnn")
        runs = []
        for seed in (0, 1):
            shares = draw.dirichlet(np.ones(len(columns)), len(about)).astype(np.float32)
            runs.append(about.assign(seed=seed, **dict(zip(columns, shares.T, strict=True))))
        metadata = audit.uses(rows, ["cnn"]) | {"runs": json.dumps([("cnn", 0), ("cnn", 1)])}
        path = Path(f"data/predictions/{SPLIT}/{arm}.parquet")
        predictions.write(pd.concat(runs), path, sorted(EMOTIONS), "0", **metadata)


def measured(stage: str) -> tuple[float, float]:
    """CPU seconds and peak memory [MB] of a stage."""
    program = (
        "import re, resource, sys; from pipeline.cli.main import main; main(sys.argv[1:], standalone_mode=False); "
        "own = int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]); "
        "print('peak', max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, stage, *STAGES[stage]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(done.stderr[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, int(done.stdout.splitlines()[-1].split()[-1]) / 1024


@click.command()
@click.argument("sizes", type=int, nargs=-1)
def main(sizes: tuple[int, ...]) -> None:
    """Print a row for each number of clips and stage."""
    click.echo(f"{'clips':>8} {'stage':<9} {'s':>7} {'ms a clip':>9} {'MB':>6}")
    for clips in sizes or (1_000, 10_000, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            Path("params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
            mine = {"table": "clips.csv", "base": "audio", "license": "none", "emotions": {}, "intensities": {}}
            change_params(
                Path("params.yaml"),
                {
                    "corpora": ["big"],
                    "folds": [1],
                    "arms": ARMS,
                    "tables": {"big": mine},
                    "augment.headline_arm": "classical",
                    "augment.gate.keep": "passed",
                    "evaluate.primary.arm": "classical",
                    "evaluate.primary.references": ["none"],
                },
            )
            corpus(Path("data/raw/big"), clips)
            for stage in STAGES:
                if stage == "augment":
                    table = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
                    for kind in FEATURES:
                        features(Path("data/features", kind, "big"), table["id"], kind)
                    synthetic(table)
                elif stage == "evaluate":
                    predicted()
                seconds, peak = measured(stage)
                click.echo(f"{clips:>8,} {stage:<9} {seconds:>7.1f} {1000 * seconds / clips:>9.2f} {peak:>6.0f}")
            os.chdir(ROOT)


if __name__ == "__main__":
    main()
