"""A machine with GPUs, as far as its driver's program tells."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BOARDS = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-5c89b1aa-0000-0000-0000-000000000000)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-6d90c2bb-0000-0000-0000-000000000001)
GPU 2: NVIDIA A2 (UUID: GPU-7ea1d3cc-0000-0000-0000-000000000002)
"""
DIVIDED = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89b1aa-0000-0000-0000-000000000000)
  MIG 3g.20gb     Device  0: (UUID: MIG-11111111-0000-0000-0000-000000000000)
  MIG 3g.20gb     Device  1: (UUID: MIG-22222222-0000-0000-0000-000000000000)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-6d90c2bb-0000-0000-0000-000000000001)
"""


def put_gpus_here(folder: Path, monkeypatch: pytest.MonkeyPatch, listed: str = BOARDS, memory: str = "") -> None:
    """Make `nvidia-smi -L` print `listed`, and its queries `memory`; no variable hides any."""
    folder.mkdir()
    (folder / "listed").write_text(listed)
    (folder / "memory").write_text(memory)
    program = folder / "nvidia-smi"
    program.write_text(f'#!/bin/sh\nif [ "$1" = -L ]; then cat {folder}/listed; else cat {folder}/memory; fi\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
