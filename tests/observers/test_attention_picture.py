"""A drawn attention map: each cell's colour by hand, words where they belong, the same picture every time."""

import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

from seqnet.batch import AttentionMap
from seqnet.observers import text_image as lettering_module
from seqnet.observers.attention_picture import GRID, NO_NUMBER, NOTHING, colours, draw
from seqnet.observers.pictures import save
from seqnet.observers.text_image import text_image

FAINTEST, DARKEST = (255, 255, 204), (8, 29, 88)


def weights(*rows: list[float]) -> torch.Tensor:
    return torch.tensor([rows])


def cells(picture: Image.Image, rows: int, columns: int) -> list[list[tuple[int, int, int]]]:
    """The middle of each cell of a picture's first grid: what the lines between cells enclose."""
    points = np.asarray(picture)
    lines = (points == GRID).all(-1)
    down = [y for y, line in enumerate(lines) if line.sum() > 10 * columns][: rows + 1]
    along = [x for x in range(picture.width) if lines[down[0] : down[-1], x].all()][: columns + 1]
    return [
        [tuple(points[(top + bottom) // 2, (left + right) // 2].tolist()) for left, right in pairwise(along)]
        for top, bottom in pairwise(down)
    ]


def test_colours_by_hand() -> None:
    # Nine colours from 0 to 1, by the square root: 0.25 is the fifth, (1/8)^2 the second, (1/16)^2 halfway to it.
    given = np.array([0.0, 1e-30, (1 / 16) ** 2, (1 / 8) ** 2, 0.25, 1.0, 1.0000001, float("nan")])
    wanted = [NOTHING, FAINTEST, (246, 252, 190), (237, 248, 177), (65, 182, 196), DARKEST, DARKEST, NO_NUMBER]
    assert [tuple(colour) for colour in colours(given).tolist()] == wanted


def test_more_weight_is_darker() -> None:
    shades = colours(np.linspace(1e-6, 1, 500)).astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(shades) < 0.3).all()  # but for rounding


def test_cells_stand_where_their_words_do() -> None:
    picture = draw(AttentionMap(weights([1, 0, 0], [0.25, 0, 0.75 - 1e-6]), ["a", "b", "c"], ["x", "y"]))
    found = cells(picture, 2, 3)
    assert found[0] == [DARKEST, NOTHING, NOTHING]
    assert found[1][:2] == [(65, 182, 196), NOTHING]
    assert found[1][2] not in (NOTHING, DARKEST, (65, 182, 196))


def test_a_local_window_differs_from_small_weights() -> None:
    window = torch.full((1, 10, 10), 1e-4).triu(-1).tril(1)
    names = [str(number) for number in range(10)]
    found = cells(draw(AttentionMap(window, names, names)), 10, 10)
    for row in range(10):
        for column in range(10):
            assert (found[row][column] == NOTHING) == (abs(row - column) > 1)


def ink(picture: Image.Image) -> int:
    """How many points are not white."""
    return int((np.asarray(picture) != 255).any(-1).sum())


def test_each_head_has_its_own_grid_and_heading() -> None:
    one, two = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    picture = draw(AttentionMap(torch.cat([one, two]), ["a", "b"], ["x"]))
    assert cells(picture, 1, 5)[0] == [DARKEST, NOTHING, (255, 255, 255), NOTHING, DARKEST]
    heading = picture.crop((0, 0, picture.width, 28))  # above the words
    font = ImageFont.load_default(19)
    assert {text: _holds(heading, text, font) for text in ("head 1", "head 2", "head 3")} == {
        "head 1": True,
        "head 2": True,
        "head 3": False,
    }


def _holds(picture: Image.Image, text: str, font: ImageFont.FreeTypeFont) -> bool:
    """Whether the dark points of a text stand somewhere in a picture."""
    mask = font.getmask(text)
    drawn = np.asarray(mask).reshape(mask.size[::-1]) > 200
    points = np.asarray(picture.convert("L")) < 130
    height, width = drawn.shape
    spots = np.lib.stride_tricks.sliding_window_view(points, (height, width))
    return bool(((spots & drawn).sum((2, 3)) > 0.9 * drawn.sum()).any())


def test_five_heads_stand_in_two_lines() -> None:
    names = ["a", "b", "c"]
    four = draw(AttentionMap(torch.ones(4, 3, 3), names, names))
    five = draw(AttentionMap(torch.ones(5, 3, 3), names, names))
    assert five.width == four.width
    assert 1.5 * four.height < five.height < 2 * four.height


def test_long_words_are_written_upwards_and_cut() -> None:
    short = draw(AttentionMap(weights([1.0, 0.0]), ["a", "b"], ["x"]))
    longer = draw(AttentionMap(weights([1.0, 0.0]), ["a", "responsible"], ["x"]))
    longest = draw(AttentionMap(weights([1.0, 0.0]), ["a", "m" * 200], ["x"]))
    assert longer.height > short.height + 50
    assert longest.height < 500
    assert longer.width == longest.width == short.width


@pytest.mark.parametrize("side", [8, 30, 60])
def test_sizes_stay_readable(side: int) -> None:
    names = [f"word{number}" for number in range(side)]
    picture = draw(AttentionMap(torch.full((1, side, side), 1 / side), names, names))
    assert side * 14 <= picture.width <= 1200
    assert side * 14 <= picture.height <= 1200


def test_a_large_map_is_cut_with_a_note() -> None:
    def drawn(read: int, written: int) -> Image.Image:
        weights = torch.full((1, written, read), 1 / read)
        return draw(AttentionMap(weights, ["r"] * read, ["w"] * written))

    whole, wide, both = drawn(120, 120), drawn(300, 120), drawn(300, 5000)
    assert whole.width == wide.width == both.width
    assert whole.height < wide.height < both.height < whole.height + 50
    grid = whole.height - 40
    assert ink(wide.crop((0, grid, wide.width, wide.height))) > ink(whole.crop((0, grid, whole.width, whole.height)))


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (0, 3), (2, 0)])
def test_the_smallest_maps_are_drawn(rows: int, columns: int) -> None:
    assert ink(draw(AttentionMap(torch.ones(1, rows, columns), ["a"] * columns, ["b"] * rows)))


def test_the_same_map_gives_the_same_file(tmp_path) -> None:
    found = AttentionMap(torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(0)), list("abcde"), list("wxyz"))
    for name in ("one.png", "other.png"):
        save(tmp_path / name, [found])
    written = (tmp_path / "one.png").read_bytes()
    assert written == (tmp_path / "other.png").read_bytes()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(written))), np.asarray(draw(found)))


# ------------------------------------------------------------------- lettering


def test_words_of_ascii_are_written_by_the_built_in_font() -> None:
    font, words = text_image(["a", "Rio", " ", "\n", "", "responsibilities!!"], 20)
    assert font.getname() == ImageFont.load_default(20).getname()
    assert words == ["a", "Rio", "' '", "'\\n'", "''", "responsibilitie…"]


def test_what_no_font_has_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering_module, "FONTS", ("no-such-font.ttf",))
    _, words = text_image(["Ma\u0308dchen", "5月", "\U0001f600", "…"], 20)
    assert words == ["M\\xe4dchen", "5\\u6708", "\\U0001f600", "…"]


def test_a_font_of_the_machine_is_taken_where_it_has_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in font stands for one that knows all letters."""

    class Knows:
        def getmask(self, text: str):
            return ImageFont.load_default(20).getmask("?" if text == "\U0010fffd" else "e")

    monkeypatch.setattr(lettering_module, "_installed", lambda name, size: Knows())
    font, words = text_image(["Mädchen", "maj"], 20)
    assert isinstance(font, Knows)
    assert words == ["Mädchen", "maj"]
    assert not isinstance(text_image(["maj"], 20)[0], Knows)


def test_letters_that_are_drawn_are_told_from_those_that_are_not() -> None:
    font = ImageFont.load_default(20)
    assert lettering_module._lacking(font, set("aZ~€月ä é…©")) == set("€月äé")


def test_a_recording_is_drawn_above_the_columns_that_look_at_it() -> None:
    """Bands as greys, the last on top; one number a step as a curve; each as wide as the grid."""
    bare = AttentionMap(weights([0.5, 0.5], [0.25, 0.75]), ["1", "3"], ["a", "b"])
    bands = torch.tensor([[0.0, 9.0], [0.0, 9.0], [9.0, 0.0], [9.0, 0.0]])
    for signal in (bands, torch.tensor([[0.0], [1.0], [-1.0], [0.0]])):
        plain, heard = draw(bare), draw(bare._replace(signal=signal))
        assert heard.height == plain.height + 84 and heard.width == plain.width
        assert cells(heard, 2, 2) == cells(plain, 2, 2)
    points = np.asarray(draw(bare._replace(signal=bands)).convert("L")).astype(int)
    lines = (np.asarray(draw(bare._replace(signal=bands))) == GRID).all(-1)
    top = next(y for y, line in enumerate(lines) if line.sum() > 20)
    left, right = np.flatnonzero(lines[top])[[0, -1]]
    high, low = points[top - 75, [left + 4, right - 4]], points[top - 12, [left + 4, right - 4]]
    assert high[0] < 60 < 200 < high[1] and low[1] < 60 < 200 < low[0]
