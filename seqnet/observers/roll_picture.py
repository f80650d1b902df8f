"""A piano roll: time to the right, notes upwards."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seqnet.batch import Roll

LARGEST = 400  # steps; what is beyond is not drawn, and a note says so
ROW = 10  # points of a note
LEFT, TOP, BOTTOM = 34, 8, 26
READ, ANSWERED, WRONG = (150, 150, 150), (34, 94, 168), (215, 48, 39)
PAPER, BLACK_KEY, LINE, FAINT = (255, 255, 255), (243, 243, 243), (222, 222, 222), (100, 100, 100)
BLACK_KEYS = (1, 3, 6, 8, 10)  # of the twelve, C being 0
LEGEND = ((READ, "read"), (ANSWERED, "answered"), (WRONG, "answered, and did not sound"))


def draw(roll: Roll) -> Image.Image:
    """What was read in grey, answers in blue over it, and in red where another was read at that step.

    Up to 400 steps are drawn; a note says how many there were.
    """
    read, answered = roll.read[:LARGEST], roll.answered[: max(0, LARGEST - roll.begin)]
    notes = [note for step in (*read, *answered) for note in step] or [60]
    low, high = min(notes) - 1, max(notes) + 1
    steps = max(1, len(read), roll.begin + len(answered))
    side = max(3, min(18, 1200 // steps))  # points of a step
    rows = high - low + 1
    cells = np.empty((rows, steps, 3), np.uint8)
    cells[:] = [[BLACK_KEY if (high - row) % 12 in BLACK_KEYS else PAPER] for row in range(rows)]
    for step, sounding in enumerate(read):
        cells[[high - note for note in sounding], step] = READ
    for step, sounding in enumerate(answered, roll.begin):
        for note in sounding:
            wrong = step < len(read) and note not in read[step]
            cells[high - note, step] = WRONG if wrong else ANSWERED

    font = ImageFont.load_default(13)
    whole = max(len(roll.read), roll.begin + len(roll.answered))
    cut = f"only the first {LARGEST} of {whole} steps are drawn" if whole > LARGEST else ""
    told = 6 + sum(round(font.getlength(text)) + 34 for _, text in LEGEND) + round(font.getlength(cut))
    width = max(LEFT + steps * side + 10, told)
    picture = Image.new("RGB", (width, TOP + rows * ROW + BOTTOM), "white")
    points = cells.repeat(ROW, 0).repeat(side, 1)
    points[:, ::side] = np.where(points[:, ::side] >= BLACK_KEY[0], LINE, points[:, ::side])  # where nothing sounds
    points[::ROW] = np.where(points[::ROW] >= BLACK_KEY[0], LINE, points[::ROW])
    picture.paste(Image.fromarray(points), (LEFT, TOP))
    pen = ImageDraw.Draw(picture)
    for note in range(low, high + 1):
        if note % 12 == 0:
            middle = TOP + (high - note + 0.5) * ROW
            pen.text((LEFT - 4, middle), f"C{note // 12 - 1}", fill=FAINT, font=font, anchor="rm")
    x, y = 6, picture.height - BOTTOM / 2
    for colour, text in LEGEND:
        pen.rectangle((x, y - 6, x + 12, y + 6), fill=colour)
        pen.text((x + 16, y), text, fill=FAINT, font=font, anchor="lm")
        x += round(font.getlength(text)) + 34
    pen.text((x, y), cut, fill=FAINT, font=font, anchor="lm")
    return picture
