"""`emocycle`: the stages' commands, and what a person runs by hand."""

import ast
import shutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

STAGES = (
    "demo_corpus",
    "ingest",
    "manifest",
    "features",
    "split",
    "analyse",
    "train_emotion_classifier",
    "train_cyclegan",
    "train_vocoder",
    "generate",
    "perturb",
    "train_dcgan",
    "generate_dcgan",
    "augment",
    "classify",
    "evaluate",
    "assess",
    "tabulate",
)

# What is expected of each key of params.yaml: a type, or the module and name of its section.
SECTIONS: dict[str, Any] = {
    "corpora": tuple[str, ...],
    "scenarios": tuple[str, ...],
    "folds": tuple[int, ...],
    "pairs": tuple[str, ...],
    "conversions": tuple[str, ...],
    "perturbations": tuple[str, ...],
    "dcgan_scenarios": tuple[str, ...],
    "vocoders": tuple[str, ...],
    "arms": tuple[str, ...],
    "emotions": tuple[str, ...],
    "emotion_map": dict[str, str],
    "tables": "pipeline.corpora.table:Tables",
    "seed": int,
    "hardware": "pipeline.core.hardware:HardwareParams",
    "demo_corpus": "pipeline.corpora.demo_acting:DemoCorpusParams",
    "ingest": "pipeline.corpora.ingestion:IngestParams",
    "analyse": "pipeline.data.analysis:AnalyseParams",
    "split": "pipeline.data.splits:SplitParams",
    "audio": "pipeline.audio.recordings:AudioParams",
    "vocoder": "pipeline.vocoder:VocoderParams",
    "acoustics": "pipeline.audio.acoustics:AcousticsParams",
    "prosody": "pipeline.conversion.prosody:ProsodyParams",
    "train_cyclegan": "pipeline.conversion.pair:CycleGanParams",
    "generate": "pipeline.stages.generate:GenerateParams",
    "perturb": "pipeline.stages.perturb:PerturbParams",
    "voices": "pipeline.generation.vtlp:VtlpParams",
    "train_dcgan": "pipeline.generation.dcgan.training:DcganParams",
    "generate_dcgan": "pipeline.stages.generate_dcgan:GenerateDcganParams",
    "augment.headline_arm": str,
    "augment.vocode_real": bool,
    "augment.mix": "pipeline.augmentation.arms:MixParams",
    "augment.gate": "pipeline.augmentation.quality_gate:GateParams",
    "classify": "pipeline.stages.classify:ClassifyParams",
    "evaluate": "pipeline.stages.evaluate:EvaluateParams",
}

PARAMS = Path("params.yaml")
RAW = Path("data/raw")
DOWNLOADS = Path("data/downloads")  # archives that are not unpacked yet


class Stages(click.Group):
    """Finds a stage's command in its own module when it is called, so that none pays for another's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands for people, then the stages in the order of the flow."""
        return super().list_commands(ctx) + [name.replace("_", "-") for name in STAGES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Command `demo-corpus` is the function `main` of `pipeline.stages.demo_corpus`."""
        module = cmd_name.replace("-", "_")
        if module in STAGES:
            command: click.Command = import_module(f"pipeline.stages.{module}").main
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say what each command does without importing the stages, which takes seconds."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(200)) for name in self.commands])
        with formatter.section("Stages, which `dvc repro` runs"):
            formatter.write_dl([(name.replace("_", "-"), _first_line(name)) for name in STAGES])


@click.group(cls=Stages, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="emocycle")
def main() -> None:
    """Generate emotional speech, and measure what it is worth to a classifier."""
    _refuse_other_code(Path(__file__).parents[1], Path())


@main.command()
def check() -> None:
    """Say all that is wrong with params.yaml and data/raw, before `dvc repro` finds out piece by piece."""
    _check()


@main.command()
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="Folder with a params.yaml, such as experiments/ravdess, which becomes the current one.",
)
@click.option(
    "--raw",
    "links",
    metavar="CORPUS=FOLDER",
    multiple=True,
    help="Where a corpus is; data/raw/CORPUS becomes a link to it. May be repeated.",
)
@click.option("--force", is_flag=True, help="With --from: also where params.yaml has edits that git does not have.")
@click.argument("dvc_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENTS OF DVC REPRO]")
@click.pass_context
def repro(
    ctx: click.Context, source: Path | None, links: tuple[str, ...], force: bool, dvc_arguments: tuple[str, ...]
) -> None:
    """Check params.yaml and data/raw and run `dvc repro`, after switching to another experiment if asked to."""
    from pipeline.cli import records, workspace
    from pipeline.core import params
    from pipeline.core.files import atomic_write

    chosen = records.recorded_params(source, PARAMS, sections(), force) if source else PARAMS
    tables = params.read(chosen).get("tables") or ()
    folders = dict(workspace.to_link(link, RAW, tables) for link in links)
    _check(chosen, folders)  # before anything is changed
    if source:
        with atomic_write(PARAMS) as temporary:
            shutil.copyfile(chosen, temporary)
    for corpus, folder in folders.items():
        workspace.link_raw(corpus, folder, RAW)
    ctx.exit(workspace.dvc("repro", *dvc_arguments))


@main.command()
def audit() -> None:
    """Look for leaks in all that `dvc repro` has made: every split and arm of params.yaml."""
    from pipeline.cli import workspace

    leaks = 0
    for split, arm, found in workspace.leaks(PARAMS, Path("data")):
        click.echo(f"{split} {arm}: " + (f"{len(found)} rules broken" if found else "no leak"))
        click.echo("".join(f"  {line}\n" for leak in found for line in leak.in_full()), nl=False)
        leaks += len(found)
    if leaks:
        raise click.ClickException("the workspace leaks: none of its results can be believed")


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def corpora(names: tuple[str, ...]) -> None:
    """Say what is there of each corpus, what is missing, and where to get it."""
    from pipeline.cli import inventory

    inventory.show(names, RAW, PARAMS)


@main.command()
@click.argument("name")
@click.option("--to", type=click.Path(path_type=Path), metavar="FOLDER", help="Where to, if not data/raw/NAME.")
def fetch(name: str, to: Path | None) -> None:
    """Download a corpus and unpack it in data/raw/NAME, or say how to get it where its licence asks for more."""
    from pipeline.cli import inventory

    if not PARAMS.is_file():
        raise click.ClickException(f"{PARAMS.absolute()}: not found; run `emocycle fetch` inside the project")
    inventory.fetch(name, RAW, to, DOWNLOADS)


@main.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Replace a record of that name.")
def record(name: str, force: bool) -> None:
    """Keep what `dvc repro` found in experiments/NAME, for git: parameters, predictions, metrics."""
    from pipeline.cli import records, workspace

    _check()
    if workspace.dvc("status", "--quiet"):
        raise click.ClickException(
            "the results here are not of this params.yaml, code and data; run `emocycle repro` first "
            "(`dvc status` says what has changed, `dvc commit` that it does not matter)"
        )
    folder = records.record(name, Path(), workspace.stages(), force)
    click.echo(
        f"{folder}: recorded; commit it. Its statistics again: emocycle evaluate --params {folder}/params.yaml "
        f"--predictions {folder}/predictions --skip-audit --summary summary.json --scores ser.json --plots plots"
    )


@main.command()
@click.option("--scores", type=click.Path(path_type=Path), default="metrics/ser.json", show_default=True)
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write the table there too.")
@click.option("--csv", type=click.Path(path_type=Path), metavar="FILE", help="Write all its numbers there too.")
def compare(scores: Path, markdown: Path | None, csv: Path | None) -> None:
    """Print what every arm scored and gained in every scenario."""
    from pipeline.evaluation import score_table

    score_table.show(scores, markdown, csv)


@main.command()
@click.argument("given", metavar="IN", type=click.Path(exists=True, path_type=Path))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--to", "target", required=True, help="Emotion to make.")
@click.option("--from", "source", help="Emotion of IN; guessed where it is not given.")
@click.option("--intensity", type=click.Choice(["low", "medium", "high"]), help="Of the emotion that is made.")
@click.option("--split", help="Whose models to use, such as full-1; the first one of params.yaml if not given.")
def convert(given: Path, out: Path, target: str, source: str | None, intensity: str | None, split: str | None) -> None:
    """Convert recordings of your own, a file or a folder, to another emotion by pairs that were trained."""
    from pipeline.cli import converting

    converting.convert(given, out, target, source, intensity, split, PARAMS, Path("data"), Path("models"))


@main.command(context_settings={"ignore_unknown_options": True})  # values may be below zero
@click.argument("key")
@click.argument("values", nargs=-1, required=True)
def sweep(key: str, values: tuple[str, ...]) -> None:
    """Try a number of params.yaml at several VALUES, such as augment.mix.ratio 0.25 0.5 1, and draw what each gains."""
    from pipeline.cli import sweep as sweeping

    table = sweeping.sweep(key, values, PARAMS, sections(), RAW)
    click.echo(f"{table}: gains by value; their curve:")
    sweeping.plot(table)


def sections() -> dict[str, Any]:
    """`SECTIONS` with the sections imported; a stage's may come from nowhere but here."""
    return {key: _imported(expected) if isinstance(expected, str) else expected for key, expected in SECTIONS.items()}


def _imported(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


def _refuse_other_code(running: Path, project: Path) -> None:
    """Raise an error where a project has code of its own and other code runs: dvc.lock has the hashes of the project's.

    Args:
        running: folder of the package that runs
        project: working directory
    """
    own = project / "pipeline"
    if (own / "__main__.py").is_file() and own.resolve() != running.resolve():
        raise click.ClickException(
            f"the code that would run is {running.resolve()}, not {own.resolve()} of the working directory; "
            "use `python -m pipeline` in place of `emocycle` here, or install this directory (`pip install -e .`)"
        )


def _check(path: Path = PARAMS, elsewhere: Mapping[str, Path] = MappingProxyType({})) -> None:
    """Raise an error that lists all that is wrong; corpora `elsewhere` are to be linked to these folders."""
    from pipeline.cli import workspace

    found = workspace.problems(path, RAW, sections(), elsewhere)
    if found:
        raise click.ClickException(_listed(found))
    click.echo(f"{path} and {RAW} are in order")


def _listed(found: Iterable[str]) -> str:
    lines = list(found)
    return f"{len(lines)} problem{'s' * (len(lines) > 1)} to solve first:" + "".join(f"\n  - {line}" for line in lines)


def _first_line(stage: str) -> str:
    """What a stage's module says of itself, read and not run."""
    spec = find_spec(f"pipeline.stages.{stage}")
    if spec is None or spec.origin is None:
        return ""
    docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
