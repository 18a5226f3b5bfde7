"""Convert data sets of R's packages for benchmarks/no_tuning.py.

The packages are on CRAN, and in Debian, where no R is needed to read them:

    apt-get download r-cran-mlbench r-cran-caret r-cran-gclus r-cran-kernlab r-cran-rrcov
    for package in r-cran-*.deb; do dpkg -x $package packages; done
    pip install pyreadr
    python benchmarks/convert_r.py packages/usr/lib/R/site-library

Numbers are standardized, words one-hot encoded (a missing one as zeros), samples with missing
numbers left out. One npz file for each data set is written to SKDEC_DATA_HOME.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyreadr
from sklearn.preprocessing import scale


class Source(NamedTuple):
    """Where a data set is: file, column with the classes, columns left out, whether it is words.

    Features and classes may be two objects of one file; all of these are joined.
    """

    path: str
    label: str
    left_out: tuple[str, ...] = ()
    are_words: bool = False
    objects: tuple[str, ...] = ()


SOURCES = {
    "mlbench_BreastCancer": Source("mlbench/data/BreastCancer.rda", "Class", ("Id",)),
    "mlbench_DNA": Source("mlbench/data/DNA.rda", "Class"),
    "mlbench_Glass": Source("mlbench/data/Glass.rda", "Type"),
    "mlbench_HouseVotes84": Source("mlbench/data/HouseVotes84.rda", "Class", are_words=True),
    "mlbench_Ionosphere": Source("mlbench/data/Ionosphere.rda", "Class"),
    "mlbench_PimaIndiansDiabetes2": Source("mlbench/data/PimaIndiansDiabetes2.rda", "diabetes"),
    "mlbench_Satellite": Source("mlbench/data/Satellite.rda", "classes"),
    "mlbench_Sonar": Source("mlbench/data/Sonar.rda", "Class"),
    "mlbench_Soybean": Source("mlbench/data/Soybean.rda", "Class", are_words=True),
    "mlbench_Zoo": Source("mlbench/data/Zoo.rda", "type", are_words=True),
    "caret_cox2": Source("caret/data/cox2.RData", "cox2Class", objects=("cox2Descr", "cox2Class")),
    "caret_dhfr": Source("caret/data/dhfr.RData", "Y"),
    "caret_mdrr": Source("caret/data/mdrr.RData", "mdrrClass", objects=("mdrrDescr", "mdrrClass")),
    "caret_oil": Source("caret/data/oil.RData", "oilType", objects=("fattyAcids", "oilType")),
    "caret_segmentationData": Source(
        "caret/data/segmentationData.RData", "Class", ("Cell", "Case")
    ),
    "gclus_bank": Source("gclus/data/bank.RData", "Status"),
    "gclus_body": Source("gclus/data/body.RData", "Gender"),
    "kernlab_musk": Source("kernlab/data/musk.rda", "Class"),
    "kernlab_promotergene": Source("kernlab/data/promotergene.rda", "Class", are_words=True),
    "rrcov_diabetes": Source("rrcov/data/diabetes.rda", "group"),
    "rrcov_fish": Source("rrcov/data/fish.rda", "Species"),
    "rrcov_fruit": Source("rrcov/data/fruit.rda", "cultivar"),
    "rrcov_olitos": Source("rrcov/data/olitos.rda", "grp"),
}


def convert(table: pd.DataFrame, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Return the features (n, d), float64, and the classes (n,) as strings."""
    features = table.drop(columns=[source.label, *source.left_out])
    classes = table[source.label].astype(str)
    if source.are_words:
        return pd.get_dummies(features.astype("string")).to_numpy(float), classes.to_numpy(str)
    numbers = features.apply(lambda column: pd.to_numeric(column.astype(str), errors="coerce"))
    is_complete = numbers.notna().all(axis=1)
    X = numbers[is_complete].to_numpy(float)
    X = X[:, X.std(axis=0) > 0]
    # The columns of DNA are 0 and 1 already.
    X = X if set(np.unique(X)) == {0, 1} else scale(X)
    return X, classes[is_complete].to_numpy(str)


def main() -> int:
    library, target = Path(sys.argv[1]), Path(os.environ.get("SKDEC_DATA_HOME", "."))
    for name, source in SOURCES.items():
        objects = pyreadr.read_r(library / source.path)
        names = source.objects or (Path(source.path).stem,)
        tables = [objects[each].reset_index(drop=True) for each in names]
        X, y = convert(pd.concat(tables, axis=1), source)
        np.savez_compressed(target / f"{name}.npz", X=X, y=y)
        print(f"{name}: {X.shape[0]:,} samples, {X.shape[1]} features, {len(set(y))} classes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
