"""WORLD (Morise et al. 2016): F0, a spectral envelope coded as mel-cepstrum, and a coded aperiodicity."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyworld
from pydantic import PositiveFloat, PositiveInt

from pipeline.core.params import section
from pipeline.vocoder.features import Features

SILENT = 1e-8  # dither below 16 bits; WORLD's logarithms need samples that are not exactly zero


@section
class WorldParams:
    """Analysis by WORLD."""

    frame_ms: PositiveFloat  # from one frame to the next [ms]
    order: PositiveInt  # coefficients of the mel-cepstrum, including the 0th
    f0: Literal["dio", "harvest"]  # dio with StoneMask is 20 times faster; harvest finds more voiced frames
    f0_floor_hz: PositiveFloat  # lowest F0; frames down to this F0 get the envelope of voiced frames
    f0_ceil_hz: PositiveFloat

    def __post_init__(self) -> None:
        """The range of F0 must not be empty."""
        if self.f0_floor_hz >= self.f0_ceil_hz:
            raise ValueError(f"f0_floor_hz is {self.f0_floor_hz}: expected less than f0_ceil_hz, {self.f0_ceil_hz}")


@dataclass(frozen=True)
class World:
    """The WORLD vocoder at one sampling rate [Hz]."""

    params: WorldParams
    sampling_rate: int

    @property
    def fft_size(self) -> int:
        """Samples of CheapTrick's transform; it treats frames with an F0 of 3 · rate / (size - 3) or lower as unvoiced.

        WORLD's own size for a lowest F0 can be too small by one power of two.
        """
        size = pyworld.get_cheaptrick_fft_size(self.sampling_rate, self.params.f0_floor_hz)
        if pyworld.get_cheaptrick_f0_floor(self.sampling_rate, size) >= self.params.f0_floor_hz:
            size *= 2
        return int(size)

    def analyse(self, samples: np.ndarray, aperiodicity: bool = True) -> Features:
        """Analyse a prepared clip.

        Args:
            samples: (samples,), mono
            aperiodicity: False for an array (frames, 0), in a third of the time

        Returns:
            spectrum: mel-cepstrum of the envelope's log power, (frames, order)
        """
        wave = np.ascontiguousarray(samples, dtype=np.float64)
        wave = wave + SILENT * np.random.default_rng(0).standard_normal(len(wave))
        f0_hz, times = self.f0(wave, self.params.f0)
        envelope = pyworld.cheaptrick(wave, f0_hz, times, self.sampling_rate, fft_size=self.fft_size)
        coded = pyworld.code_spectral_envelope(envelope, self.sampling_rate, self.params.order)
        bands = np.zeros((len(f0_hz), 0))
        if aperiodicity:
            noise = pyworld.d4c(wave, f0_hz, times, self.sampling_rate, fft_size=self.fft_size)
            bands = pyworld.code_aperiodicity(noise, self.sampling_rate)
        return Features(coded.astype(np.float32), f0_hz[:, None].astype(np.float32), bands.astype(np.float32))

    def synthesise(self, features: Features, formants: float = 1.0) -> np.ndarray:
        """Samples from features, (samples,), float64; the frequencies of the envelope are multiplied by `formants`."""
        coded, f0_hz, bands = (
            np.ascontiguousarray(array, dtype=np.float64)
            for array in (features.spectrum, features.f0_hz[:, 0], features.aperiodicity)
        )
        envelope = pyworld.decode_spectral_envelope(coded, self.sampling_rate, self.fft_size)
        if formants != 1:
            envelope = _warped(envelope, formants)
        aperiodicity = pyworld.decode_aperiodicity(bands, self.sampling_rate, self.fft_size)
        samples: np.ndarray = pyworld.synthesize(
            f0_hz, envelope, aperiodicity, self.sampling_rate, self.params.frame_ms
        )
        return samples

    def f0(self, samples: np.ndarray, estimator: Literal["dio", "harvest"]) -> tuple[np.ndarray, np.ndarray]:
        """F0 of samples, within the bounds.

        StoneMask changes F0 of DIO by up to a fifth, also beyond the bounds. Such frames are voiced, so they are
        clipped to the bound, like F0 after a conversion.

        Args:
            samples: (samples,), float64
            estimator: of F0

        Returns:
            F0 [Hz], 0 where unvoiced, and the frames' times [s], both (frames,)
        """
        bounds = (self.params.f0_floor_hz, self.params.f0_ceil_hz)
        if estimator == "harvest":
            f0_hz, times = pyworld.harvest(samples, self.sampling_rate, *bounds, frame_period=self.params.frame_ms)
        else:
            coarse, times = pyworld.dio(samples, self.sampling_rate, *bounds, frame_period=self.params.frame_ms)
            refined = pyworld.stonemask(samples, coarse, times, self.sampling_rate)
            f0_hz = np.where(refined > 0, np.clip(refined, *bounds), 0.0)
        return f0_hz, times


def _warped(envelope: np.ndarray, factor: float) -> np.ndarray:
    """Envelope with its frequencies multiplied by `factor`, (frames, bins); the last bin fills bins above."""
    last = envelope.shape[1] - 1
    places = np.minimum(np.arange(last + 1) / factor, last)
    below = np.minimum(places.astype(int), last - 1)
    log_power = np.log(envelope)
    share = places - below
    return np.ascontiguousarray(np.exp((1 - share) * log_power[:, below] + share * log_power[:, below + 1]))
