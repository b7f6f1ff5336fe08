"""Draws the pictures in this folder: digits that are not MNIST's, to see what a Classifier makes of them.

    pip install pillow==12.0.0
    apt-get install fonts-dejavu-core fonts-liberation fonts-breip
    python examples/images/draw.py

A picture's name is the true digit and the style: 3-marker.png. Five styles are drawn by hand, so to speak: strokes through
the points below, with a tremor that follows from the digit and the style. Three are fonts', of which only these pictures are
here: DejaVu Sans (Bitstream Vera's licence), Liberation Serif (GPL 2 with the exception for documents), Breip (OFL 1.0).
"""

import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).parent
FONTS = {
    "dejavu": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "liberation": "/usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf",
    "breip": "/usr/share/fonts/truetype/breip/Breip.ttf",
}

# Each stroke goes smoothly through its points, on a field of 100 by 100, from the upper left. Two hands.
ROUND = {
    0: [[(52, 6), (28, 18), (20, 50), (30, 86), (52, 95), (74, 82), (80, 48), (70, 16), (50, 6)]],
    1: [[(52, 5), (51, 35), (50, 65), (49, 95)]],
    2: [[(24, 24), (36, 8), (58, 6), (73, 22), (68, 44), (44, 70), (22, 94)], [(22, 94), (50, 93), (80, 92)]],
    3: [[(26, 14), (48, 5), (70, 16), (66, 38), (46, 47)], [(46, 47), (70, 54), (76, 76), (56, 94), (24, 88)]],
    4: [[(38, 6), (30, 34), (24, 58)], [(24, 58), (52, 57), (82, 55)], [(64, 28), (62, 60), (60, 96)]],
    5: [[(72, 8), (50, 8), (32, 9)], [(32, 9), (30, 28), (28, 44)], [(28, 44), (50, 38), (72, 50), (74, 76), (54, 94), (24, 88)]],
    6: [[(64, 6), (42, 26), (28, 56), (32, 86), (54, 94), (72, 78), (64, 58), (44, 58), (31, 74)]],
    7: [[(22, 12), (50, 11), (78, 10)], [(78, 10), (62, 42), (52, 68), (46, 95)]],
    8: [[(68, 18), (50, 6), (32, 18), (40, 40), (62, 58), (68, 80), (50, 95), (32, 82), (40, 58), (60, 42), (69, 22)]],
    9: [[(68, 30), (58, 10), (36, 12), (28, 34), (42, 48), (62, 42), (69, 28)], [(69, 28), (66, 60), (58, 95)]],
}
ANGULAR = {
    0: [[(56, 8), (34, 12), (24, 40), (30, 80), (50, 93), (70, 74), (76, 40), (66, 14), (50, 10)]],
    1: [[(34, 28), (46, 16), (56, 6)], [(56, 6), (55, 50), (54, 95)]],
    2: [[(26, 20), (46, 6), (70, 16), (70, 38), (48, 66), (28, 90)], [(28, 90), (44, 84), (60, 92), (82, 86)]],
    3: [[(24, 10), (50, 9), (74, 9)], [(74, 9), (60, 26), (44, 42)], [(44, 42), (68, 46), (76, 70), (58, 92), (26, 88)]],
    4: [[(60, 6), (40, 34), (18, 64)], [(18, 64), (50, 64), (84, 63)], [(62, 6), (62, 50), (61, 96)]],
    5: [[(34, 8), (32, 26), (30, 46)], [(30, 46), (54, 40), (74, 58), (66, 84), (44, 94), (22, 84)], [(34, 8), (54, 7), (78, 6)]],
    6: [[(52, 5), (36, 30), (28, 62), (36, 90), (58, 92), (72, 74), (60, 56), (38, 62), (30, 76)]],
    7: [[(20, 14), (48, 12), (78, 8)], [(78, 8), (64, 40), (50, 70), (42, 95)], [(38, 52), (54, 51), (74, 50)]],
    8: [[(62, 12), (42, 8), (34, 24), (52, 44), (70, 62), (66, 88), (44, 94), (30, 78), (40, 58), (62, 38), (66, 16)]],
    9: [[(70, 18), (50, 6), (32, 22), (36, 44), (56, 48), (70, 26)], [(70, 18), (69, 54), (66, 80), (46, 94), (30, 86)]],
}
OVERSAMPLING = 3


def curve(points, steps=14):
    """Through the points, as Catmull and Rom do it."""
    points = [points[0], *points, points[-1]]
    for a, b, c, d in zip(points, points[1:], points[2:], points[3:]):
        for step in range(steps):
            t = step / steps
            yield tuple(
                0.5 * (2 * b[i] + (c[i] - a[i]) * t + (2 * a[i] - 5 * b[i] + 4 * c[i] - d[i]) * t**2
                       + (3 * b[i] - a[i] - 3 * c[i] + d[i]) * t**3)
                for i in (0, 1)
            )  # fmt: skip
    yield points[-1]


def strokes(hand, digit, chance, size, place, width, height, slant=0.0, tremor=2.0):
    """How much ink each pixel has: an image of this size, the digit `height` high and its pen `width` wide at `place`."""
    k = OVERSAMPLING
    mask = Image.new("L", (size[0] * k, size[1] * k))
    draw = ImageDraw.Draw(mask)
    for stroke in hand[digit]:
        moved = [(x + chance.gauss(0, tremor), y + chance.gauss(0, tremor)) for x, y in stroke]
        # A stroke that goes on where another ended does so.
        moved[0], moved[-1] = stroke[0], stroke[-1]
        for x, y in curve(moved):
            x, y = x + slant * (50 - y), y
            x, y = (place[i] + (x, y)[i] * height / 100 for i in (0, 1))
            r = width / 2
            draw.ellipse([(x - r) * k, (y - r) * k, (x + r) * k, (y + r) * k], fill=255)
    return mask.resize(size, Image.Resampling.BOX)


def light(chance, size, left, right, grain):
    """Paper, or a board, under light from one side."""
    image = Image.new("L", size)
    image.putdata([
        int(max(0, min(255, left + (right - left) * x / size[0] - 14 * (y / size[1]) ** 2 + chance.gauss(0, grain))))
        for y in range(size[1])
        for x in range(size[0])
    ])
    return image


def marker(digit, chance):
    ink = strokes(ROUND, digit, chance, (160, 160), (35, 25), 14, 100)
    return Image.composite(Image.new("L", ink.size, 20), Image.new("L", ink.size, 255), ink)


def pen(digit, chance):
    place = (chance.randint(10, 130), chance.randint(10, 190))
    ink = strokes(ANGULAR, digit, chance, (240, 300), place, 3.5, 95, slant=0.2)
    return Image.composite(Image.new("RGB", ink.size, (24, 48, 140)), Image.new("RGB", ink.size, (253, 247, 232)), ink)


def chalk(digit, chance):
    ink = strokes(ROUND, digit, chance, (200, 180), (chance.randint(10, 80), 20), 9, 130, slant=-0.05)
    ink.putdata([int(value * min(1.0, 0.55 + chance.random())) for value in ink.getdata()])
    board = light(chance, ink.size, 52, 40, 3)
    board = Image.merge("RGB", [board, board.point(lambda v: v + 26), board.point(lambda v: v + 10)])
    return Image.composite(Image.new("RGB", ink.size, (238, 238, 228)), board, ink)


def clear(digit, chance):
    ink = strokes(ANGULAR, digit, chance, (96, 128), (8, 24), 7, 78)
    image = Image.new("RGBA", ink.size, (0, 0, 0, 0))
    image.putalpha(ink)
    return image


def photo(digit, chance):
    size = (360, 300)
    place = (chance.randint(40, 180), chance.randint(30, 120))
    ink = strokes(ANGULAR, digit, chance, size, place, 6, 130, slant=0.1)
    paper = light(chance, size, 214, 120, 4)
    lines = Image.new("L", size, 255)
    for y in range(18, size[1], 28):
        ImageDraw.Draw(lines).line([(0, y), (size[0], y - 6)], fill=222, width=1)
    paper = Image.composite(paper.point(lambda v: v * 0.85), paper, lines.point(lambda v: 255 if v < 255 else 0))
    photo = Image.composite(paper.point(lambda v: v * 0.35), paper, ink).filter(ImageFilter.GaussianBlur(1))
    return Image.merge("RGB", [photo, photo.point(lambda v: v * 0.97), photo.point(lambda v: v * 0.88)])


def printed(font, ink, paper):
    def picture(digit, chance):
        image = Image.new("RGB", (120, 120), paper)
        face = ImageFont.truetype(FONTS[font], 90)
        place = (60 + chance.randint(-20, 20), 60 + chance.randint(-10, 10))
        ImageDraw.Draw(image).text(place, str(digit), font=face, fill=ink, anchor="mm")
        return image

    return picture


STYLES = {
    "marker.png": marker,
    "pen.png": pen,
    "chalk.jpg": chalk,
    "transparent.png": clear,
    "photo.jpg": photo,
    "dejavu.png": printed("dejavu", (0, 0, 0), (255, 255, 255)),
    "liberation.png": printed("liberation", (255, 230, 90), (30, 20, 60)),
    "breip.png": printed("breip", (140, 20, 30), (235, 235, 235)),
}

# What is no digit, or several, or nothing: in the folder others.
LETTERS = {
    "K": [[(28, 5), (27, 50), (26, 95)], [(74, 8), (50, 32), (28, 52)], [(34, 48), (56, 70), (78, 95)]],
    "R": [[(28, 6), (27, 50), (26, 95)], [(28, 6), (62, 8), (74, 26), (58, 46), (28, 50)], [(44, 50), (60, 72), (80, 95)]],
    "m": [[(14, 40), (15, 66), (14, 95)], [(15, 52), (30, 40), (44, 52), (45, 94)], [(45, 52), (62, 40), (76, 52), (78, 94)]],
    "star": [[(50, 4), (64, 48), (79, 92)], [(79, 92), (44, 66), (6, 38)], [(6, 38), (50, 38), (96, 38)],
             [(96, 38), (58, 66), (20, 94)], [(20, 94), (36, 48), (50, 4)]],
    "scribble": [[(20, 30), (70, 20), (30, 60), (80, 40), (25, 80), (85, 70), (40, 95), (60, 10), (75, 85), (15, 50)]],
}


def written(sign, chance):
    ink = strokes(LETTERS, sign, chance, (160, 160), (35, 25), 7, 100)
    return Image.composite(Image.new("L", ink.size, 30), Image.new("L", ink.size, 250), ink)


def number(digits, chance):
    """Digits side by side on paper under light from one side."""
    size = (40 + 62 * len(digits), 130)
    ink = Image.new("L", size)
    for place, digit in enumerate(digits):
        one = strokes(ROUND, int(digit), chance, size, (20 + 62 * place, 24 + chance.randint(-4, 4)), 6, 78)
        ink.paste(255, mask=one)
    paper = light(chance, size, 230, 170, 3)
    return Image.composite(paper.point(lambda v: v * 0.3), paper, ink)


def form(digits, chance):
    """Digits in boxes that share walls, on paper under light from one side."""
    size = (60 + 62 * len(digits), 140)
    ink = Image.new("L", size)
    draw = ImageDraw.Draw(ink)
    for place, digit in enumerate(digits):
        left = 30 + 62 * place
        draw.rectangle((left, 38, left + 62, 38 + 66), outline=140, width=2)
        place = (left + 9 + chance.randint(-3, 3), 50 + chance.randint(-4, 4))
        ink.paste(255, mask=strokes(ANGULAR, int(digit), chance, size, place, 4, 44))
    ink = ink.rotate(2, Image.Resampling.BICUBIC)
    paper = light(chance, size, 230, 190, 3)
    return Image.composite(paper.point(lambda v: v * 0.3), paper, ink)


def plate(digits, chance):
    """A house's number, white on blue, on a bright wall."""
    wall = light(chance, (300, 220), 190, 225, 5)
    image = Image.merge("RGB", [wall, wall.point(lambda v: v * 0.97), wall.point(lambda v: v * 0.9)])
    draw = ImageDraw.Draw(image)
    draw.rectangle((55, 50, 245, 170), fill=(20, 44, 120))
    face = ImageFont.truetype(FONTS["dejavu"], 80)
    draw.text((150, 110), digits, font=face, fill=(240, 240, 240), anchor="mm")
    return image.filter(ImageFilter.GaussianBlur(1))


OTHERS = {f"{sign}.png": lambda chance, sign=sign: written(sign, chance) for sign in LETTERS}
OTHERS |= {f"{digits}.jpg": lambda chance, digits=digits: number(digits, chance) for digits in ("25", "407", "1863")}
OTHERS["62407-form.jpg"] = lambda chance: form("62407", chance)
OTHERS["147-plate.jpg"] = lambda chance: plate("147", chance)
OTHERS["blank.jpg"] = lambda chance: light(chance, (200, 150), 225, 180, 4)

if __name__ == "__main__":
    for name, picture in OTHERS.items():
        image = picture(random.Random(name))
        image.save(HERE / "others" / name, **({"quality": 80} if name.endswith("jpg") else {"optimize": True}))
    for style, picture in STYLES.items():
        for digit in range(10):
            image = picture(digit, random.Random(f"{digit}-{style}"))
            image.save(HERE / f"{digit}-{style}", **({"quality": 80} if style.endswith("jpg") else {"optimize": True}))
