"""The contracts, one a file."""
