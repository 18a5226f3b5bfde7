"""Plain-text tables with aligned columns."""

from collections.abc import Sequence


def format_table(rows: Sequence[Sequence[str]], align_left: int = 1) -> str:
    """Align the cells of each column, two spaces between columns, one line per row.

    The first `align_left` columns are aligned to the left, the others, of numbers, to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if position < align_left else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
