"""Training batches whose inputs are changed at random, each as its field says, and their answers not."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch

from seqnet.batch import Batch, Whole
from seqnet.data.fields.field import Augment, Distort, Field
from seqnet.data.layout import Layout


@dataclass(frozen=True)
class Distorted:
    """before: what is done first. main: to what is stepped through, or to a source; views, wholes: by name."""

    before: Augment | None = None
    main: Distort | None = None
    views: Mapping[str, Distort] = field(default_factory=dict)
    wholes: Mapping[str, Distort] = field(default_factory=dict)

    def __call__(self, batch: Batch, random: torch.Generator) -> Batch:
        """The batch, changed; what is drawn is drawn from the generator alone."""
        if self.before is not None:
            batch = self.before(batch, random)
        if self.main is not None:
            if batch.source is None or batch.source_lengths is None:
                batch = replace(batch, inputs=self.main(batch.inputs, batch.lengths, random))
            else:
                batch = replace(batch, source=self.main(batch.source, batch.source_lengths, random))
        views = {name: change(batch.views[name], batch.lengths, random) for name, change in self.views.items()}
        wholes = {}
        for name, change in self.wholes.items():
            values, lengths = batch.wholes[name]
            known = torch.full((len(values),), values.shape[1]) if lengths is None else lengths
            wholes[name] = Whole(change(values, known, random), lengths)
        return replace(batch, views={**batch.views, **views}, wholes={**batch.wholes, **wholes})


def augmented(layout: Layout, fields: Mapping[str, Field]) -> Augment | None:
    """What is done to training batches at random, as fields have it."""
    own: Augment | None = getattr(fields[layout.target], "augment", None)
    every = {name: getattr(fields[name], "distort", None) for name in layout.inputs}
    known: dict[str, Distort] = {name: change for name, change in every.items() if change is not None}
    read = layout.read
    views, wholes = ({name: known[name] for name in names if name in known} for names in (read.views, read.wholes))
    main = None if read.first is None else known.get(read.first)
    return Distorted(own, main, views, wholes) if known else own
