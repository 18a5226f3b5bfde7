"""Counts of the inputs that tests have tried, printed at the end of the run."""

from collections import Counter


class Figures:
    """A pytest plugin, registered by a module's fixture; count with ``figures["fits"] += 1``."""

    def __init__(self, title, config):
        self.title, self.counts = title, Counter()
        config.pluginmanager.register(self)

    def __getitem__(self, name):
        return self.counts[name]

    def __setitem__(self, name, count):
        self.counts[name] = count

    def pytest_terminal_summary(self, terminalreporter):
        counts = ", ".join(f"{count:,} {name}" for name, count in sorted(self.counts.items()))
        terminalreporter.write_line(f"{self.title}: {self.counts.total():,} tried ({counts})")
