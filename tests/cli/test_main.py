"""The group of commands: which code runs, and what it imports."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, run

pytestmark = pytest.mark.usefixtures("empty_project")


def test_help_imports_no_stage() -> None:
    program = (
        "import sys; from pipeline.cli.main import main; main(['--help'], standalone_mode=False); "
        "assert not {'torch', 'pandas', 'numpy', 'pydantic'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert re.search("train-cyclegan +Train ", result.stdout)
    assert result.stdout.index("record") < result.stdout.index("demo-corpus") < result.stdout.index("evaluate")


def test_blas_uses_one_thread() -> None:
    """With two, `assess` of few clips wrote other last digits, so they depended on what ran beside it."""
    program = (
        "import threadpoolctl; from pipeline.cli.main import main; main(['assess', '--help'], standalone_mode=False); "
        "pools = threadpoolctl.threadpool_info(); assert {pool['num_threads'] for pool in pools} == {1}, pools"
    )
    other = os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    result = subprocess.run([sys.executable, "-c", program], env=other, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


OWN_COMMAND = """
import click

@click.command()
@click.argument("names", nargs=-1)
def main(names):
    print("own code")
"""


def test_code_of_another_folder_is_an_error() -> None:
    """A worktree, beside the checkout from which the package was installed."""
    shutil.copytree(ROOT / "pipeline", "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    result = run("corpora", "savee")
    assert result.exit_code == 1
    message = f"the running code is {ROOT / 'pipeline'}, not {Path('pipeline').absolute()} of the working directory"
    assert message in result.output and "`python -m pipeline`" in result.output
    Path("pipeline/cli/corpora.py").write_text(OWN_COMMAND)
    command = [sys.executable, "-m", "pipeline", "corpora", "savee"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    asked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert asked.stdout == "own code\n", asked.stderr


def test_a_python_without_the_environment_says_so() -> None:
    command = [sys.executable, "-S", "-m", "pipeline", "corpora"]  # no site-packages
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert f"{sys.executable} has no module 'click'; activate the environment" in result.stderr
