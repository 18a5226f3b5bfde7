"""Lists in messages about tables."""

from collections.abc import Sequence


def join_first(
    texts: Sequence[str], n_shown: int, separator: str = ", ", n_texts: int | None = None
) -> str:
    """Join the first texts, and say how many more there are: of `n_texts`, or of those given."""
    n_more = (n_texts or len(texts)) - n_shown
    more = f"{separator}and {n_more:,} more" if n_more > 0 else ""
    return separator.join(texts[:n_shown]) + more
