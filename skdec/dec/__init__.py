"""Deep Embedded Clustering: the network."""

from skdec._utils.quiet import import_tensorflow_quietly

import_tensorflow_quietly()
