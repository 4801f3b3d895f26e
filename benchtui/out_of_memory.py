"""What is done when memory runs out, and how that is recognised whichever library says so.

1. A batch did not fit: the model answers half as many sequences at once (`fewer_rows`), down to one. What was answered
   before is kept.
2. The operating system ended the worker: the next one plans for half of the memory (`smaller_share`), down to a 64th,
   and resumes from the journal.
3. Nothing smaller is left: the run ends, what was answered is scored, and the message says what needs less memory.

Where it happens: `worker/answering/` answers fewer at once (the hf engine also reads fewer tokens in each pass, in
`hf/engine/batching.py`), `supervise/endings.py` starts the next worker.
"""

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
# What Python says where C code failed without telling why: with little memory, an allocation that it did not check.
_NO_EXCEPTION = ("without exception set", "without setting an exception")
_LONGEST_CHAIN = 20

SMALLEST_SHARE = 1 / 64
"""Of the memory that would be planned for: a worker that was killed with less of it would be killed again."""


def fewer_rows(rows: int | None) -> int | None:
    """Return how many sequences to answer at once after `rows` did not fit; None when there is nothing smaller."""
    return rows // 2 if rows is not None and rows > 1 else None


def smaller_share(share: float) -> float | None:
    """Return the share of the memory to plan for after `share` was too much; None when there is nothing smaller."""
    return share / 2 if share / 2 >= SMALLEST_SHARE else None


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
        if isinstance(found, SystemError) and _has(str(found), _NO_EXCEPTION) and memory_limit() is not None:
            return True
        found = found.__cause__ or found.__context__
    return False


def says_out_of_memory(text: str) -> bool:
    """Whether the last words of a process, or an error's, say that memory ran out while it started or loaded."""
    return _has(text, _PHRASES_AT_START)


def memory_limit() -> int | None:
    """Return how many bytes of memory this process, and each that it starts, may take (`ulimit -v`); None for any."""
    try:
        import resource
    except ImportError:  # not a Unix
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _has(text: str, phrases: tuple[str, ...]) -> bool:
    lowered = text.lower()
    return any(phrase in lowered for phrase in phrases)
