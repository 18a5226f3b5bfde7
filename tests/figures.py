"""Counts of inputs that tests have tried, printed at the end of the run."""

from collections import Counter


class Figures:
    """A pytest plugin, registered by the fixture of a module: `figures["what"] += 1`."""

    def __init__(self, title, config):
        self.title, self.counts = title, Counter()
        config.pluginmanager.register(self)

    def __getitem__(self, what):
        return self.counts[what]

    def __setitem__(self, what, count):
        self.counts[what] = count

    def pytest_terminal_summary(self, terminalreporter):
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(self.counts.items()))
        terminalreporter.write_line(f"{self.title}: {self.counts.total():,} tried ({counts})")
