"""The estimator: parameters, validation and fitted attributes around the phases of DEC."""

from typing import Any

import keras
import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state

from skdec import _parameters
from skdec._blocks import BlocksMixin
from skdec._checkpoint import Checkpoint
from skdec._fitted import FittedDEC
from skdec._neighbors import neighborhood
from skdec._phases import Pretrained, Refined, assigned, embedded, pretrained_from, refine
from skdec._progress import PhaseProgress
from skdec._rows import DistinctRows
from skdec._start import Start, start_from
from skdec.networks import Architecture


class DECClusterer(BlocksMixin, FittedDEC):
    """Deep Embedded Clustering.

    An autoencoder is trained to reconstruct the rows; the embedded rows are clustered; then the
    encoder and the cluster centres are trained together, so that rows move towards the clusters
    that they and their neighbours are most surely assigned to ([1]_).

    Parameters
    ----------
    n_clusters : int or None, default=8
        Number of clusters. None takes as many as a clusterer given as `init` finds.
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
        many as give 1,000 steps where that is more.
    pretrain_optimizer : {"adam", "sgd"} or keras.optimizers.Optimizer, default="adam"
        Optimizer of the pretraining. "adam" (rate 0.001) and "sgd" (rate 0.1, momentum 0.9) let
        their learning rate fall to zero by half a cosine over the phase. A Keras optimizer is
        used as configured; each fit works on a copy.
    init : {"landmarks", "k-means++"}, clusterer or array-like, default="landmarks"
        How the clusters start.

        - "landmarks" runs k-means for many more centres than clusters, up to 500, and merges
          them by spectral clustering of their neighbour graph ([2]_), so that clusters may have
          any shape. Of several draws, one plain k-means among them, the one is kept whose
          clusters neighbours tell most of. Up to 20,000 rows are clustered as they are given,
          too.
        - "k-means++" is k-means alone, as in [1]_.
        - A scikit-learn clusterer or mixture, of which a copy clusters the embedded rows; rows
          that it calls noise join the nearest cluster.
        - Centres in the embedding, of shape (n_clusters, dims[-1]).
    n_init : int or "auto", default="auto"
        Draws of the start, of which the best is kept. "auto" is 10 for "landmarks", 20 for
        "k-means++".
    n_neighbors : int, default=10
        Neighbours, in the leading principal components of the rows, whose assignments make up
        the target of a row. 0 takes the row's own assignment alone, as in [1]_.
    optimizer : {"adam", "sgd"} or keras.optimizers.Optimizer, default="sgd"
        Optimizer of the refinement, given like `pretrain_optimizer`.
    max_iter : int or "auto", default="auto"
        Steps of the refinement; 0 for none. "auto" is four passes over the rows, or 500
        where that is more.
    update_interval : int or "auto", default="auto"
        Steps between two updates of the targets. "auto" is one pass over the rows, or 50 where
        that is more.
    tol : float, default=1e-3
        The refinement stops when an update changes the cluster of less than this share of rows.
    warm_start : bool, default=False
        Whether `fit` goes on from the networks and centres of the fit before: then it only
        refines.
    memory : str, pathlib.Path or joblib.Memory, default=None
        Where pretrained weights, neighbours and starts are kept and looked for: fits that share
        rows, seed and the parameters of these pay for them once.
    callbacks : list of keras.callbacks.Callback, default=None
        Told of every epoch of the pretraining and every update of the refinement; their
        ``params["phase"]`` is "pretrain" or "refine".
    checkpoint : str or pathlib.Path, default=None
        Folder where `fit` leaves its state on the way. After a process was killed, the same fit
        goes on from there and ends alike; done, it removes the state. `random_state` must be an
        integer.
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
    stop_reason_ : {"tol", "max_iter", "callback", "interrupted", "collapse"}
        Why the refinement ended; "interrupted" by Ctrl-C, "collapse" where updates left clusters
        without rows and were undone, or the start did.
    history_ : dict of dict of ndarray
        Under "pretrain" the loss of each epoch, under "refine" the loss of the steps before each
        update, the share of rows it changed and the number of clusters with rows after it, under
        both the seconds since the phase began.
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

    `DECClusterer.classic` is the method as published. In the scope of a `tf.distribute` strategy,
    `fit` trains on all its replicas.

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
        n_clusters: int | None = 8,
        *,
        dims: tuple[int, ...] = (500, 500, 2000, 10),
        alpha: float = 1.0,
        activation: Any = "relu",
        kernel_initializer: Any = None,
        batch_size: int = 256,
        pretrain_epochs: Any = "auto",
        pretrain_optimizer: Any = "adam",
        init: Any = "landmarks",
        n_init: Any = "auto",
        n_neighbors: int = 10,
        optimizer: Any = "sgd",
        max_iter: Any = "auto",
        update_interval: Any = "auto",
        tol: float = 1e-3,
        warm_start: bool = False,
        memory: Any = None,
        callbacks: Any = None,
        checkpoint: Any = None,
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
        self.warm_start = warm_start
        self.memory = memory
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DECClusterer":
        """Cluster the rows of `X`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of finite numbers. A memory map stays on disk, a sparse matrix sparse.
        y : None
            Not used: labels never choose anything.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the rows. A row of weight 2 counts as two, one of weight 0 not at all; it
            gets a label all the same.

        Returns
        -------
        DECClusterer
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter or weight is out of its range, there are fewer rows than clusters, or
            `X` has a value that is not finite; the message names it.
        FloatingPointError
            If the loss diverges, and again at a tenth of the learning rate.
        """
        _parameters.check_parameters(self)
        goes_on = self.warm_start and hasattr(self, "labels_")
        X = self._checked_rows(X, reset=not goes_on)
        rows = self._distinct_rows(X, sample_weight)
        random_state = check_random_state(self.random_state)
        seeds = _parameters.plain_seeds(random_state, 4)
        pretrain_seed, start_seed, graph_seed, refine_seed = seeds

        architecture = Architecture(X.shape[1], tuple(map(int, self.dims)), self.activation)
        before = self._went_before() if goes_on else None
        weights = [*before.weights, self.cluster_centers_] if before else []
        parameters = self.get_params(deep=False)
        checkpoint = Checkpoint(self.checkpoint, rows.digest, parameters, weights)
        pretrained = before or self._pretrained(rows, architecture, pretrain_seed, checkpoint)
        encoder_weights = pretrained.weights[: 2 * len(self.dims)]

        remember = _parameters.cache(self.memory).cache
        graph, points = remember(neighborhood)(rows, self.n_neighbors, graph_seed)
        if goes_on:
            q = assigned(rows, architecture, encoder_weights, self.cluster_centers_, self.alpha)
            start = Start(q.argmax(axis=1), self.cluster_centers_, None)
        else:
            z = embedded(rows, architecture, encoder_weights)
            start = remember(start_from)(
                self.init,
                self.n_clusters,
                _parameters.restarts(self.n_init, self.init),
                [z] if points is None else [z, points],
                graph,
                rows.weights,
                np.random.RandomState(start_seed),
            )
            del z  # as large as all that the refinement keeps of it

        max_iter = _parameters.refinement_steps(self.max_iter, rows.shape[0], self.batch_size)
        refined = self._refined(
            rows,
            architecture,
            encoder_weights,
            start,
            graph,
            0 if pretrained.interrupted else max_iter,
            np.random.RandomState(refine_seed),
            checkpoint=checkpoint,
        )
        self._keep(X, rows, architecture, pretrained, start, refined)
        self._warn_of_trouble()
        if self.stop_reason_ != "interrupted":
            checkpoint.remove()
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DECClusterer":
        """Refine encoder and centres on further rows, one pass over them.

        The first call fits. Later ones count clusters over all rows seen so far, so that a
        cluster of which a batch has no rows keeps its centre.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Further rows.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the rows.

        Returns
        -------
        DECClusterer
            The estimator itself; `labels_` are those of these rows.
        """
        if not hasattr(self, "labels_"):
            return self.fit(X, sample_weight=sample_weight)
        _parameters.check_parameters(self)
        X = self._checked_rows(X, reset=False)
        rows = self._distinct_rows(X, sample_weight, n_clusters=1)
        before = self._went_before()
        encoder_weights = before.weights[: 2 * len(self.dims)]
        architecture, centers = self._architecture, self.cluster_centers_
        q = assigned(rows, architecture, encoder_weights, centers, self.alpha)
        start = Start(q.argmax(axis=1), centers, None)
        refined = self._refined(
            rows,
            architecture,
            encoder_weights,
            start,
            None,
            _parameters.pass_steps(rows.shape[0], self.batch_size),
            check_random_state(self.random_state),
            seen_frequencies=self._frequencies,
        )
        seen = self._frequencies
        self._keep(X, rows, architecture, before, start, refined)
        self._frequencies = self._frequencies + seen
        return self

    def _pretrained(
        self, rows: DistinctRows, architecture: Architecture, seed: int, checkpoint: Checkpoint
    ) -> Pretrained:
        """Pretrained autoencoder, from the cache if there is one and it knows these rows."""
        remembered = _parameters.cache(self.memory).cache(
            pretrained_from, ignore=["callbacks", "checkpoint"]
        )
        return remembered(
            rows,
            architecture,
            self.kernel_initializer and keras.initializers.serialize(self.kernel_initializer),
            keras.optimizers.serialize(_parameters.keras_optimizer(self.pretrain_optimizer)),
            n_epochs=_parameters.pretrain_epochs(
                self.pretrain_epochs, rows.shape[0], self.batch_size
            ),
            batch_size=self.batch_size,
            decay=_parameters.decays(self.pretrain_optimizer),
            seed=seed,
            callbacks=self._progress(),
            checkpoint=checkpoint,
        )

    def _refined(
        self,
        rows: DistinctRows,
        architecture: Architecture,
        encoder_weights: list[np.ndarray],
        start: Start,
        graph: sp.csr_array | None,
        max_iter: int,
        random_state: np.random.RandomState,
        **options: Any,
    ) -> Refined:
        n_rows = rows.shape[0]
        return refine(
            rows,
            architecture,
            encoder_weights,
            start,
            graph,
            self.alpha,
            _parameters.keras_optimizer(self.optimizer),
            max_iter=max_iter,
            update_interval=_parameters.update_steps(self.update_interval, n_rows, self.batch_size),
            tol=self.tol,
            batch_size=self.batch_size,
            decay=_parameters.decays(self.optimizer),
            random_state=random_state,
            callbacks=self._progress(),
            **options,
        )

    def _progress(self) -> list[keras.callbacks.Callback]:
        return [*(self.callbacks or []), *([PhaseProgress()] if self.verbose else [])]

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
        return cls(n_clusters, **{**_parameters.published(), **parameters})
