"""Convert data sets of R's package mlbench for benchmarks/no_tuning.py.

The package is on CRAN, and in Debian, where no R
is needed to read it:

    apt-get download r-cran-mlbench && dpkg -x r-cran-mlbench_*.deb mlbench
    pip install pyreadr
    python benchmarks/convert_mlbench.py mlbench/usr/lib/R/site-library/mlbench/data

Numbers are standardized, words one-hot encoded (with the missing value as one more word), samples
with missing numbers left out. One npz file for each data set is written to SKDEC_DATA_HOME.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadr
from sklearn.preprocessing import scale

# Name of the data set: column with the classes, columns left out, whether its columns are words.
DATA_SETS = {
    "BreastCancer": ("Class", ["Id"], False),
    "DNA": ("Class", [], False),
    "Glass": ("Type", [], False),
    "HouseVotes84": ("Class", [], True),
    "Ionosphere": ("Class", [], False),
    "PimaIndiansDiabetes2": ("diabetes", [], False),
    "Satellite": ("classes", [], False),
    "Sonar": ("Class", [], False),
    "Soybean": ("Class", [], True),
    "Zoo": ("type", [], True),
}


def convert(table: pd.DataFrame, label: str, left_out: list[str], are_words: bool) -> tuple:
    """Return the features (n, d), float64, and the classes (n,) as strings."""
    features, classes = table.drop(columns=[label, *left_out]), table[label].astype(str)
    if are_words:
        return pd.get_dummies(features.astype(str)).to_numpy(float), classes.to_numpy(str)
    numbers = features.apply(lambda column: pd.to_numeric(column.astype(str), errors="coerce"))
    is_complete = numbers.notna().all(axis=1)
    X = numbers[is_complete].to_numpy(float)
    X = X[:, X.std(axis=0) > 0]
    # The columns of DNA are 0 and 1 already.
    X = X if set(np.unique(X)) == {0, 1} else scale(X)
    return X, classes[is_complete].to_numpy(str)


def main() -> int:
    source, target = Path(sys.argv[1]), Path(os.environ.get("SKDEC_DATA_HOME", "."))
    for name, arguments in DATA_SETS.items():
        table = pyreadr.read_r(source / f"{name}.rda")[name]
        X, y = convert(table, *arguments)
        np.savez_compressed(target / f"mlbench_{name}.npz", X=X, y=y)
        print(f"{name}: {X.shape[0]:,} samples, {X.shape[1]} features, {len(set(y))} classes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
