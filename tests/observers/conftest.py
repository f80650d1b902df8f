"""A small run to observe: a real module, a window, and reports such as the trainer makes."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from seqnet.batch import Batch, EvaluationReport, Output, StepReport, TrainingReport
from seqnet.observers.run import Run


class Classifier(nn.Module):
    """An embedding of 10,000 x 100, a recurrence of 10 units with one bias, one logit; a cell runs at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10_000, 100)
        self.layer = Layer(Cell(100, 10))
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(10, 1)

    def forward(self, window: Batch, state: Tensor | None = None) -> Output:
        y, state = self.layer(self.embedding(window.inputs), state)
        return Output(self.dropout(y[:, -1]), self.head, state)


class Cell(nn.Module):
    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.zeros(units, inputs))
        self.weight_hh = nn.Parameter(torch.zeros(units, units))
        self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.tanh(x @ self.weight_ih.T + state @ self.weight_hh.T + self.bias)
        return y, y


class Layer(nn.Module):
    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        state = x.new_zeros(len(x), 10) if state is None else state
        outputs = []
        for step in range(x.shape[1]):
            y, state = self.cell(x[:, step], state)
            outputs.append(y)
        return torch.stack(outputs, 1), state


@pytest.fixture
def window() -> Batch:
    return Batch(torch.arange(12).view(4, 3), torch.full((4,), 3), torch.tensor([0, 1, 0, 1]), row_targets=True)


@pytest.fixture
def run(tmp_path: Path, window: Batch) -> Run:
    """A run of 8 steps over two epochs."""
    return Run(
        folder=tmp_path,
        config={
            "experiment": "[red]films",
            "cell": {"_target_": "seqnet.cells.rnn.RNN", "single_bias": True},
            "optimizer": {"lr": 0.003, "betas": [0.9, 0.99], "name": "AdamW", "warmup": None},
            "checkpoint": {"every_steps": 4},
            "run_dir": str(tmp_path),
        },
        experiment="[red]films",
        model=Classifier(),
        loss=lambda output, window: output.logits().sum(),
        example=window,
        step=0,
        max_steps=8,
        parameters=1_001_121,
        splits={"train": 1600, "valid": 200, "test": 200},
        device="cpu",
        monitor="accuracy",
        log_file=tmp_path / "train.log",
    )


@pytest.fixture
def make_step(window: Batch):
    def make(step: int) -> StepReport:
        return StepReport(
            step=step,
            epoch=step // 4,
            loss_sum=2.0,
            count=4,
            gradient_norm=0.7,
            clipped=False,
            learning_rate=0.003,
            seconds=0.01,
            tokens=12,
            padded_steps=12,
            padded=0,
            done=step / 8,
            end_of_epoch=step % 4 == 0,
            window=window,
            state=None,
        )

    return make


@pytest.fixture
def make_training():
    def make(step: int, loss: float = 0.5, norm: float = 0.7) -> TrainingReport:
        return TrainingReport(
            step=step,
            epoch=step // 4,
            scores={"loss": loss},
            learning_rate=0.003,
            gradient_norm=norm,
            clipped_share=0.25,
            padded_share=0.125,
            tokens_per_second=1234.5,
        )

    return make


@pytest.fixture
def make_evaluation():
    def make(step: int, split: str = "valid", loss: float = 0.6, accuracy: float = 0.75, **more) -> EvaluationReport:
        scores = {"loss": loss, "accuracy": accuracy}
        return EvaluationReport(step=step, epoch=step // 4, split=split, scores=scores, seconds=1.5, **more)

    return make
