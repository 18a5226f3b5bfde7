"""Save and load fitted models as files of skops, which are checked before skops reads them.

A file is a zip archive: ``schema.json`` describes the objects by the names of their classes, the
other members are its arrays, and ``skdec.json`` has the format, the versions and what
``skdec info`` shows. Nothing in it is unpickled. Every class must be allowed below, nothing may be
larger than the file, and the loaded model is tried out.
"""

from __future__ import annotations

import copy
import json
import math
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

import numpy as np

from skdec._utils.files import write_atomically
from skdec._utils.terminal import join_first

# What skops does not trust by default, of skdec and of the transformers in a `TablePreparer`.
TRUSTED_TYPES = [
    "numpy.dtype",
    "skdec.cluster._graph.Projection",
    "skdec.cluster._neighbor_clusterer.NeighborClusterer",
    "skdec.dec._estimator.DECClusterer",
    "skdec.tables._cells.ColumnFormat",
    "skdec.tables._preparer.TablePreparer",
    "skrub._squashing_scaler.SquashingScaler",
    "skrub._squashing_scaler._MinMaxScaler",
    "skrub._string_encoder.StringEncoder",
    "skrub._to_str.ToStr",
]

_FORMAT = 2
_PACKAGES = ("skdec", "scikit-learn", "skrub", "skops", "pandas", "tensorflow", "keras")
_HEADER, _SCHEMA = "skdec.json", "schema.json"
_DEVELOPMENT_FORMAT = b'{"__metadata__"'  # begins after eight bytes
_MAX_HEADER_BYTES, _MAX_SUMMARY = 2**18, 50_000
_MAX_SCHEMA_BYTES, _MAX_DEPTH, _MIN_NODE_BYTES = 2**26, 100, 20
_MAX_REASON, _MAX_NAMES = 300, 20

# Neither written nor accepted: the user's own code, and directories with pickles.
_LEFT_OUT = ("callbacks", "checkpoint", "memory")
# Parameters with which classes run code, read files or begin processes, and what they may be.
_FIXED: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(_LEFT_OUT, (None,)),
    "input": ("content",),
    "n_jobs": (None, 1, -1),
}
# Classes and functions by skops' kind of node; a name that ends in a dot is a beginning. Those of
# scikit-learn compute with NumPy alone: wrong numbers in a file cannot reach compiled code. skops
# itself allows only functions of NumPy that compute (ufuncs).
_ALLOWED = {
    "DictNode": ("builtins.dict",),
    "ListNode": ("builtins.list",),
    "TupleNode": ("builtins.tuple", "skdec.cluster._graph.Projection"),
    "SetNode": ("builtins.set",),
    "SliceNode": ("builtins.slice",),
    "JsonNode": ("builtins.str",),
    "TypeNode": ("builtins.str", "builtins.int", "builtins.float", "builtins.bool", "numpy."),
    "FunctionNode": ("numpy.",),
    "DTypeNode": ("numpy.dtype",),
    "NdArrayNode": (
        *("numpy.ndarray", "numpy.float32", "numpy.float64", "numpy.int32", "numpy.int64"),
        *("numpy.bool", "numpy.bool_", "numpy.str_"),
    ),
    "ObjectNode": (
        *TRUSTED_TYPES,
        *(
            f"sklearn.{name}."
            for name in (
                *("cluster", "compose", "decomposition._factor_analysis", "decomposition._fastica"),
                *("decomposition._incremental_pca", "decomposition._pca", "mixture", "pipeline"),
                *("decomposition._truncated_svd", "feature_extraction", "feature_selection"),
                *("impute", "kernel_approximation", "preprocessing", "random_projection"),
            )
        ),
    ),
}


def save(model: Any, path: Any) -> None:
    """Write a fitted model to one file, without pickle.

    Parameters
    ----------
    model : DECClusterer, NeighborClusterer or sklearn.pipeline.Pipeline
        The fitted estimator, or a Pipeline that ends in one.
    path : str or path-like
        The file, replaced if it exists. `callbacks`, `memory`, `checkpoint` and a RandomState are
        not kept.

    Raises
    ------
    ValueError
        If a file cannot hold a part of the model; the message names it.
    sklearn.exceptions.NotFittedError
        If the model has not been fitted.

    See Also
    --------
    load : Read the file.

    Examples
    --------
    >>> import skdec
    >>> skdec.save(make_pipeline(TablePreparer(), DECClusterer(3)).fit(table), "model.skdec")
    ... # doctest: +SKIP
    """
    from sklearn.utils.validation import check_is_fitted

    _get_clusterer(model)
    check_is_fitted(model)
    with write_atomically(Path(path)) as part:
        _write(_strip(model), part)
        # A file that cannot be read back is refused now, while the model still exists.
        try:
            load(part)
        except ValueError as error:
            raise ValueError(f"This model cannot be saved: {error.__cause__}.") from error


def load(path: Any) -> Any:
    """Read a model written by ``skdec fit`` or `save`; no code in the file is run.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    DECClusterer, NeighborClusterer or sklearn.pipeline.Pipeline
        The fitted model.

    Raises
    ------
    ValueError
        If the file is damaged, of another kind, or was written by a newer version.

    See Also
    --------
    save : Write a fitted model.

    Examples
    --------
    >>> import skdec
    >>> model = skdec.load("model.skdec")  # doctest: +SKIP
    >>> model.predict(X)  # doctest: +SKIP
    """
    with _open_model(path) as file:
        _check_file(file)
        import skops.io

        file.seek(0)
        model = skops.io.load(file, trusted=TRUSTED_TYPES)
        _check_model(model)
    return model


def read_header(path: Any) -> dict[str, Any]:
    """Return format, versions and summary of a file, or raise a ValueError, without the model."""
    with _open_model(path) as file:
        return _read_header(_open_archive(file))


@contextmanager
def _open_model(path: Any) -> Iterator[IO[bytes]]:
    """Open a file; whatever is found in it that is no model is a ValueError in one short line."""
    with open(path, "rb") as file:
        # json, zipfile, skops, NumPy and Keras raise a dozen kinds of errors for damaged files.
        try:
            yield file
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            if isinstance(error, KeyError):
                text = f"it has no {text}"
            text = text[:_MAX_REASON].rstrip(".")
            raise ValueError(f"{path} cannot be read as a saved estimator: {text}.") from error


def _write(model: Any, path: Path) -> None:
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException

    versions = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    header = {"format": _FORMAT, "versions": versions, "summary": _summarize(model)}
    try:
        skops.io.dump(model, path)
    except UnsupportedTypeException as error:
        raise ValueError(f"This model cannot be saved: {error}.") from error
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(_HEADER, json.dumps(header, ensure_ascii=False))


def _strip(estimator: Any) -> Any:
    """Return a copy without the parameters that are left out, nor those of estimators in it."""
    from sklearn.base import BaseEstimator

    stripped = copy.copy(estimator)
    for name, value in estimator.get_params(deep=False).items():
        if name in _LEFT_OUT or isinstance(value, np.random.RandomState):
            setattr(stripped, name, None)  # the state of a generator is not kept
        elif isinstance(value, BaseEstimator) and not isinstance(value, type):
            setattr(stripped, name, _strip(value))
        elif name == "steps":
            steps = [(key, _strip(step) if step != "passthrough" else step) for key, step in value]
            stripped.steps = steps
    if hasattr(stripped, "_check_can_be_saved"):
        stripped._check_can_be_saved()
    return stripped


def _get_clusterer(model: Any) -> Any:
    """Return the last step of a model, or raise a ValueError if that is none of skdec."""
    from sklearn.pipeline import Pipeline

    while type(model) is Pipeline:
        model = model.steps[-1][1]
    if type(model).__name__ not in ("DECClusterer", "NeighborClusterer"):
        raise ValueError(
            f"{model!r} cannot be saved: a file holds a DECClusterer or a NeighborClusterer, or a "
            "Pipeline that ends in one. Use pickle for trusted files."
        )
    return model


# ---- checks before anything is created


def _check_file(file: IO[bytes]) -> None:
    """Raise unless a file has the members, sizes, classes and arrays of a model."""
    archive = _open_archive(file)
    _read_header(archive)
    text = archive.read(_SCHEMA)
    if len(text) > _MAX_SCHEMA_BYTES:
        raise ValueError(f"its {_SCHEMA} is larger than {_MAX_SCHEMA_BYTES} bytes")
    # An empty list takes two bytes, and thirty times that once it is parsed.
    if (text.count(b"{") + text.count(b"[")) * _MIN_NODE_BYTES > len(text):
        raise ValueError(f"its {_SCHEMA} has too many parts for its size")
    arrays = _check_schema(json.loads(text, object_pairs_hook=_build_object))
    members = set(archive.namelist()) - {_HEADER, _SCHEMA}
    for name in sorted(members ^ arrays):
        raise ValueError(f"it lacks, or should not have, the member {name[:80]!r}")
    for name in members:
        with archive.open(name) as member:
            _check_array(name, member, archive.getinfo(name).file_size)


def _open_archive(file: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip archive whose members are as large as they claim, and fill the file."""
    start = file.read(len(_DEVELOPMENT_FORMAT) + 8)
    if start[8:] == _DEVELOPMENT_FORMAT:
        raise ValueError(
            "it was written by a development version of skdec 0.1.0, whose files cannot be read "
            "any more; fit the model again, or load it with that version"
        )
    n_bytes = file.seek(0, 2)
    file.seek(max(n_bytes - 22, 0))
    if start[:4] != b"PK\3\4" or file.read(4) != b"PK\5\6":
        raise ValueError("it is no file that skdec has written, or its end is missing")
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError("two of its members have the same name")
    if any(member.compress_type or member.flag_bits & 0x41 for member in members):
        raise ValueError("its members are compressed or encrypted")
    is_stored = all(member.file_size == member.compress_size for member in members)
    if not is_stored or sum(member.file_size for member in members) > n_bytes:
        raise ValueError("its members are larger than the file")
    if min((member.header_offset for member in members), default=0) != 0:
        raise ValueError("something else is before its members")
    return archive


def _read_header(archive: zipfile.ZipFile) -> dict[str, Any]:
    if archive.getinfo(_HEADER).file_size > _MAX_HEADER_BYTES:
        raise ValueError(f"its {_HEADER} is larger than {_MAX_HEADER_BYTES} bytes")
    header: Any = json.loads(archive.read(_HEADER), object_pairs_hook=_build_object)
    if type(header["format"]) is not int or header["format"] < 1:
        raise ValueError(f"its format {header['format']!r} is no number of a format")
    if header["format"] != _FORMAT:
        raise ValueError("it was written by a newer version of skdec")
    rows = [*header["summary"], *header["versions"].items()]
    if not all(isinstance(text, str) for row in rows for text in row) or {*map(len, rows)} != {2}:
        raise ValueError("its summary is no list of pairs")
    return {name: header[name] for name in ("format", "versions", "summary")}


def _check_schema(schema: Any) -> set[str]:
    """Return the names of the arrays, or raise for a class or parameter that is not allowed."""
    if schema["protocol"] < 2:
        raise ValueError("its protocol is that of an older version of skops")
    arrays: set[str] = set()
    n_parts: dict[Any, int] = {}

    def count_parts(node: Any, depth: int) -> int:
        if depth > _MAX_DEPTH:
            raise ValueError("its objects are nested too deep")
        if not isinstance(node, (dict, list)):
            return 1
        children = node.values() if isinstance(node, dict) else node
        n = 1 + sum([count_parts(child, depth + 1) for child in children])
        if isinstance(node, dict):
            # skops takes a repeated number for the same object: a short one could stand for many.
            if "__id__" in node and n_parts.setdefault(node["__id__"], n) != n:
                raise ValueError("two of its objects have the same number")
            if "__loader__" in node:
                _check_node(node)
            if "file" in node:
                if not node.get("__id__") or node["file"] != f"{node['__id__']}.npy":
                    raise ValueError("one of its arrays is not named by its number")
                arrays.add(node["file"])
        return n

    count_parts(schema, 0)
    return arrays


def _check_node(node: dict[str, Any]) -> None:
    loader, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
    allowed = _ALLOWED.get(loader, ())
    if not any(name == one or (one[-1] == "." and name.startswith(one)) for one in allowed):
        raise ValueError(f"it has a {name[:80]!r}, which is not allowed as a {loader[:30]}")
    if loader == "ObjectNode":
        attributes = (node.get("content") or {"content": {}})["content"]
        for parameter in _FIXED.keys() & attributes.keys():
            value = json.loads(attributes[parameter]["content"])
            if value not in _FIXED[parameter] or isinstance(value, float):
                raise ValueError(f"{node['__class__'][:80]} has {parameter}={str(value)[:80]!r}")


def _check_array(name: str, file: IO[bytes], n_bytes: int) -> None:
    """Raise unless a member is a NumPy array of plain values that fills it."""
    major, _ = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if major > 1:
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.kind not in "biufSUMm":
        raise ValueError(f"its array {name!r} is of the dtype {dtype}, which is not allowed")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != n_bytes - file.tell():
        raise ValueError(f"its array {name!r} does not have the size of its shape {shape}")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("two entries of its JSON have the same name")
    return content


# ---- checks of the loaded model


def _check_model(model: Any) -> None:
    """Raise unless the fitted attributes of a model fit together and its outputs are finite."""
    from sklearn.utils.validation import check_is_fitted

    clusterer = _get_clusterer(model)
    check_is_fitted(clusterer)
    n_features = clusterer.n_features_in_
    names = getattr(clusterer, "feature_names_in_", np.array([""] * n_features, dtype=object))
    if type(n_features) is not int or names.shape != (n_features,) or n_features < 1:
        raise ValueError("its feature_names_in_ or n_features_in_ are not those of a fit")
    for name in vars(clusterer):
        if callable(getattr(type(clusterer), name, None)):
            raise ValueError(f"it has an attribute {name!r}, which is a method of its class")
    _check_labels(clusterer)
    if clusterer is not model:
        _check_steps(model, n_features)
    if hasattr(clusterer, "_check_fitted"):
        clusterer._check_fitted()


def _check_labels(clusterer: Any) -> None:
    n_clusters = getattr(clusterer, "n_clusters_", None) or len(clusterer.cluster_centers_)
    for name in ("labels_", "initial_labels_"):
        labels = getattr(clusterer, name, clusterer.labels_)
        if labels.dtype != np.int32 or labels.shape != (len(clusterer.labels_),) or not len(labels):
            raise ValueError(f"its {name} are no integers, one for each sample")
        if labels.min() < 0 or labels.max() >= n_clusters:
            raise ValueError(f"its {name} are not from 0 to n_clusters - 1")


def _check_steps(model: Any, n_features: int) -> None:
    """Raise unless the steps are those of a Pipeline, and ordinary samples go through them."""
    from sklearn.utils.validation import check_is_fitted

    keys = [key for key, _ in model.steps]
    if len(set(keys)) < len(keys) or not all(re.fullmatch("(?!.*__).+", key) for key in keys):
        raise ValueError("its names of the steps are not those of a Pipeline")
    transformers = [step for _, step in model.steps[:-1] if step != "passthrough"]
    for step in transformers:
        check_is_fitted(step)
        if not hasattr(step, "transform"):
            raise ValueError(f"its step {type(step).__name__} transforms nothing")
    first: Any = transformers[0] if transformers else None
    kinds = getattr(first, "column_kinds_", {})
    texts = [first.transformers_[name].vectorizer_ for name in kinds if kinds[name] == "text"]
    for step in (*texts, *transformers):
        vocabulary = getattr(step, "vocabulary_", {})
        are_words = all(isinstance(word, str) for word in vocabulary)
        if not are_words or sorted(vocabulary.values()) != list(range(len(vocabulary))):
            raise ValueError("it has a vocabulary that is not numbered from zero")
    samples = _create_samples(first)
    if samples is None or len(transformers) > 1:
        return
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = np.asarray(first.transform(samples)).astype(np.float32)
    if features.shape != (len(samples), n_features) or not np.isfinite(features).all():
        raise ValueError(
            f"its {type(first).__name__} does not return a finite number for each feature"
        )


def _create_samples(transformer: Any) -> Any:
    """Return samples for a try, or None where ordinary ones may be refused with good reason."""
    import pandas as pd
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

    scalers = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)
    if not isinstance(transformer, scalers) and not hasattr(transformer, "column_kinds_"):
        return None
    names = getattr(transformer, "feature_names_in_", None)
    if getattr(transformer, "column_kinds_", None):
        return pd.DataFrame({name: [None, "?"] for name in names}, dtype=object)  # type: ignore[union-attr]
    samples = np.random.RandomState(0).uniform(-1, 1, (4, transformer.n_features_in_))
    return samples if names is None else pd.DataFrame(samples, columns=names)


# ---- what `skdec info` shows


def _summarize(model: Any) -> list[tuple[str, str]]:
    """Return what a model was fitted to, how and when it stopped, as pairs of texts."""
    clusterer = _get_clusterer(model)
    steps = [step for _, step in model.steps[:-1]] if clusterer is not model else []
    sizes = np.bincount(clusterer.labels_).tolist()
    rows = _describe_columns(steps, clusterer)
    if hasattr(clusterer, "_describe_networks"):
        rows.append(("network", clusterer._describe_networks()))
    parameters = clusterer.get_params(deep=False)
    left_out = (*_LEFT_OUT, "autoencoder")  # the network is shown itself
    shown = ", ".join(f"{name}={parameters[name]!r}" for name in parameters if name not in left_out)
    shown = re.sub(r"<(?:\w+\.)*(\w+) object at \w+>", r"\1", shown)
    rows.append(("parameters", " ".join(shown.split())))
    if hasattr(clusterer, "n_iter_"):
        reason = f"{clusterer.n_iter_} steps, stopped by {clusterer.stop_reason_!r}"
        rows.append(("refinement", reason))
    rows.append(("clusters", f"{len(sizes)}, of {sum(sizes):,} samples"))
    rows += [(f"  {i}", f"{n:,} ({n / sum(sizes):.1%})") for i, n in enumerate(sizes)]
    ends = np.cumsum([len(key) + len(text) + 8 for key, text in rows])
    return rows[: np.searchsorted(ends, _MAX_SUMMARY)]


def _describe_columns(steps: list[Any], clusterer: Any) -> list[tuple[str, str]]:
    first = steps[0] if steps else clusterer
    names = getattr(first, "feature_names_in_", ())
    n_columns = getattr(first, "n_features_in_", clusterer.n_features_in_)
    columns = f"{n_columns}{': ' * bool(len(names))}{_join(names)}"
    kinds = getattr(first, "column_kinds_", None)
    if kinds is None:
        return [
            ("columns", columns),
            ("preparation", _join([type(step).__name__ for step in steps]) or "none"),
        ]
    rows = [
        ("columns", f"{n_columns}, as {clusterer.n_features_in_} features"),
        ("preparation", "TablePreparer" if kinds else "TablePreparer, columns on one scale"),
    ]
    for kind in dict.fromkeys(kinds.values()):
        rows.append((f"  {kind}", _join([name for name in kinds if kinds[name] == kind])))
    return rows + [("  not used", f"{key}: {why}") for key, why in first.dropped_columns_.items()]


def _join(names: Any) -> str:
    return join_first([str(name) for name in names], _MAX_NAMES)
