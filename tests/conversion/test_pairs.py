"""A pair has one spelling, and each error names the right one."""

import pytest

from pipeline.conversion.pairs import PairError, parse

EMOTIONS = {"angry", "happy", "neutral", "sad"}


def test_pair() -> None:
    assert parse("angry-happy", EMOTIONS) == ("angry", "happy")


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("happy-angry", "^pair 'happy-angry' is reversed: one pair holds both directions, write 'angry-happy'$"),
        ("angry-hapy", "^pair 'angry-hapy': no clips of emotion 'hapy'; did you mean 'happy'\\?$"),
        ("agnry-happy", "no clips of emotion 'agnry'; did you mean 'angry'\\?$"),
        ("angry-zzz", "no clips of emotion 'zzz'; expected one of angry, happy, neutral, sad$"),
        ("sad-sad", "^pair 'sad-sad': expected two different emotions with a dash between, like angry-happy$"),
        ("angry_happy", "^pair 'angry_happy': expected two different emotions with a dash between"),
        ("angry-", "no clips of emotion ''"),
    ],
)
def test_wrong_pair(pair: str, message: str) -> None:
    with pytest.raises(PairError, match=message):
        parse(pair, EMOTIONS)
