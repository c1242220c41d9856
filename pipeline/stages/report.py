"""Write the report: one HTML file with the answer, pictures and sound, to open without a network."""

from pathlib import Path

import click

from pipeline.audio.acoustics import AcousticsParams
from pipeline.audio.preparation import AudioParams
from pipeline.core import console, params
from pipeline.core.files import atomic_write
from pipeline.core.workers import in_parallel
from pipeline.evaluation.results import EvaluateParams
from pipeline.report import answer, clips, listening, page, sections
from pipeline.report.params import ReportParams
from pipeline.report.run import Run
from pipeline.report.sound import Listener
from pipeline.vocoder import VocoderParams, vocoder

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option("--metrics", type=PATH, required=True, help="Folder of the metrics and plots.")
@click.option("--manifest", type=PATH, required=True, help="Parquet table of all real clips.")
@click.option("--corpora", type=PATH, required=True, help="Folder of the tables of left-out clips.")
@click.option("--augmented", type=PATH, required=True, help="Folder of the training sets.")
@click.option("--predictions", type=PATH, required=True, help="Folder of the predictions.")
@click.option("--out", type=PATH, required=True, help="HTML file to write.")
def main(
    params_path: Path, metrics: Path, manifest: Path, corpora: Path, augmented: Path, predictions: Path, out: Path
) -> None:
    """Write the report: one HTML file with the answer, pictures and sound, to open without a network."""
    chosen = params.load(params_path, "report", ReportParams)
    audio = params.load(params_path, "audio", AudioParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    listener = Listener(
        audio, acoustics, vocoder(params.load(params_path, "vocoder", VocoderParams), audio.sampling_rate)
    )
    run = Run(
        metrics,
        augmented,
        predictions,
        corpora,
        manifest,
        params.load(params_path, "arms", tuple[str, ...]),
        params.load(params_path, "scenarios", tuple[str, ...]),
        params.load(params_path, "folds", tuple[int, ...]),
        params.load(params_path, "evaluate", EvaluateParams),
    )
    examples = clips.directions(run.synthetic, run.real, chosen.examples, run.first_generators)
    extremes = list(clips.extremes(run.synthetic, chosen.extremes))
    groups = [group for each in examples for group in each.groups] + [group for _, *ends in extremes for group in ends]
    players = dict(zip(groups, in_parallel(listener.players_of, groups, "clips", chunk=1), strict=True))
    pairs = params.load(params_path, "pairs", tuple[str, ...])
    parts = [
        sections.all_arms(run),
        sections.emotions(run),
        sections.speakers(run),
        sections.confusions(run),
        sections.curves(run),
        listening.listening(run, examples, players),
        listening.gate(run, extremes, players),
        sections.quality(run),
        sections.training(run, pairs),
        sections.corpora(run),
        sections.audit(run),
        sections.reproduce(run, params_path),
    ]
    with atomic_write(out) as temporary:
        text = page.html("report.html", title="emocycle: report", answer=answer.answer(run), sections=parts)
        temporary.write_text(text, encoding="utf-8")
    console.tell("", f"{out}, {sum(map(len, players.values())):,} clips to hear, {out.stat().st_size / 1e6:.1f} MB")
