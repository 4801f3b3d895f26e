"""Tells from an error, or from what a process said last, whether memory ran out, whichever library said so."""

from __future__ import annotations

# What allocators say in a bare RuntimeError: PyTorch's for CPU, MPS and CUDA's libraries, and C++'s own.
_PHRASES = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "failed to allocate",
    "alloc_failed",
)
# What a library's import, a thread that does not start, or an interpreter that cannot begin says besides.
_PHRASES_AT_START = (
    *_PHRASES,
    "failed to map segment",
    "can't start new thread",
    "memoryerror",
    "memory allocation failed",
    "no memory",
)
_LONGEST_CHAIN = 20


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that an allocation failed, on a GPU or on the CPU."""
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    # By its name: torch.OutOfMemoryError is a RuntimeError, and this module works without PyTorch.
    return type(error).__name__ == "OutOfMemoryError" or _has(str(error), _PHRASES)


def is_caused_by_out_of_memory(error: BaseException) -> bool:
    """Whether `error` or one of its causes says that memory ran out, while libraries, models or data were loaded."""
    found: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if found is None:
            return False
        if is_out_of_memory(found):
            return True
        if isinstance(found, ImportError | OSError | RuntimeError) and says_out_of_memory(str(found)):
            return True
        found = found.__cause__ or found.__context__
    return False


def says_out_of_memory(text: str) -> bool:
    """Whether the last words of a process, or an error's, say that memory ran out while it started or loaded."""
    return _has(text, _PHRASES_AT_START)


def _has(text: str, phrases: tuple[str, ...]) -> bool:
    lowered = text.lower()
    return any(phrase in lowered for phrase in phrases)
