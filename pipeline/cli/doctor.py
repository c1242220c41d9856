"""Find what is wrong with the installation, the machine and the workspace, and say how to mend it."""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import click

# This must work where packages are missing or broken: only modules that need click alone are imported here.
from pipeline.cli.init import CODE, PACKAGE, STAGES, TEMPLATE, has_other_stages
from pipeline.core import console

PYTHON = (3, 11)
DISK_GB, MEMORY_GB = 5, 4  # free, with less a run may stop
EXTRAS = {"demo": "espeakng_loader", "pretrained": "livekit", "scorers": "swift_f0"}
LOAD_S = 120.0
RAW_REMEDY = "emocycle fetch NAME, or emocycle repro --raw NAME=FOLDER; emocycle corpora NAME tells what is expected"
EDIT = f"edit it, after the model of {TEMPLATE / 'params.yaml'}"
# Run by a process of its own: a library that does not load may end it.
TORCH = """
import json, torch, torchaudio
torchaudio.functional.resample(torch.zeros(1, 160), 16000, 8000)
cpu = torch.cpu
found = {"avx2": cpu._is_avx2_supported, "avx512": cpu._is_avx512_supported,
    "bfloat16": cpu._is_avx512_bf16_supported, "amx": cpu._is_amx_tile_supported}
print(json.dumps({"torch": torch.__version__, "torchaudio": torchaudio.__version__,
    "cpu": [name for name, has in found.items() if has()],
    "gpu": [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]}))
"""


# Prints the modules that do not load.
IMPORTS = """
import importlib, json
errors = {}
for name in %r:
    try:
        importlib.import_module(name)
    except Exception as error:
        errors[name] = f"{type(error).__name__}: {error}"
print(json.dumps(errors))
"""
MODULES = ("numpy", "pandas", "pyarrow.parquet", "librosa", "soundfile", "soxr", "pyworld", "sklearn.svm", "dvc.repo")


class Finding(NamedTuple):
    """What a check found."""

    state: str  # OK, NOTE or BROKEN
    text: str
    remedy: str = ""


OK, NOTE, BROKEN = "ok", "note", "BROKEN"


@click.command()
def main() -> None:
    """Check Python, packages, machine, git, DVC and data; each problem with its remedy.

    With -q, only problems are printed. Exit code 1 if something is broken.
    """
    broken = 0
    for check in CHECKS:
        for found in _found(check):
            if found.state != OK or console.verbosity() > console.QUIET:
                click.echo(f"{found.state:<6}  {found.text}" + f"\n        → {found.remedy}" * bool(found.remedy))
            broken += found.state == BROKEN
    if broken:
        raise click.ClickException(f"{broken} problem{'s' * (broken > 1)}, marked {BROKEN}")


def _found(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Findings of a check; what it needs may be broken itself, in any way."""
    try:
        yield from check()
    except click.ClickException as error:
        yield Finding(BROKEN, error.message, EDIT if "params.yaml" in error.message else "")
    except Exception as error:  # a broken package may raise anything
        if "params.yaml" in str(error):
            return  # `data` says what is wrong with it
        name = check.__name__.strip("_").replace("_", " ")
        yield Finding(BROKEN, f"{name}: {type(error).__name__}: {error}", _install())


def _install() -> str:
    """Command that installs the packages again."""
    own = PACKAGE.parent / "Makefile"
    return f"in {PACKAGE.parent}: rm -f .venv/installed && make demo" if own.is_file() else "pip install -U emocycle"


def python() -> Iterator[Finding]:
    """Version of Python, and where it and the code are."""
    text = f"Python {platform.python_version()}, {sys.executable}"
    if sys.version_info < PYTHON:
        yield Finding(BROKEN, text, "expected 3.11 or newer: make PYTHON=python3.12")
    else:
        yield Finding(OK, text)


def versions() -> Iterator[Finding]:
    """Installed versions beside requirements.lock; those that emocycle needs must be there."""
    from packaging.requirements import Requirement

    lines = (TEMPLATE / "requirements.lock").read_text(encoding="utf-8").splitlines()
    needed = [Requirement(text) for text in metadata.requires("emocycle") or ()]
    names = {need.name.lower() for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})}
    others = []
    for lock in (Requirement(line.partition("#")[0]) for line in lines if line.strip() and line[0] != "#"):
        if lock.marker is not None and not lock.marker.evaluate():
            continue
        try:
            version = metadata.version(lock.name)
        except metadata.PackageNotFoundError:
            if lock.name.lower() in names:
                yield Finding(BROKEN, f"{lock.name}: not installed, expected {lock.specifier}", _install())
            continue
        if not lock.specifier.contains(version, prereleases=True):
            others.append(f"{lock.name} {version} (lock {lock.specifier})")
    if others:
        yield Finding(NOTE, f"other versions than in requirements.lock: {', '.join(others)}", _install())
    else:
        yield Finding(OK, f"emocycle {metadata.version('emocycle')}, packages as in requirements.lock")


def libraries() -> Iterator[Finding]:
    """Torch and torchaudio load together, and so do the others; what torch says of the machine."""
    code, answer = _python(TORCH)
    if code:
        remedy = f"torch and torchaudio must have one version; {_install()}"
        yield Finding(BROKEN, f"torch and torchaudio do not load together: {answer}", remedy)
    else:
        about = json.loads(answer)
        yield Finding(OK, f"torch {about['torch']} and torchaudio {about['torchaudio']} load together")
        has = ", ".join(about["cpu"]) or "no AVX2"
        slower = "" if "bfloat16" in about["cpu"] else "; without bfloat16, training takes about twice as long"
        yield Finding(OK, f"CPU: {platform.machine()}, {has}{slower}")
        yield Finding(OK, f"GPU: {', '.join(about['gpu']) or 'none; not needed'}")
    code, answer = _python(IMPORTS % (MODULES,))
    errors = {"a library": answer} if code else json.loads(answer)
    for name, error in errors.items():
        yield Finding(BROKEN, f"{name} does not load: {error}", _install())


def _python(script: str) -> tuple[int, str]:
    """Exit code of a script, and its last line."""
    command = [sys.executable, "-c", script]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_S, check=False)
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {LOAD_S:.0f} s"
    lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    return done.returncode, lines[-1] if lines else f"exit code {done.returncode}"


def extras() -> Iterator[Finding]:
    """Optional packages."""
    for extra, module in EXTRAS.items():
        if find_spec(module) is None:
            yield Finding(NOTE, f"extra '{extra}': not installed", f"pip install 'emocycle[{extra}]', if you want it")
        else:
            yield Finding(OK, f"extra '{extra}': installed")


def machine() -> Iterator[Finding]:
    """Cores, memory and disk."""
    from pipeline.core import workers

    yield Finding(OK, f"{workers.cores()} processor cores")
    meminfo = Path("/proc/meminfo")  # of Linux
    if meminfo.is_file():
        words = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines())
        free_gb = int(words["MemAvailable"].split()[0]) / 1e6
        remedy = f"{MEMORY_GB} GB are safer: close programs, or --jobs 1"
        is_low = free_gb < MEMORY_GB
        yield Finding(NOTE if is_low else OK, f"{free_gb:.1f} GB of memory free", remedy * is_low)
    free_gb = shutil.disk_usage(".").free / 1e9
    if free_gb < DISK_GB:
        yield Finding(BROKEN, f"{free_gb:.1f} GB of disk free here, expected {DISK_GB}", "free some, or `dvc gc -w`")
    else:
        yield Finding(OK, f"{free_gb:.1f} GB of disk free here")


def workspace_files() -> Iterator[Finding]:
    """Git, the link to the code, and the files of DVC."""
    if shutil.which("git") is None:
        yield Finding(BROKEN, "git: not found", "install git")
        return
    done = subprocess.run(["git", "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=False)
    if done.returncode:
        yield Finding(BROKEN, f"{Path.cwd()}: not in a git repository", "emocycle init DIR, or git init")
        return
    missing = [name for name in ("dvc.yaml", "params.yaml", ".dvc/config") if not Path(name).is_file()]
    if missing:
        yield Finding(BROKEN, f"{Path.cwd()}: no {', '.join(missing)}", "cd to the workspace, or emocycle init DIR")
        return
    code = Path(CODE)
    if not code.exists():
        is_ = f"links to {code.readlink()}, which is gone" if code.is_symlink() else "is missing"
        yield Finding(BROKEN, f"{code} {is_}", "emocycle init .")
    elif code.resolve() != PACKAGE:
        remedy = "emocycle init . links to the running code" if code.is_symlink() else "use `python -m pipeline`"
        yield Finding(BROKEN, f"the running code is {PACKAGE}, not {code.resolve()} of the working directory", remedy)
    elif has_other_stages():
        yield Finding(BROKEN, f"{STAGES} is not that of the running code", "emocycle init . renews it")
    else:
        yield Finding(OK, f"git and DVC files are there; the code is {PACKAGE}")


def dvc_state() -> Iterator[Finding]:
    """Whether another process holds DVC's lock, the size of the cache, and items that are out of date."""
    if not Path(".dvc").is_dir() or not Path("dvc.yaml").is_file():
        return
    from dvc.lock import LockError
    from dvc.repo import Repo

    cache = Path(".dvc/cache")
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) if cache.is_dir() else 0
    with Repo() as repo:
        try:
            with repo.lock:
                changed = [stage.addressing for stage in repo.index.stages if stage.changed()]
                total = len(repo.index.stages)
        except LockError:
            remedy = "wait for the other `emocycle repro` or `dvc`; if there is none, remove .dvc/tmp/lock"
            yield Finding(BROKEN, "another process holds DVC's lock", remedy)
            return
    yield Finding(OK, f"DVC's cache has {size / 1e9:.1f} GB")
    if changed:
        more = "" if len(changed) <= 3 else f" and {len(changed) - 3} more"
        yield Finding(
            NOTE, f"out of date: {len(changed)} of {total} items: {', '.join(changed[:3])}{more}", "emocycle repro"
        )
    else:
        yield Finding(OK, f"all {total} items are up to date")


def data() -> Iterator[Finding]:
    """params.yaml and the corpora that it names."""
    if not Path("params.yaml").is_file():
        return
    from pipeline.cli import check

    problems = check.problems()
    for problem in problems:
        in_params = problem.startswith("params.yaml")
        yield Finding(BROKEN, problem, EDIT if in_params else RAW_REMEDY)
    if not problems:
        yield Finding(OK, "params.yaml and data/raw are valid")


def scorers() -> Iterator[Finding]:
    """Standard scorers that were installed after the stages that use them had run, which DVC does not notice."""
    if not Path("params.yaml").is_file():
        return
    import pyarrow.parquet as pq

    from pipeline.assessment import figures
    from pipeline.augmentation import arms, quality_gate
    from pipeline.core import manifest, params
    from pipeline.standard_scorers.scoring import installed

    where = Path("params.yaml")
    scenarios, folds, names = (params.load(where, key, tuple[Any, ...]) for key in ("scenarios", "folds", "arms"))
    splits = [f"{scenario}-{fold}" for scenario in scenarios for fold in folds]
    generated = [arm for arm in names if arm in arms.ARMS and not {*arms.ARMS[arm].generators} <= {*manifest.REPEATS}]
    assessed = [Path(f"data/assessed/{split}.parquet") for split in splits]
    augmented = [Path(f"data/augmented/{split}/{arm}.parquet") for split in splits for arm in generated]
    gated = {name: (column,) for name, column in quality_gate.STANDARD.items()}
    for stage, paths, columns in (("assess", assessed, figures.STANDARD), ("augment", augmented, gated)):
        known = [set(pq.read_schema(path).names) for path in paths if path.is_file()]
        found, _ = installed(params.load(where, f"standard_scorers.{stage}", tuple[str, ...]), stage)
        late = [name for name in found if not all(each.issuperset(columns[name]) for each in known)]
        if late:
            text = f"installed after stage {stage} had run: {', '.join(late)}"
            yield Finding(NOTE, text, f"dvc repro -f -s {stage}, then emocycle repro")


CHECKS = (python, versions, libraries, extras, machine, workspace_files, dvc_state, data, scorers)
