"""`NeighborClusterer` inside other packages, as docs/embeddings.md shows it, where they are."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from skdec import NeighborClusterer

pytestmark = pytest.mark.slow


def test_bertopic_takes_it_in_place_of_hdbscan():
    bertopic = pytest.importorskip("bertopic")
    reduction = pytest.importorskip("bertopic.dimensionality").BaseDimensionalityReduction()
    embeddings, topics = make_blobs(90, 20, centers=3, random_state=0)
    words = ["cat dog fur", "stock share price", "star moon orbit"]
    texts = [words[topic] for topic in topics]
    clusterer = NeighborClusterer(3, metric="cosine", random_state=0)
    model = bertopic.BERTopic(umap_model=reduction, hdbscan_model=clusterer)
    found, _ = model.fit_transform(texts, embeddings)
    assert adjusted_rand_score(topics, found) == 1
    assert {word for word, _ in model.get_topic(found[0])} >= set(texts[0].split())


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_scanpy_clusters_principal_components_of_cells():
    scanpy = pytest.importorskip("scanpy")
    cells = scanpy.datasets.pbmc68k_reduced()
    labels = NeighborClusterer(8, random_state=0).fit_predict(cells.obsm["X_pca"])
    assert np.unique(labels).size == 8
    types = cells.obs["bulk_labels"]
    louvain = normalized_mutual_info_score(types, cells.obs["louvain"])
    assert normalized_mutual_info_score(types, labels) > louvain
