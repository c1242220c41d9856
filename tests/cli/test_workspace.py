"""DVC as a command."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import workspace

pytestmark = pytest.mark.usefixtures("empty_project")


def test_dvc_finds_the_commands_of_its_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def call(command: list[str], env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append((command, env))
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", call)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert workspace.dvc("repro", "--dry") == 3
    [(command, environment)] = calls
    assert command == [sys.executable, "-m", "dvc", "repro", "--dry"]
    assert environment["PATH"].split(":") == [str(Path(sys.executable).parent), "/usr/bin"]
    assert environment["DVC_NO_ANALYTICS"] == "1"
