"""A pair: two emotions, written `angry-happy`, the first in the alphabet first."""

from collections.abc import Collection

import click

from pipeline.core.params import nearest


class PairError(click.ClickException):
    """A pair is not written as expected, or has an unknown emotion."""


def parse(pair: str, emotions: Collection[str]) -> tuple[str, str]:
    """The two emotions of a pair.

    Args:
        pair: `a-b`
        emotions: known ones

    Raises:
        PairError: it is not two known, different emotions in alphabetical order
    """
    a, dash, b = pair.partition("-")
    if not dash or a == b:
        raise PairError(f"pair '{pair}': expected two different emotions with a dash between, like angry-happy")
    for emotion in (a, b):
        if emotion not in emotions:
            raise PairError(f"pair '{pair}': no clips of emotion '{emotion}'{nearest(emotion, emotions)}")
    if a > b:
        raise PairError(f"pair '{pair}' is reversed: one pair holds both directions, write '{b}-{a}'")
    return a, b
