"""The estimator: Deep Embedded Clustering behind scikit-learn's API."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property, partial
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
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skdec._utils.data import DistinctSamples, SampleSubset, check_samples
from skdec._utils.files import load_or_compute
from skdec._utils.process import keep_warning_filters, warn_user
from skdec._utils.terminal import report_progress, report_result
from skdec._utils.validation import (
    expand_labels,
    find_distinct_samples,
    restore_features_on_failure,
    store_blocks,
    validate_samples,
)
from skdec.cluster import NeighborClusterer
from skdec.cluster._graph import Neighbors, cluster_frequencies, find_neighbors
from skdec.cluster._neighbor_clusterer import check_no_zero_samples
from skdec.cluster._selection import NeighborClusters, find_clusters
from skdec.dec._initialization import (
    Initialization,
    initialize_from_clusters,
    initialize_in_embedding,
)
from skdec.dec._parameters import (
    PAPER_DIMS,
    Settings,
    check_parameters,
    format_as_call,
    published_parameters,
    resolve,
    tutorial_parameters,
)
from skdec.dec._pretraining import PretrainingResult, create_weights, pretrain, train_decoder
from skdec.dec._refinement import (
    RefinementResult,
    Targets,
    rebuild_neighbors,
    refine,
    run_until_interrupted,
)
from skdec.dec._state import check_can_be_saved, check_fitted, describe_state, restore_state
from skdec.dec.training.checkpoint import Checkpoint, UnidentifiedError, describe
from skdec.dec.training.distribute import check_not_forked, run_outside_scope
from skdec.dec.training.inference import (
    DECWeights,
    compute_deviation_limits,
    compute_deviations,
)
from skdec.dec.training.samples import Scaling
from skdec.layers import ClusteringLayer
from skdec.metrics import neighbor_information
from skdec.networks import Architecture, Autoencoder

_PRINTED_AS_CALLS = (keras.optimizers.Optimizer, keras.layers.Layer, partial)


class DECClusterer(ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin, BaseEstimator):
    """Deep Embedded Clustering.

    An autoencoder is trained to reconstruct the samples, and the embedded samples are clustered.
    Then the encoder and the cluster centers are trained together, so that each sample moves
    towards the clusters that it and its neighbors are most confidently assigned to ([1]_).

    Parameters
    ----------
    n_clusters : int, "auto" or None, default=8
        Number of clusters. "auto" is the number that `NeighborClusterer` finds, None as many as a
        clusterer given as `init` does.
    dims : tuple of int or "auto", default="auto"
        Widths of the encoder's layers after the input, the last one that of the embedding. The
        decoder mirrors them. "auto" is (500, 500, 2000, 10), as in [1]_, from 5,000 samples; the
        first three are halved below 5,000, below 1,250 and below 313 samples. For few features
        they are smaller: the first is at most 64 times the square root of their number.
    alpha : float, default=1.0
        Degrees of freedom of Student's t, which turns distances into soft assignments.
    batch_size : int, default=256
        Samples in a training step. With fewer samples, it is the largest power of two up to
        their number.
    pretrain_epochs : int or "auto", default="auto"
        Epochs of the pretraining; 0 keeps the initial weights. "auto" is 2, or as many as give
        300 steps where that is more.
    pretrain_optimizer : {"adam", "sgd"} or keras.optimizers.Optimizer, default="adam"
        Optimizer of the pretraining. The learning rates of "adam" (0.001) and "sgd" (0.1, with
        momentum 0.9) fall to zero by a cosine decay. A Keras optimizer is used as configured;
        each fit works on a copy.
    pretraining : {"joint", "layerwise"}, default="joint"
        "joint" trains all layers of the autoencoder together. "layerwise" first trains one layer
        after the other, with the one that mirrors it, to reconstruct its input, each for half of
        `pretrain_epochs`, then all together, as in [1]_; it needs networks of `build_autoencoder`.
    corruption : float, default=0.0
        Fraction of the values, at least 0 and below 1, that are set to zero (on the scale of the
        networks, see Notes) at random in the input of the autoencoder ("joint"), or in the input of
        each of the two layers that are trained ("layerwise"), while the clean values are
        reconstructed: a denoising autoencoder.
    autoencoder : callable or tuple of keras.Model, default=None
        Networks in place of the fully connected ones that `dims` describes, and which it then has
        no effect on.

        - A function of the number of features that returns (encoder, decoder), Keras models with
          new weights, or an `skdec.networks.Autoencoder`; for example
          ``partial(build_autoencoder, dims=(500, 10), activation="gelu")`` or
          ``partial(build_convolutional_autoencoder, image_shape=(28, 28))`` with the functions of
          `skdec.networks`.
        - A tuple (encoder, decoder) of Keras models. The pretraining begins with their weights;
          ``pretrain_epochs=0`` takes them as they are. Each fit works on copies.

        The encoder maps samples (n, n_features) to an embedding (n, d), the decoder back. Losses of
        their layers, such as regularizers, are added to the loss. Initializers without a seed
        follow `random_state`. Weights are float32; layers may compute in a mixed precision.
    init : {"neighbors", "k-means++"}, clusterer or array-like, default="neighbors"
        Initialization of the clusters.

        - "neighbors" are the clusters that ``NeighborClusterer(n_clusters,
          n_neighbors=n_neighbors)`` finds among the samples, without a network and with the same
          `random_state`.
        - A `NeighborClusterer` with other parameters; its `n_clusters` has no effect. Neighbors are
          then those of its `metric` in the refinement, too.
        - "k-means++" is k-means in the embedding, the best of 20 runs, as in [1]_.
        - A scikit-learn clusterer or mixture, a clone of which clusters the embedded samples;
          samples that it labels as noise join the nearest cluster.
        - Centers in the embedding, of shape (n_clusters, dims[-1]).
    n_neighbors : int, default=10
        Number of nearest neighbors, in the leading principal components, whose soft assignments
        are averaged to form each sample's target distribution. 0 uses the sample's own assignment
        alone, as in [1]_; ``init="neighbors"`` then uses 10.
    optimizer : {"adam", "sgd"} or keras.optimizers.Optimizer, default="adam"
        Optimizer of the refinement, specified like `pretrain_optimizer`.
    max_iter : int or "auto", default="auto"
        Largest number of training steps of the refinement; 0 for none. "auto" trains in cycles of
        four epochs, or of 300 steps where that is more. Another cycle follows, with the learning
        rates of the first, while the labels of the network agree with less than 99 percent of the
        initial ones and a cycle corrects a tenth of those that differ. There are at most eight
        cycles in total, the first one included. With augmentation, which lets the network correct
        initial labels, there is one cycle of three times the length.
    update_interval : int or "auto", default="auto"
        Steps between two updates of the target distribution. "auto" is one epoch, or 30 steps
        where that is more.
    tol : float, default=1e-3
        The refinement stops when less than this fraction of the samples has changed its cluster
        since the previous update of the targets. With ``max_iter="auto"`` and neighbors, it does
        not stop so before the labels have reached the `score` of the initial ones, nor while
        another cycle is due (see `max_iter`).
    reconstruction_weight : float, default=0.0
        Weight of the mean squared reconstruction error in the loss of the refinement. 0 is DEC;
        above 0 the decoder is trained as well, as in IDEC ([2]_), and keeps the embedding close to
        that of an autoencoder. IDEC's own weights, 1 for the reconstruction and 0.1 for the
        clustering, are a ratio of 10.
    augment : None, "image", keras.layers.Layer or callable, default=None
        What the samples go through in training, anew in every step, so that the encoder learns to
        ignore such changes; targets and labels are those of the samples themselves ([3]_).

        - "image" rotates, shears, zooms and shifts square images of one channel at random:
          `skdec.layers.RandomAffine`, which takes the shape of other images.
        - A Keras layer or model that maps samples (n, n_features) to the same shape. It is called
          in training mode, with random numbers that follow from `random_state`; each fit works on
          a copy.
        - A function of a tensor of samples that returns a tensor of the same shape. If it has a
          parameter `seed`, it gets a pair of integers for the functions ``tf.random.stateless_*``.

        After the refinement, the neighbors are searched again, in the embedding, in which samples
        are close that differ by such changes only, and a second refinement of half as many steps
        uses them. It is left out with ``n_neighbors=0``.
    warm_start : bool, default=False
        Whether `fit` begins from the networks and centers of the previous fit and only refines
        them.
    memory : str, pathlib.Path or joblib.Memory, default=None
        Cache for pretrained weights, neighbor graphs and initializations, reused by fits with the
        same data, seed, relevant parameters and package versions. Only finished steps are stored.
        No pretraining is stored with `callbacks`, nor with a function or class of a script, which
        has no configuration: functions of installed packages have one.
    callbacks : list of keras.callbacks.Callback, default=None
        Called at the start and end of each pretraining epoch and each target update. Their
        ``params["phase"]`` is "pretrain" or "refine", "layer_0", "layer_1" and so on in the
        training of single layers, and "rebuilt" in the second refinement (see `augment`). Numbers,
        and arrays of one shape, that they add to their `logs` in ``on_epoch_end`` become part of
        `history_`. Callbacks with batch hooks make the training slower.
    checkpoint : str or pathlib.Path, default=None
        Directory for training checkpoints. A killed or interrupted fit resumes from the last one
        with identical results; it is deleted on success. `random_state` must be an integer. Your
        own functions and classes are compared by their names only: do not change them before.
    verbose : int, default=0
        Above 0, the progress of each step is shown on standard error: bars in a terminal or a
        notebook with ipywidgets, lines elsewhere.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random. The same integer gives the same clusters on the same machine
        with the same number of threads.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int32
        Cluster of each sample.
    cluster_centers_ : ndarray of shape (n_clusters, dims[-1]), float32
        Cluster centers in the embedding.
    initial_labels_ : ndarray of shape (n_samples,), int32
        Cluster of each sample before the refinement.
    n_iter_ : int
        Training steps of the refinement, those of the second one (see `augment`) included.
    stop_reason_ : {"tol", "max_iter", "callback", "interrupted", "collapse"}
        Why the refinement ended; "interrupted" by Ctrl-C (see `fit`), "collapse" where updates left
        clusters without samples and were undone, or there are clusters without samples.
    history_ : dict of dict of ndarray
        "pretrain": the loss of each epoch; "layers", after layerwise pretraining: the loss of each
        epoch of each layer, and the layer's number; "refine": the loss of the steps before each
        target update, the fraction of labels that it changed, the number of clusters with samples
        after it, the fraction of labels that agree with the initial ones and the score of the
        labels (as in `score`, in the graph of the fit; NaN without neighbors), of which the weights
        with the highest are kept; "rebuilt", if there was a second refinement (see `augment`): the
        same for it; all: the learning rate of the last step, and the seconds since the beginning
        of the phase, or of the layer's training.
    autoencoder_ : keras.Model
        Maps samples to their reconstruction, a copy with the fitted weights. As `encoder_` and
        `model_`, it takes samples as they are: its first layer is `skdec.layers.SampleScaling`.
    encoder_ : keras.Model
        Maps samples to their embedding; shares its weights with `autoencoder_`.
    model_ : keras.Model
        Encoder, then `ClusteringLayer`: maps samples to soft assignments.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all were strings.

    See Also
    --------
    sklearn.cluster.KMeans : The baseline, on the samples themselves.
    skdec.compare : K-means, autoencoder with k-means and DEC side by side.

    Notes
    -----
    Scale the features alike beforehand, for example to [0, 1]: a feature contributes to the
    reconstruction error in proportion to its variance. They need not be centered, nor be of a
    certain unit: the networks see the samples minus their mean, divided by one number for all
    features, so that the mean variance is one. Samples that are ten times as far from the mean as
    the typical one are brought nearer, to less than twice of that. Networks given as `autoencoder`
    and samples that are changed by `augment` see them as they are.

    `DECClusterer.classic` is the method as in the paper. In the scope of a `tf.distribute`
    strategy, `fit` trains on all its replicas.

    References
    ----------
    .. [1] J. Xie, R. Girshick and A. Farhadi, "Unsupervised Deep Embedding for Clustering
       Analysis", ICML 2016.
    .. [2] X. Guo, L. Gao, X. Liu and J. Yin, "Improved Deep Embedded Clustering with Local
       Structure Preservation", IJCAI 2017.
    .. [3] X. Guo, E. Zhu, X. Liu and J. Yin, "Deep Embedded Clustering with Data Augmentation",
       ACML 2018.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdec import DECClusterer
    >>> X, _ = make_blobs(200, n_features=20, centers=3, random_state=0)
    >>> dec = DECClusterer(3, dims=(32, 4), pretrain_epochs=5, random_state=0).fit(X / X.max())
    >>> dec.transform(X / X.max()).shape
    (200, 4)
    """

    _weights: DECWeights
    _frequencies: np.ndarray
    _deviation_limits: np.ndarray
    _n_partial_fits: int
    # How the targets follow from the assignments, as `Initialization` describes.
    _target_power: float
    labels_: np.ndarray
    initial_labels_: np.ndarray
    stop_reason_: str

    def __init__(
        self,
        n_clusters: Any = 8,
        *,
        dims: Any = "auto",
        alpha: float = 1.0,
        batch_size: int = 256,
        pretrain_epochs: Any = "auto",
        pretrain_optimizer: Any = "adam",
        pretraining: str = "joint",
        corruption: float = 0.0,
        autoencoder: Any = None,
        init: Any = "neighbors",
        n_neighbors: int = 10,
        optimizer: Any = "adam",
        max_iter: Any = "auto",
        update_interval: Any = "auto",
        tol: float = 1e-3,
        reconstruction_weight: float = 0.0,
        augment: Any = None,
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
        self.batch_size = batch_size
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_optimizer = pretrain_optimizer
        self.pretraining = pretraining
        self.corruption = corruption
        self.autoencoder = autoencoder
        self.init = init
        self.n_neighbors = n_neighbors
        self.optimizer = optimizer
        self.max_iter = max_iter
        self.update_interval = update_interval
        self.tol = tol
        self.reconstruction_weight = reconstruction_weight
        self.augment = augment
        self.warm_start = warm_start
        self.memory = memory
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.verbose = verbose
        self.random_state = random_state

    @keep_warning_filters
    @report_progress
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DECClusterer":
        """Cluster the samples of `X`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples of finite numbers. A memory map stays on disk, a sparse matrix sparse.
        y : None
            Ignored: labels never choose anything.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the samples. A sample of weight 2 counts as two, one of weight 0 not at
            all, but it gets a label.

        Returns
        -------
        DECClusterer
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or sample weight is out of its range, there are fewer samples than
            clusters, or `X` has a value that is not finite; the message names it.
        FloatingPointError
            If the loss diverges, and again at a tenth of the learning rate.
        KeyboardInterrupt
            On Ctrl-C. Once the refinement has begun, the fitted attributes are those of its last
            update of the targets; before, the estimator is as it was.
        """
        check_parameters(self)
        start = time.perf_counter()
        with restore_features_on_failure(self):
            previous = self._weights if self._is_warm_start() else None
            X, samples = self._validate(X, sample_weight)
            settings = resolve(self, *samples.shape)
            weights = [] if previous is None else [*previous.autoencoder, previous.centers]
            parameters = self.get_params(deep=False)
            checkpoint = Checkpoint(self.checkpoint, samples.digest, parameters, weights)
            neighbors = self._find_neighbors(self.n_neighbors, settings, samples)
            if previous is None:
                clusters = self._find_clusters(settings, samples, neighbors)
                pretraining = self._pretrain(settings, samples, checkpoint)
                initialization = self._initialize(
                    settings, samples, pretraining, neighbors, clusters
                )
            else:
                pretraining, initialization = self._continue_from(previous, samples)
            refinement, interruption = run_until_interrupted(
                self._refine(
                    settings, pretraining.weights, samples, initialization, neighbors, checkpoint
                )
            )
            self._store(
                X,
                samples,
                pretraining,
                initialization,
                refinement,
                _deviation_limits=compute_deviation_limits(refinement.weights, samples),
                _n_partial_fits=0,
                _augmentation=settings.augmentation,
            )
        if interruption is not None:
            raise interruption
        checkpoint.remove()
        report_result(self._summarize(time.perf_counter() - start))
        self._warn_about_convergence()
        return self

    @keep_warning_filters
    @report_progress
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DECClusterer":
        """Refine encoder and centers on further samples for one epoch.

        The first call is a `fit`. Each later call trains once through the samples that it is
        given, in batches of `batch_size`, beginning with the networks and centers of the previous
        call. The targets are those of the paper, without neighbors, since a few samples are too
        far apart to be neighbors. They divide by the sizes of the clusters, as much as those of the
        fit: less where these are of different sizes. The sizes are counted over the samples of all
        calls, so that a cluster that has no samples in a call keeps its center.

        With `sample_weight`, samples are trained on in proportion to their weight, and a total
        weight above the number of samples takes more steps, up to 100. In place of "adam", which
        would hardly move the centers in so few steps, "sgd" is used.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Further samples.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the samples.

        Returns
        -------
        DECClusterer
            The estimator; `labels_` are those of these samples.

        Raises
        ------
        ValueError
            If the samples of the first call are fewer distinct ones than clusters: no later call
            could add a cluster. Otherwise as `fit` does.
        """
        check_parameters(self)
        if not self.__sklearn_is_fitted__():
            self._check_first_samples(X, sample_weight)
            return self.fit(X, sample_weight=sample_weight)
        X = self._validate_samples(X, reset=False)
        self._check_networks_unchanged("partial_fit")
        samples = find_distinct_samples(X, sample_weight, n_needed=1)
        settings = resolve(self, *samples.shape)
        augmentation = settings.augmentation
        known = getattr(self, "_augmentation", augmentation)
        if augmentation.source is known.source:
            augmentation = known  # for which the training step has been compiled
        pretraining, initialization = self._continue_from(self._weights, samples)
        previous_frequencies = self._frequencies
        *_, refinement = refine(
            samples,
            pretraining.weights,
            initialization,
            Targets(
                samples.sample_weight,
                previous_frequencies=previous_frequencies / samples.mean_weight,
                power=initialization.power,
            ),
            settings.partial.for_partial_fit(samples.shape[0], samples.total_weight),
            # Other batches and augmentations in each call.
            np.random.RandomState([settings.refine_seed, self._n_partial_fits]),
            self.callbacks or [],
            reconstruction_weight=self.reconstruction_weight,
            augmentation=augmentation,
        )
        self._store(
            X,
            samples,
            pretraining,
            initialization,
            refinement,
            previous_frequencies,
            _n_partial_fits=self._n_partial_fits + 1,
            _augmentation=augmentation,
        )
        return self

    @report_progress
    def fit_blocks(
        self, blocks: Iterable[Any], sample_weight: Any = None, *, folder: Any = None
    ) -> "DECClusterer":
        """Cluster samples that come in blocks and need not fit into memory.

        The blocks are read once and stored in a temporary file, four bytes a value, from which
        `fit` reads a few dozen megabytes at a time. The file is removed after the fit.

        Parameters
        ----------
        blocks : iterable of {array-like, sparse matrix, DataFrame} of shape (n, n_features)
            Samples of finite numbers, such as an iterator over the row groups of a Parquet file.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the samples of all blocks.
        folder : str or pathlib.Path, default=None
            Directory of the temporary file. None is the system's directory for temporary files,
            which on some systems is in memory.

        Returns
        -------
        DECClusterer
            The estimator; `labels_` are those of all samples in their order.

        Raises
        ------
        ValueError
            If there are no samples, or a block has other features than the first, or a value that
            is not finite; otherwise as `fit` does.
        """
        with store_blocks(blocks, folder) as X:
            return self.fit(X, sample_weight=sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the cluster of each sample, the one with the largest soft assignment.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, `n_features_in_`)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            Clusters, from 0 to ``n_clusters - 1``.
        """
        return self.predict_proba(X).argmax(axis=1).astype(np.int32)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Compute the soft assignment of each sample to the clusters, q in the paper.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, `n_features_in_`)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters), float32
            Soft assignments; each row sums to one.
        """
        check_is_fitted(self)
        return self._weights.assign(self._validate_samples(X, reset=False))

    def transform(self, X: Any) -> np.ndarray:
        """Embed samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, `n_features_in_`)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, dims[-1]), float32
            Embedding.
        """
        check_is_fitted(self)
        return self._weights.embed(self._validate_samples(X, reset=False))

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Reconstruct samples from their embedding.

        The refinement trains the encoder alone; after it, `fit` trains the decoder alone for one
        epoch, at least 100 steps, so that it reconstructs samples from the refined embedding. With
        a `reconstruction_weight` above 0 the refinement trains both.

        Parameters
        ----------
        Z : array-like of shape (n_samples, dims[-1])
            Embedding.

        Returns
        -------
        ndarray of shape (n_samples, `n_features_in_`), float32
            Reconstructed samples.

        Raises
        ------
        ValueError
            If `Z` has another width than the embedding, or values that are not finite.
        """
        check_is_fitted(self)
        check_not_forked()
        Z = check_array(Z, dtype=np.float32, input_name="Z")
        width = self._weights.architecture.embedding_width
        if Z.shape[1] != width:
            raise ValueError(f"Z must have {width} columns, as the embedding; got {Z.shape[1]}.")
        return self._weights.reconstruct(Z)

    def score_samples(self, X: Any) -> np.ndarray:
        """Score how much each sample is like those of the fit.

        The score is the smaller one of two: minus the reconstruction error, and minus the
        distance from the nearest center, each divided by what 99 percent of the samples of the
        fit do not exceed. So a sample below -1 is unlike them, and its cluster means little,
        however confident the assignment is.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, `n_features_in_`)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Scores below zero; the lower, the more unlike.
        """
        check_is_fitted(self)
        X = self._validate_samples(X, reset=False)
        deviations: np.ndarray = compute_deviations(self._weights, X) / self._deviation_limits
        return -deviations.max(axis=1)

    def score(self, X: Any, y: Any = None) -> float:
        """Compute how well the clusters of the samples agree with those of their neighbors.

        Samples that are close to each other should be in the same cluster. The score measures how
        well the predicted cluster of a sample can be guessed from that of one of its neighbors.
        It is 0 if all samples are in one cluster, and near 0 if clusters are assigned at random.
        It is highest if neighbors are always in the same cluster and all clusters are of the same
        size; smaller by as much as neighbors disagree, and as the sizes differ.

        Precisely, let I be the mutual information between the cluster of a random sample and that
        of a random neighbor of it, and H the entropy of the clusters, which I cannot exceed. The
        score is I (I / H). I alone would favor clusters of the same size, and the fraction I / H
        alone few clusters, one of them very large.

        Neighbors are the ten nearest samples in the input (in its 50 leading principal components
        if there are more features), not in the embedding. So fits with different `dims`, `alpha`
        and seeds can be compared. The score grows with the number of clusters; to choose that,
        use `skdec.model_selection.choose_n_clusters`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, `n_features_in_`)
            Samples. Above 20,000, the score is that of a fixed random subset of 20,000.
        y : None
            Ignored: labels never choose anything.

        Returns
        -------
        float
            From 0 to ``log(n_clusters)``, in nats, the unit of information with the natural
            logarithm; larger is better.

        See Also
        --------
        skdec.model_selection.NeighborInformationScorer : The same score with other settings.
        """
        check_is_fitted(self)
        return neighbor_information(X, self.predict(X))

    @classmethod
    def classic(cls, n_clusters: int = 8, **parameters: Any) -> "DECClusterer":
        """Create DEC as in the paper, for samples scaled so that their mean square is 1.

        Parameters
        ----------
        n_clusters : int, default=8
            Number of clusters.
        **parameters : dict
            Parameters of `DECClusterer` that are to differ, such as ``random_state``; ``dims`` are
            those of its `autoencoder`.

        Returns
        -------
        DECClusterer
            Unfitted: layerwise pretraining with dropout of 20 percent for 182 epochs a layer, then
            365 epochs of the whole autoencoder (50,000 and 100,000 steps on MNIST), both by SGD
            with momentum 0.9 and a learning rate of 0.1, divided by 10 every 20,000 steps; 20 runs
            of k-means; refinement by SGD (learning rate 0.01, momentum 0.9) towards targets without
            neighbors, until less than 0.1 percent of the labels change.

        See Also
        --------
        DECClusterer.tutorial : The recipe of the well-known Keras tutorial.
        """
        dims = parameters.pop("dims", PAPER_DIMS)
        return cls(n_clusters, **{**published_parameters(dims), **parameters})

    @classmethod
    def tutorial(cls, n_clusters: int = 8, **parameters: Any) -> "DECClusterer":
        """Create DEC as in the well-known Keras tutorial, for samples from 0 to 1.

        Parameters
        ----------
        n_clusters : int, default=8
            Number of clusters.
        **parameters : dict
            Parameters of `DECClusterer` that are to differ, such as ``random_state``.

        Returns
        -------
        DECClusterer
            Unfitted: 300 epochs of pretraining of the whole autoencoder by SGD (learning rate 1,
            momentum 0.9), 20 runs of k-means, refinement by SGD (learning rate 0.01, momentum 0.9)
            with new targets every 140 steps, until less than 0.1 percent of the labels change or
            20,000 steps are done.

        See Also
        --------
        DECClusterer.classic : DEC as in the paper.
        """
        dims = parameters.pop("dims", PAPER_DIMS)
        return cls(n_clusters, **{**tutorial_parameters(dims), **parameters})

    @cached_property
    def _networks(self) -> Autoencoder:
        check_is_fitted(self)
        check_not_forked()
        networks, scaling = self._weights.build_networks(), self._weights.scaling
        return networks if scaling is None else run_outside_scope(lambda: scaling.add_to(networks))

    @property
    def autoencoder_(self) -> keras.Model:
        """Keras model that maps samples to their reconstruction."""
        return self._networks.autoencoder

    @property
    def encoder_(self) -> keras.Model:
        """Keras model that maps samples to their embedding."""
        return self._networks.encoder

    @cached_property
    def model_(self) -> keras.Model:
        """Keras model that maps samples to soft assignments."""

        def build() -> keras.Model:
            clustering = ClusteringLayer(
                len(self.cluster_centers_), self._weights.alpha, name="clustering", dtype="float32"
            )
            model = keras.Model(self.encoder_.input, clustering(self.encoder_.output), name="dec")
            clustering.set_weights([self.cluster_centers_])
            return model

        return run_outside_scope(build)

    @property
    def _n_given_clusters(self) -> int | None:
        """The number of clusters, unless it is found."""
        return None if isinstance(self.n_clusters, str) else self.n_clusters

    def _is_warm_start(self) -> bool:
        return bool(self.warm_start) and self.__sklearn_is_fitted__()

    def _validate(self, X: Any, sample_weight: Any) -> tuple[Any, DistinctSamples]:
        """Return the samples of a fit as an array or CSR matrix, and the distinct ones."""
        X = self._validate_samples(X, reset=not self._is_warm_start())
        if self._is_warm_start():
            self._check_networks_unchanged("warm_start=True")
        if isinstance(self.init, NeighborClusterer) and self.init.metric == "cosine":
            check_no_zero_samples(X)
        return X, find_distinct_samples(X, sample_weight, self._n_given_clusters or 1)

    def _find_neighbors(
        self, n_neighbors: int, settings: Settings, samples: DistinctSamples
    ) -> Neighbors:
        metric = "euclidean" if settings.search is None else settings.search.metric
        return find_neighbors(samples, n_neighbors, settings.neighbors_seed, metric, self.memory)

    def _find_clusters(
        self, settings: Settings, samples: DistinctSamples, neighbors: Neighbors
    ) -> NeighborClusters | None:
        """Find the initial clusters among neighbors; None if `init` finds them in the embedding."""
        search = settings.search
        if search is None:
            return None
        if search.n_neighbors != neighbors.n_neighbors:
            neighbors = self._find_neighbors(search.n_neighbors, settings, samples)
        return find_clusters(
            neighbors,
            search.n_clusters if self.n_clusters is None else self.n_clusters,
            search.n_init,
            samples.sample_weight,
            settings.init_seed,
            self.memory,
        )

    def _pretrain(
        self, settings: Settings, samples: DistinctSamples, checkpoint: Checkpoint
    ) -> PretrainingResult:
        architecture, seed = settings.architecture, settings.pretrain_seed
        scaling = Scaling.fit(samples) if settings.scales_samples else None

        def compute() -> tuple[list[np.ndarray], list[np.ndarray], dict[str, Any]]:
            result = pretrain(
                samples,
                create_weights(architecture, scaling, seed),
                settings.stages,
                np.random.RandomState(seed),
                self.callbacks or [],
                checkpoint,
            )
            return result.weights.encoder, result.weights.decoder, result.history

        is_cached = self.memory is not None and not self.callbacks and self._can_be_identified()
        parameters = architecture, settings.stages, settings.scales_samples, seed
        key = describe((samples.digest, *parameters)) if is_cached else ""
        memory = self.memory if is_cached else None
        encoder, decoder, history = load_or_compute(memory, "pretraining", key, compute)
        weights = DECWeights(architecture, encoder, decoder, alpha=self.alpha, scaling=scaling)
        return PretrainingResult(weights, history)

    def _can_be_identified(self) -> bool:
        """Return whether parameters tell this pretraining from others; warn if they do not."""
        for name in ("autoencoder", "augment", "pretrain_optimizer"):
            try:
                describe(getattr(self, name))
            except UnidentifiedError as error:
                warn_user(
                    f"The pretraining is not stored in memory, because {name} cannot be told from "
                    f"other values: {error}. Define it in an installed package, or use classes and "
                    "functions of Keras."
                )
                return False
        return True

    def _initialize(
        self,
        settings: Settings,
        samples: DistinctSamples,
        pretraining: PretrainingResult,
        neighbors: Neighbors,
        clusters: NeighborClusters | None,
    ) -> Initialization:
        """Return labels, centers and first targets."""
        z, weights = pretraining.weights.embed(samples), samples.sample_weight
        if clusters is not None:
            return initialize_from_clusters(clusters, z, neighbors, weights)
        return initialize_in_embedding(
            self.init,
            self.n_clusters,
            z,
            neighbors.graph,
            weights,
            settings.init_seed,
        )

    def _refine(
        self,
        settings: Settings,
        weights: DECWeights,
        samples: DistinctSamples,
        initialization: Initialization,
        neighbors: Neighbors,
        checkpoint: Checkpoint,
    ) -> Iterator[RefinementResult]:
        """Refine encoder and centers, then the decoder; yield the state after each update."""

        def run(
            phase: str, weights: DECWeights, initialization: Initialization, graph: Any
        ) -> Iterator[RefinementResult]:
            return refine(
                samples,
                weights,
                initialization,
                Targets(samples.sample_weight, graph, power=initialization.power),
                settings.refinement if phase == "refine" else settings.rebuilt,
                np.random.RandomState(settings.refine_seed),
                self.callbacks or [],
                checkpoint,
                self.reconstruction_weight,
                settings.augmentation,
                phase,
            )

        for refinement in run("refine", weights, initialization, neighbors.graph):
            yield refinement
        if settings.rebuilt.n_steps and neighbors.graph is not None:
            first = refinement
            graph, initialization = rebuild_neighbors(
                samples,
                first.weights,
                first.q,
                self.n_neighbors,
                initialization.power,
                settings.neighbors_seed,
            )
            for refinement in run("rebuilt", first.weights, initialization, graph):
                n_iter = first.n_iter + refinement.n_iter
                history = {**first.history, **refinement.history}
                refinement = replace(refinement, n_iter=n_iter, history=history)
                yield refinement
        if refinement.n_iter:
            random_state = np.random.RandomState(settings.decoder_seed)
            weights = train_decoder(samples, refinement.weights, settings.decoder, random_state)
            yield replace(refinement, weights=weights)

    def _continue_from(
        self, weights: DECWeights, samples: DistinctSamples
    ) -> tuple[PretrainingResult, Initialization]:
        """Return fitted weights and centers, to be refined further, as the results of two steps."""
        phases = [phase for phase in self.history_ if phase in ("layers", "pretrain")]
        history = {phase: self.history_[phase] for phase in phases}
        pretraining = PretrainingResult(replace(weights, alpha=self.alpha), history)
        labels = weights.assign(samples).argmax(axis=1)
        return pretraining, Initialization(labels, weights.centers, None, self._target_power)

    def _check_first_samples(self, X: Any, sample_weight: Any) -> None:
        """Raise a ValueError unless there are as many distinct samples as clusters."""
        n_clusters = self._n_given_clusters or 1
        n_distinct = find_distinct_samples(check_samples(X), sample_weight, 1).shape[0]
        if n_distinct < n_clusters:
            raise ValueError(
                f"The first partial_fit needs at least n_clusters={n_clusters} distinct samples; "
                f"X has {n_distinct}. Begin with more of them."
            )

    def _check_networks_unchanged(self, what: str) -> None:
        """Raise a ValueError if parameters do not fit to the networks that are trained further."""
        n_fitted = len(self.cluster_centers_)
        if (self._n_given_clusters or n_fitted) != n_fitted:
            raise ValueError(
                f"{what} trains the {n_fitted} clusters of the previous fit further; n_clusters "
                f"is {self.n_clusters}. Set n_clusters={n_fitted}, or fit from the beginning with "
                "warm_start=False."
            )
        if self.autoencoder is None and isinstance(self.dims, str):
            return
        architecture = self._weights.architecture
        source = self.autoencoder
        if source is None:
            dims = tuple(map(int, self.dims))
            source = Architecture.create_default(architecture.n_features, dims).source
        if describe(source, by_name=True) != describe(architecture.source, by_name=True):
            raise ValueError(
                f"{what} trains the networks of the previous fit further, which "
                f"{architecture.source!r} has built; dims or autoencoder is now another. Set it "
                "back, or fit from the beginning with warm_start=False."
            )

    def _store(
        self,
        X: Any,
        samples: DistinctSamples,
        pretraining: PretrainingResult,
        initialization: Initialization,
        refinement: RefinementResult,
        previous_frequencies: Any = 0.0,
        **further: Any,
    ) -> None:
        """Set fitted attributes all at once, so that Ctrl-C cannot leave those of two fits."""
        weights = refinement.weights

        def predict(unweighted: SampleSubset) -> np.ndarray:
            return weights.assign(unweighted).argmax(axis=1)

        frequencies = cluster_frequencies(refinement.q, samples.sample_weight)
        fitted = {
            "_weights": weights,
            "_n_features_out": weights.architecture.embedding_width,
            "_frequencies": frequencies * samples.mean_weight + previous_frequencies,
            "_target_power": initialization.power,
            "cluster_centers_": weights.centers,
            "labels_": expand_labels(X, samples, refinement.q.argmax(axis=1), predict),
            "initial_labels_": expand_labels(X, samples, initialization.labels, predict),
            "n_iter_": refinement.n_iter,
            "stop_reason_": refinement.stop_reason,
            "history_": {**pretraining.history, **refinement.history},
        }
        for name in ("_networks", "model_"):  # of the previous fit
            self.__dict__.pop(name, None)
        self.__dict__.update(fitted, **further)

    def _summarize(self, seconds: float) -> str:
        """Return a line about the clusters and what the refinement has changed."""
        changed = np.mean(self.labels_ != self.initial_labels_)
        refined = f"refined, which has changed {changed:.1%} of the labels"
        origin = refined if changed else "those of the initialization"
        return f"{len(np.unique(self.labels_))} clusters in {seconds:.1f} s: {origin}"

    def _warn_about_convergence(self) -> None:
        n_clusters, n_found = len(self.cluster_centers_), len(np.unique(self.labels_))
        n_expected = max(n_clusters, self._n_given_clusters or 0)
        if n_found < n_expected or self.stop_reason_ == "collapse":
            reason = (
                f"Only {n_found} of n_clusters={n_expected} clusters have samples."
                if n_found < n_expected
                else f"The refinement was stopped after {self.n_iter_} steps, because each "
                "further update left a cluster without samples."
            )
            self.stop_reason_ = "collapse"
            warn_user(
                f"{reason} Lower n_clusters, scale the features alike and around zero, as "
                "sklearn.preprocessing.StandardScaler does, or refine with a lower learning rate "
                "in optimizer or a smaller max_iter.",
                ConvergenceWarning,
            )

    def _validate_samples(self, X: Any, *, reset: bool) -> Any:
        check_not_forked()
        return validate_samples(self, X, reset=reset)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_weights")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []  # the networks compute in float32
        return tags

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Return the parameters that differ from the defaults, Keras objects by their settings."""
        text: str = super().__repr__(N_CHAR_MAX)
        for value in self.get_params(deep=False).values():
            if isinstance(value, _PRINTED_AS_CALLS) and not isinstance(value, keras.Model):
                text = text.replace(repr(value), format_as_call(value))
        return text

    def __getstate__(self) -> dict[str, Any]:
        # Keras models are rebuilt from the weights on demand, the augmentation from its parameter.
        state = super().__getstate__()
        rebuilt = ("_networks", "model_", "_augmentation")
        return describe_state({name: state[name] for name in state if name not in rebuilt})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(restore_state(state))

    def _check_can_be_saved(self) -> None:
        check_can_be_saved(self.get_params(deep=False))
        check_can_be_saved({"autoencoder": self._weights.architecture.source})

    def _check_fitted(self) -> None:
        check_fitted(self)

    def _describe_networks(self) -> str:
        """Return the widths of the encoder, or the call that builds networks of another kind."""
        source = self._weights.architecture.source
        arguments = {**getattr(source, "keywords", {})}
        if self.autoencoder is None:
            return "-".join(map(str, [self.n_features_in_, *arguments["dims"]]))
        shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        return f"{getattr(source, 'func', source).__name__}({shown})"
