"""From recordings that are in no corpus to the features of classifiers."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.audio import decoding, preparation
from pipeline.audio.acoustics import AcousticsParams, FrontEnd, classifier_features
from pipeline.audio.decoding import AudioError, Recording
from pipeline.audio.preparation import AudioParams
from pipeline.core import shards
from pipeline.core.params import section
from pipeline.corpora import ingestion
from pipeline.corpora.ingestion import IngestParams, Sound
from pipeline.vocoder import Features, Vocoder, VocoderParams, copies, vocoder


class Prepared(NamedTuple):
    """What classifiers get of a file."""

    sha256: str  # of the decoded samples, as in the manifest
    arrays: dict[str, np.ndarray]  # as of `classifier_features`


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

    def recording(self, path: Path) -> Recording:
        """A decoded file.

        Raises:
            AudioError: it cannot be read, is too short or too long, or silent
        """
        found = decoding.read(path, longest_s=self.limits.max_duration_s)
        sound = Sound(found.sampling_rate, found.duration, found.sha256, found.peak)
        if isinstance(unusable := ingestion.accept(sound, self.limits), AudioError):
            raise unusable
        return found

    def features(self, samples: np.ndarray, sampling_rate: int) -> Features:
        """Features by the vocoder, as they are stored, of samples (samples,) at a rate [Hz]."""
        found = self._vocoder.analyse(preparation.prepare(samples, sampling_rate, self.audio))
        return Features(shards.as_stored(found.spectrum, self.vocoder.storage), found.f0_hz, found.aperiodicity)

    def prepared(self, path: Path) -> Prepared | AudioError:
        """Features of a file; an error is a result too, because it is common."""
        try:
            found = self.recording(path)
        except AudioError as error:
            return error
        if self.front_end == FrontEnd.VOCODED:
            features = self.features(found.samples, found.sampling_rate)
            samples = copies.copied(features, self._vocoder, self.audio)
        else:
            samples = preparation.prepare(found.samples, found.sampling_rate, self.audio)
        return Prepared(found.sha256, self._arrays(samples))

    def vocoded(self, features: Features) -> np.ndarray:
        """Functionals of the synthesis of a clip, (1, functionals), from its features by the vocoder."""
        return self._arrays(copies.copied(features, self._vocoder, self.audio))["functionals"]

    def _arrays(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """Features of prepared samples (samples,)."""
        own = self._vocoder
        return classifier_features(samples, self.audio.sampling_rate, self.acoustics, own.f0(samples), own.frame_ms)
