"""Make a page with players and spectrograms of a pair or a clip."""

import os
import re
from difflib import get_close_matches
from pathlib import Path

import click
import pandas as pd

from pipeline.audio.acoustics import AcousticsParams
from pipeline.audio.preparation import AudioParams
from pipeline.augmentation.arms import folders
from pipeline.augmentation.candidates import Candidates
from pipeline.cli import workspace
from pipeline.cli.workspace import DATA, PARAMS, WorkspaceError
from pipeline.core import manifest, params
from pipeline.core.files import atomic_write
from pipeline.core.manifest import SCORES, Segment
from pipeline.report import clips, page
from pipeline.report.clips import Clip, Direction, Group
from pipeline.report.listening import READING, licences, scores, sounds
from pipeline.report.page import Section
from pipeline.report.sound import Listener
from pipeline.vocoder import VocoderParams, vocoder


@click.command()
@click.argument("what", metavar="[CLIP|PAIR]", required=False)
@click.option("--split", help="Split of the synthetic clips.  [default: the first]")
@click.option("--out", type=click.Path(path_type=Path), help="HTML file to write.  [default: in report/]")
def main(what: str | None, split: str | None, out: Path | None) -> None:
    """Make a page with players and spectrograms of a pair or a clip.

    PAIR is two emotions, such as `angry-neutral`. CLIP is an id or an audio file: a real clip with all that was made
    from it, or a synthetic one with its source. Without either, examples of each generator.
    """
    split = split or workspace.first_split()
    real = manifest.read(DATA / "manifest.parquet", manifest.CLIPS)
    synthetic = _with_scores(_synthetic(split, real), split)
    found = chosen(what, real, synthetic, params.load(PARAMS, "report.examples", int))
    audio = params.load(PARAMS, "audio", AudioParams)
    analysis = vocoder(params.load(PARAMS, "vocoder", VocoderParams), audio.sampling_rate)
    listener = Listener(audio, params.load(PARAMS, "acoustics", AcousticsParams), analysis)
    groups = [group for each in found for group in each.groups]
    ids = {clip.id for group in groups for clip in group.clips}
    known = pd.concat(rows.loc[rows["id"].isin(ids), "corpus"] for rows in (real, synthetic))
    own = real[real["corpus"].isin(known)]  # empty for clips from noise, whose generator learned from all
    section = Section(
        "clips",
        "Clips",
        [READING, licences(own if len(own) else real) if len(known) else "Its licence is unknown."],
        tables=scores(groups),
        sounds=sounds(found, {group: listener.players_of(group) for group in groups}, is_folded=False),
    )
    subject = Path(what).name if what and Path(what).is_file() else what or "examples"
    name = re.sub(r"\W+", "-", f"{split} {subject}")
    out = out or Path("report") / f"listen-{name}.html"
    with atomic_write(out) as temporary:
        temporary.write_text(page.html("listen.html", title=f"{subject}, {split}", clips=section), "utf-8")
    click.echo(out)


def chosen(what: str | None, real: pd.DataFrame, synthetic: pd.DataFrame, number: int) -> list[Direction]:
    """The clips to hear.

    Args:
        what: a pair, an id, a file, or None
        real: rows of `manifest.CLIPS`
        synthetic: rows of `manifest.SYNTHETIC`
        number: of examples of each direction, unless an id chooses

    Raises:
        WorkspaceError: no clip is of this pair or id
    """
    if what is None:
        return clips.directions(synthetic, real, number)
    path = Path(os.path.relpath(what)).as_posix()  # as in the tables
    tables = (real, synthetic)
    ids = {what, *(id_ for rows in tables for id_ in rows.loc[rows["filepath"] == path, "id"])}
    of_clip = synthetic[synthetic["id"].isin(ids) | synthetic["source_id"].isin(ids)]
    if len(of_clip):
        return clips.directions(of_clip, real, len(of_clip))
    if len(own := real[real["id"].isin(ids)]):
        group = Group("", tuple(clips.clip(row, "real clip") for _, row in own.iterrows()))
        return [Direction("", "nothing was made from it", (group,))]
    if Path(what).is_file():
        return [Direction("", "in no table of clips", (Group("", (Clip("file", what, Segment(Path(what)), ()),)),))]
    of_pair = synthetic[
        [
            sorted(two) == sorted(what.split("-"))
            for two in zip(synthetic["source_emotion"].fillna(""), synthetic["emotion"], strict=True)
        ]
    ]
    if len(of_pair):
        return clips.directions(of_pair, real, number)
    emotions = [
        f"{source}-{target}" for source, target in zip(synthetic["source_emotion"], synthetic["emotion"], strict=True)
    ]
    near = get_close_matches(what, {*real["id"], *synthetic["id"], *emotions}, n=1)
    raise WorkspaceError(
        f"'{what}': expected an id of data/manifest.parquet or of a table in data/synthetic, an audio file, or a pair "
        f"such as angry-neutral" + (f"; did you mean '{near[0]}'?" if near else "")
    )


def _synthetic(split: str, real: pd.DataFrame) -> pd.DataFrame:
    """Clips of all generators of params.yaml in a split: rows of `manifest.SYNTHETIC`.

    Raises:
        ClickException: there is no generator, or the table of one is missing
    """
    of_pairs = params.load(PARAMS, "pairs", tuple[str, ...])
    candidates = Candidates(real, DATA / "synthetic" / split, DATA / "features", of_pairs)
    names = [name for key in ("conversions", "perturbations") for name in params.load(PARAMS, key, tuple[str, ...])]
    if split.rpartition("-")[0] in params.load(PARAMS, "dcgan_scenarios", tuple[str, ...]):
        names.append("dcgan")
    tables = [candidates.of(name) for name in names if folders(name, of_pairs)]
    if not tables:
        raise WorkspaceError(f"{PARAMS}: 'conversions' and 'perturbations' name no generator to hear")
    return pd.concat(tables, ignore_index=True)


def _with_scores(synthetic: pd.DataFrame, split: str) -> pd.DataFrame:
    """Rows of `manifest.SYNTHETIC` with `manifest.SCORES`, as far as an arm's list has them."""
    paths = [DATA / "augmented" / split / f"{arm}.parquet" for arm in params.load(PARAMS, "arms", tuple[str, ...])]
    names = [name for name in SCORES if name not in synthetic]
    lists = [manifest.scored(path)[["id", *names]] for path in paths if path.is_file()]
    return synthetic.merge(pd.concat(lists).drop_duplicates("id"), how="left", on="id") if lists else synthetic
