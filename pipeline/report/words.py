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
    "converted": "the conversion",
    "resynthesised": "the conversion after the vocoder",
    "copy_synthesis": "a real clip through the vocoder alone",
    "second_reference": "another real recording of the target, the best to hope for",
}
