"""`generate` with the prosody of a real utterance in place of statistics.

sed -i 's#python -m pipeline generate#python experiments/borrowed_prosody.py#' dvc.yaml && emocycle repro

The spectrum is the network's. Timing, F0 and energy are those of a train clip of the target emotion: the same sentence,
another speaker, of the same gender where there is one. Dynamic time warping aligns the two clips. F0 is moved by the
difference of the speakers' means, energy by the difference of the clips' means.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pipeline.conversion.alignment import Speech, aligned
from pipeline.conversion.converter import SPECTRA
from pipeline.core import manifest
from pipeline.core.shards import Shards
from pipeline.generation.speaker_statistics import of_speakers
from pipeline.generation.synthesis import Synthesis
from pipeline.stages import generate
from pipeline.stages.generate import Pair
from pipeline.vocoder import Features

SEED = 0  # of the choice of utterances


def converted(pair: Pair, stored: Shards, bounds_hz: tuple[float, float]) -> Iterator[Synthesis[Features]]:
    """As `Pair.converted`; a clip without such an utterance keeps the prosody by statistics."""
    rng = np.random.default_rng(SEED)
    clips = pair.sources.rename_axis("id").reset_index()
    voices = of_speakers(clips, stored)
    by = SPECTRA[pair.generator]
    rows = zip(pair.rows.to_dict("records"), clips.to_dict("records"), manifest.segments(pair.sources), strict=True)
    for row, own, segment in rows:
        clip, name, target = Features.load(stored, own["id"]), own["speaker"], row["emotion"]
        levels = generate._known(own["intensity"]), generate._known(row["intensity"])
        mean = pair.converter.means.get(name)
        plain = pair.converter.convert(clip, own["emotion"], target, bounds_hz, *levels, by, mean)
        is_parallel = clips["sentence"].eq(own["sentence"]) & clips["speaker"].ne(name)
        parallel = clips[clips["emotion"].eq(target) & is_parallel]
        alike = parallel[parallel["gender"].eq(own["gender"])]
        if parallel.empty:
            yield Synthesis(plain, segment)
            continue
        lender = (alike if len(alike) else parallel).sample(random_state=rng).to_dict("records")[0]
        shift = float(np.nan_to_num(voices[name].log_f0 - voices[lender["speaker"]].log_f0))
        yield Synthesis(borrowed(plain, Features.load(stored, lender["id"]), shift, bounds_hz), segment)


def borrowed(clip: Features, lender: Features, shift: float, bounds_hz: tuple[float, float]) -> Features:
    """A clip with timing, F0 and energy of another one.

    Args:
        clip: spectrum and aperiodicity
        lender: a parallel utterance
        shift: added to its log F0
        bounds_hz: lowest and highest F0 of the result [Hz]
    """
    mine, theirs = aligned(Speech.of(clip.spectrum), Speech.of(lender.spectrum))
    places, first = np.unique(theirs, return_index=True)
    at = np.round(np.interp(np.arange(len(lender.spectrum)), places, mine[first])).astype(int)
    spectrum = clip.spectrum[at].copy()
    spectrum[:, 0] = lender.spectrum[:, 0] - lender.spectrum[theirs, 0].mean() + clip.spectrum[mine, 0].mean()
    f0_hz = np.where(lender.f0_hz > 0, np.clip(lender.f0_hz * np.exp(shift), *bounds_hz), 0)
    return replace(clip, spectrum=spectrum, f0_hz=f0_hz.astype(np.float32), aperiodicity=clip.aperiodicity[at])


if __name__ == "__main__":
    Pair.converted = converted  # type: ignore
    generate.main()
