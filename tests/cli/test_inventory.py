"""What is there of a corpus is listed, and `fetch` gets the rest, once."""

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import click
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import download
from pipeline.cli.main import main
from pipeline.corpora import CORPORA
from pipeline.corpora.corpus import Archive, Corpus, Labels, UnknownNameError

from .conftest import Site, pointer

RAW = Path("data/raw/mini")
EMOTIONS = {"a": "angry", "s": "sad"}
SPEAKERS = tuple("bcdefgh")
NAMES = [f"{speaker}_{emotion}{number}" for speaker in SPEAKERS for emotion in EMOTIONS for number in (1, 2)]


def parse(path: PurePosixPath) -> Labels:
    """Labels in a name such as `b_a1.wav`: angry, by b."""
    speaker, _, rest = path.stem.partition("_")
    if speaker not in SPEAKERS or rest[:1] not in EMOTIONS:
        raise UnknownNameError(path.name)
    return Labels(name=path.stem, speaker=speaker, emotion=EMOTIONS[rest[0]], emotion_raw=rest[0])


MINI = Corpus(
    title="Mini",
    license="CC0",
    source="nowhere",
    parse=parse,
    expected_counts={(speaker, emotion): 2 for speaker in SPEAKERS for emotion in EMOTIONS.values()},
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is the current directory; `mini` is one more corpus."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    Path("params.yaml").write_text("tables: {}\n")
    know(monkeypatch, MINI)
    return tmp_path / "project"


def know(monkeypatch: pytest.MonkeyPatch, corpus: Corpus) -> None:
    monkeypatch.setitem(CORPORA, "mini", corpus)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def lines(*names: str) -> list[str]:
    """Lines on `mini` below its title and source."""
    result = run("corpora", *(names or ("mini",)))
    assert result.exit_code == 0, result.output
    title, source, *lines = [line.strip() for line in result.output.splitlines()]
    assert (title, source) == ("mini  Mini; licence: CC0", "nowhere")
    return lines


def fill(*names: str, folder: Path = RAW, content: bytes = b"RIFF") -> None:
    for name in names:
        path = folder / (name if "." in name else f"{name}.wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_nothing() -> None:
    assert lines() == ["", "Put a corpus into data/raw/NAME, or link its folder: emocycle repro --raw NAME=FOLDER"]


def test_a_complete_corpus_by_a_link(tmp_path: Path) -> None:
    fill(*NAMES, folder=tmp_path / "elsewhere")
    RAW.parent.mkdir(parents=True)
    RAW.symlink_to(tmp_path / "elsewhere")
    assert lines() == ["data/raw/mini: 28 clips in 28 audio files, complete"]
    fill(*NAMES, folder=RAW / "nested" / "again")
    assert lines() == ["data/raw/mini: 28 clips in 56 audio files, complete"]
    RAW.unlink()
    RAW.symlink_to("/nowhere/at/all")
    assert lines()[0] == "data/raw/mini: is a link to /nowhere/at/all, which does not exist"


def test_what_is_missing() -> None:
    fill(*(name for name in NAMES if name[0] not in "ch" and name not in ("b_a1", "b_s2", "d_a2")))
    assert lines() == [
        "data/raw/mini: 17 clips in 17 audio files",
        "speaker b has 2 of 4 clips (angry 1 of 2, sad 1 of 2)",
        "speaker d has 3 of 4 clips (angry 1 of 2)",
        "no clips of speakers c, h",
    ]


def test_much_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    fill(*(name for name in NAMES if not name.endswith("_a1")))
    assert lines()[-2:] == ["speaker f has 3 of 4 clips (angry 1 of 2)", "and 2 more speakers lack clips"]
    many = {(f"{number}", "sad"): 1 for number in range(20)}
    know(monkeypatch, replace(MINI, expected_counts=dict(MINI.expected_counts) | many))
    assert lines()[-1] == f"no clips of speakers {', '.join(map(str, range(12)))} and 8 others"


def test_files_of_other_kinds() -> None:
    fill(*NAMES, "readme.txt", "x_a1.wav", "y_a1.FLAC", "._b_a1.wav", "__MACOSX/b_a2.wav", "b_a3.wav", "b_a4.wav")
    assert lines() == [
        "data/raw/mini: 30 clips in 32 audio files, complete",
        "2 clips are more than the corpus has for their speakers and emotions",
        "2 audio files have unknown names, such as data/raw/mini/x_a1.wav",
        "2 audio files are hidden files or macOS resource forks",
    ]


def test_a_name_that_is_not_utf_8() -> None:
    fill(*NAMES)
    try:
        fill("b_a1\udcff.wav")
    except OSError:
        pytest.skip("the file system has UTF-8 names only")
    assert lines()[1].endswith(r"such as data/raw/mini/b_a1\udcff.wav")


def test_pointers() -> None:
    fill(*NAMES)
    fill(*NAMES[:3], content=pointer(b"sound"))
    fill(f"mp3/{NAMES[5]}.mp3", content=pointer(b"another form of a clip that is there"))
    assert lines() == [
        "data/raw/mini: 28 clips in 29 audio files",
        "3 clips are only Git LFS pointers: run `git lfs pull` in the folder, or `emocycle fetch`",
    ]


def test_nobody_knows_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, replace(MINI, expected_counts={}))
    fill("some.zip", ".hidden.wav", *NAMES[:1])
    assert lines() == [
        "data/raw/mini: 1 clips in 1 audio files",
        "1 audio files are hidden files or macOS resource forks",
    ]


def test_genders(monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, replace(MINI, genders=lambda paths: {path.stem: "female" for path in paths}))
    fill(*NAMES)
    assert lines()[1:] == ["genders are unknown: the corpus's table of speakers is missing"]
    fill("b.txt")
    assert lines()[1:] == []

    def broken(paths: object) -> dict[str, str]:
        raise click.ClickException("b.txt: not readable")

    know(monkeypatch, replace(MINI, genders=broken))
    assert lines()[1:] == ["b.txt: not readable"]


def test_all_corpora() -> None:
    fill(*NAMES)
    result = run("corpora")
    lines = result.output.splitlines()
    assert lines[0].split() == ["mini", "Mini;", "licence:", "CC0"]  # what is there comes first
    assert {line.split()[0] for line in lines if line and not line.startswith((" ", "Put "))} == {*CORPORA}
    assert "`emocycle fetch ravdess`, or Zenodo, record 1188976" in result.output
    assert "emocycle fetch savee" not in result.output
    assert max(map(len, lines)) <= 105
    assert len(lines) < 30


@pytest.mark.parametrize("command", ["corpora", "fetch"])
@pytest.mark.parametrize("name", ["ravdes", "../ravdess"])
def test_unknown_names(command: str, name: str) -> None:
    result = run(command, name)
    assert result.exit_code == 1
    assert f"corpus '{name}' is not known" in result.output
    assert ("did you mean 'ravdess'?" in result.output) == ("ravdes" in name)


def test_the_demo_is_known_and_not_downloaded() -> None:
    shown = run("corpora", "demo").output
    assert shown.startswith("demo  emocycle demo") and "Put a corpus" not in shown
    result = run("fetch", "demo")
    assert result.exit_code == 1
    assert "demo: is not downloaded; `emocycle repro` synthesises it" in result.output


TABLES = """
tables:
  mine:
    table: clips.csv
    base: .
    license: mine alone
    emotions: {}
    intensities: {}
"""


def test_tables() -> None:
    Path("params.yaml").write_text(TABLES)
    assert "mine  your table data/raw/mine/clips.csv; licence: mine alone\n" in run("corpora", "mine").output
    assert "      the table is missing\n" in run("corpora", "mine").output
    fill("1.wav", "2.wav", folder=Path("data/raw/mine"))
    fill("clips.csv", folder=Path("data/raw/mine"), content=b"filepath,emotion\n1.wav,sad\n2.wav,what\n3.wav,sad\n")
    assert "      3 rows, some of them unusable: missing 1, unknown label 1\n" in run("corpora", "mine").output
    fill("clips.csv", folder=Path("data/raw/mine"), content=b"filepath,emotion\n1.wav,sad\n")
    assert run("corpora", "mine").output.endswith("      1 rows\n")
    fill("clips.csv", folder=Path("data/raw/mine"), content=b"what\n1.wav\n")
    result = run("corpora")
    assert result.exit_code == 0
    assert "lacks the column 'filepath'" in result.output


@pytest.mark.parametrize("text", ["tables: 3", "a: [", "seed: 1"])
def test_params_that_are_not_in_order(text: str) -> None:
    Path("params.yaml").write_text(text)
    result = run("corpora")
    assert result.exit_code == 0
    assert "Your own corpora are not listed: params.yaml: " in result.output


# Fetching


def sound(name: str) -> bytes:
    return f"RIFF {name}".encode() * 100


def publish(site: Site, lfs: bool, names: list[str] = NAMES) -> Corpus:
    """`mini` as an archive on the site, where Git LFS may have the sounds."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped:
        zipped.writestr("mini-main/readme.txt", "not to be unpacked")
        for name in names:
            zipped.writestr(f"mini-main/wav/{name}.wav", pointer(sound(name)) if lfs else sound(name))
    site.files = {f"/media/wav/{name}.wav": sound(name) for name in names} | {"/mini.zip": content.getvalue()}
    archive = Archive(
        url=f"{site.url}/mini.zip",
        members=("*/wav/*.wav",),
        most_bytes=100_000,
        size=len(content.getvalue()),
        md5=hashlib.md5(content.getvalue()).hexdigest(),
        lfs=f"{site.url}/media/" if lfs else None,
    )
    return replace(MINI, archives=(archive,))


@pytest.mark.parametrize("lfs", [True, False])
def test_fetch(site: Site, monkeypatch: pytest.MonkeyPatch, lfs: bool) -> None:
    know(monkeypatch, publish(site, lfs))
    result = run("fetch", "mini")
    assert result.exit_code == 0, result.output
    assert "Mini: its licence is CC0\n" in result.output
    assert "data/raw/mini: unpacked 28 files\n" in result.output
    assert result.stdout.endswith("data/raw/mini: 28 clips in 28 audio files, complete\n")
    wav = RAW / "wav" if lfs else RAW / "mini-main" / "wav"
    assert {path.name: path.read_bytes() for path in wav.iterdir()} == {f"{name}.wav": sound(name) for name in NAMES}
    assert list(RAW.iterdir()) == [RAW / "wav" if lfs else RAW / "mini-main"]
    assert list(Path("data/downloads").iterdir()) == []
    assert len(site.paths) == 1 + 28 * lfs

    again = run("fetch", "mini")
    assert again.output == "mini: nothing to do; data/raw/mini: 28 clips in 28 audio files, complete\n"
    assert len(site.paths) == 1 + 28 * lfs


def test_fetch_what_is_missing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, publish(site, lfs=True))
    fill(*(f"wav/{name}.wav" for name in NAMES[:10]), content=b"mine")
    result = run("fetch", "mini")
    assert "data/raw/mini: unpacked 18 files; 10 existing files were kept\n" in result.output
    assert len(site.paths) == 19
    assert (RAW / "wav" / f"{NAMES[0]}.wav").read_bytes() == b"mine"
    # A clip that is but a pointer, as in a clone without Git LFS: no archive is needed.
    fill(f"wav/{NAMES[0]}", content=pointer(sound(NAMES[0])))
    assert run("fetch", "mini").stdout.endswith("28 audio files, complete\n")
    assert len(site.paths) == 20
    assert (RAW / "wav" / f"{NAMES[0]}.wav").read_bytes() == sound(NAMES[0])


def test_fetch_goes_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, publish(site, lfs=True))
    last = f"/media/wav/{NAMES[-1]}.wav"
    sounds = site.files.pop(last)
    result = run("fetch", "mini")
    assert result.exit_code == 1
    assert f"{last}: the server answered 404" in result.output
    assert "clips are only Git LFS pointers" in run("corpora", "mini").output
    site.files[last] = sounds
    assert run("fetch", "mini").exit_code == 0
    assert site.paths.count("/mini.zip") == 1
    assert len(site.paths) <= 1 + 28 + 8


def test_fetch_to_another_folder(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    know(monkeypatch, publish(site, lfs=False))
    there = tmp_path / "disk" / "mini"
    result = run("fetch", "mini", "--to", str(there))
    assert result.stdout.endswith(f"To use this folder: emocycle repro --raw mini={there}\n")
    assert not RAW.exists()
    RAW.parent.mkdir(parents=True)
    RAW.symlink_to(there)
    assert "nothing to do" in run("fetch", "mini").output
    for path in there.rglob("*_a1.wav"):
        path.unlink()
    assert "unpacked 7 files; 21 existing files were kept" in run("fetch", "mini").output
    assert RAW.is_symlink()
    assert len(site.paths) == 2


def test_fetch_is_not_all(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, publish(site, lfs=False, names=NAMES[1:]))
    result = run("fetch", "mini")
    assert result.exit_code == 1
    assert "speaker b has 3 of 4 clips (angry 1 of 2)\n" in result.output
    assert "mini: is not complete, though all of its archives are unpacked" in result.output


def test_fetch_a_bad_archive(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    good = publish(site, lfs=False)
    know(monkeypatch, replace(good, archives=(replace(good.archives[0], size=None, md5=None),)))
    content = site.files["/mini.zip"]
    site.files["/mini.zip"] = content[:-100]
    result = run("fetch", "mini")
    assert result.exit_code == 1
    assert "data/downloads/mini-1.zip: damaged, or no zip file" in result.output
    site.files["/mini.zip"] = content
    assert run("fetch", "mini").exit_code == 0
    assert len(site.paths) == 2


def test_fetch_into_a_folder_that_is_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, publish(site, lfs=False))
    RAW.parent.mkdir(parents=True)
    for create in (RAW.touch, lambda: RAW.symlink_to("/nowhere/at/all")):
        create()
        result = run("fetch", "mini")
        assert result.exit_code == 1 and "data/raw/mini: is a file or a broken link" in result.output
        RAW.unlink()
    assert site.paths == []


def test_fetch_outside_a_project_writes_nothing() -> None:
    Path("params.yaml").unlink()
    for arguments in (("mini",), ("mini", "--to", "there")):
        result = run("fetch", *arguments)
        assert result.exit_code == 1 and "params.yaml: not found; run `emocycle fetch` inside" in result.output
    assert not list(Path().iterdir())


def test_no_archive() -> None:
    result = run("fetch", "mini")
    assert result.exit_code == 0
    assert result.output == (
        "`emocycle fetch` cannot download Mini. Its licence: CC0\n"
        "  1. Get it: nowhere\n"
        "  2. Unpack it into data/raw/mini, or into another folder and run: emocycle repro --raw mini=/its/folder\n"
        "  3. Check the number of clips: emocycle corpora mini\n"
    )
    fill(*NAMES)
    assert "nothing to do" in run("fetch", "mini").output


def test_no_pointer_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are enough: of a file that is no pointer by its size, nothing is read."""
    fill(*NAMES, content=b"RIFF" * 1000)
    Path("params.yaml").unlink()
    monkeypatch.setattr(Path, "open", lambda *arguments, **others: pytest.fail("a file was opened"))
    assert not download.is_pointer(RAW / f"{NAMES[0]}.wav")
    assert "complete" in run("corpora", "mini").output
