"""What a clip is, in the words of IPTC."""

import pytest

from pipeline.audio import marking


@pytest.mark.parametrize(
    ("generator", "source_id", "trained_vocoder", "found"),
    [
        (None, None, False, "digitalCapture"),
        ("oversample", "demo/1", False, "digitalCapture"),  # repeats a recording
        ("vtlp", "demo/1", False, "algorithmicallyEnhanced"),
        ("copy_synthesis", "demo/1", True, "compositeWithTrainedAlgorithmicMedia"),
        ("speaker_conversion", "demo/1", False, "compositeWithTrainedAlgorithmicMedia"),
        ("cyclegan", "demo/1", False, "compositeWithTrainedAlgorithmicMedia"),
        ("dcgan", None, False, "trainedAlgorithmicMedia"),
    ],
)
def test_digital_source_type(generator: str | None, source_id: str | None, trained_vocoder: bool, found: str) -> None:
    clip = {"is_synthetic": generator is not None, "generator": generator, "source_id": source_id}
    assert marking.digital_source_type(clip, trained_vocoder) == found


def test_what_is_unknown_is_left_out() -> None:
    clip = {"is_synthetic": True, "id": "a", "seed": float("nan"), "source_id": None, "license": None}
    assert marking.tags(clip)["comment"].endswith('trainedAlgorithmicMedia", "id": "a"}')
    assert "license" not in marking.tags(clip)
