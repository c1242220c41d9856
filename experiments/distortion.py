"""How far the conversions of trained pairs are from real takes, on the valid speakers of their split.

python experiments/distortion.py models/cyclegan/full-1/angry-sad [MORE …]

Takes of the same speaker, sentence and intensity are compared: the unconverted source, the conversion, and a second
real take of the target, each with a real take of the target. Test speakers are not looked at.
"""

from itertools import product
from pathlib import Path

import click
import pandas as pd
import torch

from pipeline import manifest, models, params
from pipeline.cyclegan.conversion import Converter
from pipeline.distortion import distances
from pipeline.prosody import Prosody
from pipeline.shards import Shards
from pipeline.vocoder import Features, VocoderParams

TAKES = ["speaker", "sentence", "intensity"]


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(folders: tuple[Path, ...]) -> None:
    """Print mean distances for each pair and direction."""
    voice = params.load(Path("params.yaml"), "vocoder", VocoderParams).world
    bounds = (voice.f0_floor_hz, voice.f0_ceil_hz)
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    for folder in folders:
        tensors, config = models.load(folder)
        pair = config["emotions"]
        prosody = Prosody.from_config(config["prosody"])
        converter = Converter.from_tensors(tensors, tuple(pair), config["size"], prosody, torch.device("cpu"))
        split = manifest.read(Path("data/splits", f"{config['split']}.parquet"), manifest.PARTITIONED)
        heard = manifest.partition(clips, split, "valid")
        heard = heard[heard["emotion"].isin(pair)]
        stored = Shards(Path("data/features/vocoder", corpus) for corpus in sorted(heard["corpus"].unique()))
        spoken = {id_: Features.from_arrays(stored.arrays(id_, Features.names())) for id_ in heard["id"]}
        for source, target in (pair, pair[::-1]):
            rows = []
            for (_, _, intensity), takes in heard.groupby(TAKES):
                ours, theirs = (list(takes.loc[takes["emotion"] == emotion, "id"]) for emotion in (source, target))
                for one, other in product(ours, theirs):
                    made = converter.convert(spoken[one], source, target, bounds, intensity, intensity)
                    rows.append({"what": "source", **distances(spoken[one], spoken[other])})
                    rows.append({"what": "converted", **distances(made, spoken[other])})
                for one, other in zip(theirs, theirs[1:], strict=False):
                    rows.append({"what": "second take", **distances(spoken[one], spoken[other])})
            table = pd.DataFrame(rows).set_index("what").astype(float).abs().groupby(level=0).mean()
            click.echo(f"\n{folder}: {source} → {target}, {len(rows)} comparisons\n{table.round(3).to_string()}")


if __name__ == "__main__":
    main()
