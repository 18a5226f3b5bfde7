"""Steps of a fit of DEC: neighbors, pretraining, initialization, refinement."""
