"""Train recurrent sequence models: one loop, truncated back-propagation, Hydra configurations."""

__version__ = "0.1.0"
