"""How much nearer to real takes conversions come on the speakers that networks learned from than on others.

python experiments/memory.py models/cyclegan/full-1/angry-neutral models/cyclegan/low_data_25-1/angry-neutral

Run it where these pairs are trained; name splits of developing folds. Printed is, by split and direction, the share of
the distance between zero effort and a second real take that conversions close (mel-cepstral distortion; docs/method.md,
"Assessment"), on *valid* speakers, and on *train* speakers, whose conversions a classifier learns from.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pandas as pd
import torch

from pipeline.assessment.figures import CONVERTED, SECOND_REFERENCE, UNCONVERTED, gap_closed
from pipeline.assessment.measurement import mean_distances, parallel_utterances
from pipeline.conversion.converter import Converter
from pipeline.core import manifest, models, params
from pipeline.core.shards import Shards
from pipeline.core.workers import in_parallel
from pipeline.stages.assess import converted
from pipeline.vocoder import Features, VocoderParams

PARTITIONS = ("valid", "train")


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folders: tuple[Path, ...]) -> None:
    """Print the table as Markdown."""
    found = [closed.rename((folder.parent.name, part)) for folder in folders for part, closed in closed_by(folder)]
    table = pd.concat(found, axis=1).T.rename_axis(["split", "speakers"])
    table.columns = [" → ".join(direction) for direction in table.columns]
    print(table.groupby(level=[0, 1], sort=False).first().round(2).to_markdown())


def closed_by(folder: Path) -> Iterator[tuple[str, "pd.Series[float]"]]:
    """Each partition, and the share closed by direction."""
    tensors, config = models.load(folder)
    converter = Converter.from_tensors(tensors, config, torch.device("cpu"))
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    split = manifest.read(Path(f"data/splits/{config['split']}.parquet"), manifest.PARTITIONED)
    world = params.load(Path("params.yaml"), "vocoder", VocoderParams).world
    for part in PARTITIONS:
        rows = manifest.partition(clips, split, part)
        rows = rows[rows["emotion"].isin(config["emotions"])]
        work = Compared(rows, converter, (world.f0_floor_hz, world.f0_ceil_hz))
        compared = in_parallel(work, list(rows["id"]), f"{folder.parent.name} {folder.name} {part}")
        yield part, gap_closed(pd.DataFrame([row for some in compared for row in some]))


class Compared:
    """Distances of a clip and of its conversion to takes of the target, and to others of its own emotion."""

    def __init__(self, rows: pd.DataFrame, converter: Converter, bounds_hz: tuple[float, float]) -> None:
        self.rows, self.takes = rows.set_index("id"), parallel_utterances(rows)
        self.levels = dict(zip(rows["id"], rows["intensity"].astype(object).fillna(""), strict=True))
        self.converter, self.bounds_hz = converter, bounds_hz
        self.stored = Shards(Path("data/features/vocoder") / corpus for corpus in sorted(rows["corpus"].unique()))

    def __call__(self, id_: str) -> list[dict[str, Any]]:
        """Rows as `gap_closed` wants them: the clip as what is to be converted, and as a take of the target."""
        own = self.features(id_)
        own_level = self.levels[id_] or None
        found = []
        for source, target in self.converter.generators:
            if self.rows.at[id_, "emotion"] == target:
                found.append(self.row(own, id_, source, target, SECOND_REFERENCE))
                continue
            made = converted(self.converter, own, source, target, self.bounds_hz, own_level)
            found += [self.row(own, id_, source, target, UNCONVERTED), self.row(made, id_, source, target, CONVERTED)]
        return found

    def row(self, heard: Features, id_: str, source: str, target: str, what: str) -> dict[str, Any]:
        """What is made of a clip, by its mean distance to the takes of the target."""
        takes = [self.features(take) for take in self.takes[id_].get(target, ())]
        about = {name: self.rows.at[id_, name] for name in ("speaker", "sentence", "intensity")}
        return {"source": source, "target": target, "what": what, **about, **mean_distances(heard, takes)}

    def features(self, id_: str) -> Features:
        """Of a real clip."""
        return Features.from_arrays(self.stored.arrays(id_, Features.names()))


if __name__ == "__main__":
    main()
