"""Write one arm's training set for one split: the export, and the only list that `classify` reads."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import pandas as pd

from pipeline.audio.acoustics import pitch
from pipeline.augmentation import arms, quality_gate
from pipeline.augmentation.arms import ARMS, COPIES, MixParams
from pipeline.augmentation.quality_gate import GateParams
from pipeline.core import manifest, params, predictions, provenance
from pipeline.core.manifest import REPEATED
from pipeline.core.shards import Shards
from pipeline.leakage import audit, rules


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option(
    "--split", "split_path", type=click.Path(path_type=Path), required=True, help="Parquet table of the split"
)
@click.option("--arm", required=True, help="A key of pipeline.augmentation.arms.ARMS.")
@click.option("--synthetic", type=click.Path(path_type=Path), help="Folder of the split's synthetic clips.")
@click.option("--features", type=click.Path(path_type=Path), help="Folder with one of each kind of features.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(
    params_path: Path,
    clips_path: Path,
    split_path: Path,
    arm: str,
    synthetic: Path | None,
    features: Path | None,
    out: Path,
) -> None:
    """Write one arm's training set for one split: the export, and the only list that `classify` reads."""
    if arm not in ARMS:
        raise click.ClickException(f"arm '{arm}' is not known{params.nearest(arm, ARMS)}")
    split = split_path.stem
    real = manifest.read(clips_path, manifest.CLIPS).merge(
        manifest.read(split_path, manifest.PARTITIONED), on="id", validate="one_to_one"
    )
    rows = real.assign(selected=True, weight=1.0, split=split).reindex(columns=manifest.AUGMENTED.names)
    declared: list[object] = []  # an arm without generators does not depend on how clips are generated and mixed
    metadata: dict[str, str] = {}
    rejected = ""
    if ARMS[arm].generators:
        if synthetic is None or features is None:
            raise click.ClickException(f"arm '{arm}' needs --synthetic and --features")
        mix = params.load(params_path, "augment.mix", MixParams)
        gate = params.load(params_path, "augment.gate", GateParams)
        vocode_real = params.load(params_path, "augment.vocode_real", bool)
        pairs = params.load(params_path, "pairs", tuple[str, ...])
        seed = params.load(params_path, "seed", int)
        declared = [mix, gate, vocode_real, seed]
        train = real[real["partition"] == "train"]
        metadata = {rules.GATE: provenance.clips_sha256(train)}
        if ARMS[arm].generators == (REPEATED,):
            candidates = arms.repeated(train, split, mix)
        else:
            synthetic_clips = pd.concat(generated(synthetic, name, pairs) for name in ARMS[arm].generators)
            candidates, counts = _gated(train, synthetic_clips, features, gate)
            metadata["refused"] = json.dumps(counts)
            rejected = _rejected(candidates, counts)
        extra = arms.extra_clips(candidates, train, mix, seed)
        if ARMS[arm].shuffled:
            extra = arms.shuffled(extra, seed)
        if vocode_real and arms.converts(arm):
            rows["weight"] = rows["weight"].where(rows["partition"] != "train", 0.0)
            extra = pd.concat([extra, generated(synthetic, COPIES, pairs).assign(selected=True, weight=1.0)])
        rows = pd.concat([rows, extra.assign(partition="train")])
    rules.require_no_leak(split, audit.of_augmented(rows, metadata, clips_path, split_path))
    if machines := audit.machines(rows):
        metadata[predictions.GENERATORS] = json.dumps(machines)
    manifest.write(rows, out, manifest.AUGMENTED, params.params_hash(*declared), split=split, arm=arm, **metadata)
    click.echo(f"{split} {arm}: {len(real):,} real clips, {len(rows) - len(real):,} synthetic{rejected}")


def _gated(
    train: pd.DataFrame, synthetic: pd.DataFrame, features: Path, gate: GateParams
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Synthetic clips with their scores and `selected`, and the number of rejected ones by reason."""
    clips = scored(pd.concat([train, synthetic]), features)
    passed, counts = quality_gate.selected(clips, gate)
    return clips[clips["is_synthetic"]].assign(selected=passed), counts


def _rejected(candidates: pd.DataFrame, counts: Mapping[str, int]) -> str:
    """Number of rejected clips and the reasons, as text."""
    if not counts:
        return ""
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
    return f", {(~candidates['selected']).sum():,} rejected: {reasons}"


def generated(synthetic: Path, generator: str, pairs: Sequence[str]) -> pd.DataFrame:
    """Clips of a generator: rows of `manifest.SYNTHETIC`, with the `split` of their table's metadata.

    Args:
        synthetic: folder of the split's synthetic clips
        generator: key of `arms.GENERATORS`
        pairs: of emotions, for generators with a folder for each pair

    Raises:
        ClickException: a table is missing, or of other emotions
    """
    found = []
    for name in arms.folders(generator, pairs):
        table = synthetic / generator / name / manifest.SYNTHETIC_TABLE
        rows, about = manifest.read(table, manifest.SYNTHETIC), manifest.metadata(table)
        if about.get("emotions") != name:
            raise click.ClickException(f"{table}: has clips of {about.get('emotions')}, expected {name}")
        found.append(rows.assign(split=about.get("split")))
    return pd.concat(found)


def scored(clips: pd.DataFrame, features: Path) -> pd.DataFrame:
    """Train clips with their scores, by models fitted on the real ones among them.

    Args:
        clips: real train clips and synthetic ones; rows of `manifest.SYNTHETIC`
        features: folder of the kinds of features of real clips; those of synthetic ones lie beside them
    """
    is_synthetic = clips["is_synthetic"]
    own = sorted({Path(path).parent / manifest.SYNTHETIC_FEATURES for path in clips.loc[is_synthetic, "filepath"]})
    corpora = sorted(clips.loc[~is_synthetic, "corpus"].unique())
    classifier, scorers = (
        Shards([features / kind / corpus for corpus in corpora] + own) for kind in ("classifier", "scorers")
    )
    f0 = pd.DataFrame([pitch(classifier.array(id_, "functionals")) for id_ in clips["id"]], clips.index)
    return clips.assign(
        **f0,
        silence=[quality_gate.silence(classifier.array(id_, "log_mel")) for id_ in clips["id"]],
        emotion_confidence=quality_gate.emotion_confidences(clips, scorers.rows(clips["id"], "gate")),
        speaker_similarity=quality_gate.speaker_similarities(clips, scorers.rows(clips["id"], "speakers")),
    )
