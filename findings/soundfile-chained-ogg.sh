#!/usr/bin/env bash
# soundfile 0.14.0 (libsndfile 1.2.2 in its wheel): of an Ogg file that holds several recordings one after another, only
# the first is read, without a word.
#
# Two Ogg files joined by `cat` are one valid Ogg file (RFC 3533: a chained bitstream); recorders and internet radio
# write them. `soundfile.info` gives the length of the first recording, and `soundfile.read` ends after it. A corpus with
# such files loses speech, and the clip is accepted as a shorter one.
#
# Output seen:
#     VORBIS: 1.0 s of 3 s
#     OPUS: 1.0 s of 3 s
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet soundfile==0.14.0 numpy==2.3.5

"$folder/venv/bin/python" - <<'PYTHON'
import io

import numpy as np
import soundfile

RATE = 24_000
tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(3 * RATE) / RATE)


def ogg(samples, coding):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="OGG", subtype=coding)
    return file.getvalue()


for coding in ("VORBIS", "OPUS"):
    chained = ogg(tone[:RATE], coding) + ogg(tone[RATE:], coding)
    samples, _ = soundfile.read(io.BytesIO(chained))
    print(f"{coding}: {len(samples) / RATE:.1f} s of 3 s")
    assert len(samples) == soundfile.info(io.BytesIO(chained)).frames == RATE
PYTHON
echo "as described"
