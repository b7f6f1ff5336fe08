"""Makes the font of the report's pictures: see README.md. `python make.py FOLDER_WITH_ROBOTO`, with fonttools 4.68.0."""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

# ASCII, a middle dot, a multiplication sign, an en dash and a minus sign: what the pictures write.
CHARACTERS = [*range(0x20, 0x7F), 0xB7, 0xD7, 0x2013, 0x2212]
# plotters' ab_glyph puts the baseline half a font size below the top of the text. The glyphs belong this much lower
# (0.207 of the 2,400 units from line to line), or digits stand too high for the line or cell that they are centred on.
LOWERED = 496

for style in ("Regular", "Medium"):
    options = subset.Options(hinting=False, layout_features=[], name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14])
    font = TTFont(Path(sys.argv[1]) / f"Roboto-{style}.ttf", recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)
    glyphs = font["glyf"]
    for name in glyphs.keys():
        glyph = glyphs[name]
        if glyph.numberOfContours > 0:  # one that is put together from others moves with them
            glyph.coordinates.translate((0, -LOWERED))
            glyph.recalcBounds(glyphs)
    font.save(Path(__file__).with_name(f"Roboto-{style}.ttf"))
