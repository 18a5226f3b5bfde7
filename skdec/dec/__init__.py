"""Deep Embedded Clustering: the network."""

from skdec._utils.process import import_tensorflow_quietly

import_tensorflow_quietly()
