"""How the steps of DEC are run: data, training, inference, checkpoints, devices, threads."""
