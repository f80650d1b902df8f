"""Data sets that are made by a program, as rows of named columns, so that files of the same columns serve as well.

A set is a `Format` whose files are its three splits: fields read it as they read a table, and where `data.path` names
files these are read instead.
"""
