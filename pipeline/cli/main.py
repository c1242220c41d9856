"""`emocycle`: the group of all commands. Each command is in a module of its own, imported when it is called."""

import ast
import os
import re
from copy import copy
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from pipeline.core import console, workers

# Modules of pipeline/cli, for people.
COMMANDS = (
    *("init", "doctor", "check", "repro", "audit", "corpora", "fetch", "record", "compare", "listen", "inspect"),
    *("export", "convert", "enrol", "predict", "sweep"),
)
MENDING = ("init", "doctor")  # work also where other code runs than the workspace's

# Modules of pipeline/stages, in the order of dvc.yaml.
STAGES = (
    "demo_corpus",
    "ingest",
    "manifest",
    "features",
    "acoustics",
    "bank",
    "split",
    "analyse",
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
    "report",
)

OUTPUTS = re.compile("(.+_)?out|quarantine|plots|curves|csv")  # options of stages with what they write

VERBOSITIES = (
    ("-q", "--quiet", console.QUIET, "Show only warnings, errors and what was asked for."),
    ("-v", "--verbose", console.VERBOSE, "Show also messages of the library."),
)

# Expected type of each key of params.yaml; a section is named by its module and class.
SECTIONS: dict[str, Any] = {
    "corpora": tuple[str, ...],
    "scenarios": tuple[str, ...],
    "folds": tuple[int, ...],
    "pairs": tuple[str, ...],
    "conversions": tuple[str, ...],
    "perturbations": tuple[str, ...],
    "dcgan_scenarios": tuple[str, ...],
    "vocoders": tuple[str, ...],
    "banks": "pipeline.core.bank:Banks",
    "bank_licenses": dict[str, str],
    "arms": tuple[str, ...],
    "standard_scorers.assess": "pipeline.standard_scorers:AssessScorers",
    "standard_scorers.augment": "pipeline.standard_scorers:AugmentScorers",
    "emotions": tuple[str, ...],
    "emotion_map": dict[str, str],
    "tables": "pipeline.corpora.table:Tables",
    "seed": int,
    "hardware": "pipeline.networks.hardware:HardwareParams",
    "executor": "pipeline.cli.executors:ExecutorParams",
    "hardware.memory_gb": "pydantic:PositiveFloat",
    "demo_corpus": "pipeline.corpora.demo_acting:DemoCorpusParams",
    "ingest": "pipeline.corpora.ingestion:IngestParams",
    "analyse": "pipeline.data.analysis:AnalyseParams",
    "split": "pipeline.data.splits:SplitParams",
    "audio": "pipeline.audio.preparation:AudioParams",
    "vocoder": "pipeline.vocoder:VocoderParams",
    "acoustics": "pipeline.audio.acoustics:AcousticsParams",
    "prosody": "pipeline.conversion.prosody:ProsodyParams",
    "train_cyclegan": "pipeline.conversion.pair:CycleGanParams",
    "generate": "pipeline.stages.generate:GenerateParams",
    "perturb": "pipeline.stages.perturb:PerturbParams",
    "speaker_conversion": "pipeline.generation.speaker_conversion:SpeakerConversionParams",
    "vtlp": "pipeline.generation.vtlp:VtlpParams",
    "train_dcgan": "pipeline.generation.dcgan.training:DcganParams",
    "generate_dcgan": "pipeline.stages.generate_dcgan:GenerateDcganParams",
    "augment.headline_arm": str,
    "augment.mix": "pipeline.augmentation.arms:MixParams",
    "augment.gate": "pipeline.augmentation.quality_gate:GateParams",
    "classify.front_end": "pipeline.audio.acoustics:FrontEnd",
    "classify": "pipeline.stages.classify:ClassifyParams",
    "evaluate": "pipeline.evaluation.results:EvaluateParams",
    "report": "pipeline.report.params:ReportParams",
}


def _with_verbosity(command: click.Command) -> click.Command:
    """The command with options -q and -v; the stages that it starts inherit their value."""
    command.params += [
        click.Option(
            [short, long],
            is_flag=True,
            expose_value=False,
            callback=lambda ctx, option, given, number=number: console.set_verbosity(number) if given else None,
            help=meaning,
        )
        for short, long, number, meaning in VERBOSITIES
        if not any(short in found.opts for found in command.params)
    ]
    return command


def _as_stage(command: click.Command, stage: str) -> click.Command:
    """The command of a stage, below the ceiling of memory that its params.yaml has, if it has one.

    Run by DVC, it first removes what a killed run of the same item left beside its outputs.
    """
    limited, run = copy(command), command.callback
    assert run is not None

    @wraps(run)  # its module names the stage in results
    def callback(**options: Any) -> Any:
        from pydantic import PositiveFloat

        from pipeline.core import files, memory, params

        for name in filter(OUTPUTS.fullmatch, options if "DVC_STAGE" in os.environ else ()):
            files.remove_temporaries(options[name])
        found = params.read(options["params_path"]).get("hardware") if "params_path" in options else None
        if not isinstance(found, dict) or "memory_gb" not in found:
            return run(**options)
        with memory.ceiling(stage, params.load(options["params_path"], "hardware.memory_gb", PositiveFloat)):
            return run(**options)

    limited.callback = callback
    return limited


class LazyGroup(click.Group):
    """Imports a command's module only when the command is called: PyTorch alone needs seconds."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command. The first lines precede slow imports, of BLAS too, which reads its number of threads then."""
        if "DVC_STAGE" in os.environ:  # started by DVC, which does not end its stage when it is killed
            workers.end_with_parent()
        os.environ.update(workers.ONE_THREAD)
        return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands for people, then the stages."""
        return [*COMMANDS, *(stage.replace("_", "-") for stage in STAGES)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Function `main` of the command's module; `demo-corpus` is in `pipeline.stages.demo_corpus`."""
        module = _module(cmd_name)
        command: click.Command | None = import_module(module).main if module else None
        if command and cmd_name.replace("-", "_") in STAGES:
            command = _as_stage(command, cmd_name)
        return command and _with_verbosity(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the first line of each module's docstring, without importing the module."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_line(name)) for name in COMMANDS])
        with formatter.section("Stages, which `dvc repro` runs"):
            formatter.write_dl([(stage.replace("_", "-"), _first_line(stage)) for stage in STAGES])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="emocycle")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Generate emotional speech, and measure its use as training data of emotion classifiers."""
    console.set_up()
    if ctx.invoked_subcommand not in MENDING:
        _check_own_code(Path(__file__).parents[1], Path())


def sections() -> dict[str, Any]:
    """`SECTIONS` with the classes of the sections in place of their names."""
    return {key: _imported(expected) if isinstance(expected, str) else expected for key, expected in SECTIONS.items()}


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def _check_own_code(running: Path, project: Path) -> None:
    """Raise an error where the project has code of its own but other code runs; dvc.lock hashes the project's code.

    Args:
        running: folder of the running package
        project: working directory
    """
    own = project / "pipeline"
    if (own / "__main__.py").is_file() and own.resolve() != running.resolve():
        remedy = "use `python -m pipeline` instead of `emocycle` here, or install this directory (`pip install -e .`)"
        if own.is_symlink():
            remedy = "`emocycle init .` links to the running code"
        raise click.ClickException(
            f"the running code is {running.resolve()}, not {own.resolve()} of the working directory; {remedy}"
        )


def _module(command: str) -> str | None:
    name = command.replace("-", "_")
    if name in COMMANDS:
        return f"pipeline.cli.{name}"
    return f"pipeline.stages.{name}" if name in STAGES else None


def _first_line(command: str) -> str:
    spec = find_spec(_module(command) or "")
    if spec is None or spec.origin is None:
        return ""
    docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


_with_verbosity(main)
