"""The explorer: the attention maps to play with, as a page of its own and as a notebook's widget.

Both show the same JavaScript, which asks questions; `answers` computes what Python answers. The
notebook asks as one goes, the page has the answers to all its questions inside.
"""
