"""Keras callbacks for experiments."""

# Before Keras, so that TensorFlow begins without its start-up lines.
import skdec.dec  # noqa: F401

# isort: split

from typing import Any

import keras
import numpy as np
from sklearn.metrics import normalized_mutual_info_score

from skdec.metrics import clustering_accuracy

__all__ = ["LabelHistory"]


class LabelHistory(keras.callbacks.Callback):
    """Record the labels after each target update, and how well they agree with classes.

    They become part of ``history_["refine"]`` and ``history_["rebuilt"]`` of the estimator:
    "labels", and with classes "accuracy" and "nmi". They have no influence on the fit.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples, as `fit` gets them or others.
    y : array-like of shape (n_samples,), default=None
        Their classes.

    See Also
    --------
    skdec.DECClusterer : Its parameter `callbacks` takes a list of callbacks.

    Notes
    -----
    Any callback can do this: what it adds to its `logs` in ``on_epoch_end`` becomes part of the
    history.

    Examples
    --------
    >>> import numpy as np
    >>> from skdec import DECClusterer
    >>> from skdec.callbacks import LabelHistory
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> history = LabelHistory(X)
    >>> dec = DECClusterer(2, dims=(8, 2), max_iter=2, update_interval=1, callbacks=[history])
    >>> dec = dec.set_params(tol=0.0, pretrain_epochs=1, random_state=0).fit(X)
    >>> dec.history_["refine"]["labels"].shape
    (2, 100)
    """

    def __init__(self, X: Any, y: Any = None) -> None:
        super().__init__()
        self._X = np.asarray(X, dtype=np.float32)
        self._y = None if y is None else np.asarray(y)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the labels, and their scores, to `logs`.

        Parameters
        ----------
        epoch : int
            Number of the update.
        logs : dict
            Values recorded at the update.
        """
        if self.params["phase"] not in ("refine", "rebuilt") or logs is None:
            return
        q = np.concatenate([self.model(self._X[i : i + 256]) for i in range(0, len(self._X), 256)])
        logs["labels"] = labels = q.argmax(axis=1).astype(np.int32)
        if self._y is not None:
            logs["accuracy"] = clustering_accuracy(self._y, labels)
            logs["nmi"] = float(normalized_mutual_info_score(self._y, labels))
