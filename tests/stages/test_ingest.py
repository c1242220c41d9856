"""The stage ingest on good files, and on the odd files of real folders."""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner, Result

from pipeline.audio import decoding
from pipeline.cli import inventory
from pipeline.core import manifest, workers
from pipeline.corpora import CORPORA
from pipeline.stages.ingest import main

PARAMS = "ingest:\n  min_duration_s: 0.1\n  max_duration_s: 45\n  silence_peak: 1e-4\ntables: {}\n"
RAW = Path("data/raw/ravdess")
OUT, QUARANTINE = Path("data/corpora/ravdess.parquet"), Path("data/corpora/ravdess.quarantine.parquet")
RATE = 16_000


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project as current directory, and one process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workers, "cores", lambda: 1)
    Path("params.yaml").write_text(PARAMS)
    return tmp_path


def ingest(raw: Path | str = RAW, corpus: str = "ravdess") -> Result:
    arguments = ["--corpus", corpus, "--raw", str(raw), "--out", str(OUT), "--quarantine", str(QUARANTINE)]
    return CliRunner().invoke(main, arguments)


def noise(seed: int) -> np.ndarray:
    """Noise of a seed."""
    return 0.1 * np.random.default_rng(seed).standard_normal(RATE // 2)


def tables(result: Result) -> tuple[pd.DataFrame, dict[str, str]]:
    """Kept clips, and the reason for each file below `RAW` that was left out."""
    assert result.exit_code == 0, result.output
    rejected = manifest.read(QUARANTINE, manifest.QUARANTINE)
    paths = [Path(path).relative_to(RAW).as_posix() for path in rejected["filepath"]]
    return manifest.read(OUT, manifest.CLIPS), dict(zip(paths, rejected["reason"], strict=True))


def test_rows(ravdess_tree: Callable[..., Path]) -> None:
    ravdess_tree(RAW, actors=(7, 20), emotions=("neutral", "angry"))
    result = ingest()
    clips, rejected = tables(result)
    assert "ravdess: kept 4 of 4 clips\n" in result.output
    assert not rejected
    row = clips.iloc[1].drop(["sha256"]).replace({np.nan: None}).to_dict()
    assert row == {
        "id": "ravdess/03-01-01-01-01-01-20",
        "filepath": "data/raw/ravdess/Actor_20/03-01-01-01-01-01-20.wav",
        "start": None,
        "end": None,
        "emotion": "neutral",
        "intensity": "medium",
        "speaker": "ravdess_20",
        "corpus": "ravdess",
        "sampling_rate": RATE,
        "duration": pytest.approx(0.4),
        "is_synthetic": False,
        "gender": "female",
        "language": "en",
        "sentence": "Kids are talking by the door",
        "emotion_raw": "01",
        "intensity_raw": "01",
        "license": "CC BY-NC-SA 4.0",
    }
    assert clips["sha256"].str.len().eq(64).all()


def test_bad_files_are_quarantined_with_a_reason(ravdess_tree: Callable[..., Path]) -> None:
    ravdess_tree(RAW, actors=(1,), emotions=("neutral", "calm", "happy"))
    sound, _ = soundfile.read(RAW / "Actor_01/03-01-01-01-01-01-01.wav")
    nan = sound.copy()
    nan[7] = np.nan

    def path(statement_and_repetition: str, suffix: str = "wav") -> Path:
        return RAW / f"03-01-05-01-{statement_and_repetition}-02.{suffix}"

    path("01-01").write_text("not audio")
    path("01-02").touch()
    soundfile.write(path("02-01"), sound, RATE)
    path("02-01").write_bytes(path("02-01").read_bytes()[:-2000])
    soundfile.write(path("02-02", "flac"), 0.9 * sound, RATE)
    path("02-02", "flac").write_bytes(path("02-02", "flac").read_bytes()[:-2000])
    soundfile.write(RAW / "03-01-06-01-01-01-02.wav", nan, RATE, subtype="FLOAT")
    soundfile.write(RAW / "03-01-06-01-01-02-02.wav", sound[: RATE // 50], RATE)
    soundfile.write(RAW / "03-01-06-01-02-01-02.wav", 0 * sound, RATE)
    (RAW / "03-01-06-01-02-02-02.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d\n")
    soundfile.write(RAW / "1001_DFA_ANG_XX.wav", 0.8 * sound, RATE)
    (RAW / "__MACOSX").mkdir()
    (RAW / "__MACOSX/03-01-01-01-01-01-01.wav").write_bytes(b"\0\5\x16\7")
    (RAW / "._03-01-01-01-01-01-01.wav").write_bytes(b"\0\5\x16\7")
    # Good ones, though odd: very quiet, stereo, an AIFF named WAV.
    soundfile.write(RAW / "03-01-07-01-01-01-02.wav", 0.006 * sound / np.abs(sound).max(), RATE)
    soundfile.write(RAW / "03-01-07-01-01-02-02.wav", np.stack([sound, 0.5 * sound], axis=1), RATE)
    soundfile.write(RAW / "03-01-07-01-02-01-02.wav", 0.7 * sound, RATE, format="AIFF")
    (RAW / "README.txt").write_text("about")
    (RAW / ".DS_Store").touch()

    result = ingest()
    clips, rejected = tables(result)
    assert rejected == {
        "03-01-05-01-01-01-02.wav": "unreadable",
        "03-01-05-01-01-02-02.wav": "empty",
        "03-01-05-01-02-01-02.wav": "truncated",
        "03-01-05-01-02-02-02.flac": "truncated",
        "03-01-06-01-01-01-02.wav": "not finite",
        "03-01-06-01-01-02-02.wav": "too short",
        "03-01-06-01-02-01-02.wav": "silent",
        "03-01-06-01-02-02-02.wav": "git lfs pointer",
        "1001_DFA_ANG_XX.wav": "unknown name",
        "__MACOSX/03-01-01-01-01-01-01.wav": "not audio",
        "._03-01-01-01-01-01-01.wav": "not audio",
    }
    assert len(clips) == 6
    assert "kept 6 of 17 clips; quarantined: not audio 2, truncated 2, empty 1" in result.output
    assert "ignored 2 files of other kinds" in result.output
    assert len(clips) + len(rejected) + 2 == sum(found.is_file() for found in RAW.rglob("*"))  # nothing is lost
    details = manifest.read(QUARANTINE, manifest.QUARANTINE).set_index("reason")["detail"]
    assert details["too short"] == "lasts 0.020 s, expected 0.100 s or more"
    assert "'1001_DFA_ANG_XX.wav' is not named like" in details["unknown name"]


def test_duplicates_keep_the_first(ravdess_tree: Callable[..., Path]) -> None:
    ravdess_tree(RAW, actors=(1, 2))
    shutil.copytree(RAW, RAW / "nested")  # as in public copies of RAVDESS
    repetition = RAW / "Actor_02/03-01-05-01-01-02-02.wav"
    shutil.copy(RAW / "Actor_02/03-01-05-01-01-01-02.wav", repetition)
    clips, rejected = tables(ingest())
    assert len(clips) == 4
    assert not clips["filepath"].str.contains("nested").any()
    assert len(rejected) == 5
    assert set(rejected.values()) == {"duplicate"}
    frame = manifest.read(QUARANTINE, manifest.QUARANTINE).set_index("filepath")
    assert frame["detail"][repetition.as_posix()].endswith("Actor_02/03-01-05-01-01-01-02.wav")


@pytest.mark.parametrize("name", ["03-01-04-01-01-01-01.wav", "03-01-05-01-01-01-03.wav"])
def test_copies_with_conflicting_labels(ravdess_tree: Callable[..., Path], name: str) -> None:
    ravdess_tree(RAW, actors=(1,))
    shutil.copy(RAW / "Actor_01/03-01-05-01-01-01-01.wav", RAW / name)  # another emotion, another speaker
    clips, rejected = tables(ingest())
    assert list(clips["emotion"]) == ["neutral"]
    assert rejected == {
        "Actor_01/03-01-05-01-01-01-01.wav": "conflicting labels",
        name: "conflicting labels",
    }


def test_name_clash_keeps_the_first(ravdess_tree: Callable[..., Path]) -> None:
    ravdess_tree(RAW / "16k", actors=(1,))
    ravdess_tree(RAW / "48k", actors=(1,), sampling_rate=48_000)
    clips, rejected = tables(ingest())
    assert set(clips["sampling_rate"]) == {RATE}
    assert set(rejected.values()) == {"name clash"}
    assert all(path.startswith("48k") for path in rejected)


def test_links_in_circles(ravdess_tree: Callable[..., Path]) -> None:
    ravdess_tree(RAW, actors=(1,))
    for name in ("loop", "again"):  # every path through both would be 2^40 paths long
        (RAW / name).symlink_to(".")
    (RAW / "Actor_01/up").symlink_to("..")
    clips, rejected = tables(ingest())
    assert len(clips) == 2
    assert set(rejected.values()) <= {"duplicate"}
    assert len(rejected) < 10


def test_lossy_copies_beside_the_original() -> None:
    """As in CREMA-D's repository; the WAV is preferred, and its conflicts also exclude the MP3.

    Genders are those of a file of the corpus.
    """
    raw = Path("data/raw/cremad")
    names = ("1001_DFA_ANG_XX", "1006_TIE_HAP_XX", "1006_TIE_NEU_XX")
    for folder in ("AudioMP3", "AudioWAV"):
        (raw / folder).mkdir(parents=True)
    for number, name in enumerate(names):
        soundfile.write(raw / f"AudioWAV/{name}.wav", noise(min(number, 1)), RATE)
        soundfile.write(raw / f"AudioMP3/{name}.mp3", noise(10 + number), RATE)
    soundfile.write(raw / "AudioWAV/1003_DFA_ANG_XX.wav", noise(2), RATE)
    (raw / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Caucasian,Not Hispanic\n"
    )
    result = ingest(raw, "cremad")
    assert "kept 2 of 7 clips; quarantined: conflicting labels 4, name clash 1" in result.output
    clips = manifest.read(OUT, manifest.CLIPS)
    assert clips["filepath"].tolist() == [f"{raw}/AudioWAV/{actor}_DFA_ANG_XX.wav" for actor in (1001, 1003)]
    assert clips["gender"].replace({np.nan: None}).tolist() == ["male", None]


def test_linked_folders(ravdess_tree: Callable[..., Path], tmp_path: Path) -> None:
    ravdess_tree(tmp_path / "elsewhere", actors=(1,))
    ravdess_tree(tmp_path / "more", actors=(2,))
    ravdess_tree(tmp_path / "elsewhere/.cache", actors=(3,))
    (tmp_path / "elsewhere" / "more").symlink_to(tmp_path / "more")
    (tmp_path / "elsewhere" / "own").symlink_to(".cache/Actor_03")
    RAW.parent.mkdir(parents=True)
    RAW.symlink_to(tmp_path / "elsewhere")
    for raw in (RAW, tmp_path / RAW, f"./{RAW}/"):
        clips, rejected = tables(ingest(raw))
        assert len(clips) == 4 and set(clips["speaker"]) == {"ravdess_01", "ravdess_03"}
        assert clips["filepath"].str.startswith("data/raw/ravdess/").all()
        assert Counter(rejected.values()) == {"outside": 2, "not audio": 2}


def test_links_out_of_the_folder(ravdess_tree: Callable[..., Path], tmp_path: Path) -> None:
    """A corpus from elsewhere may link to any file; DVC links to its own cache."""
    ravdess_tree(RAW, actors=(1,))
    first, second = sorted(RAW.rglob("*.wav"))
    first.rename(tmp_path / "private.wav")
    first.symlink_to(tmp_path / "private.wav")
    kept = tmp_path / "cache/files/md5/0a" / ("1" * 30)
    kept.parent.mkdir(parents=True)
    second.rename(kept)
    second.symlink_to(kept)
    clips, rejected = tables(ingest())
    assert clips["filepath"].tolist() == [second.as_posix()] and list(rejected.values()) == ["outside"]
    assert f"leads to {tmp_path}/private.wav" in manifest.read(QUARANTINE, manifest.QUARANTINE)["detail"].item()
    lines = list(inventory.describe(CORPORA["ravdess"], RAW))
    assert "1 audio files are left out: their links lead out of the folder" in lines


def test_path_that_is_not_utf8(ravdess_tree: Callable[..., Path]) -> None:
    ravdess_tree(RAW, actors=(1,))
    folder = Path(str(RAW) + "/\udcb5")
    try:
        shutil.copytree(RAW / "Actor_01", folder)
    except OSError:
        pytest.skip("this file system allows UTF-8 only")
    clips, rejected = tables(ingest())
    assert len(clips) == 2
    assert set(rejected.values()) == {"unknown name"}


def test_same_bytes_with_more_processes(ravdess_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    ravdess_tree(RAW, actors=range(1, 6))
    shutil.copy(RAW / "Actor_05/03-01-05-01-01-01-05.wav", RAW / "03-01-05-01-01-02-05.wav")
    ingest()
    before = OUT.read_bytes(), QUARANTINE.read_bytes()
    monkeypatch.setattr(workers, "cores", lambda: 2)
    ingest()
    assert (OUT.read_bytes(), QUARANTINE.read_bytes()) == before
    assert manifest.read(OUT, manifest.CLIPS)["id"].is_monotonic_increasing


def test_too_long_clips_are_not_decoded(ravdess_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """In any format."""
    ravdess_tree(RAW, actors=(1,))
    long = np.tile(noise(1), 8)  # 4 s
    for number, suffix in enumerate(("wav", "flac", "mp3", "ogg")):
        path = RAW / f"03-01-06-01-{number // 2 + 1:02}-{number % 2 + 1:02}-01.{suffix}"
        soundfile.write(path, (number + 1) / 8 * long, RATE, format=suffix.upper())
    read: list[int] = []
    file_read = soundfile.SoundFile.read
    monkeypatch.setattr(
        soundfile.SoundFile,
        "read",
        lambda file, *args, **kind: read.append(file.frames) or file_read(file, *args, **kind),
    )
    Path("params.yaml").write_text(PARAMS.replace("45", "3.9"))
    result = ingest()
    _, rejected = tables(result)
    assert "kept 2 of 6 clips; quarantined: too long 4" in result.output
    assert set(rejected.values()) == {"too long"}
    assert read and max(read) < 3.9 * RATE
    details = manifest.read(QUARANTINE, manifest.QUARANTINE)["detail"]
    assert details.str.fullmatch(r"lasts 4\.[01] s, expected 3\.9 s or less").all()


TABLE = """filepath,emotion,speaker,gender,language,intensity
one.wav,wut,a,f,de,stark
sub/two.wav,neutral,b,m,de,
three.wav,wut,a,f,de,stark
gone.wav,neutral,b,m,de,
four.wav,bored,b,m,de,
"""
MINE = """
ingest: {min_duration_s: 0.1, max_duration_s: 45, silence_peak: 1e-4}
tables:
  mine: {table: clips.csv, base: audio, license: private, emotions: {wut: angry}, intensities: {stark: high}}
"""


def test_corpus_with_a_table(tmp_path: Path) -> None:
    Path("params.yaml").write_text(MINE)
    raw = Path("data/raw/mine")
    (raw / "audio/sub").mkdir(parents=True)
    (raw / "clips.csv").write_text(TABLE)
    for number, name in enumerate(("one", "sub/two", "three", "four")):
        soundfile.write(raw / f"audio/{name}.wav", noise(number), RATE)
    (raw / "audio/three.wav").write_bytes((raw / "audio/one.wav").read_bytes())
    (raw / "audio/unlisted.wav").touch()
    result = ingest(raw, "mine")
    assert result.exit_code == 0, result.output
    assert "mine: kept 2 of 5 clips; quarantined: duplicate 1, missing 1, unknown label 1" in result.output
    assert "; ignored 1 files of no row\n" in result.output
    assert "mine: warning: unknown emotions: 'bored' 1; map them in 'tables.mine.emotions' to one of: " in result.output
    assert "ingest mine: warning: columns that are not used: none\n" in result.stderr
    clips = manifest.read(OUT, manifest.CLIPS).set_index("id")
    row = clips.loc["mine/one"]
    assert row["filepath"] == "data/raw/mine/audio/one.wav"
    assert (row["emotion"], row["emotion_raw"], row["intensity"], row["speaker"]) == ("angry", "wut", "high", "mine_a")
    assert (row["gender"], row["language"], row["license"], row["corpus"]) == ("female", "de", "private", "mine")
    assert clips.index.tolist() == ["mine/one", "mine/sub/two"]


def talk(seconds: float, name: str = "talk.wav", rate: int = RATE) -> Path:
    """Write a long file of noise."""
    path = Path("data/raw/mine/audio") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        for _ in range(round(seconds)):
            file.write(0.1 * draw.standard_normal(rate))
    return path


def test_segments_of_a_long_file() -> None:
    Path("params.yaml").write_text(MINE)
    path = talk(60)
    (path.parents[1] / "clips.csv").write_text(
        "filepath,emotion,speaker,start,end,valence,annotator\n"
        "talk.wav,wut,a,0.5,2.25,1,x\n"
        "talk.wav,neutral,b,2.0,4,1,x\n"  # overlaps, of another speaker
        "talk.wav,wut,a,10,12,1,x\n"
        "talk.wav,wut,a,11,13,1,x\n"  # overlaps, of the same
        "talk.wav,wut,a,10.000001,12.000001,1,x\n"  # the same samples
        "talk.wav,wut,a,20,21,1,x\n"
        "talk.wav,neutral,a,20.000001,21,1,x\n"  # the same samples, another emotion
        "talk.wav,wut,a,30,60.004,1,x\n"  # rounded
        "talk.wav,wut,a,59,60.5,1,x\n"  # beyond the end
        "talk.wav,wut,a,1000,3000,1,x\n"  # milliseconds
        "talk.wav,wut,a,40,40.05,1,x\n"  # too short
        "talk.wav,wut,a,5,4,1,x\n"
        "talk.wav,wut,a,44,,1,x\n"
    )
    result = ingest(path.parents[1], "mine")
    assert result.exit_code == 0, result.output
    reasons = "invalid times 3, conflicting labels 2, duplicate 1, too short 1"
    assert result.output.endswith(
        "mine: warning: 6 clips overlap another in their file, 2 of them one of another speaker or emotion\n"
        "ingest mine: warning: columns that are not used: valence, annotator\n"
        f"ingest mine: kept 6 of 13 clips; quarantined: {reasons}\n"
    )
    clips = manifest.read(OUT, manifest.CLIPS).set_index("id")
    assert clips.index.tolist() == [
        f"mine/talk@{times}" for times in ("0.5-2.25", "10-12", "11-13", "2-4", "30-60.004", "44-end")
    ]
    whole, _ = soundfile.read(path, dtype="float32")
    for id_, first, last in (("0.5-2.25", 0.5, 2.25), ("30-60.004", 30, 60), ("44-end", 44, 60)):
        row = clips.loc[f"mine/talk@{id_}"]
        soundfile.write("part.wav", whole[round(first * RATE) : round(last * RATE)], RATE, subtype="FLOAT")
        assert row["sha256"] == decoding.read(Path("part.wav")).sha256
        assert row["duration"] == pytest.approx(last - first)
    rejected = manifest.read(QUARANTINE, manifest.QUARANTINE)
    assert set(rejected["filepath"]) == {path.as_posix()}
    details = rejected.set_index("start")["detail"]
    assert details[59.0] == "the segment is from 59 s to 60.5 s, but the file has 60.000 s (times are in seconds)"
    assert details[1000.0].endswith("but the file has 60.000 s (times are in seconds)")
    assert details[10.000001] == "same sha256 as data/raw/mine/audio/talk.wav (10-12 s)"
    assert details[20.0] == details[20.000001]
    assert "(20-21 s) mine_a angry, data/raw/mine/audio/talk.wav (20.000001-21 s) mine_a neutral" in details[20.0]
    assert details[40.0] == "lasts 0.050 s, expected 0.100 s or more"

    (path.parents[1] / "clips.csv").write_text("filepath,emotion,affect\ntalk.wav,7,wut\n")
    result = ingest(path.parents[1], "mine")
    assert result.exit_code == 1
    assert "kept 0 of 1 clips; quarantined: unknown label 1; data/raw/mine/audio/talk.wav: emotion '7'" in result.output
    assert "columns that are not used: affect" in result.output


MEASURED = """
import resource, sys
from pipeline.stages.ingest import main
main(sys.argv[1:], standalone_mode=False)
print(max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file() -> None:
    """Four minutes at 48 kHz would be 46 MB of samples."""
    Path("params.yaml").write_text(MINE)
    peaks = {}
    for seconds in (10, 240):
        path = talk(seconds, rate=48_000)
        rows = "".join(f"talk.wav,wut,{start},{start + 1}\n" for start in np.linspace(0, seconds - 2, 20).round(3))
        (path.parents[1] / "clips.csv").write_text(f"filepath,emotion,start,end\n{rows}")
        arguments = ["--corpus", "mine", "--raw", "data/raw/mine", "--out", str(OUT), "--quarantine", str(QUARANTINE)]
        command = [sys.executable, "-c", MEASURED, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "mine: kept 20 of 20 clips" in done.stdout
        peaks[seconds] = int(done.stdout.splitlines()[-1])
    assert peaks[240] < peaks[10] + 20_000  # kB


def test_files_outside_the_project(tmp_path: Path) -> None:
    drive = tmp_path.parent / f"{tmp_path.name}-drive"
    drive.mkdir()
    Path("params.yaml").write_text(MINE.replace("base: audio", f"base: {drive}"))
    raw = Path("data/raw/mine")
    raw.mkdir(parents=True)
    (raw / "clips.csv").write_text(f"filepath,emotion\none.wav,wut\n{drive}/two.wav,neutral\n")
    for number, name in enumerate(("one", "two")):
        soundfile.write(drive / f"{name}.wav", noise(number), RATE)
    result = ingest(raw, "mine")
    assert result.exit_code == 0, result.output
    clips = manifest.read(OUT, manifest.CLIPS)
    assert clips["id"].tolist() == ["mine/one", "mine/two"]
    assert set(clips["speaker"]) == {"mine_unknown"}
    assert all(Path(path).is_file() for path in clips["filepath"])


@pytest.mark.parametrize("corpus", ["ravdess", "demo"])
def test_no_folder_and_folder_without_a_usable_clip(corpus: str) -> None:
    result = ingest(corpus=corpus)
    assert result.exit_code == 1
    assert "data/raw/ravdess: no such folder; expected the clips of " in result.output
    RAW.mkdir(parents=True)
    (RAW / "1001_DFA_ANG_XX.wav").touch()
    (RAW / "notes.txt").touch()
    result = ingest(corpus=corpus)
    assert result.exit_code == 1
    assert "kept 0 of 1 clips; quarantined: unknown name 1; ignored 1 files" in result.output
    assert "1001_DFA_ANG_XX.wav" in result.output
    assert not OUT.exists()
    (RAW / "1001_DFA_ANG_XX.wav").unlink()
    assert "kept 0 of 0 clips; ignored 1" in ingest(corpus=corpus).output


@pytest.mark.parametrize(
    ("params", "corpus", "message"),
    [
        (PARAMS, "ravdes", "corpus 'ravdes' is not known; did you mean 'ravdess'?"),
        (PARAMS.replace("_peak", "_pek"), "ravdess", "'ingest.silence_pek' is not known; did you mean 'silence_peak'"),
        (PARAMS.replace("0.1", "-1"), "ravdess", "'ingest.min_duration_s' is -1"),
        ("ingets:\n", "ravdess", "'ingest' is missing; did you mean 'ingets'?"),
    ],
)
def test_wrong_request(params: str, corpus: str, message: str) -> None:
    Path("params.yaml").write_text(params)
    result = ingest(corpus=corpus)
    assert result.exit_code == 1
    assert message in result.output


def test_real_ravdess(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 2)
    result = ingest(shared / "corpora" / "ravdess")
    assert "ravdess: kept 1,439 of 1,440 clips; quarantined: duplicate 1\n" in result.output
    clips = manifest.read(OUT, manifest.CLIPS)
    counts = clips["emotion"].value_counts()
    assert (counts["neutral"], counts["happy"], counts["calm"]) == (96, 191, 192)
    assert clips["speaker"].nunique() == 24
    assert clips["duration"].between(2.5, 6).all()
    # as published
    result = ingest(shared / "corpora" / "ravdess_original")
    assert "ravdess: kept 7 of 8 clips; quarantined: duplicate 1\n" in result.output
    assert set(manifest.read(OUT, manifest.CLIPS)["sampling_rate"]) == {48_000}
