"""Rows that are drawn by the seed, in the columns that files of their kind have: a file a data set.

An experiment chooses one for those who have no file yet: `override /data/generated: stories`. With data.path= it reads
theirs in its place.
"""
