#!/usr/bin/env bash
# pyworld-prebuilt 0.3.6.post1 (WORLD's C++ code with a Python interface): `cheaptrick` treats voiced frames with a low F0
# as unvoiced, without a warning, where `dio` has found the right F0. How low depends on the sampling rate.
#
# `dio(f0_floor=40)` finds a voice of 60 Hz. `cheaptrick` with its defaults chooses the length of its FFT for 71 Hz, and
# replaces F0 below the limit of that length by 500 Hz. The limit is 47 Hz at 16 kHz, and 70 to 71 Hz at 24 and 48 kHz, so the
# same voice has a right envelope at one rate and a wrong one at another. Men with low voices and creaky speech reach
# such F0. `fft_size=get_cheaptrick_fft_size(rate, floor)` with the floor of `dio` is right at all rates.
#
# Output seen:
#     16000 Hz, voice of 60 Hz: limit 47 Hz, envelope 0.1 dB off
#     24000 Hz, voice of 60 Hz: limit 71 Hz, envelope 29.7 dB off
#     48000 Hz, voice of 60 Hz: limit 70 Hz, envelope 27.8 dB off
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyworld-prebuilt==0.3.6.post1 numpy==2.3.5 scipy==1.16.3

"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pyworld
from scipy.signal import lfilter

FLOOR, F0 = 40, 60


def voice(rate):
    """Two seconds of pulses at F0, through two formants."""
    samples = np.zeros(2 * rate)
    samples[np.arange(0, 2 * rate, rate / F0).astype(int)] = 1
    for frequency, bandwidth in ((500, 80), (1500, 120)):
        radius = np.exp(-np.pi * bandwidth / rate)
        samples = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * frequency / rate), radius**2], samples)
    return 0.5 * samples / np.abs(samples).max()


for rate in (16_000, 24_000, 48_000):
    samples = voice(rate)
    f0, times = pyworld.dio(samples, rate, f0_floor=FLOOR)
    middle = slice(50, -50)
    assert abs(np.median(f0[middle]) - F0) < 1 and (f0[middle] > 0).all()
    usual = pyworld.cheaptrick(samples, f0, times, rate)[middle]
    size = pyworld.get_cheaptrick_fft_size(rate, FLOOR)
    right = pyworld.cheaptrick(samples, f0, times, rate, fft_size=size)[middle]
    limit = pyworld.get_cheaptrick_f0_floor(rate, 2 * (usual.shape[1] - 1))
    step = (right.shape[1] - 1) // (usual.shape[1] - 1)
    off = np.sqrt(np.mean((10 * np.log10(usual / right[:, ::step])) ** 2))
    print(f"{rate} Hz, voice of {F0} Hz: limit {limit:.0f} Hz, envelope {off:.1f} dB off")
    assert (off > 20) == (rate > 16_000) and (off < 0.5) == (rate == 16_000)
PYTHON
echo "as described"
