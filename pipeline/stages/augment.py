"""Write the training set of each arm of a split: the exports, and the only lists that `classify` reads."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import pandas as pd

from pipeline.audio.acoustics import FrontEnd
from pipeline.audio.preparation import AudioParams
from pipeline.augmentation import arms, quality_gate
from pipeline.augmentation.arms import ARMS, MixParams
from pipeline.augmentation.candidates import Candidates
from pipeline.augmentation.quality_gate import STANDARD, GateParams
from pipeline.core import console, manifest, params, predictions, shards
from pipeline.core.console import tracked
from pipeline.core.files import atomic_write
from pipeline.core.manifest import ENROL, ENROLLED_CLIPS, REPEATED, REPEATS, SYNTHETIC_FEATURES
from pipeline.core.shards import Shards
from pipeline.leakage import audit, rules
from pipeline.leakage.leak import require_no_leak
from pipeline.networks import provenance
from pipeline.standard_scorers import AugmentScorers
from pipeline.standard_scorers.scoring import Scoring, installed

PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class Setting:
    """How synthetic clips are chosen and mixed in all arms."""

    mix: MixParams
    gate: GateParams
    seed: int


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option("--manifest", "clips_path", type=PATH, default="data/manifest.parquet")
@click.option("--split", "split_path", type=PATH, required=True, help="Parquet table of the split.")
@click.option("--synthetic", type=PATH, required=True, help="Folder of the split's synthetic clips.")
@click.option("--features", type=PATH, required=True, help="Folder with one of each kind of features.")
@click.option("--out", type=PATH, required=True, help="Folder of the Parquet tables to write, one an arm.")
def main(params_path: Path, clips_path: Path, split_path: Path, synthetic: Path, features: Path, out: Path) -> None:
    """Write the training set of each arm of a split: the exports, and the only lists that `classify` reads."""
    names = params.load(params_path, "arms", tuple[str, ...])
    pairs = params.load(params_path, "pairs", tuple[str, ...])
    audio = params.load(params_path, "audio", AudioParams)
    setting = Setting(
        params.load(params_path, "augment.mix", MixParams),
        params.load(params_path, "augment.gate", GateParams),
        params.load(params_path, "seed", int),
    )
    standard, missing = installed(params.load(params_path, "standard_scorers.augment", AugmentScorers), "augment")
    if lacking := setting.gate.needed() - {*standard}:
        needs = (
            f"{params_path}: 'augment.gate.min_scores' needs {', '.join(sorted(lacking))} in 'standard_scorers.augment'"
        )
        raise params.ParamsError("\n".join([needs, *missing]))
    for arm in names:
        if arm not in ARMS:
            raise click.ClickException(f"arm '{arm}' is not known{params.nearest(arm, ARMS)}")
    clips, split = manifest.read(clips_path, manifest.CLIPS), split_path.stem
    real = clips.merge(manifest.read(split_path, manifest.PARTITIONED), on="id", validate="one_to_one")
    train = real[real["partition"] == "train"]
    candidates = Candidates(train, synthetic, features, pairs, Scoring(standard, audio))
    with atomic_write(out) as folder:
        for arm in tracked(names, f"{split} training sets", len(names)):
            rows, metadata, words = training_set(arm, split, real, candidates, setting)
            require_no_leak(split, audit.of_augmented(rows, metadata, real, split_path))
            if hardware := audit.hardware(rows):
                metadata[predictions.GENERATORS_HARDWARE] = json.dumps(hardware)
            metadata |= {"audio": json.dumps(asdict(audio)), "vocoded": json.dumps(vocoded(rows))}
            # An arm without generators does not depend on how clips are chosen and mixed.
            params_hash = params.params_hash(*(vars(setting).values() if ARMS[arm].generators else ()))
            schema = manifest.augmented(name for name in STANDARD.values() if name in rows)
            manifest.write(rows, folder / f"{arm}.parquet", schema, params_hash, split=split, arm=arm, **metadata)
            console.tell(f"{split} {arm}", f"{len(real):,} real clips, {len(rows) - len(real):,} synthetic{words}")
    for line in missing:
        console.warn("", line)


def training_set(
    arm: str, split: str, real: pd.DataFrame, candidates: Candidates, setting: Setting
) -> tuple[pd.DataFrame, dict[str, str], str]:
    """Rows of `manifest.AUGMENTED` of an arm, metadata of their table, and words about rejected clips.

    Args:
        arm: key of `ARMS`
        split: its name
        real: clips of the split, with their partition
        candidates: synthetic clips of the split
        setting: how they are chosen and mixed
    """
    train = real[real["partition"] == "train"]
    left_out = train[~arms.of_complete_speakers(train)] if ARMS[arm].complete else train.iloc[:0]
    weight = (~real["id"].isin(left_out["id"])).astype(float)
    rows = real.assign(selected=True, weight=weight, split=split).reindex(columns=manifest.AUGMENTED.names)
    if not ARMS[arm].generators:
        return rows, {}, ""
    metadata, words = {rules.GATE: provenance.clips_sha256(train)}, ""
    if ARMS[arm].generators == (REPEATED,):
        found = arms.repeated(train, split, setting.mix)
    elif ARMS[arm].generators == (ENROLLED_CLIPS,):
        found = arms.copied(real[real["partition"] == ENROL], split, ENROLLED_CLIPS, 1)
    else:
        scored = candidates.scored(ARMS[arm].generators)
        passed, counts = quality_gate.selected(scored, setting.gate)
        found = scored[scored["is_synthetic"]].assign(selected=passed)
        metadata["refused"] = json.dumps(counts)
        if counts:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
            words = f", {(~passed).sum():,} rejected: {reasons}"
    found = found[~found["source_id"].isin(left_out["id"])]
    extra = extra_clips(found, real[weight > 0], arm, setting)
    if ARMS[arm].shuffled:
        extra = arms.shuffled(extra, setting.seed)
    return pd.concat([rows, extra.assign(partition="train")]), metadata, words


def vocoded(rows: pd.DataFrame) -> list[str]:
    """Generators of synthetic clips that passed the vocoder.

    Args:
        rows: of `manifest.AUGMENTED`
    """
    own_files = rows[rows["is_synthetic"] & ~rows["generator"].isin(REPEATS)]
    folders = own_files["filepath"].map(lambda path: Path(path).parent)
    return [
        generator
        for generator, of_one in sorted(folders.groupby(own_files["generator"]))
        if Shards(path / SYNTHETIC_FEATURES for path in of_one.unique()).metadata(shards.FRONT_END) == FrontEnd.VOCODED
    ]


def extra_clips(found: pd.DataFrame, real: pd.DataFrame, arm: str, setting: Setting) -> pd.DataFrame:
    """The synthetic clips that join, with their weights; of a personal arm, as many for each person."""
    train, voice = real[real["partition"] == "train"], ARMS[arm].voice
    if voice is None:
        return arms.extra_clips(found, train, setting.mix, setting.seed)
    if ARMS[arm].generators == (ENROLLED_CLIPS,):
        of_persons = found.assign(person=found["speaker"])
    else:
        of_persons = arms.for_persons(found, real[real["partition"] == ENROL], voice)
    parts = (arms.extra_clips(own, train, setting.mix, setting.seed) for _, own in of_persons.groupby("person"))
    return pd.concat(parts)
