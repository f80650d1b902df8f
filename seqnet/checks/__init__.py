"""Contracts that every configuration is to keep, the user's own classes too, measured on a few small batches."""
