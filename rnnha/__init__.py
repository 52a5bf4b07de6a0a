"""RNN-HA, coarse-to-fine vehicle re-identification: to run, to trust, to look into."""

__version__ = "0.1.0"
