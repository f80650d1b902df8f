"""Which floating-point format the forward pass computes in."""

from contextlib import AbstractContextManager, nullcontext

import torch

FORMATS = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """fp32, or bf16 / fp16 under autocast; fp16 scales the loss so that small gradients survive."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.format = FORMATS.get(name)
        self.device = device
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "fp16")

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which forward and loss run."""
        if self.format is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.format)
