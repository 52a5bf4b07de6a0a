"""Readers of the data sets, and the pipeline from image files to batches."""

from rnnha.data.benchmark import Benchmark, DataError, load

__all__ = ["Benchmark", "DataError", "load"]
