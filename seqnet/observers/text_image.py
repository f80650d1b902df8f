"""Words on a picture: the font that can write them, and what stands for letters that no font has."""

import unicodedata
from collections.abc import Sequence
from functools import cache

# Pillow comes with tensorboard, which cannot write a picture without it.
from PIL import ImageFont

LONGEST = 16  # letters of a word
FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
"""Looked for among the machine's own where Pillow's built-in font, which knows little but ASCII, is not enough."""


def text_image(words: Sequence[str], size: float) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """The font that has most of the words' letters, and the words as it writes them, on one line of 16 letters.

    A longer word ends in an ellipsis; a blank one stands in quotes. A letter that cannot be written is shown as
    Python would escape it: never left out, never a box that could be any letter.
    """
    shown = [visible(unicodedata.normalize("NFC", word)) for word in words]
    letters = set("".join(shown))
    best = _built_in(size)
    if lacking := _lacking(best, letters):
        for font in (found for name in FONTS if (found := _installed(name, size))):
            if len(less := _lacking(font, letters)) < len(lacking):
                best, lacking = font, less
    escaped = str.maketrans({letter: letter.encode("ascii", "backslashreplace").decode() for letter in lacking})
    return best, [shortened(word.translate(escaped)) for word in shown]


def visible(word: str) -> str:
    """The word, as Python would quote it where something in it, or all of it, cannot be seen."""
    return word if word.isprintable() and word.strip() else repr(word)


def shortened(word: str) -> str:
    """The word, of a long one its beginning and an ellipsis."""
    return word if len(word) <= LONGEST else word[: LONGEST - 1] + "…"


def _lacking(font: ImageFont.FreeTypeFont, letters: set[str]) -> set[str]:
    """The letters that the font would all draw alike."""
    missing = font.getmask("\U0010fffd")  # is no letter of any font
    size, drawn = missing.size, bytes(missing)
    return {
        letter
        for letter in letters
        if not letter.isascii() and (mask := font.getmask(letter)).size == size and bytes(mask) == drawn
    }


@cache
def _built_in(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return font


@cache
def _installed(name: str, size: float) -> ImageFont.FreeTypeFont | None:
    """A font of this machine, or None."""
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None
