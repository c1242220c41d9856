"""Check params.yaml and data/raw, then run `dvc repro`; --from and --raw set them first."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import click
from pydantic import PositiveFloat

from pipeline.cli import check, init, workspace
from pipeline.cli.alone import alone
from pipeline.cli.executors import EXECUTORS, local
from pipeline.cli.workspace import COMMIT, DATA, EXPERIMENTS, PARAMS, RAW, WorkspaceError
from pipeline.core import console, memory, params
from pipeline.core.files import atomic_write
from pipeline.corpora import CORPORA, DEMO, expected
from pipeline.evaluation.results import BASELINE

FORCE = ("-f", "--force")  # of `dvc repro`
# An experiment that trains only the classifiers of the baseline
BASELINE_ALONE: dict[str, list[str]] = {
    "arms": [BASELINE],
    "pairs": [],
    "conversions": [],
    "perturbations": [],
    "vocoders": [],
    "banks": [],
    "dcgan_scenarios": [],
}


@click.command()
@click.option(
    "--from",
    "record",
    type=click.Path(path_type=Path),
    help="Folder with the params.yaml to use, such as experiments/ravdess; it replaces the current params.yaml.",
)
@click.option(
    "--raw",
    "links",
    metavar="CORPUS=FOLDER",
    multiple=True,
    help="Folder of a corpus; data/raw/CORPUS becomes a link to it. May be repeated.",
)
@click.option("--force", is_flag=True, help="With --from: replace params.yaml also where its edits are not in git.")
@click.option("--jobs", type=click.IntRange(1), help="Number of items at once; they share the processor cores.")
@click.option(
    "--executor",
    "where",
    type=click.Choice(EXECUTORS),
    default="local",
    show_default=True,
    help="Where items run; on a cluster, --jobs limits the number of jobs. Section `executor` has their resources.",
)
@click.option(
    "--baseline-first",
    is_flag=True,
    help="With --jobs, where nothing is predicted yet: first the classifiers of `none`, for an early table.",
)
@click.argument("dvc_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENTS OF DVC REPRO]")
@click.pass_context
@alone()
def main(
    ctx: click.Context,
    record: Path | None,
    links: tuple[str, ...],
    force: bool,
    jobs: int | None,
    where: str,
    baseline_first: bool,
    dvc_arguments: tuple[str, ...],
) -> None:
    """Check params.yaml and data/raw, then run `dvc repro`.

    Nothing changes where the check finds an error.
    """
    by_dvc = where == "local" and not jobs
    if baseline_first and by_dvc:
        raise WorkspaceError("--baseline-first: needs --jobs")
    if not by_dvc and (others := [word for word in dvc_arguments if word.startswith("-") and word not in FORCE]):
        raise WorkspaceError(f"--jobs, --executor: take targets and --force of `dvc repro`, not {' '.join(others)}")
    if init.has_other_stages():
        console.warn("", "dvc.yaml is not that of the running code; `emocycle init .` renews it")
    if not by_dvc:
        from pipeline.cli import parallel  # imports DVC, for a second
    if jobs and where == "local":
        local.start_server()
    chosen = _recorded_params(record, force) if record else PARAMS
    tables = params.read(chosen).get("tables") or ()
    folders = dict(_parse_link(link, tables) for link in links)
    check.validate(chosen, folders)
    if record:
        with atomic_write(PARAMS) as temporary:
            shutil.copyfile(chosen, temporary)
    for corpus, folder in folders.items():
        with atomic_write(RAW / corpus) as temporary:
            temporary.symlink_to(folder, target_is_directory=True)
    if by_dvc:
        quiet = ["--quiet"] * (console.verbosity() == console.QUIET)
        ctx.exit(workspace.dvc("repro", *quiet, *dvc_arguments))
    end_by_exception()
    if jobs and where == "local":
        jobs = _fitting(jobs)
    if baseline_first and not (DATA / "predictions").exists():
        with workspace.changed_params(BASELINE_ALONE):
            parallel.repro(["classify"], jobs, False, where)
    targets = [word for word in dvc_arguments if word not in FORCE]
    parallel.repro(targets, jobs, bool(set(FORCE) & set(dvc_arguments)), where)


def _fitting(jobs: int) -> int:
    """As many of the items at once as the memory suffices for, if a process of each needs `hardware.memory_gb`."""
    ceiling_gb = params.load(PARAMS, "hardware.memory_gb", PositiveFloat)
    if (fitting := min(jobs, memory.processes(ceiling_gb))) < jobs:
        free = f"{memory.available_gb():.1f} GB are free, and 'hardware.memory_gb' is {ceiling_gb:g}"
        console.warn("", f"{fitting} items at once, not {jobs}: {free}")
    return fitting


def end_by_exception() -> None:
    """Turn signals that would end this process at once into an exception, so that it ends its children first."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # which is what `nohup` sets
            signal.signal(number, lambda number, _: sys.exit(128 + number))


def _recorded_params(record: Path, force: bool) -> Path:
    """The params.yaml of a record.

    Args:
        record: its folder
        force: also where the current params.yaml has edits that would be lost

    Raises:
        WorkspaceError: the file is missing or has another schema, or edits would be lost
    """
    recorded = record / PARAMS
    if record.is_file():
        raise WorkspaceError(f"--from {record}: is a file; expected its folder, {record.parent}")
    if not recorded.is_file():
        records = [path.parent.as_posix() for path in EXPERIMENTS.glob(f"*/{PARAMS}")]
        raise WorkspaceError(f"{recorded}: not found{params.nearest(record.as_posix(), records)}")
    if errors := check.schema_errors(recorded):
        more = f", and {len(errors) - 1} more errors" if len(errors) > 1 else ""
        raise WorkspaceError(f"{errors[0]}{more}: the record is of another version, {_version(record)}")
    if PARAMS.exists() and not force and PARAMS.read_bytes() not in (recorded.read_bytes(), *_saved_params()):
        raise WorkspaceError(f"{PARAMS}: has edits that would be lost; commit them, or add --force")
    return recorded


def _version(record: Path) -> str:
    commit = record / COMMIT
    if not commit.is_file():
        return f"and {commit}, which names its commit, is missing"
    return f"written at commit {commit.read_text(encoding='utf-8').strip()}; check that out to run it"


def _saved_params() -> list[bytes]:
    """Contents of params.yaml that are not lost when it is replaced: in the last commit, and in each record."""
    command = ["git", "show", f"HEAD:./{PARAMS}"]
    committed = subprocess.run(command, capture_output=True, check=False)
    return [committed.stdout] * (not committed.returncode) + [
        path.read_bytes() for path in EXPERIMENTS.glob(f"*/{PARAMS}")
    ]


def _parse_link(link: str, tables: Collection[str]) -> tuple[str, Path]:
    """Corpus and folder of an option --raw.

    Args:
        link: such as `ravdess=/some/folder`
        tables: names of the corpora in section `tables` of params.yaml

    Raises:
        WorkspaceError: no such corpus or folder, or data/raw/CORPUS exists and is no link
    """
    corpus, _, folder = link.partition("=")
    known = {*CORPORA, *tables} - {DEMO}
    if corpus not in known or not folder:
        raise WorkspaceError(f"--raw {link}: expected CORPUS=FOLDER{params.nearest(corpus, known)}")
    target = Path(folder).expanduser().resolve()
    if not target.is_dir():
        raise WorkspaceError(f"--raw {link}: no such folder; {expected(corpus)}")
    place = RAW / corpus
    if place.exists() and not place.is_symlink():
        raise WorkspaceError(f"{place}: is not a link and is not replaced; move it away, or omit --raw {corpus}=…")
    return corpus, target
