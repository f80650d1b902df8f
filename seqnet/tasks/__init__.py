"""What is asked of a model, and how its answers are judged."""

import seqnet.objectives  # noqa: F401  torchmetrics is imported without its plots
