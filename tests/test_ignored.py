"""What .gitignore and .dvcignore do, with git and DVC themselves in a small repository."""

import shutil
import subprocess
from pathlib import Path

import pytest
from dvc import cli as command_line

ROOT = Path(__file__).parents[1]
LEFT_BEHIND = (
    "data/raw/mini/.DS_Store",
    "data/raw/mini/deep/Thumbs.db",
    "data/raw/mini/desktop.ini",
    "data/raw/mini/.directory",
    "code/module.py~",
    "code/.module.py.swp",
    "code/.#module.py",
    "code/#module.py#",
    "code/.ipynb_checkpoints/module-checkpoint.py",
    "code/__pycache__/module.cpython-311.pyc",
    "code/.idea/x.xml",
)
STAGES = """
stages:
  work:
    cmd: cat data/raw/mini/a.wav code/module.py > out.txt
    deps: [data/raw/mini, code]
    outs: [out.txt]
"""


def dvc(*arguments: str) -> None:
    assert command_line.main([*arguments, "--quiet"]) == 0


def git(*arguments: str) -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def write(name: str, text: str = "x") -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a raw corpus and some code, which is the current directory."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    git("init", "--quiet")
    dvc("init")
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, name)
    write("data/raw/mini/a.wav")
    write("code/module.py")
    write("dvc.yaml", STAGES)
    return folder


def test_what_systems_and_editors_leave_behind_reruns_nothing(repository: Path) -> None:
    dvc("repro")
    for name in LEFT_BEHIND:
        write(name)
    dvc("status")  # with --quiet, fails where something has changed
    write("data/raw/mini/b.wav")  # what counts is seen
    assert command_line.main(["status", "--quiet"]) == 1


def test_a_raw_corpus_can_be_versioned(repository: Path) -> None:
    dvc("add", "data/raw/mini")
    git("add", "--all")
    listed = git("ls-files").split()
    assert {"data/raw/mini.dvc", ".gitignore"} < set(listed) and "data/raw/mini/a.wav" not in listed


def test_voices_of_persons_stay_out_of_git(repository: Path) -> None:
    write("persons/anna/weights.safetensors")
    git("add", "--all")
    assert not [name for name in git("ls-files").split() if name.startswith("persons")]


def test_git_ignores_what_dvc_ignores() -> None:
    ignored = {line for line in (ROOT / ".dvcignore").read_text().splitlines() if not line.startswith("# ")}
    assert ignored and not ignored - set((ROOT / ".gitignore").read_text().splitlines())
