#!/usr/bin/env python3
"""Draws docs/lenet.svg: LeNet's layers as sheets, after the paper's figure 2.

    docs/lenet.py > docs/lenet.svg
"""

# Name, maps, their height and width, pixels of the drawing for one of theirs, parameters.
STAGES = [
    ("Input", 1, 32, 3.6, None),
    ("C1", 6, 28, 3.6, 156),
    ("S2", 6, 14, 4.2, 12),
    ("C3", 16, 10, 4.6, 2_416),
    ("S4", 16, 5, 5.6, 32),
    ("C5", 120, 1, None, 48_120),
    ("F6", 84, 1, None, 10_164),
    ("Output", 10, 1, None, 850),
]
OPERATIONS = ["convolution 5×5", "sub-sampling 2×2", "convolution 5×5", "sub-sampling 2×2",
              "convolution 5×5", "full connection", "full connection"]
# Left edge of each, and how far a sheet lies from the one before it.
LEFTS = [24, 176, 338, 463, 610, 764, 872, 976]
STEPS = {"C1": 7, "S2": 7, "C3": 4.4, "S4": 4.4}
MIDDLE = 190
BARS = {"C5": 220, "F6": 180, "Output": 104}
WIDTH, HEIGHT = 1056, 392

# The figure stands alone (as a picture in the README, where :root is the svg) and in the tutorial of `cargo doc`, where its
# selectors must not reach the page, and whose theme it follows: rustdoc's colours where there are any. A plain colour comes first
# for viewers that know neither var nor color-mix.
STYLE = """
    .lenet-figure text { font: 13px system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; fill: currentColor; text-anchor: middle }
    .lenet-figure .name { font-size: 16px; font-weight: 650 }
    .lenet-figure .muted { opacity: .72 }
    .lenet-figure .sheet, .lenet-figure .units { fill: #ffffff; fill: var(--main-background-color, #ffffff); stroke: currentColor; stroke-opacity: .62 }
    .lenet-figure .pooled { fill: #e6eef5; fill: color-mix(in srgb, var(--main-background-color, #ffffff), #4a90c8 15%) }
    .lenet-figure .tick { stroke: currentColor; stroke-width: .6; opacity: .3 }
    .lenet-figure .window { fill: #d55e00; fill-opacity: .25; stroke: #d55e00; stroke-width: 1.2 }
    .lenet-figure .ray { stroke: #d55e00 }
    .lenet-figure .digit { fill: none; stroke: currentColor; stroke-width: 7; stroke-linecap: round; stroke-linejoin: round }
    .lenet-figure:root { color: #1f2328 }
    .lenet-figure:not(:root) { min-width: 46rem }
    @media (prefers-color-scheme: dark) {
      .lenet-figure:root { color: #e8ebee; --main-background-color: #181c21 }
      .lenet-figure:root .window, .lenet-figure:root .ray { stroke: #ff8a3c }
    }
"""


def number(value):
    return f"{value:.1f}".removesuffix(".0")


def rect(kind, x, y, width, height):
    x, y, width, height = map(number, (x, y, width, height))
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"/>'


def line(kind, x1, y1, x2, y2):
    x1, y1, x2, y2 = map(number, (x1, y1, x2, y2))
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def text(kind, x, y, content):
    return f'<text class="{kind}" x="{number(x)}" y="{number(y)}">{content}</text>'


def main():
    print(f'<svg xmlns="http://www.w3.org/2000/svg" class="lenet-figure" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
          'aria-labelledby="lenet-title lenet-about">')
    print('<title id="lenet-title">LeNet-5</title>')
    print('<desc id="lenet-about">Input 32x32; C1, 6 maps of 28x28, 156 parameters; S2, 6 of 14x14, 12; C3, 16 of 10x10, 2,416; '
          'S4, 16 of 5x5, 32; C5, 120 units, 48,120; F6, 84 units, 10,164; output, 10 units, 850: 61,750 parameters.</desc>')
    print(f"<style>{STYLE}</style>")
    fronts = []  # of each stage: left, top, right and bottom of what lies in front, and its middle
    for (name, maps, side, scale, parameters), left in zip(STAGES, LEFTS):
        if side > 1:
            step = STEPS.get(name, 0)
            size, spread = side * scale, step * (maps - 1)
            top = MIDDLE - (size + spread) / 2
            kind = "sheet pooled" if name.startswith("S") else "sheet"
            for i in range(maps):
                print(rect(kind, left + i * step, top + i * step, size, size))
            front = (left + spread, top + spread, left + spread + size, top + spread + size)
            middle, shape = left + (size + spread) / 2, f"{maps}@{side}×{side}"
        else:
            height = BARS[name]
            front = (left, MIDDLE - height / 2, left + 18, MIDDLE + height / 2)
            print(rect("units", left, front[1], 18, height))
            # Not all of them: a hundred and twenty lines would be a grey bar.
            shown = min(maps, 24)
            for i in range(1, shown):
                y = front[1] + i * height / shown
                print(line("tick", left, y, left + 18, y))
            middle, shape = left + 9, f"{maps} units"
        fronts.append(front)
        print(text("name", middle, 340, name))
        print(text("", middle, 360, shape))
        print(text("muted", middle, 379, f"{parameters:,}" if parameters else "61,750 parameters:"))

    left, top, *_ = fronts[0]
    print(f'<path class="digit" d="M{left + 36:.0f} {top + 34:.0f}h44l-26 50"/>')

    # A window of each map, and the point of the next that it becomes.
    at = {0: (0.62, 0.18, 5), 1: (0.55, 0.6, 2), 2: (0.2, 0.2, 5), 3: (0.5, 0.3, 2), 4: (0, 0, 5)}
    for i, (x, y, window) in at.items():
        _, _, side, scale, _ = STAGES[i]
        left, top, *_ = fronts[i]
        length = window * scale
        x, y = left + x * side * scale, top + y * side * scale
        print(rect("window", x, y, length, length))
        left, top, right, bottom = fronts[i + 1]
        if i < 4:
            next_side, next_scale = STAGES[i + 1][2:4]
            # On the sheet at the back: it is nearest.
            maps, step = STAGES[i + 1][1], STEPS[STAGES[i + 1][0]]
            back = (LEFTS[i + 1], top - step * (maps - 1))
            to = (back[0] + 5, back[1] + 0.5 * next_side * next_scale)
        else:
            to = (left, top + 30)
        print(line("ray", x + length, y, *to))
        print(line("ray", x + length, y + length, *to))
    for i in (5, 6):
        _, top, right, bottom = fronts[i]
        left, next_top, _, next_bottom = fronts[i + 1]
        print(line("ray", right, top, left, next_top))
        print(line("ray", right, bottom, left, next_bottom))
    for i, operation in enumerate(OPERATIONS):
        (first, second) = operation.split(" ")
        middle = (fronts[i][2] + (LEFTS[i + 1] if i > 4 else fronts[i + 1][0])) / 2
        print(text("muted", middle, 24, first))
        print(text("muted", middle, 41, second))
    print("</svg>")


if __name__ == "__main__":
    main()
