"""A project without data, a web server, and what several tests of commands share."""

import hashlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from pipeline.cli import workspace
from pipeline.cli.main import main
from pipeline.core import memory

ROOT = Path(__file__).parents[2]
ARMS = ("classical", "cyclegan", "none")  # of the demo
VALID = "params.yaml and data/raw are valid\n"
MINE = {"table": "clips.csv", "base": ".", "license": "private", "emotions": {}, "intensities": {}}


def pointer(content: bytes, size: int | None = None) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    length = len(content) if size is None else size
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {length}\n".encode()


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository's params.yaml in an empty project, which is the current directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Arguments of each call of DVC, which is replaced by a function that succeeds; memory suffices for all jobs."""
    monkeypatch.setattr(memory, "available_gb", lambda: 99.0)
    calls: list[tuple[str, ...]] = []

    def dvc(*arguments: str) -> int:
        calls.append(arguments)
        return 0

    monkeypatch.setattr(workspace, "dvc", dvc)
    monkeypatch.setattr(workspace, "stages", lambda: {"evaluate"})
    return calls


def change(**values: Any) -> None:
    """Give keys of params.yaml other values; dots between levels are written `__`, None removes a key."""
    found = YAML(typ="safe").load(Path("params.yaml"))
    for name, value in values.items():
        *above, key = name.split("__")
        place = found
        for level in above:
            place = place[level]
        place[key] = value
        if value is None:
            del place[key]
    Path("params.yaml").write_text(json.dumps(found))  # JSON is YAML


def recorded(name: str, **values: Any) -> Path:
    """Folder of a record whose params.yaml has other values; the current params.yaml stays."""
    before, folder = Path("params.yaml").read_bytes(), Path("experiments", name)
    change(**values)
    folder.mkdir(parents=True)
    Path("params.yaml").rename(folder / "params.yaml")
    Path("params.yaml").write_bytes(before)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def git(*arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


@dataclass
class Site:
    """A web server whose behaviour a test sets."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)  # by path
    ranges: bool = True  # it knows them
    tells_length: bool = True
    cuts: list[int] = field(default_factory=list)  # bytes after which the connection breaks, of one response each
    statuses: list[int] = field(default_factory=list)  # in place of a file, once each
    paths: list[str] = field(default_factory=list)  # of all requests
    asked: list[str | None] = field(default_factory=list)  # their ranges


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        site = self.site
        wanted = self.headers.get("Range")
        site.paths.append(self.path)
        site.asked.append(wanted)
        content = site.files.get(self.path)
        if site.statuses or content is None:
            self.answer(site.statuses.pop(0) if site.statuses else 404, b"", {"Retry-After": "0"})
            return
        if wanted is None or not site.ranges:
            self.answer(200, content, {})
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            self.answer(416, b"", {})
            return
        self.answer(206, content[start:], {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.site.tells_length or not body:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        cut = self.site.cuts.pop(0) if self.site.cuts and body else len(body)
        self.wfile.write(body[:cut])
        self.close_connection = self.close_connection or cut < len(body)


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # of a client that hangs up
            super().handle_error(request, client_address)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> Iterator[Site]:
    """A local server; pauses of downloads are left out."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = Site()
    server = Server(("127.0.0.1", 0), type("OfSite", (Handler,), {"site": found}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses of downloads, which are left out."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked
