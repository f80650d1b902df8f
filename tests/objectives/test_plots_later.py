import json
import subprocess
import sys

CODE = """
import json, sys
import seqnet.tasks.writing_scores
from torchmetrics.classification import MulticlassAccuracy
there = [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]
metric = MulticlassAccuracy(2)
metric.update(seqnet.tasks.writing_scores.torch.tensor([0, 1]), seqnet.tasks.writing_scores.torch.tensor([0, 0]))
figure, _ = metric.plot()
print(json.dumps([there, type(figure).__module__]))
"""


def test_torchmetrics_imports_matplotlib_only_when_it_draws():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[], "matplotlib.figure"]
