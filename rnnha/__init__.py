"""RNN-HA: coarse-to-fine vehicle re-identification, as software one can run, trust and look into."""

__version__ = "0.1.0"
