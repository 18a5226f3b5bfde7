"""Entries of the cache of a fit (`memory`), for tests of what is stored and reused."""

import json


def find_cached_results(directory, step="pretraining"):
    """Return the files with the finished results of a step, sorted."""
    return sorted(
        metadata.with_name("output.pkl")
        for metadata in directory.rglob("metadata.json")  # written last
        if json.loads(metadata.read_text())["input_args"]["step"] == repr(step)
    )
