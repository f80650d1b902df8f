import torch

from seqnet.decoding.roll_out import roll_out


class Doubling:
    """Writes twice what it read, and what its row's memory says."""

    def step(self, inputs, state, memory):
        return 2 * inputs + memory[0][:, None], (state[0] + 1,), None


def test_each_step_reads_what_the_last_one_wrote():
    written = roll_out(Doubling(), (torch.tensor([1.0, 3.0]),), (torch.zeros(2),), steps=3, size=2)
    assert written.tolist() == [[[1, 1], [3, 3], [7, 7]], [[3, 3], [9, 9], [21, 21]]]
