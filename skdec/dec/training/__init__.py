"""How a network is trained; knows nothing of clusters."""
