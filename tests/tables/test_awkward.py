"""Files as people have them, up to the clusters, and read again in parts as in the fit."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from skdec import NeighborClusterer, TablePreparer
from skdec.tables import _reader
from skdec.tables._reader import has_named_columns, iterate_table, load_table

N = 160
RANDOM = np.random.default_rng(0)
TRUTH = np.arange(N) % 2
FRAME = pd.DataFrame(
    {
        "income": (RANDOM.normal(35_000, 5_000, N) + TRUTH * 45_000).round(2),
        "visits": RANDOM.poisson(5 + TRUTH * 20),
    }
)
PROFIT = (RANDOM.normal(-2_000, 700, N) + TRUTH * 7_000).round(2)


def write_csv(path, frame=FRAME, before="", after="", sep=","):
    path.write_text(before + frame.to_csv(index=False, sep=sep) + after)
    return path


def write_cells(path, sep=",", **columns):
    return write_csv(path, FRAME.assign(**columns), sep=sep)


def write_euros(value):
    return f"{value:_.2f} €".replace(".", ",").replace("_", ".")


def account(value):
    return f"(${-value:,.2f})" if value < 0 else f"${value:,.2f}"


def mark(column, gap, step):
    """Return a column with a mark instead of some numbers."""
    cells = column.astype(object)
    cells[::step] = gap
    return cells


def write_excel(path):
    with pd.ExcelWriter(path) as writer:
        FRAME.to_excel(writer, index=False, startrow=4, startcol=1)
        writer.sheets["Sheet1"]["B2"] = "Customers of the northern region"
    return path


def write_arff(path):
    rows = "".join(
        f"{row.income},{row.visits},{'xy'[TRUTH[row.Index]]}\n" for row in FRAME.itertuples()
    )
    names = "@attribute income numeric\n@attribute visits numeric\n@attribute segment {x,y}\n"
    path.write_text(f"@relation customers\n{names}@data\n{rows}")
    return path


def write_images(path):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is in the extra plot")
    path.mkdir()
    images, digits = load_digits(return_X_y=True)
    for kind in (0, 1):
        for i, image in enumerate(images[digits == kind][: N // 2]):
            pixels = (image.reshape(8, 8) * 15).astype(np.uint8)
            pillow.fromarray(pixels).resize((20, 20)).save(path / f"{2 * i + kind:03}.png")
    return path


def two_headers(path):
    table = FRAME.to_csv(index=False, header=False).splitlines()
    lines = ["income,income,visits,visits", "2024,2025,2024,2025"]
    doubled = [f"{a},{a},{b},{b}" for a, b in (line.split(",") for line in table)]
    path.write_text("\n".join(lines + doubled))
    return path


TITLE = "Customers of the northern region,\nExported 2026-03-01,\n\n"
SUMS = f"{FRAME['income'].sum():.2f},{FRAME['visits'].sum()}\n"
FILES = {
    "currency.csv": lambda p: write_cells(
        p, income=FRAME["income"].map("${:,.2f}".format), profit=list(map(account, PROFIT))
    ),
    "euros.csv": lambda p: write_cells(p, sep=";", income=FRAME["income"].map(write_euros)),
    "marked.csv": lambda p: write_cells(
        p, income=mark(FRAME["income"], "-", 9), visits=mark(FRAME["visits"], "n/a", 13)
    ),
    "sentinel.csv": lambda p: write_cells(p, income=mark(FRAME["income"], -999, 14)),
    "title.csv": lambda p: write_csv(p, before=TITLE),
    "totals.csv": lambda p: write_csv(p, after=SUMS),
    "headers.csv": two_headers,
    "booleans.csv": lambda p: write_cells(
        p, member=TRUTH == 1, zip=np.where(TRUTH, "010", "9"), code=np.where(TRUTH, 1.0, np.nan)
    ),
    "title.xlsx": write_excel,
    "table.arff": write_arff,
    "images": write_images,
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_clustered_and_read_again_alike(name, tmp_path, monkeypatch):
    path = str(FILES[name](tmp_path / name))
    table = load_table(path)
    assert len(table.X) == N
    X = table.X
    preparer = TablePreparer(missing_values=[-999] if name == "sentinel.csv" else ())
    if has_named_columns(path):
        X = preparer.fit_transform(table.X)
        assert not any(kind == "text" for kind in preparer.column_kinds_.values())
    clusterer = NeighborClusterer(2, random_state=0).fit(X)
    assert adjusted_rand_score(TRUTH, clusterer.labels_) > 0.95
    if has_named_columns(path):
        monkeypatch.setattr(_reader, "_ROWS_PER_CHUNK", 50)
        parts = [preparer.transform(part.X) for part in iterate_table(path)]
        np.testing.assert_array_equal(np.concatenate(parts), X)


def test_a_table_of_every_kind_is_read_again_alike(tmp_path, monkeypatch):
    """Each column in each spelling, a few rows at a time."""
    values = np.round(np.abs(PROFIT[:40]) + 1, 2)
    spellings = {
        "plain": [f"{x}" for x in values],
        "code": [*["10115.0", "20095.0", "80331.0", ""] * 10],
        "decimals": [f"{x:.2f}" for x in values],
        "grouped": [f"{x:,.0f}" for x in values],
        "comma": [f"{x:.1f}".replace(".", ",") for x in values],
        "truth": ["True", "False", "", "True"] * 10,
        "day": [f"{day + 1:02}.03.2021" for day in range(20)] * 2,
        "time": [f"{i % 24}:{i:02}" for i in range(40)],
        "word": ["a", "b", "NA", "c"] * 10,
        "note": [f"a note on {i} {word}" for i, word in enumerate("xyzw" * 10)],
    }
    path = tmp_path / "kinds.json"  # keeps text as it is
    path.write_text(json.dumps(pd.DataFrame(spellings).to_dict("records")))
    pd.DataFrame(spellings).to_csv(tmp_path / "kinds.csv", index=False)
    preparer = TablePreparer(categories=["code"], random_state=0)
    expected = preparer.fit_transform(load_table(str(tmp_path / "kinds.csv")).X)
    assert set(preparer.column_kinds_.values()) == {"number", "category", "date", "text"}
    monkeypatch.setattr(_reader, "_ROWS_PER_CHUNK", 7)
    for name in ("kinds.csv", "kinds.json"):
        parts = [preparer.transform(part.X) for part in iterate_table(str(tmp_path / name))]
        np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-6)
