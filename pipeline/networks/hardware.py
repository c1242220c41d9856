"""Device and precision of networks.

On a CPU, the same settings on the same kind of hardware (`resolved`) give the same bytes. On a GPU, torch is set to
deterministic algorithms, but this was not tested.
"""

import logging
import os
import platform
from contextlib import AbstractContextManager
from dataclasses import InitVar
from pathlib import Path
from typing import Literal

import click
import torch
from pydantic import PositiveFloat

from pipeline.core.params import section

log = logging.getLogger(__name__)


@section
class HardwareParams:
    """Device, threads and precision."""

    device: Literal["auto", "cpu", "cuda"]
    threads: int  # of the CPU; another number changes the last digits
    precision: Literal["auto", "float32", "bfloat16"]
    memory_gb: InitVar[PositiveFloat | None] = None  # not kept: it changes no bytes; `pipeline.core.memory` uses it


def device(params: HardwareParams) -> torch.device:
    """The device to use; sets up the process for repeatable results.

    Raises:
        ClickException: the device does not exist
    """
    if params.device == "cuda" and not torch.cuda.is_available():
        raise click.ClickException("hardware.device is 'cuda', but torch finds no GPU; expected 'auto' or 'cpu'")
    torch.set_num_threads(params.threads)
    where = _where(params)
    log.debug("%s, %s, %d threads", where, _precision(params, where), params.threads)
    if where.type == "cuda":
        _repeatable_on_gpu()
    return where


def autocast(params: HardwareParams, where: torch.device) -> AbstractContextManager[None]:
    """Mixed precision for a forward pass; `auto` is bfloat16 on hardware that multiplies bfloat16, else float32."""
    half = _precision(params, where) == "bfloat16"
    context: AbstractContextManager[None] = torch.autocast(where.type, torch.bfloat16, enabled=half)
    return context


def resolved(params: HardwareParams) -> dict[str, str | int]:
    """Everything that determines the last digits: device, precision, cpu, threads, torch.

    This is stored in files whose hashes other stages depend on. So a CPU is named by its vendor and instructions, which
    select the kernels, and not by its model: hardware of one kind writes the same bytes.
    """
    where = _where(params)
    return {
        "device": torch.cuda.get_device_name() if where.type == "cuda" else "cpu",
        "precision": _precision(params, where),
        "cpu": _cpu(),
        "threads": params.threads,
        "torch": torch.__version__,
    }


def _where(params: HardwareParams) -> torch.device:
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if params.device == "auto" else params.device
    return torch.device(chosen)


def _repeatable_on_gpu() -> None:
    """Full float32 and deterministic kernels; torch warns where it has none."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.use_deterministic_algorithms(True, warn_only=True)


def _precision(params: HardwareParams, where: torch.device) -> str:
    if params.precision == "auto":
        return "bfloat16" if _has_bfloat16(where) else "float32"
    return params.precision


def _cpu() -> str:
    """Architecture, vendor and the instructions that select kernels, such as `x86_64 GenuineIntel avx2`."""
    info = Path("/proc/cpuinfo")  # of Linux
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    vendors = [line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")]
    instructions = {
        "avx2": torch.cpu._is_avx2_supported,
        "avx512": torch.cpu._is_avx512_supported,
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported,
        "amx": torch.cpu._is_amx_tile_supported,
    }
    return " ".join([platform.machine(), *vendors[:1], *(name for name, has in instructions.items() if has())])


def _has_bfloat16(where: torch.device) -> bool:
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported())
