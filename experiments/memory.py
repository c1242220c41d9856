"""How much better conversions are for speakers that the networks were trained on.

python experiments/memory.py models/cyclegan/full-1/angry-neutral models/cyclegan/low_data_25-1/angry-neutral

Run it in a workspace where these pairs are trained; name splits of development folds. It prints the share of the gap
between the unconverted clip and a second reference that conversions close, in mel-cepstral distortion, by split and
direction: for *valid* speakers, and for *train* speakers, whose conversions train a classifier.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch

from pipeline.assessment.figures import CONVERTED, SECOND_REFERENCE, UNCONVERTED, gap_closed
from pipeline.assessment.measurement import mean_distances, parallel_utterances
from pipeline.conversion.converter import Converter
from pipeline.conversion.speaker_means import NeutralSpeech
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
    """Each partition, and the share of the gap that is closed, by direction."""
    tensors, config = models.load(folder)
    converter = Converter.from_tensors(tensors, config, torch.device("cpu"))
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    split = manifest.read(Path(f"data/splits/{config['split']}.parquet"), manifest.PARTITIONED)
    world = params.load(Path("params.yaml"), "vocoder", VocoderParams).world
    for part in PARTITIONS:
        rows = manifest.partition(clips, split, part)
        stored = Shards(Path("data/features/vocoder") / corpus for corpus in sorted(rows["corpus"].unique()))
        means = NeutralSpeech(rows, stored).means() if converter.means else {}
        rows = rows[rows["emotion"].isin(config["emotions"])]
        work = Compared(rows, stored, converter, means, (world.f0_floor_hz, world.f0_ceil_hz))
        compared = in_parallel(work, list(rows["id"]), f"{folder.parent.name} {folder.name} {part}")
        yield part, gap_closed(pd.DataFrame([row for some in compared for row in some]))


class Compared:
    """Distances of a clip and of its conversion to parallel utterances of the target, and of second references."""

    def __init__(
        self,
        rows: pd.DataFrame,
        stored: Shards,
        converter: Converter,
        means: dict[str, np.ndarray],
        bounds_hz: tuple[float, float],
    ) -> None:
        self.rows, self.parallel = rows.set_index("id"), parallel_utterances(rows)
        self.levels = dict(zip(rows["id"], rows["intensity"].astype(object).fillna(""), strict=True))
        self.stored, self.converter, self.means, self.bounds_hz = stored, converter, means, bounds_hz

    def __call__(self, id_: str) -> list[dict[str, Any]]:
        """Rows for `gap_closed`: the clip as a source, and as a second reference of the target."""
        own = self.features(id_)
        own_level = self.levels[id_] or None
        found = []
        for source, target in self.converter.generators:
            if self.rows.at[id_, "emotion"] == target:
                found.append(self.row(own, id_, source, target, SECOND_REFERENCE))
                continue
            mean = self.means.get(str(self.rows.at[id_, "speaker"]))
            conversion = converted(self.converter, own, source, target, self.bounds_hz, own_level, mean=mean)
            found.append(self.row(own, id_, source, target, UNCONVERTED))
            found.append(self.row(conversion, id_, source, target, CONVERTED))
        return found

    def row(self, clip: Features, id_: str, source: str, target: str, what: str) -> dict[str, Any]:
        """Mean distance of a clip to the parallel utterances of the target."""
        parallel = [self.features(other) for other in self.parallel[id_].get(target, ())]
        about = {name: self.rows.at[id_, name] for name in ("speaker", "sentence", "intensity")}
        return {"source": source, "target": target, "what": what, **about, **mean_distances(clip, parallel)}

    def features(self, id_: str) -> Features:
        """Vocoder features of a real clip."""
        return Features.load(self.stored, id_)


if __name__ == "__main__":
    main()
