"""Readers of files for benchmarks/fuzz.py: what each reads, how, and what must hold of its result."""

import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import safetensors.numpy
import soundfile
import torch

from pipeline.audio import decoding
from pipeline.audio.decoding import AudioError
from pipeline.classification.saved import SavedClassifier
from pipeline.cli import archives, check, predict, workspace
from pipeline.cli import export as exporting
from pipeline.cli.convert import Pairs
from pipeline.core import manifest, models, params, predictions
from pipeline.core.manifest import EMOTIONS, QUARANTINE, Segment
from pipeline.core.shards import Shard
from pipeline.corpora import CORPORA, table
from pipeline.corpora.table import TableParams
from pipeline.evaluation import score_table
from pipeline.evaluation.results import EvaluateParams
from pipeline.report.run import Run
from pipeline.stages import ingest
from pipeline.vocoder import Features

RATE = 16_000
LONGEST_S = 40.0
FOLDER_SIZE = 20  # damaged files of a corpus
SPLIT, ARM = "full-1", "cyclegan"
SUBTYPES = {
    "WAV": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "GSM610"),
    "WAVEX": ("PCM_16", "PCM_24", "FLOAT"),
    "RF64": ("PCM_16",),
    "W64": ("PCM_16", "FLOAT"),
    "AIFF": ("PCM_S8", "PCM_16", "FLOAT", "ULAW"),
    "NIST": ("PCM_16",),
    "FLAC": ("PCM_16", "PCM_24"),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": ("MPEG_LAYER_III",),
}

Damage = Callable[[bytes, random.Random], bytes]
Refused = (click.ClickException, AudioError)


class WrongError(AssertionError):
    """A damaged file was read without a message, but not as the intact one."""


@dataclass(frozen=True)
class Reader:
    """Files that one reader reads, and how it is called."""

    intact: Callable[[], Mapping[str, bytes]]  # path in the working directory → content; one of them is damaged
    read: Callable[[Path, random.Random, Damage], object]  # path of the damaged file; True: it was refused
    changed: Callable[[bytes, random.Random], bytes] | None = None  # changes of its content that keep its form
    share: float = 1.0  # of `--cases`
    inputs: int = 1  # damaged files of a case


@cache
def clip() -> Path:
    """A real clip."""
    return Path(manifest.read(Path("original/data/manifest.parquet"), manifest.CLIPS)["filepath"].iloc[0])


@cache
def sounds() -> Mapping[str, bytes]:
    """A real clip in every format."""
    samples, _ = soundfile.read(clip(), dtype="float32")
    found = {}
    for form, subtypes in SUBTYPES.items():
        for subtype in subtypes:
            for channels in (1, 2) if subtype in ("PCM_16", "VORBIS") else (1,):
                file = io.BytesIO()
                wide = np.stack([samples[: RATE // 2]] * channels, axis=1)
                soundfile.write(file, wide, RATE, format=form, subtype=subtype)
                found[f"{form}-{subtype}-{channels}.wav"] = file.getvalue()
    return found


def read_sound(path: Path, rng: random.Random, damage: Damage) -> None:
    """Decode a file, or a segment of it."""
    start, end = rng.choice([(None, None), (0.1, 0.3), (0.2, None)])
    found = decoding.read(path, start, end, LONGEST_S)
    if not np.isfinite(found.samples).all() or not 0 < found.duration <= LONGEST_S or found.samples.ndim != 1:
        raise WrongError(f"{found.duration} s, {found.samples.shape}")


def read_corpus(path: Path, rng: random.Random, damage: Damage) -> None:
    """Ingest a folder of damaged files; each must be a row of its name's labels, or in the quarantine."""
    folder, names = Path("data/raw/ravdess"), []
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, content in enumerate(rng.choices(list(sounds().values()), k=FOLDER_SIZE), 1):
        suffix = rng.choice(sorted(decoding.SUFFIXES))
        names.append(f"03-01-{rng.randint(1, 8):02}-01-01-01-{number:02}{suffix}")
        (folder / names[-1]).write_bytes(damage(content, rng))
    clips, quarantine = Path("clips.parquet"), Path("quarantine.parquet")
    options = {"name": "ravdess", "raw": folder, "out": clips, "quarantine": quarantine}
    assert ingest.main.callback is not None
    ingest.main.callback(params_path=Path("params.yaml"), **options)
    rows = manifest.read(clips, manifest.CLIPS).set_index("filepath")
    left_out = set(manifest.read(quarantine, QUARANTINE)["filepath"])
    for name in names:
        path = folder / name
        if (path.as_posix() in rows.index) == (path.as_posix() in left_out):
            raise WrongError(f"{path} is not in one of the tables")
        labels = CORPORA["ravdess"].parse(Path(name))  # type: ignore[arg-type]
        if path.as_posix() in rows.index:
            row = rows.loc[path.as_posix()]
            if (row["speaker"], row["emotion"]) != (f"ravdess_{labels.speaker}", labels.emotion):
                raise WrongError(f"{path} is {row['speaker']} {row['emotion']}")


@cache
def lists() -> Mapping[str, bytes]:
    """Tables of a corpus: CSV in three dialects, and Parquet."""
    rows = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS).head(60)
    kept = rows[["filepath", "emotion", "start", "end", "intensity", "speaker", "gender", "language", "sentence"]]
    kept = kept.assign(filepath=kept["filepath"].str.removeprefix("data/raw/demo/"))
    kept.loc[kept.index[::7], ["start", "end"]] = [0.1, 0.5]
    file = io.BytesIO()
    kept.to_parquet(file)
    text = kept.to_csv(index=False)
    return {
        "list.csv": text.encode(),
        "semicolon.csv": kept.to_csv(index=False, sep=";", lineterminator="\r\n").encode("utf-8-sig"),
        "quoted.tsv": kept.to_csv(index=False, sep="\t", quoting=1).encode(),
        "list.parquet": file.getvalue(),
    }


def listed(path: Path) -> dict[Segment, tuple[object, ...]]:
    """Labels by segment; every row is labelled or left out."""
    chosen = TableParams(path.name, str(Path("data/raw/demo").absolute()), "x", {}, {})
    found = table.listed(path.parent, chosen)
    return {segment: (labels.speaker, labels.emotion, labels.gender) for segment, labels in found.labelled.items()}


def read_list(path: Path, rng: random.Random, damage: Damage) -> None:
    """Read a table; lines of CSV that were not damaged keep their labels."""
    found = listed(path)
    if any(emotion not in EMOTIONS for _, emotion, _ in found.values()):
        raise WrongError("an emotion is unknown")
    before, after = lists()[path.name].splitlines(), path.read_bytes().splitlines()
    if path.suffix == ".parquet" or before[:1] != after[:1]:
        return
    path.write_bytes(lists()[path.name])
    expected = listed(path)
    same = set(before) & set(after)
    for segment, labels in found.items():
        inside = str(segment.path).partition("data/raw/demo/")[2].encode()
        own = [line for line in before if inside in line]
        if own and set(own) <= same and segment in expected and expected[segment] != labels:
            raise WrongError(f"{segment}: {labels}, expected {expected[segment]}")


def files(*paths: str) -> Callable[[], Mapping[str, bytes]]:
    """Files of the workspace."""
    return cache(lambda: {path: Path("original", path).read_bytes() for path in paths})


def read_manifest(path: Path, rng: random.Random, damage: Damage) -> None:
    """Read a table of clips, and the places of their audio."""
    manifest.segments(manifest.read(path, manifest.AUGMENTED if "augmented" in path.parts else manifest.CLIPS))
    manifest.metadata(path)


@cache
def short_list() -> Mapping[str, bytes]:
    """A list with a few real and synthetic clips."""
    whole = pq.read_table(Path("original", LIST))
    file = io.BytesIO()
    pq.write_table(whole.take([*range(0, len(whole), len(whole) // 30)]), file)
    return {LIST: file.getvalue()}


def read_export(path: Path, rng: random.Random, damage: Damage) -> None:
    """Export a damaged list."""
    form = rng.choice(["csv", "hf", "audformat", "nkululeko", "emobox"])
    exporting.main.main([SPLIT, ARM, "out", "--format", form, rng.choice(["--copy", "--link"])], standalone_mode=False)


def read_predictions(path: Path, rng: random.Random, damage: Damage) -> None:
    """Read predictions."""
    predictions.predicted(predictions.read(path))


def read_shard(path: Path, rng: random.Random, damage: Damage) -> None:
    """Read all arrays of a shard; lengths must be those of the index."""
    shard = Shard(path.parent)
    index = pd.read_parquet(Path("original", path.parent, "index.parquet"))
    for row in index.to_dict("records"):
        for name in ("spectrum", "f0_hz", "aperiodicity"):
            if row["id"] in shard:
                array = shard.array(row["id"], name)
                if array.ndim != 2 or (
                    path.suffix == ".npy" and len(array) != row[f"{name}_stop"] - row[f"{name}_start"]
                ):
                    raise WrongError(f"{row['id']}: {name} {array.shape}")


def read_params(path: Path, rng: random.Random, damage: Damage) -> bool:
    """Check params.yaml, and change a value of it."""
    found = check.problems(path)
    workspace.change_params(path, {"seed": 2})
    return bool(found)


@cache
def zips() -> Mapping[str, bytes]:
    """An archive of a corpus."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for number, (name, content) in enumerate(sounds().items()):
            zipped.writestr(zipfile.ZipInfo(f"top/part{number % 3}/{name}"), content, number % 2 * zipfile.ZIP_DEFLATED)
    return {"a.zip": file.getvalue()}


def renamed(content: bytes, rng: random.Random) -> bytes:
    """An archive in which names lead elsewhere, with the same lengths."""
    name = f"top/part{rng.randint(0, 2)}/".encode()
    others = [b"../../../x/", b"/tmp/part0/", b"top\\part0/.", b"C:/part000/", b"top/\0art00/", b"top/.././../"]
    return content.replace(name, rng.choice(others)[: len(name)].ljust(len(name), b"x"), rng.choice([-1, 1]))


def read_zip(path: Path, rng: random.Random, damage: Damage) -> None:
    """Unpack an archive."""
    shutil.rmtree("unpacked", ignore_errors=True)
    archives.unpack(path, Path("unpacked"), ["*.wav"], 2**24, strip=rng.random() < 0.5)


def retyped(content: bytes, rng: random.Random) -> bytes:
    """A Parquet table with a column less, or of another type, or with a strange value; other files backwards."""
    if content[:4] != b"PAR1":
        return content[::-1]
    found = pq.read_table(io.BytesIO(content))
    frame, name = found.to_pandas(), rng.choice(found.column_names)
    strange: list[object] = [None, -1, 2**62, 1e308, float("nan"), [1, 2], {"a": None}, "=1+1", "../../x.wav", b"\xff"]
    value = rng.choice([*strange, "/dev/zero", "\0", "x" * 300, "🙂\u202e"])
    if rng.random() < 0.2:
        frame = frame.drop(columns=name)
    elif rng.random() < 0.3:
        frame = frame.head(rng.choice([0, 1]))
    elif rng.random() < 0.5:
        frame[name] = [value] * len(frame)
    else:
        column = frame[name].astype(object)
        column.iloc[rng.randrange(len(frame))] = value
        frame[name] = column
    file = io.BytesIO()
    try:
        frame.to_parquet(file)
    except Exception:  # what Arrow cannot store is no file
        return content[: len(content) // 2]
    if rng.random() < 0.5:
        kept = pq.read_table(file)
        words = {key: value for key, value in (found.schema.metadata or {}).items() if key != b"pandas"}
        if words and rng.random() < 0.5:
            words[rng.choice(sorted(words))] = rng.choice([b"", b"\xff", b"[]", b"{}", b"null", b"1"])
        file = io.BytesIO()
        pq.write_table(kept.replace_schema_metadata(words), file)
    return file.getvalue()


def reshaped(content: bytes, rng: random.Random) -> bytes:
    """Weights or a configuration with an entry less, more, or of another shape, type or value."""
    if content[:1] == b"{":
        return reworded(content, rng)
    tensors = safetensors.numpy.load(content)
    name = rng.choice(sorted(tensors))
    array = tensors.pop(name)
    changes = [
        *([], [(name + "x", array)], [(name, array.ravel()[:-1])], [(name, array[None])]),
        *([(name, array.astype(np.float64))], [(name, array.astype(np.int8))], [(name, np.full(array.shape, np.nan))]),
        *([(name, np.zeros((0,), array.dtype))], [(name, array), ("normalisation.x", array)], [(name, array.T.copy())]),
    ]
    return safetensors.numpy.save(tensors | dict(rng.choice(changes)))


def reworded(content: bytes, rng: random.Random) -> bytes:
    """JSON with a value or a key replaced, or gone."""
    found = json.loads(content)
    place, above = found, None
    while isinstance(place, dict | list) and place and (above is None or rng.random() < 0.7):
        key = rng.choice(sorted(place)) if isinstance(place, dict) else rng.randrange(len(place))
        above, place = place, place[key]
    assert above is not None
    values: list[object] = [None, -1, 0, 2**40, 1e300, float("nan"), "", "x", [], {}, [[]], True, {"": 1}, "9" * 400]
    value = rng.choice(values)
    if rng.random() < 0.2:
        del above[key]
    elif rng.random() < 0.2 and isinstance(above, dict):
        above[f"{key}x"] = above.pop(key)
    else:
        above[key] = value
    return json.dumps(found).encode()


def read_pair(path: Path, rng: random.Random, damage: Damage) -> None:
    """Load a pair's CycleGAN, and convert a clip."""
    converter = Pairs(path.parents[1], (path.parent.name,), torch.device("cpu")).converter("angry", "neutral")
    noise = np.random.default_rng(1).normal(size=(40, 37)).astype(np.float32)
    clip = Features(noise[:, :36], 100 + noise[:, 36:], noise[:, :1])
    found = converter.convert(clip, "angry", "neutral", (71.0, 600.0), "high", "medium")
    if not np.isfinite(found.spectrum).all() or not np.isfinite(found.f0_hz).all():
        raise WrongError("the conversion is not finite")


def read_classifier(path: Path, rng: random.Random, damage: Damage) -> None:
    """Load each classifier of an arm, and predict a clip."""
    found, _, config = SavedClassifier.load(path.parent, rng.choice(["svm", "cnn"]))
    prepared = predict._preparation(config).prepared(clip())
    if isinstance(prepared, AudioError):
        raise prepared
    parts = {segment: (prepared.sha256, arrays) for segment, arrays in prepared.utterances.items()}
    probabilities = found.probabilities(parts)
    predict._table([clip()], {clip(): prepared}, {}, probabilities, found.labels)
    if not np.isfinite(probabilities).all() or abs(probabilities.sum() - 1) > 1e-3:
        raise WrongError(f"probabilities {probabilities}")


def read_scores(path: Path, rng: random.Random, damage: Damage) -> None:
    """Read the scores as `compare` and the report do."""
    scores = score_table.read(Path("metrics/ser.json"))
    score_table.tidy(scores)
    score_table.readable(scores)
    metrics, data = Path("metrics"), Path("data")
    evaluated = params.load(Path("params.yaml"), "evaluate", EvaluateParams)
    run = Run(metrics, data, data, data, data / "manifest.parquet", [ARM], ["full"], [1], evaluated)
    _ = run.summary, run.corpus, run.conversions


VOCODER = "data/features/vocoder/demo"
PAIR, CLASSIFIER = f"models/cyclegan/{SPLIT}/angry-neutral", f"models/classifiers/{SPLIT}/{ARM}"
LIST = f"data/augmented/{SPLIT}/{ARM}.parquet"
MODEL, SHARD = (models.WEIGHTS, models.CONFIG), ("spectrum.npy", "f0_hz.npy", "index.parquet")
SCORES = ("ser", "summary", "corpus")

READERS: Mapping[str, Reader] = {
    "audio": Reader(sounds, read_sound, share=4),
    "corpus": Reader(lambda: {"unused": b"x"}, read_corpus, share=0.1, inputs=FOLDER_SIZE),
    "list": Reader(lists, read_list, retyped),
    "manifest": Reader(files("data/manifest.parquet", LIST), read_manifest, retyped),
    "export": Reader(short_list, read_export, retyped, share=0.3),
    "predictions": Reader(files(f"data/predictions/{SPLIT}/{ARM}.parquet"), read_predictions, retyped, share=0.5),
    "shard": Reader(files(*(f"{VOCODER}/{name}" for name in SHARD)), read_shard, retyped, share=0.5),
    "params": Reader(files("params.yaml"), read_params, share=0.5),
    "zip": Reader(zips, read_zip, renamed),
    "pair": Reader(files(*(f"{PAIR}/{name}" for name in MODEL)), read_pair, reshaped, share=0.3),
    "classifier": Reader(files(*(f"{CLASSIFIER}/{name}" for name in MODEL)), read_classifier, reshaped, share=0.3),
    "scores": Reader(files(*(f"metrics/{name}.json" for name in SCORES)), read_scores, reworded, share=0.5),
}
