"""How much of the spread of the targets is explained."""

from torch import Tensor
from torchmetrics.regression import RelativeSquaredError


class Determination(RelativeSquaredError):
    """R2 (the coefficient of determination): 1 less the squared error over that of answering the targets' own mean.

    NaN where there are fewer than two targets, or all are one.
    """

    higher_is_better = True

    def compute(self) -> Tensor:
        """At most 1; 0 for an answer as good as the mean."""
        squares, total, count = self.sum_squared_error, self.sum_error, self.total  # of the targets, as they are called
        assert isinstance(squares, Tensor) and isinstance(total, Tensor) and isinstance(count, Tensor)
        spread = squares - total.square() / count.clamp(min=1)
        return (1 - super().compute()).where(((count > 1) & (spread > 0)).all(), float("nan"))
