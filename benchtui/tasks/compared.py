"""What a task's metric divides the log-likelihoods of a document's continuations by before it compares them."""

from __future__ import annotations


def compared_size(continuation: str, metric: str) -> int:
    """Return the length that `metric` divides the log-likelihood of a continuation by, at least 1: characters for
    acc_norm, bytes for acc_bytes, 1 for every other, as lm-eval does (`ConfigurableTask.process_results`). A space that
    joins the continuation to its context does not count."""
    text = continuation.lstrip()
    lengths = {"acc_norm": len(text), "acc_bytes": len(text.encode("utf-8", "replace"))}
    return max(lengths.get(metric, 1), 1)
