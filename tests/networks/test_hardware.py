"""The device is set up for repeatable results, and precision is what was asked for."""

import os
import platform
from collections.abc import Iterator

import click
import pytest
import torch

from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams, autocast, device, resolved


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give back what `device` sets for the whole process."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "before")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    threads, cudnn, matmul = torch.get_num_threads(), torch.backends.cudnn, torch.backends.cuda.matmul
    kept = cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32
    yield
    torch.set_num_threads(threads)
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = kept
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("threads", [1, 2])
def test_process_is_set_up(threads: int) -> None:
    assert device(HardwareParams("cpu", threads, "float32")) == torch.device("cpu")
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()  # of a CPU there is nothing to ask for


@pytest.mark.parametrize("asked", ["auto", "cuda"])
def test_a_gpu_is_set_up_to_repeat_itself(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = False, True, True, True
    assert device(HardwareParams(asked, 1, "float32")).type == "cuda"  # type: ignore[arg-type]
    assert cudnn.deterministic and not cudnn.benchmark
    assert not cudnn.allow_tf32 and not matmul.allow_tf32
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.parametrize(("multiplies", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_what_auto_became(monkeypatch: pytest.MonkeyPatch, multiplies: bool, expected: str) -> None:
    monkeypatch.setattr(hardware, "_has_bfloat16", lambda where: multiplies)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = resolved(HardwareParams("auto", 3, "auto"))
    cpu = str(found["cpu"])
    others = {"device": "cpu", "threads": 3, "torch": torch.__version__}
    assert found == others | {"precision": expected, "cpu": cpu}
    assert platform.machine() in cpu and ("avx2" in cpu.split()) == torch.cpu._is_avx2_supported()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA X")
    assert resolved(HardwareParams("auto", 3, "auto"))["device"] == "NVIDIA X"
    assert resolved(HardwareParams("cpu", 3, "bfloat16")) == found | {"precision": "bfloat16"}


def test_device_with_and_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for found, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=found: found)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)
        assert device(HardwareParams("auto", 1, "auto")).type == expected
        assert device(HardwareParams("cpu", 1, "auto")).type == "cpu"
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
