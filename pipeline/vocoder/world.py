"""WORLD (Morise et al. 2016): F0, a spectral envelope coded as mel-cepstrum, and a coded aperiodicity."""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
import pyworld
from pydantic import Field, PositiveFloat, PositiveInt

from pipeline.core.params import section
from pipeline.vocoder.features import Features

BAND_HZ = 3000  # from one band of the coded aperiodicity to the next
SILENT = 1e-8  # dither below 16 bits; WORLD's logarithms need samples that are not exactly zero
NOISES = 128  # frames of WORLD's sequence of noise among which the noise of a clip begins; more take longer


@section
class WorldParams:
    """Analysis by WORLD."""

    frame_ms: PositiveFloat  # from one frame to the next [ms]
    order: PositiveInt  # coefficients of the mel-cepstrum, including the 0th
    f0: Literal["dio", "harvest"]  # dio with StoneMask is 20 times faster; harvest finds more voiced frames
    f0_floor_hz: PositiveFloat  # lowest F0; frames down to this F0 get the envelope of voiced frames
    f0_ceil_hz: PositiveFloat
    # Periodicity below which a voiced frame gets noise alone, by D4C's LoveTrain (Morise 2017); 0: no voiced frame does
    d4c_threshold: Annotated[float, Field(ge=0, le=1)]

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
    def frame_ms(self) -> float:
        """From one frame to the next [ms]."""
        return self.params.frame_ms

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
        f0_hz, times = self._f0(samples)
        wave = samples + _dither(1 << len(samples).bit_length())[: len(samples)]
        envelope = pyworld.cheaptrick(wave, f0_hz, times, self.sampling_rate, fft_size=self.fft_size)
        coded = np.log(envelope.astype(np.float32)) @ _coder(self.sampling_rate, self.fft_size, self.params.order)
        bands = np.zeros((len(f0_hz), 0))
        if aperiodicity:
            noise = pyworld.d4c(
                wave, f0_hz, times, self.sampling_rate, threshold=self.params.d4c_threshold, fft_size=self.fft_size
            )
            bands = _coded_aperiodicity(noise, self.sampling_rate)
        return Features(coded, f0_hz[:, None].astype(np.float32), bands.astype(np.float32))

    def f0(self, samples: np.ndarray) -> np.ndarray:
        """F0 of the frames of a prepared clip (samples,), as of `analyse`: (frames,), 0 where unvoiced [Hz]."""
        return self._f0(samples)[0].astype(np.float32)

    def synthesise(self, features: Features, formants: float = 1.0) -> np.ndarray:
        """Samples from features, (samples,), float64; the frequencies of the envelope are multiplied by `formants`.

        WORLD uses the same noise, from its beginning, in every call. So silent frames come first, and are cut: as many
        as follow from a checksum of the arguments. Clips differ in their noise, and the same features give the same
        samples, also of a clip without an id.
        """
        coded, f0_hz, bands = (
            np.ascontiguousarray(array, dtype=np.float64)
            for array in (features.spectrum, features.f0_hz[:, 0], features.aperiodicity)
        )
        envelope = pyworld.decode_spectral_envelope(coded, self.sampling_rate, self.fft_size)
        if formants != 1:
            envelope = _warped(envelope, formants)
        aperiodicity = pyworld.decode_aperiodicity(bands, self.sampling_rate, self.fft_size)
        checksum = zlib.crc32(np.float64(formants).tobytes() + f0_hz.tobytes() + coded.tobytes() + bands.tobytes())
        silent_hz = np.zeros(2 + checksum % NOISES)
        silent_hz[:-2] = 2 + self.sampling_rate / self.fft_size  # the lowest F0, so that they take few pulses
        silence = np.full((len(silent_hz), envelope.shape[1]), SILENT**2)
        samples: np.ndarray = pyworld.synthesize(
            np.concatenate([silent_hz, f0_hz]),
            np.concatenate([silence, envelope]),
            np.concatenate([np.full_like(silence, 0.5), aperiodicity]),
            self.sampling_rate,
            self.params.frame_ms,
        )
        return samples[len(samples) - int(len(f0_hz) * self.params.frame_ms * self.sampling_rate / 1000) :]

    def _f0(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F0 within the bounds [Hz], 0 where unvoiced, and the frames' times [s], both (frames,).

        StoneMask changes F0 of DIO by up to a fifth, also beyond the bounds. Such frames are voiced, so they are
        clipped to the bound, like F0 after a conversion.
        """
        wave = np.ascontiguousarray(samples, np.float64)  # without dither, in which DIO finds F0
        bounds = (self.params.f0_floor_hz, self.params.f0_ceil_hz)
        if self.params.f0 == "harvest":
            f0_hz, times = pyworld.harvest(wave, self.sampling_rate, *bounds, frame_period=self.params.frame_ms)
        else:
            coarse, times = pyworld.dio(wave, self.sampling_rate, *bounds, frame_period=self.params.frame_ms)
            refined = pyworld.stonemask(wave, coarse, times, self.sampling_rate)
            f0_hz = np.where(refined > 0, np.clip(refined, *bounds), 0.0)
        return f0_hz, times


@lru_cache(maxsize=1)
def _dither(samples: int) -> np.ndarray:
    """Noise (samples,), of which the beginning is the same for any number."""
    return SILENT * np.random.default_rng(0).standard_normal(samples)


def _coded_aperiodicity(aperiodicity: np.ndarray, sampling_rate: int) -> np.ndarray:
    """`pyworld.code_aperiodicity`, which takes the logarithm of all bins, of the few bins that it uses [dB]."""
    fft_size = 2 * aperiodicity.shape[1] - 2
    count = int(min(15_000, sampling_rate / 2 - BAND_HZ) / BAND_HZ)
    places = BAND_HZ * np.arange(1, count + 1) * fft_size / sampling_rate
    below = places.astype(int)
    low, high = (20 * np.log10(aperiodicity[:, bins]) for bins in (below, below + 1))
    bands: np.ndarray = low + (places - below) * (high - low)
    return bands


@lru_cache(maxsize=2)
def _coder(sampling_rate: int, fft_size: int, order: int) -> np.ndarray:
    """Matrix from the envelope's log power to `pyworld.code_spectral_envelope`, which is linear: (bins, order)."""
    code: np.ndarray = pyworld.code_spectral_envelope(np.exp(np.eye(fft_size // 2 + 1)), sampling_rate, order)
    return code.astype(np.float32)


def _warped(envelope: np.ndarray, factor: float) -> np.ndarray:
    """Envelope with its frequencies multiplied by `factor`, (frames, bins); the last bin fills bins above."""
    last = envelope.shape[1] - 1
    places = np.minimum(np.arange(last + 1) / factor, last)
    below = np.minimum(places.astype(int), last - 1)
    log_power = np.log(envelope)
    share = places - below
    return np.ascontiguousarray(np.exp((1 - share) * log_power[:, below] + share * log_power[:, below + 1]))
