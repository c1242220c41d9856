"""Make a workspace, a folder with its own data and results that runs the installed code."""

import shutil
import subprocess
from pathlib import Path

import click

# `emocycle doctor` imports this, also where packages are broken: so nothing that needs more than click.
from pipeline.core.files import atomic_write

CODE = "pipeline"  # in a workspace: link to the package
PACKAGE = Path(__file__).resolve().parents[1]
# In the wheel beside the code (`force-include` of pyproject.toml); in a clone above it.
TEMPLATE = PACKAGE / "template" if (PACKAGE / "template").is_dir() else PACKAGE.parent
STAGES = "dvc.yaml"
FILES = (
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvc/plots",
    ".dvcignore",
    ".gitignore",
    "data/README.md",
    STAGES,
    "experiments/ravdess/params.yaml",
    "params.yaml",
)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def main(folder: Path) -> None:
    """Make a workspace: a folder outside the clone with data and results of its own, for git and DVC.

    The code stays where it is installed: DIR/pipeline is a link to it, so that DVC sees each change of the code. Called
    again, it renews the link and dvc.yaml, such as after an update; it keeps another dvc.yaml as dvc.yaml.old.
    """
    link = folder / CODE
    if link.exists() and not link.is_symlink():
        raise click.ClickException(f"{folder}: has code of its own, so it is a clone and a workspace already")
    is_new = not (folder / STAGES).exists()
    if is_new and folder.exists() and any(path.name != ".git" for path in folder.iterdir()):
        raise click.ClickException(f"{folder}: is not empty and has no dvc.yaml; expected a new folder, or a workspace")
    if is_new:
        _fill(folder)
    elif (folder / STAGES).read_bytes() != (TEMPLATE / STAGES).read_bytes():
        for source, name in ((folder / STAGES, f"{STAGES}.old"), (TEMPLATE / STAGES, STAGES)):
            with atomic_write(folder / name) as temporary:
                shutil.copyfile(source, temporary)
    with atomic_write(link) as temporary:
        temporary.symlink_to(PACKAGE, target_is_directory=True)
    click.echo(f"{folder}: {'a new workspace' if is_new else 'its link to the code and its dvc.yaml are renewed'}")
    click.echo(f"Next: cd {folder} && emocycle repro, or emocycle doctor if something fails")
    if is_new:
        click.echo(
            "`git add . && git commit` keeps the parameters; `dvc metrics diff` and `git checkout` compare with it"
        )


def has_other_stages() -> bool:
    """Whether this is a workspace by `emocycle init` with another dvc.yaml than belongs to the running code."""
    own = Path(STAGES)
    return Path(CODE).is_symlink() and own.is_file() and own.read_bytes() != (TEMPLATE / STAGES).read_bytes()


def _fill(folder: Path) -> None:
    for name in FILES:
        source, target = TEMPLATE / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
    (folder / "data/raw").mkdir(parents=True)
    ignored = folder / ".gitignore"
    ignored.write_text(f"# The link to the installed code\n/{CODE}\n" + ignored.read_text(encoding="utf-8"), "utf-8")
    if not (folder / ".git").exists():
        try:
            subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        except FileNotFoundError:
            raise click.ClickException("git: not found; install it, then run `git init` in the workspace") from None
