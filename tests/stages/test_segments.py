"""Clips that are segments of long files: every stage gives the same results as for clips in files of their own."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import soundfile

from pipeline.audio import decoding, preparation
from pipeline.audio.preparation import AudioParams
from pipeline.classification import embeddings
from pipeline.core import manifest, params
from pipeline.core.shards import Shard
from pipeline.data.dataset import EmotionalSpeech
from pipeline.leakage.rules import speakers_in_two_partitions
from pipeline.stages import train_vocoder
from tests.tiny_project import CYCLEGAN, RATE, SPLIT, enter_copy, record, run_all, working_in

RAW = Path("data/raw/mine")
TALKS = [RAW / "talks" / name for name in ("one.flac", "two.flac")]
AUGMENTED = Path("data/augmented/full-1")


def cut_and_paste() -> pd.DataFrame:
    """Write the clips of the demo corpus into two long files, noise between them, and a table of where they are."""
    draw, rows = np.random.default_rng(1), []
    TALKS[0].parent.mkdir(parents=True)
    clips = sorted(Path("data/raw/demo").rglob("*.flac"))
    for number, talk in enumerate(TALKS):
        parts: list[np.ndarray] = []
        length = 0
        for clip in clips[number::2]:
            samples, _ = soundfile.read(clip, dtype="int16")
            parts += [draw.integers(-300, 300, draw.integers(0, RATE)).astype(np.int16), samples]
            start = length + len(parts[-2])
            length = start + len(samples)
            speaker, sentence, emotion, _ = clip.stem.split("_")
            rows.append([f"{talk.stem}.flac", start / RATE, length / RATE, emotion, speaker, sentence, clip.stem])
        soundfile.write(talk, np.concatenate(parts), RATE)
    table = pd.DataFrame(rows, columns=["file", "start", "end", "emotion", "speaker_id", "sentence", "was"])
    as_times = table.index % 3 == 0  # as audformat writes them
    for name in ("start", "end"):
        table[name] = table[name].astype(object).where(~as_times, pd.to_timedelta(table[name], unit="s").astype(str))
    return table


@pytest.fixture(scope="module")
def segmented(finished: Path, tmp_path_factory: pytest.TempPathFactory, change_params: Any) -> Path:
    """A project of segments before `augment`; a stage that decodes a whole file fails."""
    with working_in(tmp_path_factory.mktemp("segmented")) as folder, pytest.MonkeyPatch.context() as patch:
        forbid_whole_files(patch)
        shutil.copy(finished / "params.yaml", folder)
        record(Path("data/raw/demo"))
        cut_and_paste().to_csv(RAW / "clips.csv", index=False)
        mine = {"table": "clips.csv", "base": "talks", "license": "mine", "emotions": {}, "intensities": {}}
        columns = {"columns": {"filepath": "file", "speaker": "speaker_id"}}
        change_params({"corpora": ["mine"], "tables": {"mine": mine | columns}, "pairs": ["angry-neutral"]})
        of_corpus = [(name, {"corpus": "mine"}) for name in ("ingest", "manifest", "features", "acoustics")]
        run_all([*of_corpus, ("split", {})])
        run_all((name, {**SPLIT, **CYCLEGAN}) for name in ("train_cyclegan", "generate"))
        run_all([("perturb", {**SPLIT, "generator": "classical"}), ("assess", SPLIT)])
    return folder


@pytest.fixture
def project(segmented: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as current directory."""
    return enter_copy(segmented, tmp_path, monkeypatch)


def forbid_whole_files(patch: pytest.MonkeyPatch) -> None:
    """A reader that forgets the times decodes the whole file."""
    decoded = decoding.decoded

    def checked(file: Any, start: float | None = None, end: float | None = None, *more: float) -> Any:
        is_whole = start is None and end is None
        assert not (is_whole and Path(file.name).name in [talk.name for talk in TALKS]), f"{file.name} is read whole"
        return decoded(file, start, end, *more)

    patch.setattr(decoding, "decoded", checked)


def clips() -> pd.DataFrame:
    return manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)


def test_clips_are_those_of_files_of_their_own(project: Path, finished: Path) -> None:
    own = manifest.read(finished / "data/manifest.parquet", manifest.CLIPS)
    found = clips()
    assert len(found) == len(own) == 36
    assert set(found["filepath"]) == {talk.as_posix() for talk in TALKS}
    assert found["id"].is_unique
    both = found.merge(own, on="sha256", suffixes=("", "_own"))
    assert len(both) == 36
    for name in ("emotion", "duration"):
        pd.testing.assert_series_equal(both[name], both[f"{name}_own"], check_names=False)
    np.testing.assert_allclose(both["end"] - both["start"], both["duration"], atol=1e-5)
    for folder in ("vocoder", "classifier", "scorers", "recordings"):
        shard, other = Shard(Path(f"data/features/{folder}/mine")), Shard(finished / f"data/features/{folder}/demo")
        for name in (path.stem for path in Path(f"data/features/{folder}/mine").glob("*.npy")):
            for id_, id_own in zip(both["id"], both["id_own"], strict=True):
                np.testing.assert_array_equal(shard.array(id_, name), other.array(id_own, name))


@pytest.mark.parametrize("folder", ["cyclegan/angry-neutral", "classical/all"])
def test_synthetic_clips_are_files_of_their_own(project: Path, folder: str) -> None:
    generated = manifest.read(Path("data/synthetic/full-1", folder, manifest.SYNTHETIC_TABLE), manifest.SYNTHETIC)
    assert generated["start"].isna().all() and generated["end"].isna().all()
    assert set(generated["source_id"]) <= set(clips()["id"])
    assert generated["intelligibility"].notna().all()
    for row in generated.itertuples():
        assert decoding.read(Path(str(row.filepath))).sha256 == row.sha256
        assert not set(Path(str(row.filepath)).name) & set('<>:"/\\|?*')  # forbidden in names on some systems
    if folder.startswith("classical"):
        source = clips().set_index("id").loc[generated["source_id"], "duration"].to_numpy()
        assert (generated["duration"].to_numpy() < 1.3 * source).all()
        assert generated["intelligibility"].median() > 0.5


def test_assess_compares_with_the_segment(project: Path) -> None:
    found = pd.read_parquet("data/assessed/full-1.parquet")
    assert (found.loc[found["what"] == "copy_synthesis", "estoi"].dropna() > 0.6).all()


def test_readers_that_not_every_project_has(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embeddings of classifiers, and the training of a neural vocoder."""
    forbid_whole_files(monkeypatch)
    prepared = params.load(Path("params.yaml"), "audio", AudioParams)
    some = clips().iloc[[3, 20]]
    expected = [preparation.prepared(path, prepared, start, end) for path, start, end in manifest.segments(some)]

    class Lengths:
        def f0(self, samples: np.ndarray) -> int:
            return len(samples)

    features = embeddings.of_clips(some, prepared, Path("cache"), lambda samples: samples)
    for wanted, found, segment in zip(expected, features, manifest.segments(some), strict=True):
        np.testing.assert_array_equal(found, wanted)
        samples, length = train_vocoder._samples_and_f0(segment, prepared, cast(Any, Lengths()))
        np.testing.assert_array_equal(samples, wanted)
        assert length == len(wanted) < 1.5 * RATE


@pytest.mark.parametrize("arm", ["classical", "oversample"])
def test_export_and_its_readers(
    project: Path, monkeypatch: pytest.MonkeyPatch, change_params: Callable[..., None], arm: str
) -> None:
    forbid_whole_files(monkeypatch)
    change_params({"arms": ["none", arm]})
    run_all((name, {**SPLIT, "arm": arm}) for name in ("augment", "classify"))
    rows = manifest.read(AUGMENTED / f"{arm}.parquet", manifest.AUGMENTED)
    assert not list(speakers_in_two_partitions(rows))
    is_file = rows["is_synthetic"] & (rows["generator"] != manifest.REPEATED)
    assert rows.loc[is_file, "start"].isna().all() and rows.loc[~is_file, "end"].notna().all()
    data = EmotionalSpeech(AUGMENTED / f"{arm}.parquet")
    for index, duration in enumerate(data.rows["duration"]):
        samples, _ = data[index]
        assert len(samples) <= duration * RATE + 1
    assert len(pd.read_parquet(f"data/predictions/full-1/{arm}.parquet"))
