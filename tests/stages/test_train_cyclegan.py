"""A pair is trained by its command, from the train partition and nothing else."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result

from pipeline.conversion import speaker_means, training
from pipeline.conversion.checkpoints import Checkpoints
from pipeline.conversion.converter import Converter
from pipeline.conversion.crops import Domain
from pipeline.conversion.training import drawn as draw
from pipeline.conversion.training import train
from pipeline.core import manifest, models, workers
from pipeline.core.shards import Writer
from pipeline.networks import provenance
from pipeline.networks.provenance import clips_sha256
from pipeline.stages import train_cyclegan as stage
from pipeline.stages.assess import converted
from pipeline.stages.train_cyclegan import main
from pipeline.vocoder import Features

PARAMS = """
seed: 3
pairs: [angry-sad]
hardware: {device: cpu, threads: 1, precision: float32}
train_cyclegan:
  {channels: 4, blocks: 1, kernel: 3, residual_mean_removal: 0.5, variance_compensation: 1, discriminator_channels: 2,
   normalisation: corpus,
   steps: 4, batch: 2, frames: 16, generator_rate: 1e-3, discriminator_rate: 1e-3, constant_share: 0.5, log_every: 2,
   adversarial_weight: 1, cycle_weight: 2, identity_weight: 0.5, identity_share: 0.5,
   parallel_weight: 0, classifier_weight: 0,
   emotion_classifier: {channels: 4, steps: 2, batch: 4, learning_rate: 1e-3, noise: 0.3}}
prosody: {f0: log_gaussian, energy: cyclegan, duration: rate}
"""
PARTITIONS = {"a1": "train", "a2": "train", "b1": "train", "b2": "valid", "a3": "test"}  # by speaker; corpora a and b
EMOTIONS = ("angry", "happy", "sad")
ORDER = 5
OUT, CURVE = Path("models/full-1/angry-sad"), Path("metrics/full-1/angry-sad.csv")


def clips() -> pd.DataFrame:
    """Two clips of each speaker and emotion."""
    rows = [
        {
            "id": f"{speaker[0]}/{speaker}-{emotion}-{number}",
            "filepath": f"data/raw/{speaker[0]}/{speaker}-{emotion}-{number}.wav",
            "emotion": emotion,
            "speaker": f"{speaker[0]}_{speaker}",
            "corpus": speaker[0],
            "sampling_rate": 16_000,
            "duration": 0.1,
            "sha256": f"{speaker}{emotion}{number}",
            "is_synthetic": False,
        }
        for speaker in PARTITIONS
        for emotion in EMOTIONS
        for number in (1, 2)
    ]
    return pd.DataFrame(rows)


def partition(frame: pd.DataFrame) -> "pd.Series[str]":
    return frame["speaker"].str[2:].map(PARTITIONS)


def write_split(frame: pd.DataFrame) -> None:
    rows = frame.assign(partition=partition(frame))[["id", "partition"]]
    for split in ("full-1", "full-2"):
        manifest.write(rows, Path(f"splits/{split}.parquet"), manifest.PARTITIONED, "")


def spectrum_of(id_: str) -> np.ndarray:
    """Random spectrum of a clip, (frames, order); every clip's is another."""
    rng = np.random.default_rng(list(id_.encode()))
    return rng.standard_normal((int(rng.integers(10, 40)), ORDER)) + ("sad" in id_)


def train_ids(emotion: str) -> list[str]:
    frame = clips()
    return list(frame.loc[(partition(frame) == "train") & (frame["emotion"] == emotion), "id"])


def write_features(frame: pd.DataFrame, untouchable: float | None = None) -> None:
    """Shards of both corpora; `untouchable` is what those clips hold that training must not read."""
    wanted = (partition(frame) == "train") & frame["emotion"].isin(("angry", "sad"))
    for corpus, own in frame.groupby("corpus"):
        with Writer(Path("features") / str(corpus)) as writer:
            for id_, emotion, speaker in own[["id", "emotion", "speaker"]].to_numpy():
                spectrum = spectrum_of(id_)
                f0_hz = np.full((len(spectrum), 1), np.exp(5 + 0.2 * (emotion == "angry") + 0.1 * int(speaker[-1])))
                f0_hz[::4] = 0
                if untouchable is not None and not wanted[own.index[own["id"] == id_]].item():
                    spectrum[:], f0_hz[:] = untouchable, untouchable
                writer.add(id_, {"spectrum": spectrum, "f0_hz": f0_hz, "aperiodicity": np.zeros((len(spectrum), 1))})


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of two corpora and five speakers, with features and a split."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    manifest.write(clips(), Path("data/manifest.parquet"), manifest.CLIPS, "")
    write_split(clips())
    write_features(clips())


def run(split: str = "full-1") -> Result:
    data = ["--split", f"splits/{split}.parquet", "--features", "features"]
    return CliRunner().invoke(main, [*data, "--out", str(OUT.parent), "--curves", str(CURVE.parent)])


def change(*replacements: tuple[str, str]) -> None:
    """Change params.yaml."""
    text = PARAMS
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    Path("params.yaml").write_text(text)


def written() -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in (*sorted(OUT.iterdir()), CURVE)}


def test_model_is_written() -> None:
    result = run()
    assert result.exit_code == 0, result.output
    losses = ", ".join(rf"{name} \d+\.\d\d" for name in pd.read_csv(CURVE).columns[1:] if name in stage.TOLD)
    assert re.search(rf"full-1 angry-sad: step 4/4, {losses}$", result.output, re.MULTILINE), result.output
    assert sorted(path.name for path in OUT.iterdir()) == ["config.json", "weights.safetensors"]
    tensors, config = models.load(OUT)
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    assert {name.split(".")[0] for name in tensors} == {"generator", "normalisation"}
    assert (config["kind"], config["split"]) == ("cyclegan", "full-1")
    assert config["emotions"] == ["angry", "sad"]
    assert [config["size"][name] for name in ("order", "channels", "blocks", "kernel")] == [ORDER, 4, 1, 3]
    assert config["seed"] == 3
    assert config["params"]["generator_rate"] == 1e-3
    expected = train_ids("angry") + train_ids("sad")
    assert config["train_clips_sha256"] == clips_sha256(clips().query("id in @expected"))
    assert config["train_clips"] == len(expected) == 12
    for emotion, shift in (("angry", 0.1), ("sad", -0.1)):
        pooled = np.concatenate([spectrum_of(id_) for id_ in train_ids(emotion)])
        np.testing.assert_allclose(tensors[f"normalisation.{emotion}..mean"], pooled.mean(axis=0), atol=1e-5)
        assert config["prosody"]["emotions"][emotion]["f0_shift"] == pytest.approx(shift, abs=1e-5)
    curve = pd.read_csv(CURVE)
    assert list(curve.columns) == ["step", "adversarial", "cycle", "identity", "discriminator"]
    assert list(curve["step"]) == [2, 4]


def test_each_direction_is_kept_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []

    def watched(*given: Any) -> Any:
        result = train(*given)
        trained.append((given, result[0]))
        return result

    monkeypatch.setattr(training, "train", watched)
    run()
    (((angry, sad, *_), networks),) = trained
    tensors, _ = models.load(OUT)
    for source, target, network in (("angry", "sad", networks.a_to_b), ("sad", "angry", networks.b_to_a)):
        for name, weights in network.state_dict().items():
            assert torch.equal(tensors[f"generator.{source}.{target}.{name}"], weights)
    for emotion, domain in (("angry", angry), ("sad", sad)):
        assert domain.lengths.tolist() == [len(spectrum_of(id_)) for id_ in train_ids(emotion)]


def test_other_seed_and_other_split_give_other_weights() -> None:
    run()
    seen = {provenance.fingerprint(OUT)}
    run(split="full-2")  # the same clips under another name
    seen.add(provenance.fingerprint(OUT))
    change(("seed: 3", "seed: 4"))
    run()
    seen.add(provenance.fingerprint(OUT))
    assert len(seen) == 3


def test_other_clips_are_never_read() -> None:
    run()
    before = written()
    for untouchable in (float("nan"), 1e30):
        write_features(clips(), untouchable)
        result = run()
        assert result.exit_code == 0, result.output
        assert written() == before
    frame = clips()
    with Writer(Path("features/b")) as writer:  # a train clip that is no number is seen, or the above could not fail
        for id_ in frame.loc[frame["corpus"] == "b", "id"]:
            nothing = {"f0_hz": np.zeros((12, 1)), "aperiodicity": np.zeros((12, 1))}
            writer.add(id_, {"spectrum": np.full((12, ORDER), np.nan), **nothing})
    assert run().exit_code == 1 or not all(torch.isfinite(tensor).all() for tensor in models.load(OUT)[0].values())


def test_partition_decides_not_the_speaker() -> None:
    frame = clips()
    rows = frame.assign(partition="valid")
    rows.loc[rows["id"].isin(["a/a3-angry-1", "b/b2-sad-2"]), "partition"] = "train"
    manifest.write(rows[["id", "partition"]], Path("splits/full-1.parquet"), manifest.PARTITIONED, "")
    assert run().exit_code == 0
    assert models.load(OUT)[1]["train_clips_sha256"] == clips_sha256(rows[rows["partition"] == "train"])


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("angry-fearful", "pair 'angry-fearful': no clips of emotion 'fearful'; expected one of angry, happy, sad"),
        ("angry-sda", "no clips of emotion 'sda'; did you mean 'sad'?"),
        ("sad-angry", "write 'angry-sad'"),
    ],
)
def test_emotion_that_no_clip_has(pair: str, message: str) -> None:
    change(("[angry-sad]", f"[{pair}]"))
    result = run()
    assert result.exit_code == 1
    assert message in result.output
    assert not OUT.exists()
    assert not CURVE.exists()


def test_emotion_without_train_clips_and_clip_without_features() -> None:
    with Writer(Path("features/b")):
        pass
    result = run()
    assert result.exit_code == 1
    assert "no features of 'b/b1-angry-1' in features/a, features/b" in result.output
    frame = clips()
    write_split(frame[(partition(frame) != "train") | (frame["emotion"] != "sad")])
    result = run()
    assert result.exit_code == 1
    assert "splits/full-1.parquet: pair 'angry-sad': no train clip is 'sad'" in result.output
    assert not OUT.exists()


def test_emotion_classifier_learns_from_all_train_clips_alone() -> None:
    """It changes the weights, and reads no clip outside train; without a weight of its loss there is none."""
    change(("classifier_weight: 0", "classifier_weight: 2"))
    result = run()
    assert result.exit_code == 0, result.output
    before, frame = written(), clips()
    tensors, config = models.load(OUT.with_name("emotion_classifier"))
    assert sorted({name.split(".")[0] for name in tensors}) == ["deviation", "layers", "leave", "mask", "mean"]
    assert config["train_clips_sha256"] == clips_sha256(frame[partition(frame) == "train"])
    assert config["emotions"] == sorted(EMOTIONS)
    assert models.load(OUT)[1]["classifier_trained_on"] == config["train_clips_sha256"]
    change()
    run()
    assert written() != before
    assert not OUT.with_name("emotion_classifier").exists()
    assert models.load(OUT)[1]["classifier_trained_on"] is None
    change(("classifier_weight: 0", "classifier_weight: 2"))
    for corpus, own in frame.groupby("corpus"):
        with Writer(Path("features") / str(corpus)) as writer:
            for id_, which in zip(own["id"], partition(own), strict=True):
                spectrum = spectrum_of(id_) if which == "train" else np.full((12, ORDER), np.nan)
                f0_hz = np.full((len(spectrum), 1), 100.0)
                writer.add(id_, {"spectrum": spectrum, "f0_hz": f0_hz, "aperiodicity": np.zeros((len(spectrum), 1))})
    assert run().exit_code == 0
    assert all(torch.isfinite(tensor).all() for tensor in models.load(OUT)[0].values())


RELATIVE = ("normalisation: corpus", "normalisation: speaker")


def with_neutral() -> pd.DataFrame:
    """The clips of `happy` are neutral."""
    frame = clips().replace({"emotion": {"happy": "neutral"}})
    manifest.write(frame, Path("data/manifest.parquet"), manifest.CLIPS, "")
    return frame


def test_spectra_relative_to_the_speaker() -> None:
    """All that is learned is; the means are of all neutral train clips and no others, and the model records them."""
    frame = with_neutral()
    change(RELATIVE, ("classifier_weight: 0", "classifier_weight: 2"))
    result = run()
    assert result.exit_code == 0, result.output
    before, (tensors, config) = written(), models.load(OUT)
    train = frame[partition(frame) == "train"]
    neutral = train[train["emotion"] == "neutral"]
    assert config["means_of"] == clips_sha256(neutral)
    assert config["params"]["normalisation"] == "speaker"
    assert config["train_clips_sha256"] == clips_sha256(train[train["emotion"] != "neutral"])
    means = Converter.from_tensors(tensors, config, torch.device("cpu")).means
    assert sorted(means) == sorted(train["speaker"].unique())
    for speaker, own in means.items():
        expected = speaker_means.mean(
            [speaker_means.summed(spectrum_of(id_)) for id_ in neutral.loc[neutral["speaker"] == speaker, "id"]]
        )
        np.testing.assert_allclose(own, expected, atol=1e-5)
    for emotion in ("angry", "sad"):
        own_clips = train.loc[train["emotion"] == emotion, ["id", "speaker"]].itertuples(index=False)
        pooled = np.concatenate([spectrum_of(id_) - means[speaker] for id_, speaker in own_clips])
        np.testing.assert_allclose(tensors[f"normalisation.{emotion}..mean"], pooled.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(tensors[f"normalisation.{emotion}..deviation"], pooled.std(0, ddof=1), rtol=1e-4)
    all_relative = np.concatenate([spectrum_of(i) - means[s] for i, s in train[["id", "speaker"]].to_numpy()])
    classifier, _ = models.load(OUT.with_name("emotion_classifier"))
    np.testing.assert_allclose(classifier["mean"], all_relative.mean(axis=0), atol=1e-5)
    for corpus, own in frame.groupby("corpus"):  # held-out clips are not read
        with Writer(Path("features") / str(corpus)) as writer:
            for id_, which in zip(own["id"], partition(own), strict=True):
                spectrum = spectrum_of(id_) if which == "train" else np.full((12, ORDER), np.nan)
                f0_hz = np.exp(5 + np.random.default_rng(0).random((len(spectrum), 1)))
                writer.add(id_, {"spectrum": spectrum, "f0_hz": f0_hz, "aperiodicity": np.zeros((len(spectrum), 1))})
    assert run().exit_code == 0
    assert written()[(OUT / "weights.safetensors").as_posix()] == before[(OUT / "weights.safetensors").as_posix()]
    change(("classifier_weight: 0", "classifier_weight: 2"))
    assert run().exit_code == 0
    tensors, config = models.load(OUT)
    assert config["means_of"] is None and not [name for name in tensors if name.startswith("neutral_mean")]


def test_a_train_speaker_without_neutral_clips() -> None:
    frame = with_neutral()
    write_split(frame[(frame["speaker"] != "b_b1") | (frame["emotion"] != "neutral")])
    change(RELATIVE)
    result = run()
    assert result.exit_code == 1
    assert "splits/full-1.parquet: no neutral train clip of b_b1; 'train_cyclegan.normalisation: spe" in result.output
    assert not OUT.exists()
    change()
    assert run().exit_code == 0


@pytest.mark.parametrize("parallel_weight", [0, 3])
def test_classifier_loss_denormalises_as_conversion_does(parallel_weight: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the clip's intensity if the target has enough train clips of it: `medium` anger and `high` sadness have.

    Untrained generators are the identity, so that a clip's frames return in the units of its target.
    """
    change(
        ("classifier_weight: 0", "classifier_weight: 1"),
        ("parallel_weight: 0", f"parallel_weight: {parallel_weight}"),
        ("duration: rate", "duration: none"),
    )
    frame = clips()
    odd = frame["id"].str.contains("b1-") & frame["id"].str.endswith("1")
    common = frame["emotion"].map({"angry": "medium", "sad": "high", "happy": "medium"})
    rare = frame["emotion"].map({"angry": "high", "sad": "medium", "happy": "medium"})
    frame["intensity"] = common.where(~odd, rare)
    manifest.write(frame.assign(sentence="the same"), Path("data/manifest.parquet"), manifest.CLIPS, "")
    given: list[Any] = []

    def untrained(a: Domain, b: Domain, params: Any, seed: int, *more: Any) -> Any:
        given.extend((a, b, more[2]))
        return training.untrained(ORDER, params, seed), [{"step": 0}]

    monkeypatch.setattr(training, "train", untrained)
    result = run()
    assert result.exit_code == 0, result.output
    a, b, classifier_loss = given
    converter = Converter.from_tensors(*models.load(OUT), torch.device("cpu"))
    assert set(converter.styles.of) == {("angry", None), ("angry", "medium"), ("sad", None), ("sad", "high")}
    own = frame[(partition(frame) == "train") & frame["emotion"].isin(("angry", "sad"))]
    seen = []
    for id_, emotion, level in own[["id", "emotion", "intensity"]].itertuples(index=False):
        a_side, b_side = (a, classifier_loss.a_to_b, "sad"), (b, classifier_loss.b_to_a, "angry")
        domain, units, other = a_side if emotion == "angry" else b_side
        spectrum = np.float32(spectrum_of(id_))
        clip = Features(spectrum, np.zeros((len(spectrum), 1), np.float32), np.zeros((len(spectrum), 1), np.float32))
        converted_spectrum = converted(converter, clip, emotion, other, (71, 600), level).spectrum
        normalised = converter.styles.source(emotion, level).apply(torch.from_numpy(spectrum))
        starts = [
            number
            for number, (start, length) in enumerate(zip(domain.starts, domain.lengths, strict=True))
            if length == len(spectrum) and torch.equal(domain.frames[start : start + length, :ORDER], normalised)
        ]
        assert starts
        seen += [(emotion, number) for number in starts]
        for number in starts:
            denormalised = units(normalised.T[None], torch.tensor([number]))[0].T
            np.testing.assert_allclose(denormalised, converted_spectrum, atol=1e-4)
    assert len(set(seen)) == len(a.lengths) + len(b.lengths)


def test_parallel_utterances_train() -> None:
    """Without sentences, the loss is 0; with equal sentences it is not."""
    change(("parallel_weight: 0", "parallel_weight: 3"))
    losses = []
    for sentences in (None, "the same"):
        manifest.write(clips().assign(sentence=sentences), Path("data/manifest.parquet"), manifest.CLIPS, "")
        result = run()
        assert result.exit_code == 0, result.output
        losses.append(pd.read_csv(CURVE)["parallel"].to_numpy())
        assert models.load(OUT)[1]["size"]["order"] == ORDER
    assert (losses[0] == 0).all()
    assert (losses[1] > 0.1).all()


@pytest.mark.parametrize("normalisation", ["corpus", "speaker"])
def test_a_killed_training_continues(normalisation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its own checkpoint, and not from that of another normalisation."""
    with_neutral()
    other = {"corpus": "speaker", "speaker": "corpus"}[normalisation]
    change(("normalisation: corpus", f"normalisation: {other}"))
    assert run().exit_code == 0
    elsewhere = written()
    change(("normalisation: corpus", f"normalisation: {normalisation}"))
    run()
    expected = written()
    assert expected[CURVE.as_posix()] != elsewhere[CURVE.as_posix()]
    shutil.rmtree(".cache")
    monkeypatch.setattr(stage, "CHECKPOINT_STEPS", 2)
    save = Checkpoints.save

    def save_and_die(self: Checkpoints, state: Any) -> None:
        save(self, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_die)
        assert run().exit_code == 1
    assert Path(".cache/training/full-1/angry-sad/latest.safetensors").is_file()
    assert run().exit_code == 0
    assert written() == expected


def test_pairs_side_by_side_or_added_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has the same bytes, and those that were trained before are not trained again."""
    change(("[angry-sad]", "[angry-sad, happy-sad]"), ("classifier_weight: 0", "classifier_weight: 1"))
    every = OUT.with_name("happy-sad"), OUT.with_name("emotion_classifier"), OUT, CURVE.parent
    found = []
    for cores in (1, 2):
        monkeypatch.setattr(workers, "cores", lambda cores=cores: cores)
        result = run()
        assert result.exit_code == 0, result.output
        found.append({path: path.read_bytes() for folder in every for path in folder.iterdir()})
        shutil.rmtree(".cache")
    assert found[0] == found[1]
    change(("classifier_weight: 0", "classifier_weight: 1"))
    run()
    change(("[angry-sad]", "[angry-sad, happy-sad]"), ("classifier_weight: 0", "classifier_weight: 1"))
    drawn = []
    monkeypatch.setattr(workers, "cores", lambda: 1)
    monkeypatch.setattr(training, "drawn", lambda *given: drawn.append(given) or draw(*given))
    run()
    assert {path: path.read_bytes() for folder in every for path in folder.iterdir()} == found[0]
    assert len(drawn) == 4  # steps of one pair


def test_no_pairs() -> None:
    """`assess` depends on the folder."""
    change(("[angry-sad]", "[]"), ("classifier_weight: 0", "classifier_weight: 1"))
    assert run().exit_code == 0
    assert list(OUT.parent.iterdir()) == []
