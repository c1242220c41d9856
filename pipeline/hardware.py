"""Where networks run, and how precisely. The same settings on the same kind of machine give the same bytes."""

from contextlib import AbstractContextManager
from typing import Literal

import click
import torch

from pipeline.params import section


@section
class HardwareParams:
    """What to compute on."""

    device: Literal["auto", "cpu", "cuda"]
    threads: int  # of the CPU; another number gives other last digits
    precision: Literal["auto", "float32", "bfloat16"]


def device(params: HardwareParams) -> torch.device:
    """The device to use, with the process set up for repeatable results on it.

    Raises:
        ClickException: there is no such device
    """
    if params.device == "cuda" and not torch.cuda.is_available():
        raise click.ClickException("hardware.device is 'cuda', but torch finds no GPU; expected 'auto' or 'cpu'")
    torch.set_num_threads(params.threads)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if params.device == "auto" else params.device
    return torch.device(chosen)


def autocast(params: HardwareParams, where: torch.device) -> AbstractContextManager[None]:
    """Mixed precision for a forward pass; `auto` is bfloat16 where the hardware multiplies in it, else float32."""
    half = params.precision == "bfloat16" or (params.precision == "auto" and _has_bfloat16(where))
    context: AbstractContextManager[None] = torch.autocast(where.type, torch.bfloat16, enabled=half)
    return context


def _has_bfloat16(where: torch.device) -> bool:
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported())
