"""What a fitted DEC can do: label, embed and decode rows, show its networks, be saved."""

import warnings
from functools import cached_property
from typing import Any

import keras
import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import ClassifierTags, check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skdec import _persistence
from skdec._compiled import bare_autoencoder
from skdec._math import cluster_frequencies
from skdec._phases import Pretrained, Refined, assigned, embedded, reconstructed
from skdec._rows import DistinctRows
from skdec._scorers import SilhouetteScorer
from skdec._start import Start
from skdec._strategy import outside_of_scopes
from skdec._threads import check_threads
from skdec._validation import check_finite, checked_weights
from skdec.layers import ClusteringLayer
from skdec.networks import Architecture, Autoencoder


class FittedDEC(ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin, BaseEstimator):
    """The methods of `DECClusterer` that need no more than what its `fit` left.

    That is `_architecture`, `_weights` (encoder, then decoder) and the public fitted attributes.
    Keras models are built from the weights when they are asked for.
    """

    n_clusters: int | None
    alpha: float
    cluster_centers_: np.ndarray
    _architecture: Architecture
    _weights: list[np.ndarray]
    _frequencies: np.ndarray

    def predict(self, X: Any) -> np.ndarray:
        """Cluster of each row: the one it is assigned to most surely.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features_in_)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            Clusters, from 0 to ``n_clusters - 1``.
        """
        return self.predict_proba(X).argmax(axis=1).astype(np.int32)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Soft assignment of each row to the clusters, q in the paper.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features_in_)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters), float32
            Assignments; each row sums to one.
        """
        check_is_fitted(self)
        return self._assigned(self._checked_rows(X, reset=False))

    def transform(self, X: Any) -> np.ndarray:
        """Embed rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features_in_)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, dims[-1]), float32
            Embedded rows.
        """
        check_is_fitted(self)
        X = self._checked_rows(X, reset=False)
        return embedded(X, self._architecture, self._encoder_weights())

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Decode embedded rows.

        The decoder is as the pretraining left it; the refinement moves the encoder alone.

        Parameters
        ----------
        Z : array-like of shape (n_samples, dims[-1])
            Embedded rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features_in_), float32
            Reconstructed rows.

        Raises
        ------
        ValueError
            If `Z` has another width than the embedding, or values that are not finite.
        """
        check_is_fitted(self)
        Z = check_array(Z, input_name="Z")
        width = self._architecture.dims[-1]
        if Z.shape[1] != width:
            raise ValueError(f"Z must have {width} columns, as the embedding; got {Z.shape[1]}.")
        return reconstructed(
            Z, self._architecture, self._weights[2 * len(self._architecture.dims) :]
        )

    def score(self, X: Any, y: Any = None) -> float:
        """Silhouette of the predicted clusters among the rows as they are given.

        Measured in the input, so that fits with other `dims` and `alpha` can be compared. More
        than 5,000 rows are represented by 5,000 of them, always the same.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features_in_)
            Rows.
        y : None
            Not used: labels never choose anything.

        Returns
        -------
        float
            From -1 to 1, larger is better; -1 where all rows fall into one cluster, or each into
            one of its own.
        """
        return SilhouetteScorer()(self, X)

    def save(self, path: Any) -> None:
        """Write the fitted estimator to one file, without pickle.

        Parameters
        ----------
        path : str or path-like
            The file, replaced if it is there. `callbacks` and `memory` are not kept.
        """
        check_is_fitted(self)
        _persistence.save(self, path)

    @classmethod
    def load(cls, path: Any) -> "FittedDEC":
        """Read an estimator written by `save`; no code in the file is run.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        DECClusterer
            Fitted as it was saved.

        Raises
        ------
        ValueError
            If the file is not one of `save`, is damaged, or was written by a newer version.
        """
        return _persistence.load(cls, path)

    @cached_property
    def _networks(self) -> Autoencoder:
        check_is_fitted(self)
        check_threads()
        networks = bare_autoencoder(self._architecture)
        networks.autoencoder.set_weights(self._weights)
        return networks

    @property
    def autoencoder_(self) -> keras.Model:
        """Rows to their reconstruction."""
        return self._networks.autoencoder

    @property
    def encoder_(self) -> keras.Model:
        """Rows to embedded rows."""
        return self._networks.encoder

    @cached_property
    def model_(self) -> keras.Model:
        """Rows to soft assignments."""

        def build() -> keras.Model:
            clustering = ClusteringLayer(len(self.cluster_centers_), self.alpha, name="clustering")
            model = keras.Model(self.encoder_.input, clustering(self.encoder_.output), name="dec")
            clustering.set_weights([self.cluster_centers_])
            return model

        return outside_of_scopes(build)

    def _keep(
        self,
        X: Any,
        rows: DistinctRows,
        architecture: Architecture,
        pretrained: Pretrained,
        start: Start,
        refined: Refined,
    ) -> None:
        """Set what a fit leaves, and warn of clusters that it left empty."""
        self._architecture = architecture
        self._weights = [*refined.weights, *pretrained.weights[len(refined.weights) :]]
        self._n_features_out = architecture.dims[-1]
        self._frequencies = cluster_frequencies(refined.q, rows.weights)
        self.cluster_centers_ = refined.centers
        self.n_iter_ = refined.n_iter
        self.stop_reason_ = "interrupted" if pretrained.interrupted else refined.stop_reason
        self.history_ = {"pretrain": pretrained.history, "refine": refined.history}
        for built_from_old_weights in ("_networks", "model_"):
            self.__dict__.pop(built_from_old_weights, None)
        self.labels_ = self._all_labels(X, rows, refined.q.argmax(axis=1))
        self.initial_labels_ = self._all_labels(X, rows, start.labels)

    def _all_labels(self, X: Any, rows: DistinctRows, labels: np.ndarray) -> np.ndarray:
        """Labels of all rows from those of the distinct ones; weightless rows as predicted."""
        known, positions = rows.spread(labels)
        every = np.empty(X.shape[0], dtype=np.int32)
        every[positions] = known
        others = np.setdiff1d(np.arange(X.shape[0]), positions)
        if len(others):
            every[others] = self._assigned(X[others]).argmax(axis=1)
        return every

    def _warn_of_trouble(self) -> None:
        n_clusters, n_found = len(self.cluster_centers_), len(np.unique(self.labels_))
        wanted = max(n_clusters, self.n_clusters or 0)
        if self.stop_reason_ == "interrupted":
            warnings.warn(
                "The fit was interrupted; the estimator is as far as it came.",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif n_found < wanted or self.stop_reason_ == "collapse":
            found = (
                f"Only {n_found} of n_clusters={wanted} clusters have rows."
                if n_found < wanted
                else f"The refinement was ended after {self.n_iter_} steps, because each further "
                "update left a cluster without rows."
            )
            self.stop_reason_ = "collapse"
            warnings.warn(
                f"{found} Lower n_clusters, scale the columns alike, or refine more gently with a "
                "lower learning rate in optimizer or a smaller max_iter.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _went_before(self) -> Pretrained:
        return Pretrained(self._weights, self.history_["pretrain"], interrupted=False)

    def _assigned(self, X: Any) -> np.ndarray:
        weights, centers = self._encoder_weights(), self.cluster_centers_
        return assigned(X, self._architecture, weights, centers, self.alpha)

    def _encoder_weights(self) -> list[np.ndarray]:
        return self._weights[: 2 * len(self._architecture.dims)]

    def _checked_rows(self, X: Any, *, reset: bool) -> Any:
        check_threads()
        X = validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype="numeric", ensure_all_finite=False
        )
        if X.dtype == object:  # scikit-learn 1.6 leaves pandas' strings as they are
            X = X.astype(np.float64)
        check_finite(X, getattr(self, "feature_names_in_", None))
        return X

    def _distinct_rows(
        self, X: Any, sample_weight: Any, n_clusters: int | None = None
    ) -> DistinctRows:
        weights = checked_weights(sample_weight, X.shape[0])
        n_rows = X.shape[0] if weights is None else np.count_nonzero(weights)
        needed = n_clusters or self.n_clusters or 1
        if n_rows < needed:
            raise ValueError(
                f"n_clusters={needed} clusters need at least as many rows; X has "
                f"n_samples={n_rows}. Lower n_clusters or give more rows."
            )
        return DistinctRows(X, weights)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # scikit-learn's checks of sparse input ask a predict_proba how many columns it may have.
        tags.classifier_tags = ClassifierTags(multi_class=self.n_clusters != 2)
        tags.transformer_tags.preserves_dtype = []  # the networks compute in float32
        return tags

    def __getstate__(self) -> dict[str, Any]:
        # Models are built anew from the weights wherever they are wanted.
        state = super().__getstate__()
        return {name: state[name] for name in state if name not in ("_networks", "model_")}
