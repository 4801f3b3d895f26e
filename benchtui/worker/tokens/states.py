"""Hidden states as arrays of a store, and back, without a change of any bit."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.text import one_line

HIDDEN = "hidden"
"""The name of the array in a shard."""
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def dtype_of(states: torch.Tensor) -> str:
    """Return the name of the precision of hidden states."""
    return str(states.dtype).removeprefix("torch.")


def states_array(states: torch.Tensor) -> NDArray[np.generic]:
    """Return hidden states as an array; numpy has no bfloat16, whose bits become uint16."""
    there = states.detach().cpu().contiguous()
    if there.dtype == torch.bfloat16:
        return there.view(torch.int16).numpy().view(np.uint16)
    array: NDArray[np.generic] = there.numpy()
    return array


def states_tensor(array: NDArray[np.generic], dtype: str, device: torch.device | str = "cpu") -> torch.Tensor:
    """Return the hidden states of an array of a store. Raises BenchtuiError where it is of another precision."""
    wanted = _DTYPES.get(dtype)
    bits = np.uint16 if dtype == "bfloat16" else np.dtype(dtype) if wanted is not None else None
    if wanted is None or array.dtype != bits or array.ndim != 2:
        raise BenchtuiError(
            f"The store's hidden states are no matrix of {one_line(dtype, 40) or 'numbers'}.",
            "Run the comparison of tokens again.",
        )
    if wanted == torch.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(array).to(device)
