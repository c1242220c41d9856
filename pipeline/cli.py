"""`emocycle`: the stages' commands, and what a person runs by hand."""

from importlib import import_module

import click

STAGES = (
    "demo_corpus",
    "ingest",
    "manifest",
    "features",
    "split",
    "train_cyclegan",
    "generate",
    "augment",
    "classify",
    "evaluate",
)


class Stages(click.Group):
    """Finds a stage's command in its own module when it is called, so that none pays for another's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Stages in the order of the flow, then the commands for people."""
        return [name.replace("_", "-") for name in STAGES] + super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Command `demo-corpus` is the function `main` of `pipeline.stages.demo_corpus`."""
        module = cmd_name.replace("-", "_")
        if module in STAGES:
            command: click.Command = import_module(f"pipeline.stages.{module}").main
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=Stages, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="emocycle")
def main() -> None:
    """Generate emotional speech, and measure what it is worth to a classifier."""
