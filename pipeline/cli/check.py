"""List all errors in params.yaml and data/raw."""

import click

from pipeline.cli import workspace


@click.command()
def main() -> None:
    """List all errors in params.yaml and data/raw, before `dvc repro` stops at the first one."""
    workspace.check()
