"""Setting of all tests of the classifiers."""

import pytest


@pytest.fixture(autouse=True)
def all_on_one_thread(one_thread: None) -> None:
    """Each test."""
