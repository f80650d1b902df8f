"""What is asked of a model's outputs: losses, and scores by torchmetrics."""

from seqnet.objectives import plots_later as plots_later
