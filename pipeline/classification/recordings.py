"""From recordings that are in no corpus to the features of classifiers."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.audio import decoding, preparation, utterances
from pipeline.audio.acoustics import AcousticsParams, FrontEnd, classifier_features
from pipeline.audio.decoding import AudioError, Recording
from pipeline.audio.preparation import AudioParams
from pipeline.core import shards
from pipeline.core.manifest import Segment
from pipeline.core.params import section
from pipeline.corpora import ingestion
from pipeline.corpora.ingestion import IngestParams, Sound
from pipeline.vocoder import Features, Vocoder, VocoderParams, copies, vocoder

Arrays = Mapping[str, np.ndarray]  # of an utterance, as of `classifier_features`


class Prepared(NamedTuple):
    """What classifiers get of a file."""

    sha256: str  # of the decoded samples, as in the manifest
    duration: float  # [s]
    utterances: Mapping[Segment, Arrays]  # the whole file, or the parts of a long one


@section
class Preparation:
    """From a recording to features, as the stages `ingest`, `features` and `acoustics` make them of a corpus."""

    limits: IngestParams
    audio: AudioParams
    vocoder: VocoderParams
    acoustics: AcousticsParams
    front_end: FrontEnd

    @property
    def _vocoder(self) -> Vocoder:
        return vocoder(self.vocoder, self.audio.sampling_rate)

    def recording(self, path: Path, longest_s: float | None = None) -> Recording:
        """A decoded file.

        Args:
            path: of the file
            longest_s: longer audio is refused; default: that of the limits [s]

        Raises:
            AudioError: it cannot be read, is too short or too long, or silent
        """
        found = decoding.read(path, longest_s=self.limits.max_duration_s if longest_s is None else longest_s)
        sound = Sound(found.sampling_rate, found.duration, found.sha256, found.peak)
        if isinstance(unusable := ingestion.accept(sound, self.limits), AudioError):
            raise unusable
        return found

    def features(self, samples: np.ndarray, sampling_rate: int) -> Features:
        """Features by the vocoder, as they are stored, of samples (samples,) at a rate [Hz]."""
        found = self._vocoder.analyse(preparation.prepare(samples, sampling_rate, self.audio))
        return Features(shards.as_stored(found.spectrum, self.vocoder.storage), found.f0_hz, found.aperiodicity)

    def prepared(self, path: Path) -> Prepared | AudioError:
        """Features of a file, of each of its utterances if it is longer than `limits.max_duration_s`.

        An error is a result too, because it is common.
        """
        try:
            found = self.recording(path, math.inf)
        except AudioError as error:
            return error
        rate, spans = found.sampling_rate, [(0, len(found.samples))]
        segments = [Segment(path)]
        if found.duration > self.limits.max_duration_s:
            spans = utterances.spans(found.samples, rate, self.audio.trim_db, self.limits.min_duration_s)
            segments = [Segment(path, start / rate, stop / rate) for start, stop in spans]
        arrays = (self.arrays(found.samples[start:stop], rate) for start, stop in spans)
        return Prepared(found.sha256, found.duration, dict(zip(segments, arrays, strict=True)))

    def arrays(self, samples: np.ndarray, sampling_rate: int) -> Arrays:
        """Features of an utterance (samples,) at a rate [Hz]."""
        if self.front_end == FrontEnd.VOCODED:
            return self._arrays(copies.copied(self.features(samples, sampling_rate), self._vocoder, self.audio))
        return self._arrays(preparation.prepare(samples, sampling_rate, self.audio))

    def vocoded(self, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """Functionals (1, functionals) and samples (samples,) of the synthesis of a clip, from vocoder features."""
        samples = copies.copied(features, self._vocoder, self.audio)
        return self._arrays(samples)["functionals"], samples

    def _arrays(self, samples: np.ndarray) -> Arrays:
        """Features of prepared samples (samples,)."""
        own = self._vocoder
        return classifier_features(samples, self.audio.sampling_rate, self.acoustics, own.f0(samples), own.frame_ms)
