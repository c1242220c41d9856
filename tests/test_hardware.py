"""The device is set up for repeatable results, and precision is what was asked for."""

from collections.abc import Iterator

import click
import pytest
import torch

from pipeline import hardware
from pipeline.hardware import HardwareParams, autocast, device


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Give back what `device` sets for the whole process."""
    threads, cudnn = torch.get_num_threads(), torch.backends.cudnn
    deterministic, benchmark = cudnn.deterministic, cudnn.benchmark
    yield
    torch.set_num_threads(threads)
    cudnn.deterministic, cudnn.benchmark = deterministic, benchmark


@pytest.mark.parametrize("threads", [1, 2])
def test_process_is_set_up(threads: int) -> None:
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = False, True
    assert device(HardwareParams("cpu", threads, "float32")) == torch.device("cpu")
    assert torch.get_num_threads() == threads
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark


@pytest.mark.parametrize(("found", "expected"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, found: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    assert device(HardwareParams("auto", 1, "auto")).type == expected
    assert device(HardwareParams("cpu", 1, "auto")).type == "cpu"


def test_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(click.ClickException, match="hardware.device is 'cuda', but torch finds no GPU"):
        device(HardwareParams("cuda", 1, "auto"))


@pytest.mark.parametrize(
    ("precision", "multiplies", "expected"),
    [
        ("float32", True, torch.float32),
        ("bfloat16", False, torch.bfloat16),
        ("auto", True, torch.bfloat16),
        ("auto", False, torch.float32),
    ],
)
def test_precision(monkeypatch: pytest.MonkeyPatch, precision: str, multiplies: bool, expected: torch.dtype) -> None:
    monkeypatch.setattr(hardware, "_has_bfloat16", lambda where: multiplies)
    context = autocast(HardwareParams("cpu", 1, precision), torch.device("cpu"))  # type: ignore[arg-type]
    x = torch.ones(2, 2)
    for _ in range(2):  # a training loop enters it in every step
        with context:
            assert (x @ x).dtype == expected
        assert (x @ x).dtype == torch.float32


def test_auto_asks_the_processor() -> None:
    with autocast(HardwareParams("cpu", 1, "auto"), torch.device("cpu")):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert (product.dtype == torch.bfloat16) == torch.cpu._is_avx512_bf16_supported()
