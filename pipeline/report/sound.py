"""Sound and spectrograms of clips, as text for a page.

FLAC inside the page: Chromium, Firefox (from 51) and Safari (from 11) play it, and no other codec changes the clips.
"""

import base64
import io
from dataclasses import dataclass

import librosa
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from pipeline.audio import measures, preparation
from pipeline.audio.acoustics import AcousticsParams
from pipeline.audio.mel_bands import log_mel
from pipeline.audio.preparation import AudioParams
from pipeline.report import drawing
from pipeline.report.clips import Clip, Group
from pipeline.report.drawing import INK
from pipeline.vocoder import Vocoder

RANGE_DB = 60  # of the colours of a spectrogram, below the loudest
COLOURS = 32
TICKS_HZ = (250, 1000, 4000)
MARGIN = 1.1  # factor above the highest F0 of a group and below its lowest
NO_F0_HZ = (100.0, 400.0)  # scale where no clip is voiced


@dataclass(frozen=True)
class Scale:
    """Axes that the clips of a group share: seconds, and F0 on a logarithmic scale."""

    longest_s: float
    low_hz: float
    high_hz: float


@dataclass(frozen=True)
class Player:
    """A clip with its sound and its picture."""

    clip: Clip
    audio: str  # data URL
    duration_s: float
    picture: str  # `<svg>`
    description: str  # of the picture, for those who do not see it


@dataclass(frozen=True)
class Listener:
    """Prepares, analyses and draws clips; can be sent to another process."""

    audio: AudioParams
    acoustics: AcousticsParams
    vocoder: Vocoder

    def players_of(self, group: Group) -> list[Player]:
        """Clips of a group as classifiers get them: prepared, at the same level; with one scale of time.

        Raises:
            ClickException: a clip cannot be read
        """
        waves = [self._prepared(clip) for clip in group.clips]
        tracks = [self.vocoder.f0(wave) for wave in waves]
        voiced = np.concatenate([track[track > 0] for track in tracks])
        longest_s = max(map(len, waves)) / self.audio.sampling_rate
        scale = Scale(longest_s, *((voiced.min() / MARGIN, voiced.max() * MARGIN) if len(voiced) else NO_F0_HZ))
        return [self._player(*found, scale) for found in zip(group.clips, waves, tracks, strict=True)]

    def _player(self, clip: Clip, samples: np.ndarray, f0_hz: np.ndarray, scale: Scale) -> Player:
        rate = self.audio.sampling_rate
        mel = log_mel(samples, rate, self.acoustics.n_mels, self.acoustics.frame_ms, self.acoustics.window_ms)
        f0 = measures.f0_summary(f0_hz)
        melody = f"median F0 {f0['f0_median_hz']:.0f} Hz" if f0["voiced_share"] else "no voiced frame"
        duration_s = len(samples) / rate
        return Player(
            clip,
            data_url(samples, rate),
            duration_s,
            self._spectrogram(mel, f0_hz, scale),
            f"Mel spectrogram with F0 of {clip.id}: {duration_s:.1f} s, {melody}",
        )

    def _prepared(self, clip: Clip) -> np.ndarray:
        path, start, end = clip.segment
        return preparation.prepared(path, self.audio, start, end)

    def _spectrogram(self, mel: np.ndarray, f0_hz: np.ndarray, scale: Scale) -> str:
        """Mel spectrogram (frames, bands) with F0 (frames,) over it."""
        bands = np.arange(mel.shape[1])
        centres_hz = librosa.mel_frequencies(len(bands) + 2, fmax=self.audio.sampling_rate / 2)[1:-1]
        panel = drawing.axes(1.6, (0.15, 0.25, 0.72, 0.72))
        panel.imshow(
            np.clip(10 / np.log(10) * (mel.T - mel.max()), -RANGE_DB, 0),
            extent=(0, len(mel) * self.acoustics.frame_ms / 1000, -0.5, len(bands) - 0.5),
            origin="lower",
            aspect="auto",
            interpolation="none",
            cmap=colormaps["magma"].resampled(COLOURS),
            vmin=-RANGE_DB,
            vmax=0,
        )
        limits, heights = np.log([scale.low_hz, scale.high_hz]), [-0.5, len(bands) - 0.5]
        melody = np.interp(np.log(np.maximum(f0_hz, 1)), limits, heights)
        times_s = np.arange(len(f0_hz)) * self.vocoder.frame_ms / 1000
        for colour, width in (("black", 3.5), ("#40e0ff", 1.8)):  # a dark rim: seen on bright and on dark
            panel.plot(times_s, np.where(f0_hz > 0, melody, np.nan), color=colour, linewidth=width)
        panel.set_xlim(0, scale.longest_s)
        for place, hz in ((0, scale.low_hz), (1, scale.high_hz)):
            _beside(panel, place, f"{hz:.0f} Hz", ("bottom", "top")[place])
        _beside(panel, 0.5, "F0", "center")
        panel.set_yticks(np.interp(TICKS_HZ, centres_hz, bands), [f"{tick / 1000:g}" for tick in TICKS_HZ])
        panel.set_xlabel("time [s]")
        panel.set_ylabel("kHz")
        return drawing.svg(panel)


def _beside(panel: Axes, height: float, text: str, alignment: str) -> None:
    panel.text(1.02, height, text, transform=panel.transAxes, va=alignment, color=INK, fontsize=8.5)


def data_url(samples: np.ndarray, sampling_rate: int) -> str:
    """Samples (samples,) at a rate [Hz] as FLAC in the text of a URL."""
    file = io.BytesIO()
    preparation.write(file, samples, sampling_rate)
    return "data:audio/flac;base64," + base64.b64encode(file.getvalue()).decode()
