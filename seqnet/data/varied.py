"""Inputs changed at random in training, each by its field."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from seqnet.batch import Batch, Whole
from seqnet.data.asking import Inputs
from seqnet.data.fields.field import Augment, Vary
from seqnet.data.layout import Layout


@dataclass(frozen=True)
class Varied:
    """Changes a training batch: each input whose field varies it, in the order of the inputs."""

    inputs: Inputs
    by: Mapping[str, Vary]

    def __call__(self, batch: Batch, random: torch.Generator) -> Batch:
        """The batch with its inputs changed."""
        for name, vary in self.by.items():
            if name in self.inputs.wholes:
                values, lengths = batch.wholes[name]
                every = torch.full((len(values),), values.shape[1])
                whole = Whole(vary(values, every if lengths is None else lengths, random), lengths)
                batch = replace(batch, wholes={**batch.wholes, name: whole})
            elif name in self.inputs.views:
                view = vary(batch.views[name], batch.lengths, random)
                batch = replace(batch, views={**batch.views, name: view})
            elif batch.source is not None and batch.source_lengths is not None:
                batch = replace(batch, source=vary(batch.source, batch.source_lengths, random))
            else:
                batch = replace(batch, inputs=vary(batch.inputs, batch.lengths, random))
        return batch


def augmented(layout: Layout) -> Augment | None:
    """What is done to training batches at random; None where nothing is."""
    by = {name: vary for name in layout.inputs if (vary := getattr(layout.fields[name], "vary", None)) is not None}
    of_target: Augment | None = getattr(layout.fields[layout.target], "augment", None)
    return Varied(layout.read, by) if by else of_target
