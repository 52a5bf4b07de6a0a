"""Runs: one row, trained and scored on one data set with one seed; and what is made of them."""
