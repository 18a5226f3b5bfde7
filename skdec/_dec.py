"""The estimator: parameters, validation and fitted attributes around the phases of DEC."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_memory

from skdec._fitted import FittedDEC
from skdec._neighbors import neighbor_graph
from skdec._phases import Pretrained, Refined, embedded, pretrain, refine
from skdec._progress import PhaseProgress
from skdec._start import Start, kmeans_start, landmark_start
from skdec._validation import (
    check_activation,
    check_choice,
    check_initializer,
    check_integer,
    check_optimizer,
    check_positive,
    check_share,
    check_widths,
)
from skdec.networks import Architecture, build_autoencoder

_OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-3, name="adam"),
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9, name="sgd"),
}
_AUTO_N_INIT = {"landmarks": 5, "k-means++": 20}
# What "auto" stands for: passes over the rows, and the steps that they make up at least.
_AUTO_PRETRAIN_EPOCHS = (10, 1500)
_AUTO_MAX_ITER = (4, 500)
_AUTO_UPDATE_INTERVAL = (1, 50)


class DECClusterer(FittedDEC):
    """Deep Embedded Clustering.

    An autoencoder is trained to reconstruct the rows; the embedded rows are clustered; then the
    encoder and the cluster centres are trained together, so that rows move towards the clusters
    that they and their neighbours are most surely assigned to ([1]_).

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    dims : tuple of int, default=(500, 500, 2000, 10)
        Widths of the encoder's layers after the input, the last one that of the embedding. The
        decoder mirrors them.
    alpha : float, default=1.0
        Degrees of freedom of the Student's t that turns distances into assignments.
    activation : str or callable, default="relu"
        Activation of the inner layers, as Keras takes it.
    kernel_initializer : str or keras.initializers.Initializer, default=None
        How the weights start. None is ``VarianceScaling(1 / 3, "fan_in", "uniform")``.
    batch_size : int, default=256
        Rows in a training step. With fewer rows than that, a batch holds some of them several
        times.
    pretrain_epochs : int or "auto", default="auto"
        Passes over the rows in pretraining; 0 leaves the initial weights. "auto" is 10, or as
        many as give 1,500 steps where that is more.
    pretrain_optimizer : {"adam", "sgd"} or keras.optimizers.Optimizer, default="adam"
        Optimizer of the pretraining. "adam" (rate 0.001) and "sgd" (rate 0.1, momentum 0.9) let
        their learning rate fall to zero by half a cosine over the phase. A Keras optimizer is
        used as configured; each fit works on a copy.
    init : {"landmarks", "k-means++"}, default="landmarks"
        How the clusters start. "landmarks" runs k-means for many more centres than clusters, up
        to 500, and merges them by spectral clustering of their neighbour graph ([2]_), so that
        clusters may have any shape; "k-means++" is k-means alone, as in [1]_.
    n_init : int, default=20
        Runs of k-means, of which the best is kept.
    n_neighbors : int, default=10
        Neighbours, in the leading principal components of the rows, whose assignments make up
        the target of a row. 0 takes the row's own assignment alone, as in [1]_.
    optimizer : {"adam", "sgd"} or keras.optimizers.Optimizer, default="sgd"
        Optimizer of the refinement, given like `pretrain_optimizer`.
    max_iter : int or "auto", default="auto"
        Steps of the refinement; 0 leaves the start. "auto" is four passes over the rows, or 500
        where that is more.
    update_interval : int or "auto", default="auto"
        Steps between two updates of the targets. "auto" is one pass over the rows, or 50 where
        that is more.
    tol : float, default=1e-3
        The refinement stops when an update changes the cluster of less than this share of rows.
    memory : str, pathlib.Path or joblib.Memory, default=None
        Where pretrained weights are kept and looked for: fits that share rows, seed and the
        parameters of the pretraining pay for it once.
    callbacks : list of keras.callbacks.Callback, default=None
        Told of every epoch of the pretraining and every update of the refinement; their
        ``params["phase"]`` is "pretrain" or "refine".
    verbose : int, default=0
        Above 0, progress is written to standard error.
    random_state : int, RandomState instance or None, default=None
        Seed of all that is drawn at random. The same integer gives the same clusters.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int32
        Cluster of each row.
    cluster_centers_ : ndarray of shape (n_clusters, dims[-1]), float32
        Cluster centres in the embedding.
    initial_labels_ : ndarray of shape (n_samples,), int32
        Cluster of each row before the refinement.
    n_iter_ : int
        Steps of the refinement.
    stop_reason_ : {"tol", "max_iter", "callback", "collapse"}
        Why the refinement ended; "collapse" where clusters were left without rows.
    history_ : dict of dict of ndarray
        Under "pretrain" the loss of each epoch, under "refine" the loss of the steps before each
        update and the share of rows it changed, under both the seconds since the phase began.
    autoencoder_ : keras.Model
        Rows to their reconstruction, a copy with the fitted weights. The encoder is refined, the
        decoder stays as pretrained.
    encoder_ : keras.Model
        Rows to embedded rows; shares its weights with `autoencoder_`.
    model_ : keras.Model
        Encoder, then `ClusteringLayer`: rows to soft assignments.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if all were strings.

    See Also
    --------
    sklearn.cluster.KMeans : The baseline, on the rows as they are.
    skdec.compare : K-means, autoencoder with k-means and DEC side by side.

    Notes
    -----
    Scale the columns alike beforehand, for example to [0, 1]: the reconstruction error sees a
    column in proportion to its variance.

    `DECClusterer.classic` is the method as published.

    References
    ----------
    .. [1] J. Xie, R. Girshick and A. Farhadi, "Unsupervised Deep Embedding for Clustering
       Analysis", ICML 2016.
    .. [2] D. Yan, L. Huang and M. I. Jordan, "Fast approximate spectral clustering", KDD 2009.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdec import DECClusterer
    >>> X, _ = make_blobs(200, n_features=20, centers=3, random_state=0)
    >>> dec = DECClusterer(3, dims=(32, 4), pretrain_epochs=5, random_state=0).fit(X / X.max())
    >>> dec.transform(X / X.max()).shape
    (200, 4)
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        dims: tuple[int, ...] = (500, 500, 2000, 10),
        alpha: float = 1.0,
        activation: Any = "relu",
        kernel_initializer: Any = None,
        batch_size: int = 256,
        pretrain_epochs: Any = "auto",
        pretrain_optimizer: Any = "adam",
        init: str = "landmarks",
        n_init: Any = "auto",
        n_neighbors: int = 10,
        optimizer: Any = "sgd",
        max_iter: Any = "auto",
        update_interval: Any = "auto",
        tol: float = 1e-3,
        memory: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.dims = dims
        self.alpha = alpha
        self.activation = activation
        self.kernel_initializer = kernel_initializer
        self.batch_size = batch_size
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_optimizer = pretrain_optimizer
        self.init = init
        self.n_init = n_init
        self.n_neighbors = n_neighbors
        self.optimizer = optimizer
        self.max_iter = max_iter
        self.update_interval = update_interval
        self.tol = tol
        self.memory = memory
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "DECClusterer":
        """Cluster the rows of `X`."""
        self._check_parameters()
        X = self._checked_rows(X, reset=True)
        if X.shape[0] < self.n_clusters:
            raise ValueError(
                f"n_clusters={self.n_clusters} clusters need at least as many rows; X has "
                f"n_samples={X.shape[0]}. Lower n_clusters or give more rows."
            )
        pretrain_seed, *seeds = check_random_state(self.random_state).randint(2**31 - 1, size=4)
        start_random, graph_random, refine_random = map(np.random.RandomState, seeds)

        architecture = Architecture(X.shape[1], tuple(self.dims), self.activation)
        pretrained = self._pretrained(X, architecture, int(pretrain_seed))
        encoder_weights = pretrained.weights[: 2 * len(architecture.dims)]

        z = embedded(X, architecture, encoder_weights)
        graph = self._neighbor_graph(X, graph_random)
        start = self._start(z, graph, start_random)

        refined = refine(
            X,
            architecture,
            encoder_weights,
            start,
            graph,
            self.alpha,
            _optimizer(self.optimizer),
            max_iter=self._steps(self.max_iter, X.shape[0], *_AUTO_MAX_ITER),
            update_interval=self._steps(self.update_interval, X.shape[0], *_AUTO_UPDATE_INTERVAL),
            tol=self.tol,
            batch_size=self.batch_size,
            decay=isinstance(self.optimizer, str),
            random_state=refine_random,
            callbacks=self._progress(),
        )
        self._keep(architecture, pretrained, start, refined)
        return self

    def _check_parameters(self) -> None:
        check_integer("n_clusters", self.n_clusters, 1)
        check_widths("dims", self.dims)
        check_positive("alpha", self.alpha)
        check_activation("activation", self.activation)
        check_initializer("kernel_initializer", self.kernel_initializer)
        check_integer("batch_size", self.batch_size, 1)
        check_integer("pretrain_epochs", self.pretrain_epochs, 0, words=("auto",))
        check_optimizer("pretrain_optimizer", self.pretrain_optimizer, _OPTIMIZERS)
        check_choice("init", self.init, _AUTO_N_INIT)
        check_integer("n_init", self.n_init, 1, words=("auto",))
        check_integer("n_neighbors", self.n_neighbors, 0)
        check_optimizer("optimizer", self.optimizer, _OPTIMIZERS)
        check_integer("max_iter", self.max_iter, 0, words=("auto",))
        check_integer("update_interval", self.update_interval, 1, words=("auto",))
        check_share("tol", self.tol)

    def _pretrained(self, X: Any, architecture: Architecture, seed: int) -> Pretrained:
        """Pretrained autoencoder, from the cache if there is one and it knows these rows."""
        remembered = check_memory(self.memory).cache(_pretrained, ignore=["callbacks"])
        return remembered(
            X,
            architecture,
            self.kernel_initializer and keras.initializers.serialize(self.kernel_initializer),
            keras.optimizers.serialize(_optimizer(self.pretrain_optimizer)),
            isinstance(self.pretrain_optimizer, str),
            self._epochs(X.shape[0]),
            self.batch_size,
            seed,
            callbacks=self._progress(),
        )

    def _neighbor_graph(self, X: Any, random_state: np.random.RandomState) -> sp.csr_array | None:
        n_neighbors = min(self.n_neighbors, X.shape[0] - 1)
        return neighbor_graph(X, n_neighbors, random_state) if n_neighbors else None

    def _start(
        self, z: np.ndarray, graph: sp.csr_array | None, random_state: np.random.RandomState
    ) -> Start:
        n_init = _AUTO_N_INIT[self.init] if self.n_init == "auto" else self.n_init
        if self.init == "k-means++" or graph is None:
            return kmeans_start(z, self.n_clusters, n_init, random_state)
        return landmark_start(z, graph, self.n_clusters, n_init, random_state)

    def _epochs(self, n_rows: int) -> int:
        if self.pretrain_epochs != "auto":
            return self.pretrain_epochs
        n_passes, min_steps = _AUTO_PRETRAIN_EPOCHS
        return max(n_passes, -(-min_steps // self._pass_steps(n_rows)))

    def _steps(self, given: Any, n_rows: int, n_passes: int, min_steps: int) -> int:
        return max(n_passes * self._pass_steps(n_rows), min_steps) if given == "auto" else given

    def _pass_steps(self, n_rows: int) -> int:
        return -(-n_rows // self.batch_size)

    def _progress(self) -> list[keras.callbacks.Callback]:
        return [*(self.callbacks or []), *([PhaseProgress()] if self.verbose else [])]

    def _keep(
        self, architecture: Architecture, pretrained: Pretrained, start: Start, refined: Refined
    ) -> None:
        """Set what a fit leaves, and warn of clusters that it left empty."""
        self._architecture = architecture
        self._weights = [*refined.weights, *pretrained.weights[len(refined.weights) :]]
        self._n_features_out = architecture.dims[-1]
        self.cluster_centers_ = refined.centers
        self.initial_labels_ = start.labels
        self.labels_ = refined.q.argmax(axis=1).astype(np.int32)
        self.n_iter_ = refined.n_iter
        self.stop_reason_ = refined.stop_reason
        self.history_ = {"pretrain": pretrained.history, "refine": refined.history}
        for built_from_old_weights in ("_networks", "model_"):
            self.__dict__.pop(built_from_old_weights, None)
        n_found = len(np.unique(self.labels_))
        if n_found < self.n_clusters:
            self.stop_reason_ = "collapse"
            warnings.warn(
                f"Only {n_found} of n_clusters={self.n_clusters} clusters have rows. Lower "
                "n_clusters, scale the columns alike, or refine more gently with a lower learning "
                "rate in optimizer or a smaller max_iter.",
                ConvergenceWarning,
                stacklevel=3,
            )

    @classmethod
    def classic(cls, n_clusters: int = 8, **parameters: Any) -> "DECClusterer":
        """DEC as published: SGD throughout, k-means to start, targets of each row alone.

        Parameters
        ----------
        n_clusters : int, default=8
            Number of clusters.
        **parameters : dict
            Parameters of `DECClusterer` that are to differ, such as ``random_state``.

        Returns
        -------
        DECClusterer
            Unfitted: 300 epochs of pretraining by SGD (rate 1, momentum 0.9), 20 runs of
            k-means, refinement by SGD (rate 0.01, momentum 0.9) with new targets every 140
            steps, until less than 0.1 percent of the rows change or 20,000 steps are made.
        """
        published = {
            "pretrain_epochs": 300,
            "pretrain_optimizer": keras.optimizers.SGD(1.0, momentum=0.9),
            "init": "k-means++",
            "n_init": 20,
            "n_neighbors": 0,
            "optimizer": keras.optimizers.SGD(0.01, momentum=0.9),
            "max_iter": 20_000,
            "update_interval": 140,
            "tol": 1e-3,
        }
        return cls(n_clusters, **{**published, **parameters})


def _optimizer(given: Any) -> keras.optimizers.Optimizer:
    return _OPTIMIZERS[given]() if isinstance(given, str) else given


def _pretrained(
    X: Any,
    architecture: Architecture,
    kernel_initializer: dict[str, Any] | str | None,
    optimizer: dict[str, Any],
    decay: bool,
    n_epochs: int,
    batch_size: int,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> Pretrained:
    """Pretrain from plain arguments, which joblib can tell apart by their contents."""
    initializer = keras.initializers.get(kernel_initializer)
    initial = build_autoencoder(*architecture, initializer, seed).autoencoder.get_weights()
    return pretrain(
        X,
        architecture,
        initial,
        keras.optimizers.deserialize(optimizer),
        n_epochs=n_epochs,
        batch_size=batch_size,
        decay=decay,
        random_state=np.random.RandomState(seed),
        callbacks=callbacks,
    )
