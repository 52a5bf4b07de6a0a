"""The data sets: readers, manifests, checks and archives."""
