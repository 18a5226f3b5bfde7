"""A callback that records the epochs of a fit and can end it by an error."""

import keras


class EpochRecorder(keras.callbacks.Callback):
    """Records the epochs and updates, and raises an error in one of them."""

    def __init__(self, phase=None, epoch=None, error=KeyboardInterrupt):
        super().__init__()
        self.phase, self.epoch, self.error, self.epochs = phase, epoch, error, []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append((self.params["phase"], epoch))
        if self.epochs[-1] == (self.phase, self.epoch):
            raise self.error
