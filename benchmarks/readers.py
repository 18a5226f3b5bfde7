"""Which reader understands tables as spreadsheets write them.

Each text has the same two columns of numbers, written in another way. It is understood if both have
the right values, and no row is too many or missing. The libraries have their defaults, and detect
the dialect; charset-normalizer detects the encoding for pandas.
"""

import tempfile
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _results import Item, Record, format_table

RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "income": RANDOM.uniform(-9_000, 90_000, 60).round(2),
        "visits": RANDOM.integers(1, 60, 60).astype(float),
    }
)


def write_table(
    income: Callable[[float], str] = "{:.2f}".format,
    visits: Callable[[float], str] = "{:.0f}".format,
    separator: str = ",",
    before: str = "income,visits\n",
    after: str = "",
) -> str:
    """Return the table as text, each number by a function."""
    rows = (f"{income(a)}{separator}{visits(b)}\n" for a, b in TABLE.to_numpy())
    return before.replace(",", separator) + "".join(rows) + after


def write_german(value: float) -> str:
    """Return a number with decimal comma, and points between thousands."""
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def write_accounting(value: float) -> str:
    """Return a number whose sign is written by parentheses."""
    return f'"({abs(value):,.2f})"' if value < 0 else f'"{value:,.2f}"'


SUMS = f"{TABLE['income'].sum():.2f},{TABLE['visits'].sum():.0f}\n"
TEXTS: dict[str, str | bytes] = {
    "plain": write_table(),
    "separated by semicolons": write_table(separator=";"),
    "separated by tabs": write_table(separator="\t"),
    "separated by bars": write_table(separator="|"),
    "aligned by spaces": write_table("{:<10.2f}".format, separator=" "),
    "UTF-16": write_table(separator="\t").encode("utf-16"),
    "Windows-1252, euros": write_table(lambda x: f"{x:.2f} €").encode("cp1252"),
    "decimal comma": write_table(lambda x: f"{x:.2f}".replace(".", ","), separator=";"),
    "decimal comma, points": write_table(write_german, separator=";"),
    "apostrophes": write_table(lambda x: f"{x:,.2f}".replace(",", "'")),
    "dollars": write_table('"${:,.2f}"'.format),
    "codes of currencies": write_table('"USD {:,.2f}"'.format),
    "parentheses": write_table(write_accounting),
    "minus behind": write_table(lambda x: f"{abs(x):.2f}{'-' if x < 0 else ''}"),
    "a unit": write_table("{:.2f}kg".format),
    "percent": write_table("{:.2f}%".format),
    "thousands as k": write_table(lambda x: f"{x / 1000:.5f}k"),
    "scientific": write_table("{:.6E}".format),
    "gaps as -": write_table(visits=lambda x: "-" if x > 50 else f"{x:.0f}"),
    "gaps as n/a": write_table(visits=lambda x: "n/a" if x > 50 else f"{x:.0f}"),
    "title lines": write_table(before="Customers of 2026,\n\nincome,visits\n"),
    "comments": write_table(before="# by hand\n# 2026\nincome,visits\n"),
    "two lines of names": write_table(before="income,visits\nUSD,per year\n"),
    "totals": write_table(after=SUMS),
    "names again": write_table(after="income,visits\n"),
}


def expect_values(name: str) -> np.ndarray:
    """Return the values of a text."""
    values = TABLE.to_numpy(copy=True)
    if name.startswith("gaps"):
        values[values[:, 1] > 50, 1] = np.nan
    return values


def read_with_skdec(path: Path) -> Any:
    """Read a text with skdec."""
    from skdec.tables._cells import understand
    from skdec.tables._reader import load_table

    frame = load_table(str(path)).X
    return pd.DataFrame({name: understand(frame[name]).parse(frame[name]) for name in frame})


def read_with_pandas(path: Path, encoding: str | None = None) -> Any:
    """Read a text with pandas, which detects the separator."""
    return pd.read_csv(path, sep=None, engine="python", encoding=encoding)


def read_with_charset_normalizer(path: Path) -> Any:
    """Read a text with pandas, in the encoding that charset-normalizer finds."""
    from charset_normalizer import from_path

    best = from_path(path).best()
    return read_with_pandas(path, best and best.encoding)


def read_with_duckdb(path: Path) -> Any:
    """Read a text with DuckDB, which looks at all lines."""
    import duckdb

    return duckdb.sql(f"select * from read_csv('{path}', sample_size=-1)").df()


def read_with_clevercsv(path: Path) -> Any:
    """Read a text with clevercsv."""
    import clevercsv

    return clevercsv.read_dataframe(str(path))


READERS = {
    "skdec": read_with_skdec,
    "pandas": read_with_pandas,
    "charset-normalizer and pandas": read_with_charset_normalizer,
    "DuckDB": read_with_duckdb,
    "clevercsv": read_with_clevercsv,
}


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield one reader at a time."""
    yield from ({"reader": reader} for reader in READERS)


def measure(item: Item) -> dict[str, Any]:
    """Read all texts, and say which are understood."""
    read, result = READERS[item["reader"]], {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, "table.csv")
        for name, text in TEXTS.items():
            path.write_bytes(text.encode() if isinstance(text, str) else text)
            try:
                values = read(path).to_numpy(np.float64)
            except ImportError:  # the library is missing, which says nothing of what it understands
                raise
            except Exception as error:  # a text that is refused; each library has its own errors
                result[name] = type(error).__name__
                continue
            expected = expect_values(name)
            is_right = values.shape == expected.shape and np.allclose(
                values, expected, equal_nan=True
            )
            result[name] = "right" if is_right else "wrong"
    return result


def format_page(records: list[Record]) -> str:
    """Format which texts each reader understands."""
    results = {record["item"]["reader"]: record["result"] for record in records}
    readers = [reader for reader in READERS if reader in results]
    rows = [
        [name, *("yes" if results[reader][name] == "right" else "-" for reader in readers)]
        for name in TEXTS
    ]
    counts = [str(sum(row[i] == "yes" for row in rows)) for i in range(1, len(readers) + 1)]
    return f"""# Readers of tables

The same two columns of 60 numbers, written in {len(TEXTS)} ways. A text is understood if both
columns are numbers with the right values, and no row is too many or missing. The libraries have
their defaults; DuckDB looks at all lines.

{format_table(("text", *readers), [*rows, ["**understood**", *counts]])}

The texts are spellings that spreadsheets have and that skdec is made for; the libraries were made
for others. None takes numbers out of cells with signs, units or parentheses, so skdec has a reader
of its own, and reads nothing but [what is listed](../tables.md)."""
