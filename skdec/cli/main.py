"""The commands of ``skdec``: compare, fit, predict and report.

Results are written to standard output, progress and warnings to standard error. Exit code 2 means
an error that the user can correct; one line on standard error says how.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skdec._files import check_writable, write_atomically
from skdec._version import __version__
from skdec.cli import html_report
from skdec.cli.output import show_warnings_in_one_line, silence_stderr, write_labels, write_message
from skdec.cli.parser import build_parser
from skdec.cli.scaling import build_scaler
from skdec.cli.tables import Table, load_table
from skdec.datasets import load_digits, load_fashion_mnist, load_mnist

# TensorFlow, Keras and the parts of scikit-learn are imported by the functions that need them, so
# that --help and refused arguments take no time.

DATASETS = {"digits": load_digits, "mnist": load_mnist, "fashion_mnist": load_fashion_mnist}

# A message may quote the user's file, whose names and fields may be of any length.
MAX_MESSAGE_LENGTH = 600


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command ``skdec``.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments after the command's name; those of the process by default.

    Returns
    -------
    int
        Exit code: 0 for success, 2 for an error that the user can correct, 130 after Ctrl-C.

    Examples
    --------
    >>> from skdec.cli import main
    >>> main(["compare", "digits", "--seed", "0"])  # doctest: +SKIP
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with show_warnings_in_one_line():
        try:
            arguments = build_parser().parse_args(argv)
            _COMMANDS[arguments.command](arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader, such as head, has closed the pipe; Python would report it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (ValueError, OSError, FloatingPointError, ImportError) as error:
            message = " ".join(str(error).split())
            if len(message) > MAX_MESSAGE_LENGTH:
                message = f"{message[:MAX_MESSAGE_LENGTH]} ..."
            write_message(message)
            return 2
        except KeyboardInterrupt as interrupt:
            # A fit says how far it got; what comes after it writes no file in part.
            place = str(interrupt).split(";")[0] or "interrupted"
            write_message(f"{place}; no file was written.")
            return 130
    return 0


def _compare(arguments: argparse.Namespace) -> None:
    _check_outputs([arguments.json, arguments.report], arguments.data)
    html_report.check_report(arguments)
    table = _load_data(arguments.data, arguments.label)
    n_clusters = _get_n_clusters(arguments, table)
    scaler = build_scaler(arguments.scale)
    X = table.X if scaler is None else scaler.fit_transform(table.X)
    with silence_stderr():
        from skdec._comparison import compare
        from skdec.cli.report import format_comparison
    comparison = compare(
        X,
        table.y,
        methods=arguments.methods,
        n_clusters=n_clusters,
        verbose=1,
        random_state=arguments.seed,
        **_get_network_parameters(arguments),
    )
    sys.stdout.write(
        f"{arguments.data}: {comparison.n_samples:,} samples, {comparison.n_features:,} features, "
        f"{comparison.n_clusters} clusters, scale {arguments.scale}, "
        f"seed {comparison.random_state}\n\n{format_comparison(comparison, table.y)}\n"
    )
    if arguments.json is not None:
        settings = {"skdec": __version__, "data": arguments.data, "scale": arguments.scale}
        with write_atomically(arguments.json) as path:
            path.write_text(json.dumps(settings | comparison.to_dict(), indent=2) + "\n")
    html_report.write_comparison(comparison, arguments)


def _fit(arguments: argparse.Namespace) -> None:
    _check_outputs([arguments.model, arguments.labels], arguments.data)
    table = _load_data(arguments.data, arguments.label)
    n_clusters = _get_n_clusters(arguments, table)
    X = _name_features(table.X, table.feature_names)
    with silence_stderr():
        from sklearn.pipeline import make_pipeline

        from skdec._estimator import DECClusterer
        from skdec._model_file import save_model
        from skdec.cli.report import format_matching
    clusterer = DECClusterer(
        n_clusters,
        verbose=1,
        random_state=arguments.seed,
        **_get_network_parameters(arguments),
    )
    scaler = build_scaler(arguments.scale)
    model = clusterer if scaler is None else make_pipeline(scaler, clusterer)
    save_model(model.fit(X), arguments.model)
    if arguments.labels is not None:
        _write_predictions(arguments.labels, model, X)
    n_found = len(np.unique(clusterer.labels_))
    sys.stdout.write(
        f"{len(X):,} samples in {n_found} clusters; the model is in {arguments.model}\n"
    )
    if table.y is not None:
        sys.stdout.write(f"\n{format_matching(table.y, clusterer.labels_)}\n")


def _predict(arguments: argparse.Namespace) -> None:
    _check_outputs([arguments.labels], arguments.data)
    if not arguments.model.is_file():
        raise FileNotFoundError(f"{arguments.model} is not a file; 'skdec fit' writes a model.")
    with silence_stderr():
        from skdec._estimator import DECClusterer
        from skdec._model_file import load_model
    model = load_model(DECClusterer, arguments.model)
    names = getattr(model, "feature_names_in_", None)
    X = _load_data(arguments.data, columns=None if names is None else names.tolist()).X
    if X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"{arguments.data} has {X.shape[1]} columns, but the model was fitted on "
            f"{model.n_features_in_}."
        )
    _write_predictions(arguments.labels, model, _name_features(X, names))


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "compare": _compare,
    "fit": _fit,
    "predict": _predict,
    "report": html_report.run,
}


def _load_data(data: str, label: str | None = None, columns: Sequence[str] | None = None) -> Table:
    """Load a built-in data set or a file."""
    if data in DATASETS:
        if label is not None:
            raise ValueError(f"{data} has labels of its own; leave out --label.")
        return Table(*DATASETS[data](), feature_names=None)
    try:
        return load_table(data, label, columns)
    except ImportError as error:
        raise ValueError(str(error)) from error


def _name_features(X: np.ndarray, names: Sequence[str] | None) -> Any:
    """Return a data frame with these columns; `X` itself if there are no names."""
    if names is None:
        return X
    import pandas as pd

    return pd.DataFrame(X, columns=list(names), copy=False)


def _write_predictions(path: Path | None, model: Any, X: Any) -> None:
    """Write the cluster of each sample as CSV, to a file or to standard output."""
    q = model.predict_proba(X)
    labels, confidence = q.argmax(axis=1), q.max(axis=1)
    if path is None:
        write_labels(sys.stdout, labels, confidence)
        return
    with write_atomically(path) as temporary, temporary.open("w", newline="") as file:
        write_labels(file, labels, confidence)


def _get_network_parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "dims": arguments.dims,
        "alpha": arguments.alpha,
        "pretrain_epochs": arguments.epochs,
        "max_iter": arguments.max_iter,
    }


def _get_n_clusters(arguments: argparse.Namespace, table: Table) -> int:
    """Return the number of clusters given, or else the number of classes."""
    if arguments.n_clusters is not None:
        return int(arguments.n_clusters)
    if table.y is None:
        raise ValueError(
            f"{arguments.data} has no labels to count; give --n-clusters, or --label COLUMN."
        )
    return len(np.unique(table.y))


def _check_outputs(outputs: Sequence[Path | None], data: str) -> None:
    """Check before the computation that the outputs can be written and do not replace the data."""
    for path in outputs:
        if path is None:
            continue
        check_writable(path)
        if data not in DATASETS and path.resolve() == Path(data).resolve():
            raise ValueError(f"{path} is the data; name another file to write.")
