"""Galleries too large to compare with every time from the start: an index, on FAISS."""
