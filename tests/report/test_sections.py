import pytest

from pipeline.report import answer


@pytest.mark.parametrize(
    ("low", "high", "verdict", "expected"),
    [
        (-0.02, 0.05, "No effect shown", " (95 % interval −2.0 to +5.0), which may be chance"),
        (0.01, 0.05, "Gain shown", " (95 % interval +1.0 to +5.0)"),
        (0.01, 0.05, "No effect shown", " (95 % interval +1.0 to +5.0), which may be chance"),  # by Holm's correction
        (-0.02, 0.05, "Too few test speakers for an answer", " (95 % interval −2.0 to +5.0), which may be chance"),
    ],
)
def test_interval(low, high, verdict, expected):
    assert answer.interval({"gain": 0.03, "ci_low": low, "ci_high": high}, 0.95, verdict) == expected


def test_one_speaker_gives_no_interval():
    assert answer.interval({"gain": 0.03}, 0.95, "One test speaker gives no answer") == ""
