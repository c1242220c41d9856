"""Each format is read by its own library, where that is installed; the clips are of every kind that a list can have."""

import configparser
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner, Result

from pipeline import corpora
from pipeline.audio import decoding
from pipeline.cli.main import main
from pipeline.core import manifest
from pipeline.export import FORMATS, clips

RATE = 8_000
TALK = "data/raw/mine/talk.wav"
TESS, SAVEE = corpora.CORPORA["tess"].license, corpora.CORPORA["savee"].license
STEREO, CUT, MADE = "demo/stereo", "mine/é, 1", "full-1/cyclegan/demo/stereo/sad"
OTHERS_LIBRARIES = pytest.mark.filterwarnings("ignore")


def row(id_: str, path: str, **more: Any) -> dict[str, Any]:
    known = {"emotion": "angry", "speaker": "demo_f01", "corpus": "demo", "sampling_rate": RATE, "duration": 0.5}
    use = {"selected": True, "split": "full-1", "partition": "train", "weight": 1.0}
    return {
        "id": id_,
        "filepath": path,
        "sha256": "0",
        "is_synthetic": False,
        **known,
        "license": "CC0-1.0",
        **use,
        **more,
    }


def synthetic(id_: str, path: str, generator: str, **more: Any) -> dict[str, Any]:
    origin = {"generator": generator, "generator_sha256": "abc", "seed": 7, "weight": 0.25, "emotion": "sad"}
    return row(id_, path, is_synthetic=True, **{**origin, **more})


ROWS = [
    row(STEREO, "data/raw/demo/stereo.WAV", gender="female", language="en", sentence="s1", intensity="high"),
    row("demo/test", "data/raw/demo/test.flac", speaker="demo_f02", partition="test", language="en"),
    row("demo/valid", "data/raw/demo/valid.flac", speaker="demo_f03", partition="valid"),
    row(CUT, TALK, corpus="mine", speaker="mine_a", license="mine", start=0.25, end=0.75),
    row("mine/é; 1", TALK, corpus="mine", speaker="mine_a", license="mine", start=0.75),
    row("tess/1", "data/raw/demo/test.flac", corpus="tess", speaker="tess_OAF", license=TESS),
    synthetic(MADE, "data/synthetic/a.flac", "cyclegan", source_id=STEREO, source_emotion="angry", intensity="high")
    | {"emotion_confidence": 0.75, "dnsmos": 3.5},
    synthetic("full-1/vtlp/1", "data/synthetic/a.flac", "vtlp", source_id=STEREO, parameters='{"f": 1}'),
    synthetic("full-1/dcgan/1", "data/synthetic/a.flac", "dcgan", corpus="dcgan", license=f"CC0-1.0; {SAVEE}"),
    synthetic("full-1/oversample/1", "data/raw/demo/stereo.WAV", "oversample", source_id=STEREO, seed=None),
]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with audio and a list."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("bank_licenses: {mine: CC-BY-ND-4.0, free: CC0-1.0}")
    draw = np.random.default_rng(0)
    for path, channels, seconds in (
        ("data/raw/demo/stereo.WAV", 2, 0.5),
        ("data/raw/demo/test.flac", 1, 0.5),
        ("data/raw/demo/valid.flac", 1, 0.5),
        ("data/synthetic/a.flac", 1, 0.4),
        (TALK, 1, 1.0),
    ):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        samples = draw.integers(-9000, 9000, (round(seconds * RATE), channels)).astype(np.int16)
        soundfile.write(path, samples, RATE, format="WAV" if path.lower().endswith("wav") else "FLAC")
    write_list(ROWS)


def write_list(rows: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(rows)
    places = manifest.segments(frame.reindex(columns=["filepath", "start", "end"]))
    frame["sha256"] = [decoding.read(*segment).sha256 for segment in places]
    manifest.write(frame, Path("data/augmented/full-1/cyclegan.parquet"), manifest.augmented(["dnsmos"]), "0")


def export(*options: str, out: str = "out", arm: str = "cyclegan", split: str = "full-1") -> Result:
    return CliRunner().invoke(main, ["export", *options, split, arm, out])


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], pd.DataFrame]:
    """Function that exports to a format, enters the folder, and returns clips.csv by id."""

    def run(name: str) -> pd.DataFrame:
        result = export("--format", name)
        assert result.exit_code == 0, result.output
        monkeypatch.chdir("out")
        return pd.read_csv(clips.TABLE).set_index("id")

    return run


def test_clips_that_may_not_be_passed_on_are_left_out_unless_one_may() -> None:
    result = export("--format", "csv")
    assert f"1 clips are left out: no derivatives (licence {TESS}); add --i-may" in result.output
    assert f"1 clips are left out: no redistribution (licence CC0-1.0; {SAVEE})" in result.output
    found = pd.read_csv("out/clips.csv")
    assert set(found["id"]) == {found["id"] for found in ROWS} - {"tess/1", "full-1/dcgan/1"}
    assert len(list(Path("out/audio").rglob("*.*"))) == len(found) == 8
    assert "1 clips are left out: no derivatives" in Path("out/README.md").read_text(encoding="utf-8")

    for option, out in (("--i-may", "all"), ("--link", "linked")):  # a link passes nothing on
        result = export("--format", "csv", option, out=out)
        assert "left out" not in result.output
        assert len(pd.read_csv(f"{out}/clips.csv")) == len(ROWS)
    assert "linked, not copied: pass on only" in Path("linked/README.md").read_text(encoding="utf-8")


def test_restricted_parts_of_files_are_copies_also_with_links() -> None:
    rows = [row("mine/1", TALK, corpus="mine", license="CC BY-ND 4.0", end=0.5), ROWS[0]]
    write_list(rows)
    assert "1 clips are left out: no derivatives" in export("--format", "csv", "--link").output
    assert list(pd.read_csv("out/clips.csv")["id"]) == [STEREO]


def test_train_clips_that_the_arm_leaves_out_are_not_exported() -> None:
    """Most tools know no weights, and would learn from them."""
    rows = [*ROWS[:3], row("demo/unused", "data/raw/demo/test.flac", weight=0.0)]
    write_list(rows)
    assert "1 clips are left out: train clips of weight 0" in export("--format", "nkululeko").output
    assert set(pd.read_csv("out/clips.csv")["id"]) == {found["id"] for found in ROWS[:3]}
    assert "1 clips are left out: train clips of weight 0" in Path("out/README.md").read_text(encoding="utf-8")


def test_clips_in_the_voice_of_a_restricted_corpus_are_left_out() -> None:
    """A source of another licence does not hide whose voice a clip has."""
    path, text = "data/synthetic/a.flac", json.dumps({"targets": {"demo_f01": 0.4, "savee_dc": 0.6}})
    rows = [
        ROWS[0],
        row("savee/1", "data/raw/demo/test.flac", corpus="savee", speaker="savee_dc", license=SAVEE),
        synthetic("full-1/speaker_conversion/1", path, "speaker_conversion", parameters=text),
    ]
    write_list(rows)
    result = export("--format", "csv")
    assert f"1 clips are left out: no redistribution (licence CC0-1.0; {SAVEE})" in result.output
    assert list(pd.read_csv("out/clips.csv")["id"]) == [STEREO]


def test_clips_in_the_voice_of_a_bank_have_its_licence() -> None:
    def clip(number: int, voice: str) -> dict[str, Any]:
        text = json.dumps({"targets": {voice: 1.0}})
        id_, path = f"full-1/speaker_conversion/{number}", "data/synthetic/a.flac"
        return synthetic(id_, path, "speaker_conversion", source_id=STEREO, parameters=text)

    rows = [ROWS[0], clip(1, "bank/mine/anna"), clip(2, "bank/free/bob"), clip(3, "bank/other/eva")]
    write_list(rows)
    result = export("--format", "csv")
    assert "1 clips are left out: no derivatives (licence CC-BY-ND-4.0; CC0-1.0)" in result.output
    found = pd.read_csv("out/clips.csv").set_index("id")["license"]
    assert found.to_dict() == {STEREO: "CC0-1.0", rows[2]["id"]: "CC0-1.0", rows[3]["id"]: "CC0-1.0; unknown"}
    assert "CC0-1.0; unknown" in Path("out/README.md").read_text(encoding="utf-8")


def test_the_table_says_what_each_clip_is(exported: Callable[[str], pd.DataFrame]) -> None:
    found = exported("csv")
    made = found.loc[MADE]
    assert made[
        ["emotion", "intensity", "partition", "weight", "is_synthetic", "source_id", "source_emotion"]
    ].to_list() == [*("sad", "high", "train", 0.25, True, STEREO, "angry")]
    assert made[["generator", "generator_sha256", "seed"]].to_list() == ["cyclegan", "abc", 7]
    assert made[["emotion_confidence", "dnsmos"]].to_list() == [0.75, 3.5]
    assert found["dnsmos"].count() == 1 and found["distillmos"].isna().all()
    kinds = found["digital_source_type"].str.rpartition("/")[2]
    assert kinds[MADE] == "compositeWithTrainedAlgorithmicMedia"
    assert kinds["full-1/vtlp/1"] == "algorithmicallyEnhanced"
    assert kinds["full-1/oversample/1"] == kinds[STEREO] == "digitalCapture"
    assert found["key"].is_unique and found["file"].is_unique  # two ids differ only in characters that are replaced
    assert found.loc[STEREO, "file"] == "audio/train/demo_stereo.wav"


def test_parts_of_files_are_cut_out_and_other_files_are_the_same(exported: Callable[[str], pd.DataFrame]) -> None:
    found = exported("csv")
    whole, _ = soundfile.read(Path("..") / TALK)
    for id_, first, last in ((CUT, 0.25, 0.75), ("mine/é; 1", 0.75, 1)):
        part, rate = soundfile.read(found.loc[id_, "file"])
        assert rate == RATE
        np.testing.assert_array_equal(part, whole[int(first * RATE) : int(last * RATE)])
    for id_, path in ((STEREO, "data/raw/demo/stereo.WAV"), (MADE, "data/synthetic/a.flac")):
        assert Path(found.loc[id_, "file"]).read_bytes() == (Path("..") / path).read_bytes()


def test_a_clip_for_several_persons_is_there_several_times(exported: Callable[[str], pd.DataFrame]) -> None:
    made = [{**ROWS[6], "person": person} for person in ("demo_f01", "demo_f02")]
    write_list([ROWS[0], *made])
    found = exported("csv").loc[MADE]
    assert list(found["person"]) == ["demo_f01", "demo_f02"] and found["file"].is_unique
    assert "A row with a `person`" in Path("README.md").read_text(encoding="utf-8")


def test_links_lead_to_the_audio() -> None:
    assert export("--format", "csv", "--link").exit_code == 0
    found = pd.read_csv("out/clips.csv").set_index("id")
    path = Path("out", found.loc[MADE, "file"])
    assert path.is_symlink() and path.samefile("data/synthetic/a.flac")
    assert not Path("out", found.loc[CUT, "file"]).is_symlink()


def test_the_same_export_has_the_same_bytes() -> None:
    for name in FORMATS:
        bytes_ = []
        for out in ("one", "two"):
            assert export("--format", name, out=f"{out}/{name}").exit_code == 0
            folder = Path(out, name)
            bytes_.append(
                {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
            )
        assert bytes_[0] == bytes_[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "ful-1"}, "data/augmented: has no 'ful-1'; did you mean 'full-1'?"),
        ({"arm": "cycle"}, "data/augmented/full-1: has no 'cycle'; did you mean 'cyclegan'?"),
        ({"out": "data"}, "data: exists already; expected the name of a new folder"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, str], message: str) -> None:
    result = export("--format", "csv", **options)
    assert result.exit_code == 1 and message in result.output


def test_missing_audio_is_named_and_leaves_nothing() -> None:
    Path("data/synthetic/a.flac").unlink()
    assert "data/synthetic/a.flac: not found" in export("--format", "csv").output
    assert not Path("out").exists()


def hugging_face() -> Any:
    """The library, where it can decode audio: with torchcodec, and FFmpeg."""
    try:
        from torchcodec.decoders import AudioDecoder  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        pytest.skip("needs torchcodec and FFmpeg")
    return pytest.importorskip("datasets")


@OTHERS_LIBRARIES
def test_hf(exported: Callable[[str], pd.DataFrame], tmp_path: Path) -> None:
    datasets = hugging_face()
    known = exported("hf")
    loaded = datasets.load_dataset(str(Path.cwd()), cache_dir=str(tmp_path / "cache"))
    assert {name: len(own) for name, own in loaded.items()} == {"train": 6, "validation": 1, "test": 1}
    assert isinstance(loaded["test"].features["audio"], datasets.Audio)
    train = loaded["train"]
    for found in train.remove_columns("audio"):
        assert found["weight"] == known.loc[found["id"], "weight"]
    for found in train:
        wanted, rate = soundfile.read(known.loc[found["id"], "file"], always_2d=True)
        samples = found["audio"].get_all_samples()
        assert samples.sample_rate == rate
        np.testing.assert_allclose(samples.data.T, wanted, atol=1e-6)
    [made] = [found for found in train.remove_columns("audio") if found["id"] == MADE]
    assert (made["is_synthetic"], made["source_id"], made["generator"], made["seed"]) == (True, STEREO, "cyclegan", 7)
    assert (made["dnsmos"], made["distillmos"]) == (3.5, None)


@OTHERS_LIBRARIES
def test_hf_reads_an_export_to_a_folder_of_the_same_name_again(tmp_path: Path) -> None:
    datasets = hugging_face()
    for number, out in ((6, "one/out"), (3, "two/out")):
        if number == 3:
            write_list(ROWS[:3] + ROWS[6:8])
        assert export("--format", "hf", out=out).exit_code == 0
        assert len(datasets.load_dataset(out, cache_dir=str(tmp_path / "cache"))["train"]) == number


@OTHERS_LIBRARIES
def test_audformat(exported: Callable[[str], pd.DataFrame]) -> None:
    audformat = pytest.importorskip("audformat")
    known = exported("audformat")
    database = audformat.Database.load(".")
    assert database.name == "emocycle-full-1-cyclegan" and database.languages == ["eng"]
    assert {name: table.split.type for name, table in database.tables.items()} == {
        **{"clips.train": "train", "clips.valid": "dev", "clips.test": "test"}
    }
    train = database["clips.train"].get()
    made = train.loc[known.loc[MADE, "file"]]
    assert (made["is_synthetic"], made["source_id"], made["seed"], made["weight"]) == (True, STEREO, 7, 0.25)
    assert made["dnsmos"] == 3.5 and train["dnsmos"].dtype == float and train["dnsmos"].count() == 1
    durations_s = database.files_duration(train.index, root=".").dt.total_seconds()
    assert durations_s[known.loc[CUT, "file"]] == 0.5


@OTHERS_LIBRARIES
def test_lhotse(exported: Callable[[str], pd.DataFrame]) -> None:
    lhotse = pytest.importorskip("lhotse")
    known = exported("lhotse")
    recordings = lhotse.RecordingSet.from_file("recordings_train.jsonl.gz").with_path_prefix(Path.cwd())
    supervisions = lhotse.SupervisionSet.from_file("supervisions_train.jsonl.gz")
    cuts = lhotse.CutSet.from_manifests(recordings, supervisions)
    lhotse.validate(cuts, read_data=True)
    by_id = {cut.supervisions[0].custom["id"]: cut for cut in cuts}
    made, stereo = by_id[MADE], by_id[STEREO]
    about = made.supervisions[0]
    assert (about.speaker, about.emotion, about.is_synthetic, about.source_id) == ("demo_f01", "sad", True, STEREO)
    assert about.dnsmos == 3.5 and "dnsmos" not in stereo.supervisions[0].custom
    assert "generator" not in stereo.supervisions[0].custom and stereo.supervisions[0].gender == "female"
    for cut in (made, stereo, by_id[CUT]):
        wanted, _ = soundfile.read(known.loc[cut.supervisions[0].custom["id"], "file"], always_2d=True)
        np.testing.assert_allclose(cut.load_audio(), wanted.T, atol=1e-6)
    assert made.compute_features(lhotse.Fbank(lhotse.FbankConfig(sampling_rate=RATE))).shape[1] == 80


def test_lhotse_without_the_library(exported: Callable[[str], pd.DataFrame]) -> None:
    exported("lhotse")
    lines = gzip.decompress(Path("recordings_train.jsonl.gz").read_bytes()).decode().splitlines()
    assert [len(json.loads(line)["sources"][0]["channels"]) for line in lines] == [2, 1, 1, 1, 1, 2]


def test_emobox(exported: Callable[[str], pd.DataFrame]) -> None:
    """EmoBox is no package: its loader reads `wav` from the folder, `emo`, and the map of labels.

    Its published lists, such as data/aesdd/fold_1/aesdd_test_fold_1.jsonl, have the keys `published`.
    """
    published = {*"key dataset wav type sample_rate num_frame task length emo channel".split()}
    known = exported("emobox")
    folder = Path("emocycle-full-1-cyclegan")
    labels = json.loads((folder / "label_map.json").read_text())
    assert labels == {"angry": "Angry", "sad": "Sad"}
    counts = {}
    for partition in ("train", "valid", "test"):
        path = folder / "fold_1" / f"{folder}_{partition}_fold_1.jsonl"
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        counts[partition] = len(lines)
        for line in lines:
            assert published <= line.keys() and isinstance(line["channel"], int)
            samples, rate = soundfile.read(line["wav"])
            assert (rate, len(samples)) == (line["sample_rate"], line["num_frame"])
            assert line["length"] == len(samples) / rate and line["type"] == "raw" and line["task"] == "category"
            about = known.loc[line["id"]]
            assert line["emo"] in labels and line["emo"] == about["emotion"]
            assert (line["weight"], line["is_synthetic"]) == (about["weight"], about["is_synthetic"])
            assert line.get("dnsmos") == (3.5 if line["id"] == MADE else None)
    assert counts == {"train": 6, "valid": 1, "test": 1}


@OTHERS_LIBRARIES
def test_nkululeko(exported: Callable[[str], pd.DataFrame], tmp_path: Path) -> None:
    experiment = pytest.importorskip("nkululeko.experiment", reason="needs nkululeko; without its bound pandas<3")
    both = [("valid", "demo_f03"), ("test", "demo_f02")]  # it wants both emotions in each partition
    write_list(
        [
            *ROWS,
            *(row(f"demo/sad {p}", f"data/raw/demo/{p}.flac", partition=p, speaker=s, emotion="sad") for p, s in both),
        ]
    )
    known = exported("nkululeko")
    config = configparser.ConfigParser()
    config.read("nkululeko.ini")
    config["EXP"]["root"] = f"{tmp_path}/"
    loaded = experiment.Experiment(config)
    loaded.load_datasets()
    loaded.fill_train_and_tests()
    for partition, rows in {"train": loaded.df_train, "valid": loaded.df_dev, "test": loaded.df_test}.items():
        rows, own = rows.set_index("id"), known[known["partition"] == partition]
        assert set(rows.index) == set(own.index)
        assert list(rows["class_label"]) == list(own.loc[rows.index, "emotion"])
        assert list(rows["weight"]) == list(own.loc[rows.index, "weight"])
    made = loaded.df_train.set_index("id").loc[MADE]
    assert (made["is_synthetic"], made["source_id"], made["generator"]) == (True, STEREO, "cyclegan")


def test_nkululeko_without_the_library(exported: Callable[[str], pd.DataFrame]) -> None:
    exported("nkululeko")
    config = configparser.ConfigParser()
    config.read("nkululeko.ini")
    data = config["DATA"]
    for name, strategy in (("train", "train"), ("valid", "dev"), ("test", "test")):
        assert data[f"{name}.split_strategy"] == strategy
        table = pd.read_csv(data[name])
        assert all(Path(file).is_file() for file in table["file"])
        assert set(table["emotion"]) <= {"angry", "sad"} and {"speaker", "gender"} <= set(table)
    assert data["labels"] == "['angry', 'sad']" and config["EXP"]["traindevtest"] == "True"


def test_croissant_has_the_provenance_of_each_clip(exported: Callable[[str], pd.DataFrame]) -> None:
    exported("csv")
    found = json.loads(Path("croissant.json").read_text(encoding="utf-8"))
    assert found["conformsTo"][0] == "http://mlcommons.org/croissant/1.1"
    [file] = [field for field in found["recordSet"][0]["field"] if field["name"] == "file"]
    assert {part["equivalentProperty"] for part in file["annotation"]} == {
        *("prov:wasDerivedFrom", "prov:wasGeneratedBy")
    }
    assert "cyclegan, vtlp" in found["rai:dataManipulationProtocol"]


@OTHERS_LIBRARIES
def test_croissant_is_valid(exported: Callable[[str], pd.DataFrame]) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    known = exported("csv")
    dataset = mlcroissant.Dataset("croissant.json")  # raises ValidationError
    records = {found["clips/id"].decode(): found for found in dataset.records("clips")}
    assert set(records) == set(known.index)
    assert records[MADE]["clips/source_id"].decode() == STEREO and records[MADE]["clips/is_synthetic"]
    assert records[MADE]["clips/dnsmos"] == 3.5 and pd.isna(records[STEREO]["clips/dnsmos"])


def test_samples_of_a_cut_clip_have_the_hash_of_the_manifest(exported: Callable[[str], pd.DataFrame]) -> None:
    found = exported("csv")
    assert decoding.read(Path(found.loc[CUT, "file"])).sha256 == decoding.read(Path("..", TALK), 0.25, 0.75).sha256


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"partition": "../../train"}, "partition '../../train', expected one of train, valid, test, enrol"),
        ({"emotion": "happy'; x"}, "emotion 'happy'; x', expected one of neutral"),
        ({"is_synthetic": True}, "synthetic clip 'demo/stereo' has no generator"),
        ({"parameters": "[]"}, "parameters '[]', expected an object of JSON"),
        ({"parameters": "{"}, "parameters '{', expected an object of JSON"),
        ({"sentence": "=HYPERLINK(0)"}, "column 'sentence' would have '=HYPERLINK(0)', which a spreadsheet runs"),
        ({"filepath": "../secret.txt"}, "../secret.txt: not decodable as audio"),
        ({"filepath": "data/raw/demo/test.flac"}, "data/raw/demo/test.flac: has samples with SHA-256"),
        ({"filepath": "/dev/zero"}, "/dev/zero: not found"),
    ],
)
def test_a_list_from_elsewhere(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    """Nothing is written, and no other file is passed on."""
    (tmp_path.parent / "secret.txt").write_text("a secret")
    frame = pd.DataFrame([ROWS[0] | {"sha256": decoding.read(Path(ROWS[0]["filepath"])).sha256} | changes])
    manifest.write(frame, Path("data/augmented/full-1/cyclegan.parquet"), manifest.AUGMENTED, "0")
    result = export("--format", "nkululeko")
    assert result.exit_code == 1 and message in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "params.yaml"]
