"""What there is to see is drawn by the file that is called after its kind, which is imported only then."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from PIL import Image

from seqnet.batch import Seen
from seqnet.errors import ConfigurationError
from seqnet.terminal import warn

GAP = 12  # points between two pictures of one answer


def draw(one: Seen) -> Image.Image:
    """The picture of it, which is the same each time."""
    picture: Image.Image = import_module(f"seqnet.observers.{one.kind}_picture").draw(one)
    return picture


class Pictures:
    """Draws as far as what draws is installed; what is not is said once."""

    def __init__(self) -> None:
        self._said = set[str]()

    def draw(self, one: Seen) -> Image.Image | None:
        """The picture of it; None where the package that draws it is not installed."""
        try:
            return draw(one)
        except ConfigurationError as error:
            if str(error) not in self._said:
                self._said.add(str(error))
                warn(f"no {one.kind} is shown: {error}")
            return None


def save(path: Path, several: Sequence[Seen]) -> None:
    """Write what there is to see of one answer as a PNG file, one below the other."""
    drawn = [draw(one) for one in several]
    if len(drawn) == 1:
        drawn[0].save(path, format="PNG")
        return
    height = sum(picture.height for picture in drawn) + GAP * (len(drawn) - 1)
    sheet = Image.new("RGB", (max(picture.width for picture in drawn), height), "white")
    top = 0
    for picture in drawn:
        sheet.paste(picture, (0, top))
        top += picture.height + GAP
    sheet.save(path, format="PNG")
