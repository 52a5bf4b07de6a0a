"""Readers of the data sets, and the pipeline from image files to batches."""
