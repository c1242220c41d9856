"""Make a page with players and spectrograms of a pair or a clip."""

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
from pipeline.report import clips, page
from pipeline.report.clips import Direction, Group
from pipeline.report.page import Players, Sounds
from pipeline.report.sound import Listener
from pipeline.vocoder import VocoderParams, vocoder


@click.command()
@click.argument("what", metavar="[CLIP|PAIR]", required=False)
@click.option("--split", help="Split of the synthetic clips.  [default: the first]")
@click.option("--out", type=click.Path(path_type=Path), help="HTML file to write.  [default: in report/]")
def main(what: str | None, split: str | None, out: Path | None) -> None:
    """Make a page with players and spectrograms of a pair or a clip.

    PAIR is two emotions, such as `angry-neutral`. CLIP is an id: a real clip with all that was made from it, or a
    synthetic one with its source. Without either, examples of each generator.
    """
    split = split or workspace.first_split()
    real = manifest.read(DATA / "manifest.parquet", manifest.CLIPS)
    found = chosen(what, real, _synthetic(split, real), params.load(PARAMS, "report.examples", int))
    audio = params.load(PARAMS, "audio", AudioParams)
    analysis = vocoder(params.load(PARAMS, "vocoder", VocoderParams), audio.sampling_rate)
    listener = Listener(audio, params.load(PARAMS, "acoustics", AcousticsParams), analysis)
    sounds = [
        Sounds(
            f"{each.generator}: {each.title}" if each.generator else each.title,
            [Players(group.title, listener.players_of(group)) for group in each.groups],
            is_folded=False,
        )
        for each in found
    ]
    name = re.sub(r"\W+", "-", f"{split} {what or 'examples'}")
    out = out or Path("report") / f"listen-{name}.html"
    with atomic_write(out) as temporary:
        temporary.write_text(page.html("listen.html", title=f"{what or 'Examples'}, {split}", found=sounds), "utf-8")
    click.echo(out)


def chosen(what: str | None, real: pd.DataFrame, synthetic: pd.DataFrame, number: int) -> list[Direction]:
    """The clips to hear.

    Args:
        what: a pair, an id, or None
        real: rows of `manifest.CLIPS`
        synthetic: rows of `manifest.SYNTHETIC`
        number: of examples of each direction, unless an id chooses

    Raises:
        WorkspaceError: no clip is of this pair or id
    """
    if what is None:
        return clips.directions(synthetic, real, number)
    of_clip = synthetic[(synthetic["id"] == what) | (synthetic["source_id"] == what)]
    if len(of_clip):
        return clips.directions(of_clip, real, len(of_clip))
    if len(own := real[real["id"] == what]):
        return [Direction("", "nothing was made from it", (Group("", (clips.clip(own.iloc[0], "real clip"),)),))]
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
        f"'{what}': expected an id of data/manifest.parquet or of a table in data/synthetic, or a pair such as "
        f"angry-neutral" + (f"; did you mean '{near[0]}'?" if near else "")
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
