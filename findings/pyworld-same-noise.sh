#!/usr/bin/env bash
# pyworld-prebuilt 0.3.6.post1 (WORLD's C++ code with a Python interface): `synthesize` uses the same noise in every call.
#
# Its generator of noise starts again with each call. So the unvoiced parts at the start of different clips are the same
# noise in different envelopes, and not independent as in recordings. Two recordings of noise that do not correlate
# correlate at 0.8 after analysis and synthesis. A classifier that learns from recordings and synthesised clips can use
# this as a mark of the synthesis; where clips are added for some classes only, it is a mark of these classes.
#
# Output seen:
#     recordings of noise: correlation 0.00; after synthesis: 0.79
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyworld-prebuilt==0.3.6.post1 numpy==2.3.5

"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pyworld

RATE = 16_000


def copied(samples):
    """The samples after WORLD's analysis as unvoiced speech, and synthesis."""
    f0, times = pyworld.dio(samples, RATE)
    f0 = np.zeros_like(f0)
    envelope = pyworld.cheaptrick(samples, f0, times, RATE)
    return pyworld.synthesize(f0, envelope, pyworld.d4c(samples, f0, times, RATE), RATE)[: len(samples)]


noises = [0.1 * np.random.default_rng(seed).normal(size=RATE) for seed in (1, 2)]
before = np.corrcoef(*noises)[0, 1]
after = np.corrcoef(*map(copied, noises))[0, 1]
print(f"recordings of noise: correlation {abs(before):.2f}; after synthesis: {after:.2f}")
assert abs(before) < 0.05 and after > 0.6
PYTHON
echo "as described"
