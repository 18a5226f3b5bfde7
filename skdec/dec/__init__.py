"""Deep Embedded Clustering: the network."""
