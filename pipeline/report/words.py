"""What arms and anchors are, for readers who do not know the project."""

from collections.abc import Mapping

ARMS: Mapping[str, str] = {
    "none": "real clips alone, the reference",
    "classical": "copies with changed tempo, pitch, fade or noise",
    "vtlp": "copies with moved formants and F0, as of another speaker",
    "speaker_conversion": "copies in another voice",
    "enrolled_conversion": "copies in the voices of the test speakers, from a few neutral clips of each",
    "personal_conversion": "for each test speaker a classifier, with copies in the speaker's own voice",
    "complete_speakers": "control: without the speakers of whom only neutral clips are known",
    "complete+speaker_conversion": "the same, with copies in another voice",
    "speaker_conversion+vtlp": "copies of both kinds",
    "cyclegan": "real clips converted to another emotion by a network (CycleGAN)",
    "cyclegan+classical": "clips of both kinds",
    "dcgan": "clips that a network (DC-GAN) makes from noise",
    "oversample": "control: real clips repeated",
    "enrolled_clips": "control: the few neutral clips of the test speakers themselves",
    "other_person": "control: as personal_conversion, with another person's voice",
    "copy_synthesis": "control: copies that passed the vocoder, otherwise unchanged",
    "statistics": "control: conversion without the network, by mean and variance",
    "f0_only": "control: conversion of F0 alone",
    "shuffled_labels": "control: converted clips with wrong emotions",
}
ANCHORS: Mapping[str, str] = {
    "unconverted": "the source itself, no conversion",
    "converted": "the features that the conversion computed, before the vocoder",
    "resynthesised": "the conversion after the vocoder",
    "copy_synthesis": "a real clip through the vocoder alone",
    "second_reference": "another real recording of the target, the best to hope for",
}
MEASURES: Mapping[str, str] = {  # columns of metrics/conversion.csv; others are shown by their name
    "mcd_db": "mel-cepstral distortion [dB], lower is better",
    "f0_rmse_st": "error of F0 along the clip [semitones], lower is better",
    "f0_correlation": "correlation of F0 along the clip, higher is better",
    "f0_mean_st": "error of the mean F0 [semitones], lower is better",
    "f0_deviation_st": "error of the F0 range [semitones], lower is better",
    "energy_deviation_db": "error of the range of energy [dB], lower is better",
    "log_duration": "error of log duration, lower is better",
    "estoi": "intelligibility against the source, 0 to 1, higher is better",
    "estoi_at_source_f0": "the same, at the source's F0",
    "recognition_accuracy": "share recognised as the target emotion, higher is better",
    "speaker_identification": "share with the right speaker, higher is better",
    "distillmos": "naturalness (predicted MOS), 1 to 5, higher is better",
    "dnsmos": "naturalness (predicted MOS), 1 to 5, higher is better",
    "ge2e_similarity": "cosine to the speaker's other clips, higher is better",
    "ge2e_identification": "share with the right speaker, higher is better",
    "swift_f0_mean_st": "error of the mean F0 by SwiftF0 [semitones], lower is better",
    "swift_f0_deviation_st": "error of the F0 range by SwiftF0 [semitones], lower is better",
}
SCORES: Mapping[str, str] = {  # of a synthetic clip: `manifest.SCORES`
    "level_db": "level of the speech in the file [dB re full scale]",
    "clipping": "share of samples at the clip's maximum, lower is better",
    "intelligibility": "ESTOI against the source, 0 to 1, higher is better",
    "silence": "share of frames that are more than 30 dB below the loudest",
    "f0_median_hz": "median F0 [Hz]",
    "f0_range_st": "range of F0 [semitones]",
    "emotion_confidence": "probability of the wanted emotion, by a model of real train clips of other speakers",
    "speaker_similarity": "cosine to the speaker's other clips, by a model of real train clips, higher is better",
    "distillmos": MEASURES["distillmos"],
    "dnsmos": MEASURES["dnsmos"],
    "ge2e_similarity": "speaker similarity to the source by GE2E, cosine, higher is better",
}
