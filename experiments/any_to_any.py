"""A learned conversion to any voice against the conversion by statistics, in scenarios of kind `enrolment`.

python experiments/any_to_any.py enrol_1-1 enrol_1-2     # in a workspace after `features` and `split`

The network (the blocks of the CycleGAN's generator) encodes a spectrum, normalised by its speaker's neutral speech, to
a few channels, and decodes them for the mean and deviation of a speaker's neutral speech. It learns to reconstruct the
train clips and the enrolled neutral clips. It prints the UAR of test speakers by an SVM on functionals of WORLD's
features; one classifier a person.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import click
import numpy as np
import pandas as pd
import torch
from envelopes import Split, another, functionals_of, summary, uar_by_speaker
from torch import Tensor, nn

from pipeline.conversion.crops import Domain
from pipeline.conversion.networks import FLAT, GatedBlock
from pipeline.generation.speaker_statistics import SpeakerStatistics, converted, of_speakers
from pipeline.vocoder import Features

CHANNELS, BLOCKS, KERNEL = 64, 2, 3
STEPS, BATCH, FRAMES, RATE = 400, 8, 128, 2e-3
Voices = dict[str, SpeakerStatistics]


class AnyToAny(nn.Module):
    """Encoder to a few channels, and decoder for a speaker."""

    def __init__(self, order: int, bottleneck: int) -> None:
        """Set up the layers.

        Args:
            order: coefficients of a frame, with the 0th
            bottleneck: channels of the content
        """
        super().__init__()
        self.encode = nn.Sequential(_conv(order, CHANNELS), *_blocks(), _conv(CHANNELS, bottleneck))
        self.enter = _conv(bottleneck + 1 + 2 * (order - 1), CHANNELS)
        self.decode = nn.Sequential(*_blocks(), nn.SiLU(), _conv(CHANNELS, order - 1))

    def forward(self, content: Tensor, voice: Tensor) -> Tensor:
        """Spectrum without the level, in units of all train clips, (batch, order - 1, frames).

        Args:
            content: spectrum in units of the source, and its level, (batch, order, frames)
            voice: mean and log deviation of the target, (batch, 2 · (order - 1))
        """
        given = [self.encode(content), content[:, :1], voice[:, :, None].expand(-1, -1, content.shape[2])]
        found: Tensor = self.decode(self.enter(torch.cat(given, dim=1)))
        return found


@dataclass(frozen=True)
class Units:
    """Mean and deviation over all train clips."""

    mean: np.ndarray  # of the coefficients without the 0th, (order - 1,)
    deviation: np.ndarray
    level: tuple[float, float]  # mean and deviation of the 0th

    @classmethod
    def of(cls, clips: list[Features]) -> Self:
        """Units of train clips."""
        frames = np.concatenate([clip.spectrum for clip in clips])
        level = float(frames[:, 0].mean()), float(frames[:, 0].std())
        return cls(frames[:, 1:].mean(axis=0), frames[:, 1:].std(axis=0), level)

    def content(self, clip: Features, own: SpeakerStatistics) -> np.ndarray:
        """Input of the encoder, (frames, order)."""
        level = (clip.spectrum[:, :1] - self.level[0]) / self.level[1]
        return np.hstack([level, (clip.spectrum[:, 1:] - own.mean) / own.deviation]).astype(np.float32)

    def target(self, clip: Features) -> np.ndarray:
        """What the decoder has to find, (frames, order - 1)."""
        return ((clip.spectrum[:, 1:] - self.mean) / self.deviation).astype(np.float32)

    def voice(self, speaker: SpeakerStatistics) -> np.ndarray:
        """Condition of the decoder, (2 · (order - 1),)."""
        mean = (speaker.mean - self.mean) / self.deviation
        return np.concatenate([mean, np.log(speaker.deviation / self.deviation)]).astype(np.float32)


def trained(clips: list[Features], speakers: list[str], voices: Voices, units: Units, bottleneck: int) -> AnyToAny:
    """A network that reconstructs clips; every speaker is drawn equally often."""
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)
    pairs = zip(clips, speakers, strict=True)
    frames = [np.hstack([units.content(clip, voices[name]), units.target(clip)]) for clip, name in pairs]
    order = clips[0].spectrum.shape[1]
    drawn = Domain.of([torch.from_numpy(each) for each in frames], speakers)
    conditions = torch.from_numpy(np.stack([units.voice(voices[name]) for name in speakers]))
    network = AnyToAny(order, bottleneck)
    adam = torch.optim.Adam(network.parameters(), RATE)
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1, 0.01, STEPS)
    for _ in range(STEPS):
        picked = drawn.clips(BATCH, rng)
        content, target = drawn.crops_of(picked, FRAMES, rng).split([order, order - 1], dim=1)
        loss = (network(content, conditions[picked]) - target).abs().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        falling.step()
    print(f"bottleneck {bottleneck}: reconstruction {loss.item():.3f} of a deviation")
    return network.eval()


@torch.no_grad()
def by_network(
    network: AnyToAny, units: Units, clip: Features, plain: Features, voices: tuple[SpeakerStatistics, ...]
) -> Features:
    """A clip in another voice; its variance over time is that of the conversion by statistics, as in the CycleGAN.

    Args:
        network: trained
        units: of its training
        clip: of the source
        plain: the clip converted by statistics
        voices: of source and target
    """
    source, target = voices
    content = torch.from_numpy(units.content(clip, source)).T[None]
    found = network(content, torch.from_numpy(units.voice(target))[None])[0].T.numpy() * units.deviation + units.mean
    wanted, own = (np.maximum(frames.std(axis=0), FLAT) for frames in (plain.spectrum[:, 1:], found))
    spectrum = plain.spectrum.copy()
    spectrum[:, 1:] = found.mean(axis=0) + (found - found.mean(axis=0)) * wanted / own
    return replace(plain, spectrum=spectrum)


def scores(split: str, bottlenecks: tuple[int, ...]) -> pd.DataFrame:
    """UAR of each test speaker, by arm."""
    train, valid, test, enrolled, stored, bounds = Split.read(split)
    own = {id_: Features.load(stored, id_) for rows in (train, valid, test, enrolled) for id_ in rows["id"]}

    def inputs(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        return functionals_of(own[id_] for id_ in rows["id"]), rows["label"].to_numpy()

    voices = of_speakers(pd.concat([train, enrolled]), stored)
    learned = pd.concat([train, enrolled])
    of_learned = [own[id_] for id_ in learned["id"]]
    units = Units.of([own[id_] for id_ in train["id"]])
    networks = {n: trained(of_learned, list(learned["speaker"]), voices, units, n) for n in bottlenecks}
    real, held_out, classes = inputs(train), inputs(valid), train["label"].to_numpy()
    nothing = real[0][:0], classes[:0]
    persons = sorted(test["speaker"].unique())
    in_voice: dict[tuple[str, str], np.ndarray] = {}
    for person in persons:
        sources = list(zip(train["id"], train["speaker"], strict=True))
        plain = [converted(own[id_], voices[name], voices[person], bounds) for id_, name in sources]
        in_voice["statistics", person] = functionals_of(plain)
        for count, network in networks.items():
            found = (
                by_network(network, units, own[id_], each, (voices[name], voices[person]))
                for (id_, name), each in zip(sources, plain, strict=True)
            )
            in_voice[f"network {count}", person] = functionals_of(found)
    rows = {}
    for person in persons:
        mine = test[test["speaker"] == person]
        tested = inputs(mine)[0]
        other = another(person, test)
        uar = {"none": uar_by_speaker(real, nothing, held_out, tested, mine)}
        for way in ("statistics", *(f"network {count}" for count in networks)):
            for whose, voice in (("the person", person), ("another", other)):
                added = in_voice[way, voice], classes
                uar[f"{way}, {whose}"] = uar_by_speaker(real, added, held_out, tested, mine)
            added = in_voice[way, person], classes
            uar[f"{way}, the person, alone"] = uar_by_speaker(added, nothing, held_out, tested, mine)
        rows[f"{person} {split.partition('-')[0]}"] = pd.Series({name: each.item() for name, each in uar.items()})
    return pd.DataFrame(rows).T


def kept(split: str, bottlenecks: tuple[int, ...]) -> pd.DataFrame:
    """`scores`, from .cache/any_to_any if they are there; remove it after a change of code."""
    path = Path(".cache/any_to_any") / f"{split}-{'-'.join(map(str, bottlenecks))}.csv"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        scores(split, bottlenecks).to_csv(path)
    return pd.read_csv(path, index_col=0)


def _conv(width: int, out: int) -> nn.Conv1d:
    return nn.Conv1d(width, out, KERNEL, padding=KERNEL // 2)


def _blocks() -> list[GatedBlock]:
    return [GatedBlock(CHANNELS, KERNEL, dilation=2**index) for index in range(BLOCKS)]


@click.command()
@click.argument("splits", nargs=-1, required=True)
@click.option("--bottleneck", "bottlenecks", multiple=True, default=(16,), help="Channels of the content.")
def main(splits: tuple[str, ...], bottlenecks: tuple[int, ...]) -> None:
    """Print the table as Markdown; a speaker's score is the mean over draws of train speakers."""
    torch.set_num_threads(1)
    found = pd.concat([kept(split, bottlenecks) for split in splits])
    print(summary(found.groupby(found.index.str.split(" ").str[0]).mean(), "none").to_markdown())


if __name__ == "__main__":
    main()
