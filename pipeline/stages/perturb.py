"""Synthesise clips that keep the emotion of their sources, the train clips of one split."""

from functools import partial
from pathlib import Path
from typing import Any

import click
from pydantic import PositiveInt

from pipeline.audio.acoustics import AcousticsParams, FrontEnd
from pipeline.audio.preparation import AudioParams
from pipeline.core import console, manifest, params
from pipeline.core.bank import Banks
from pipeline.core.params import section
from pipeline.core.shards import Shards
from pipeline.generation import classical, copy_synthesis, enrolled_conversion, speaker_conversion, synthesis, vtlp
from pipeline.generation.classical import ClassicalParams
from pipeline.generation.perturbation import Generator, Sources, synthetic_rows
from pipeline.generation.synthesis import Synthesis, Synthesiser
from pipeline.networks import provenance
from pipeline.vocoder import VocoderParams, vocoder

# Each by the name of its module
GENERATORS: dict[str, Generator] = {
    "classical": classical,
    "copy_synthesis": copy_synthesis,
    "enrolled_conversion": enrolled_conversion,
    "speaker_conversion": speaker_conversion,
    "vtlp": vtlp,
}


@section
class PerturbParams:
    """Clips of each source."""

    copies: PositiveInt  # of each train clip, by `classical`, `vtlp` and `speaker_conversion`
    classical: ClassicalParams


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Split table (Parquet).")
@click.option("--generator", type=click.Choice(list(GENERATORS)), required=True)
@click.option("--vocoder", "trained", type=click.Path(path_type=Path), required=True, help="Vocoders of the split.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Vocoder features by corpus.")
@click.option("--voices", type=click.Path(path_type=Path), required=True, help="Tables of the voice banks, by bank.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the synthetic clips.")
def main(
    params_path: Path,
    clips_path: Path,
    split_path: Path,
    generator: str,
    trained: Path,
    features: Path,
    voices: Path,
    out: Path,
) -> None:
    """Synthesise clips that keep the emotion of their sources, the train clips of one split."""
    chosen = params.load(params_path, "perturb", PerturbParams)
    module = GENERATORS[generator]
    own: list[Any] = [params.load(params_path, key, expected) for key, expected in module.SECTIONS.items()]
    banks = [voices / name for name in params.load(params_path, "banks", Banks)]
    prepared = params.load(params_path, "audio", AudioParams)
    vocoder_params = params.load(params_path, "vocoder", VocoderParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    front_end = params.load(params_path, "classify.front_end", FrontEnd)
    seed = params.load(params_path, "seed", int)
    if error := vocoder_params.world_error(generator) or vocoder_params.front_end_error(front_end):
        raise params.ParamsError(f"{params_path}: {error}")
    split = split_path.stem
    clips = manifest.read(clips_path, manifest.CLIPS)
    partitions = manifest.read(split_path, manifest.PARTITIONED)
    train, enrolled = (manifest.partition(clips, partitions, name) for name in ("train", manifest.ENROL))
    persons = max(enrolled["speaker"].nunique(), 1)
    copies = {"copy_synthesis": 1, "enrolled_conversion": persons}.get(generator, chosen.copies)
    rows = synthetic_rows(train, generator, copies, split, out)
    drawn_as = rows["id"].str.replace(f"{split}/vtlp/", f"{split}/voices/", regex=False)  # an earlier name; same draws
    seeds = [provenance.derived_seed(seed, split, id_) for id_ in drawn_as]
    stored = Shards(features / corpus for corpus in sorted({*train["corpus"], *enrolled["corpus"]}))
    of_all = provenance.derived_seed(seed, split, generator)
    rate = prepared.sampling_rate
    sources = Sources(rows, train, enrolled, stored, seeds, of_all, vocoder_params, rate, trained, banks)
    plan, analyser = module.plan(sources, *own), vocoder(vocoder_params, rate)
    used, synthesise = [*own, prepared], plan.synthesise
    if plan.vocoded:
        used.append(vocoder_params)
    elif front_end == FrontEnd.VOCODED:
        used += [front_end, vocoder_params]
        synthesise = partial(synthesis.revocoded, synthesise=synthesise, prepared=prepared, vocoder=analyser)
    rows = rows.assign(generator_sha256=params.params_hash(generator, *used, plan.metadata))
    if plan.changes is not None:
        rows = rows.assign(parameters=plan.parameters(), seed=seed)
    written = synthesis.write(
        out,
        rows,
        map(Synthesis, plan.contents, sources.segments),
        Synthesiser(synthesise, prepared, acoustics, analyser, FrontEnd.VOCODED if plan.vocoded else front_end),
        params.params_hash(chosen, prepared, vocoder_params, acoustics, front_end, seed, *own),
        f"{split} {generator}",
        split=split,
        emotions="all",
        **plan.metadata,
    )
    console.tell(f"{split} {generator}", f"{len(written):,} clips, {written['duration'].sum() / 3600:.2f} hours")
