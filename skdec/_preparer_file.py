"""A fitted `TablePreparer` as JSON and arrays, for `_model_file`.

The transformers of the columns, of scikit-learn and skrub, are stored by skops: a zip archive of
JSON and arrays, in which objects are described by the names of their classes. Before anything in
it is created, every class must be one of ours, so that a file cannot name any other. Then samples
are transformed for a try, so that damage is found when a file is read.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from typing import Any

import numpy as np
import pandas as pd

from skdec._utils.archive import Archive
from skdec.tables._preparer import TablePreparer

_ARRAY = "preparer.transformers_"
_FLOAT64 = (np.dtype(np.float64),)
_BYTES = (np.dtype(np.uint8),)
_STATE = {
    "parameters", "n_features", "feature_names", "names_out", "column_kinds", "dropped_columns",
    "steps",
}  # fmt: skip
_PARAMETERS = {
    "categories": list, "category_weight": float | int, "max_categories": int,
    "min_frequency": float | int, "n_text_components": int, "random_state": int | None,
}  # fmt: skip
_KINDS = {"number", "category", "text", "date"}
_MAX_SCHEMA_NODES = 2_000_000

# The only classes in a file, by skops' kind of node.
_ALLOWED = {
    "DictNode": {"builtins.dict"},
    "ListNode": {"builtins.list"},
    "TupleNode": {"builtins.tuple"},
    "SetNode": {"builtins.set"},
    "SliceNode": {"builtins.slice"},
    "JsonNode": {"builtins.str"},
    "TypeNode": {"builtins.str", "builtins.float", "numpy.float32", "numpy.float64"},
    "DTypeNode": {"numpy.dtype"},
    "NdArrayNode": {"numpy.ndarray", "numpy.float32", "numpy.float64", "numpy.int64"},
    "SparseMatrixNode": {"scipy.sparse._csr.csr_matrix", "scipy.sparse._dia.dia_matrix"},
    "ObjectNode": {
        "sklearn.decomposition._truncated_svd.TruncatedSVD",
        "sklearn.feature_extraction.text.TfidfTransformer",
        "sklearn.feature_extraction.text.TfidfVectorizer",
        "sklearn.impute._base.MissingIndicator",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.RobustScaler",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._encoders.OneHotEncoder",
        "skrub._clean_categories.CleanCategories",
        "skrub._clean_null_strings.CleanNullStrings",
        "skrub._datetime_encoder.DatetimeEncoder",
        "skrub._datetime_encoder._CircularEncoder",
        "skrub._duration_to_float.DurationToFloat",
        "skrub._squashing_scaler.SquashingScaler",
        "skrub._squashing_scaler._MinMaxScaler",
        "skrub._string_encoder.StringEncoder",
        "skrub._to_datetime.ToDatetime",
        "skrub._to_float.ToFloat",
        "skrub._to_str.ToStr",
    },
}
_TRUSTED = sorted(set().union(*_ALLOWED.values()))
# Parameters with which these classes read files or begin processes.
_FIXED = {"input": "content", "memory": None, "n_jobs": None}


def collect_preparer_state(preparer: TablePreparer, steps: list[str]) -> dict[str, Any]:
    """Return everything but the arrays, as JSON can hold it; `steps` are the Pipeline's names."""
    parameters = {
        # The state of a generator is not kept.
        name: None if isinstance(value, np.random.RandomState) else np.asarray(value).tolist()
        for name, value in preparer.get_params().items()
    }
    return {
        "parameters": parameters,
        "n_features": preparer.n_features_in_,
        "feature_names": list(getattr(preparer, "feature_names_in_", [])),
        "names_out": list(preparer.get_feature_names_out()),
        "column_kinds": preparer.column_kinds_,
        "dropped_columns": preparer.dropped_columns_,
        "steps": steps,
    }


def collect_preparer_arrays(preparer: TablePreparer) -> dict[str, np.ndarray]:
    """Return the arrays, the file of skops as one of bytes."""
    if not preparer.transformers_:
        return {}
    import skops.io

    content = skops.io.dumps(preparer.transformers_)
    return {
        _ARRAY: np.frombuffer(content, np.uint8),
        "preparer.mean_": preparer.mean_,
        "preparer.scale_": preparer.scale_,
    }


def check_transformers(preparer: TablePreparer) -> None:
    """Raise a ValueError unless the transformers of a preparer can be stored and read again."""
    arrays = collect_preparer_arrays(preparer)
    if arrays:
        _load_transformers(arrays[_ARRAY].tobytes())
        _try_out(preparer)


def list_preparer_arrays(state: dict[str, Any]) -> list[str]:
    """Return the names of the arrays that belong to a state."""
    return [_ARRAY, "preparer.mean_", "preparer.scale_"] if state["column_kinds"] else []


def create_preparer(state: dict[str, Any], archive: Archive) -> TablePreparer:
    """Return the fitted preparer, or raise for contents that are not those of one."""
    _check_state(state)
    parameters = state["parameters"]
    categories = tuple(parameters["categories"])  # JSON has no tuples
    preparer = TablePreparer(**parameters | {"categories": categories})
    preparer._check_parameters()
    preparer.n_features_in_ = state["n_features"]
    if state["feature_names"]:
        preparer.feature_names_in_ = np.array(state["feature_names"], dtype=object)
    preparer._names_out = state["names_out"]
    preparer.column_kinds_ = state["column_kinds"]
    preparer.dropped_columns_ = state["dropped_columns"]
    preparer.transformers_ = {}
    if not preparer.column_kinds_:
        return preparer
    for name in ("mean_", "scale_"):
        array = archive.array(f"preparer.{name}", _FLOAT64, (len(state["names_out"]),))
        if not np.isfinite(array).all() or (name == "scale_" and array.min() <= 0):
            raise ValueError(f"its array 'preparer.{name}' is not finite or not positive")
        setattr(preparer, name, array)
    preparer.transformers_ = _load_transformers(archive.array(_ARRAY, _BYTES, (None,)).tobytes())
    if list(preparer.transformers_) != list(preparer.column_kinds_):
        raise ValueError("its transformers are not those of its columns")
    for name, kind in preparer.column_kinds_.items():
        if kind == "text":
            _check_vocabulary(preparer.transformers_[name][-1].vectorizer_.vocabulary_)
    _try_out(preparer)
    return preparer


def _check_state(state: dict[str, Any]) -> None:
    for name in sorted(state.keys() ^ _STATE):
        raise ValueError(f"its preparer lacks, or should not have, the entry {name!r}")
    parameters = state["parameters"]
    parameters.setdefault("categories", [])  # files of earlier versions have none
    if parameters.keys() != _PARAMETERS.keys() or not all(
        isinstance(parameters[name], kind) for name, kind in _PARAMETERS.items()
    ):
        raise ValueError("its preparer has parameters that are none of a TablePreparer")
    for name in ("feature_names", "names_out"):
        if not isinstance(state[name], list) or not all(isinstance(n, str) for n in state[name]):
            raise TypeError(f"its preparer's {name} is no list of strings")
    for name in ("column_kinds", "dropped_columns"):
        if not all(isinstance(value, str) for value in state[name].values()):
            raise TypeError(f"its preparer's {name} has values that are no strings")
    if not set(state["column_kinds"].values()) <= _KINDS:
        raise ValueError("its preparer has columns of unknown kinds")
    columns = [*state["column_kinds"], *state["dropped_columns"]]
    names = state["feature_names"] or columns
    if (columns and set(columns) != set(names)) or len(names) not in (0, state["n_features"]):
        raise ValueError("its preparer's columns are not those of the table")


def _load_transformers(content: bytes) -> Any:
    """Read a file of skops after checking its size and every class that it names."""
    import skops.io

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        is_compressed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
        if is_compressed or sum(member.file_size for member in members) > len(content):
            raise ValueError("its transformers are compressed, or larger than the file")
        schema = json.loads(archive.read("schema.json"))
    _check_schema(schema)
    transformers = skops.io.loads(content, trusted=_TRUSTED)
    if not isinstance(transformers, dict):
        raise TypeError("its transformers are no dict")
    return transformers


def _check_schema(schema: Any) -> None:
    """Raise for a class that is not allowed, or a parameter that reads files."""
    waiting, n_seen = [schema], 0
    while waiting:
        node = waiting.pop()
        n_seen += 1
        if n_seen > _MAX_SCHEMA_NODES:
            raise ValueError("its transformers have too many parts")
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            if "__loader__" in node:
                name = f"{node['__module__']}.{node['__class__']}"
                if name not in _ALLOWED.get(node["__loader__"], ()):
                    raise ValueError(f"its transformers have a {name[:80]!r}, which is not allowed")
            for parameter, value in _FIXED.items():
                if parameter in node and _read_json(node[parameter]) != value:
                    raise ValueError(f"its transformers have another {parameter} than {value!r}")


def _read_json(node: Any) -> Any:
    """Return the value of skops' node of a plain value."""
    return json.loads(node["content"]) if node.get("__loader__") == "JsonNode" else node


def _check_vocabulary(vocabulary: dict[Any, Any]) -> None:
    """Raise unless the words of a text are numbered from zero."""
    are_words = all(isinstance(word, str) for word in vocabulary)
    if not are_words or sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise ValueError("its transformers have a vocabulary that is not numbered from zero")


def _try_out(preparer: TablePreparer) -> None:
    """Raise unless a row of gaps and one of zeros become finite features."""
    table = pd.DataFrame({name: [None, "0"] for name in preparer.column_kinds_}, dtype=object)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        blocks = [block.to_numpy(np.float32) for block in preparer._encode(table)]
        features = preparer._scale(np.concatenate(blocks, axis=1))
    if features.shape != (2, len(preparer._names_out)) or not np.isfinite(features).all():
        raise ValueError("its transformers do not return a finite number for each feature")
