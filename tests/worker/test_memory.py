"""Allocation failures told from every other error, by really failing to allocate."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from benchtui.worker.answering.hf.memory import is_out_of_memory


def test_a_real_one_on_the_cpu() -> None:
    """In a process of its own, whose address space is bounded: torch asks for far more."""
    script = textwrap.dedent(
        """
        import resource, torch
        from benchtui.worker.answering.hf.memory import is_out_of_memory
        torch.zeros(1)
        used = 1024 * int(next(l for l in open("/proc/self/status") if l.startswith("VmSize")).split()[1])
        resource.setrlimit(resource.RLIMIT_AS, (used + 200_000_000,) * 2)
        for ask in (lambda: torch.zeros(1_000_000_000), lambda: bytearray(2_000_000_000)):
            try:
                ask()
            except Exception as error:
                print(is_out_of_memory(error))
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
        (OSError(28, "No space left on device"), False),
    ],
)
def test_by_what_libraries_say(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
