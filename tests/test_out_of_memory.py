"""Allocation failures told from every other error, by really failing to allocate."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
import torch

from benchtui.errors import BenchtuiError
from benchtui.out_of_memory import (
    fewer_rows,
    is_caused_by_out_of_memory,
    is_out_of_memory,
    says_out_of_memory,
    smaller_share,
)
from benchtui.worker.answering.hf.load import load_error


def test_a_real_one_on_the_cpu() -> None:
    """In a process of its own, whose address space is bounded: torch asks for far more."""
    script = textwrap.dedent(
        """
        import resource, torch
        from benchtui.out_of_memory import is_out_of_memory
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
        (RuntimeError("[enforce fail] failed to allocate 4096 bytes"), True),
        (torch.OutOfMemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
        (OSError(28, "No space left on device"), False),
    ],
)
def test_by_what_libraries_say(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (RuntimeError("can't start new thread"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (raised_from(ValueError("the dataset cannot be built"), MemoryError()), True),
        (raised_from(BenchtuiError("m cannot be loaded"), torch.OutOfMemoryError()), True),
        (ImportError("No module named 'peft'"), False),
        (ValueError("a document about running out of memory"), False),
        (OSError(28, "No space left on device"), False),
    ],
)
def test_while_loading_the_causes_count_too(error: Exception, expected: bool) -> None:
    assert is_caused_by_out_of_memory(error) is expected


def test_causes_in_a_circle_come_to_an_end() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert not is_caused_by_out_of_memory(first)


def test_a_model_that_does_not_fit_is_named_whatever_library_said_so() -> None:
    error = raised_from(OSError("unable to read weights"), RuntimeError("unable to mmap: Cannot allocate memory (12)"))
    assert "m does not fit into memory" in load_error("m", error).what


@pytest.mark.parametrize(
    "line",
    [
        "MemoryError",
        "Fatal Python error: _PyRuntimeState_Init: memory allocation failed",
        "python: error while loading shared libraries: libm.so.6: failed to map segment from shared object",
        "RuntimeError: can't start new thread",
    ],
)
def test_by_the_last_words_of_a_process(line: str) -> None:
    assert says_out_of_memory(line)
    assert not says_out_of_memory("jinja2.exceptions.TemplateSyntaxError: unexpected '}'")


def test_batches_are_halved_down_to_one() -> None:
    assert [fewer_rows(rows) for rows in (64, 3, 2, 1, None)] == [32, 1, 1, None, None]


def test_the_memory_to_plan_for_is_halved_down_to_a_64th() -> None:
    shares: list[float | None] = [1.0]
    while (last := shares[-1]) is not None:
        shares.append(smaller_share(last))
    assert shares == [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, None]


@pytest.mark.parametrize("limit", [2**40, None])
def test_code_that_fails_without_saying_why_means_memory_where_that_is_limited(
    monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    resource = pytest.importorskip("resource")
    soft = resource.RLIM_INFINITY if limit is None else limit
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, resource.RLIM_INFINITY))
    error = SystemError("error return without exception set")
    assert is_caused_by_out_of_memory(error) is (limit is not None)
    assert not is_caused_by_out_of_memory(SystemError("bad argument to internal function"))
