"""The demo's pictures, drawn here: still lifes of paper, light and shadow.

Shapes are polygons on a canvas twice too large, scaled down at the end; that is all the smoothing.
Coordinates are in units of a 100 × 100 field, (0, 0) top left.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

from shopfloor.demo.goods import COLOURS, GOODS, Good

Point = tuple[float, float]
SCALE: Final = 2
PAPER: Final = "#ece6da"
TABLE: Final = "#ded5c4"


def curve(points: Sequence[Point], *, steps: int = 16) -> list[Point]:
    """A smooth closed line through `points` (Catmull–Rom)."""
    count = len(points)
    line: list[Point] = []
    for i in range(count):
        a, b, c, d = (points[(i + k - 1) % count] for k in range(4))
        for step in range(steps):
            t = step / steps
            line.append(
                tuple(
                    0.5
                    * (
                        2 * q
                        + (r - p) * t
                        + (2 * p - 5 * q + 4 * r - s) * t * t
                        + (3 * q - p - 3 * r + s) * t * t * t
                    )
                    for p, q, r, s in zip(a, b, c, d, strict=True)
                )  # pyright: ignore[reportArgumentType]
            )
    return line


def mirrored(half: Sequence[Point]) -> list[Point]:
    """Close a right-hand outline (top to bottom) with its mirror image about x = 50."""
    return [*half, *((100 - x, y) for x, y in reversed(half))]


def flank(profile: Sequence[Point]) -> list[Point]:
    """The smooth right-hand side of a pot, from rim to foot."""
    points = [profile[0], *profile, profile[-1]]
    return [*curve(points, steps=14)[14 : 14 * len(profile)], profile[-1]]


def mix(colour: str, other: str, part: float) -> tuple[int, int, int]:
    a, b = ImageColor.getrgb(colour)[:3], ImageColor.getrgb(other)[:3]
    return tuple(round(x + (y - x) * part) for x, y in zip(a, b, strict=True))  # pyright: ignore[reportReturnType]


class Canvas:
    """A still life in the making: light from the upper left, everything casts one soft shadow."""

    def __init__(self, size: int) -> None:
        self.unit = size * SCALE / 100
        self.image = Image.new("RGB", (size * SCALE, size * SCALE), PAPER)
        draw = ImageDraw.Draw(self.image)
        draw.rectangle((0, 70 * self.unit, size * SCALE, size * SCALE), fill=TABLE)
        light = Image.radial_gradient("L").resize(self.image.size)
        shade = Image.new("RGB", self.image.size, "#b9ad98")
        self.image = Image.composite(shade, self.image, light.point(lambda v: int(v * 0.42)))

    def scaled(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.unit, y * self.unit) for x, y in points]

    def mask(self, points: Sequence[Point]) -> Image.Image:
        mask = Image.new("L", self.image.size, 0)
        ImageDraw.Draw(mask).polygon(self.scaled(points), fill=255)
        return mask

    def shadow(self, centre: Point, width: float, height: float, strength: float = 0.42) -> None:
        x, y = centre
        mask = Image.new("L", self.image.size, 0)
        box = [
            (x - width) * self.unit,
            (y - height) * self.unit,
            (x + width) * self.unit,
            (y + height) * self.unit,
        ]
        ImageDraw.Draw(mask).ellipse(box, fill=round(255 * strength))
        mask = mask.filter(ImageFilter.GaussianBlur(2.2 * self.unit))
        self.image.paste(Image.new("RGB", self.image.size, "#5c503f"), mask=mask)

    def body(self, points: Sequence[Point], colour: str, *, depth: float = 0.5, gloss: float = 0.0) -> None:
        """A form in `colour`, lit from the left: `depth` is how dark its far side is, `gloss` its highlight."""
        mask = self.mask(points)
        self.image.paste(Image.new("RGB", self.image.size, colour), mask=mask)
        xs = [x for x, _ in points]
        ys = [y for _, y in points]
        left, width = min(xs), max(xs) - min(xs)
        dark = Image.new("L", (256, 1))
        dark.putdata([int(255 * depth * max(0.0, (i / 255 - 0.35) / 0.65) ** 1.6) for i in range(256)])
        far = Image.new("L", self.image.size, 0)
        far.paste(
            dark.resize((max(1, round(width * self.unit)), self.image.height)), (round(left * self.unit), 0)
        )
        far = ImageChops.multiply(far, mask)
        self.image.paste(Image.new("RGB", self.image.size, mix(colour, "#1b130c", 0.75)), mask=far)
        if gloss:
            spot = Image.new("L", self.image.size, 0)
            cx, cy = left + width * 0.27, min(ys) + (max(ys) - min(ys)) * 0.3
            box = [(cx - width * 0.05), (cy - 9), (cx + width * 0.05), (cy + 9)]
            ImageDraw.Draw(spot).ellipse([v * self.unit for v in box], fill=round(255 * gloss))
            spot = ImageChops.multiply(spot.filter(ImageFilter.GaussianBlur(1.3 * self.unit)), mask)
            self.image.paste(Image.new("RGB", self.image.size, "#ffffff"), mask=spot)

    def fill(self, points: Sequence[Point], colour: tuple[int, int, int] | str) -> None:
        ImageDraw.Draw(self.image).polygon(self.scaled(points), fill=colour)

    def line(self, points: Sequence[Point], colour: tuple[int, int, int] | str, width: float = 0.5) -> None:
        ImageDraw.Draw(self.image).line(
            self.scaled(points), fill=colour, width=max(1, round(width * self.unit)), joint="curve"
        )

    def disc(
        self, centre: Point, radius: float, colour: tuple[int, int, int] | str, flat: float = 1.0
    ) -> None:
        x, y = centre
        box = [
            (x - radius) * self.unit,
            (y - radius * flat) * self.unit,
            (x + radius) * self.unit,
            (y + radius * flat) * self.unit,
        ]
        ImageDraw.Draw(self.image).ellipse(box, fill=colour)

    def finish(self) -> Image.Image:
        side = self.image.width // SCALE
        return self.image.resize((side, side), Image.Resampling.LANCZOS)


def arc(centre: Point, radius: float, begin: float, end: float, flat: float = 1.0) -> list[Point]:
    """Points along a circle, angles in degrees clockwise from the right."""
    return [
        (
            centre[0] + radius * math.cos(math.radians(a)),
            centre[1] + flat * radius * math.sin(math.radians(a)),
        )
        for a in [begin + (end - begin) * i / 40 for i in range(41)]
    ]


def overshirt(canvas: Canvas, colour: str) -> None:
    seam = mix(colour, "#1b130c", 0.35)
    canvas.line([(50, 8), (50, 17)], "#8a7f6d", 0.7)
    canvas.line(arc((50, 8), 2.4, 180, 420), "#8a7f6d", 0.7)
    canvas.shadow((54, 86), 26, 3, 0.3)
    for side in (1, -1):
        sleeve = [(50 + side * x, y) for x, y in ((18, 23), (27, 30), (34, 62), (26.5, 64.5), (20, 43))]
        canvas.body(sleeve, colour, depth=0.5)
        canvas.line([(50 + side * 33.5, 59.5), (50 + side * 26, 62)], seam, 0.4)
    canvas.body(mirrored([(50, 17), (58, 16), (69, 23), (71.5, 42), (71, 84), (50, 85)]), colour, depth=0.38)
    canvas.fill([(50, 27), (43.5, 16.5), (47, 15), (53, 15), (56.5, 16.5)], mix(colour, "#1b130c", 0.55))
    for side in (1, -1):
        canvas.fill(
            [(50 + side * x, y) for x, y in ((0.3, 29), (6.5, 15.5), (11, 18.5), (6, 30))],
            mix(colour, "#ffffff", 0.1),
        )
        canvas.line([(50 + side * x, y) for x, y in ((0.3, 29), (6, 30), (11, 18.5))], seam, 0.35)
        pocket = [(50 + side * x, y) for x, y in ((6, 38), (16, 38), (16, 48), (11, 50), (6, 48), (6, 38))]
        canvas.line(pocket, seam, 0.4)
        canvas.line([(50 + side * 6, 41), (50 + side * 16, 41)], seam, 0.4)
    canvas.line([(50, 29), (50, 85)], seam, 0.45)
    for y in (36, 46, 56, 66, 76):
        canvas.disc((51.8, y), 0.85, mix(colour, "#f4ead6", 0.75))


def trousers(canvas: Canvas, colour: str) -> None:
    seam = mix(colour, "#d8cbb4", 0.3)
    canvas.shadow((53, 90), 24, 2.6, 0.32)
    for side in (1, -1):
        leg = [(50 + side * x, y) for x, y in ((0, 18), (15.5, 18), (19, 36), (23, 88), (5.5, 89), (0, 42))]
        canvas.body(leg, colour, depth=0.42 if side == 1 else 0.25)
        canvas.line(
            [(50 + side * x, y) for x, y in ((9, 24), (11.5, 50), (13.5, 86))],
            mix(colour, "#000000", 0.3),
            0.35,
        )
        canvas.line([(50 + side * x, y) for x, y in ((23, 85.5), (5.5, 86.5))], seam, 0.35)
        canvas.line([(50 + side * x, y) for x, y in ((11, 23), (17.3, 33))], seam, 0.4)
    canvas.body(mirrored([(50, 13), (65, 13), (66, 23), (50, 24)]), colour, depth=0.4)
    canvas.line([(34, 23), (66, 23)], seam, 0.35)
    for x in (38, 46, 54, 62):
        canvas.line([(x, 13), (x, 23)], mix(colour, "#000000", 0.35), 1.1)
    canvas.line([(49, 20), (46.5, 31)], "#efe6d4", 0.5)
    canvas.line([(51, 20), (54, 33)], "#efe6d4", 0.5)


def beanie(canvas: Canvas, colour: str) -> None:
    canvas.shadow((53, 77), 27, 4)
    crown = [*arc((50, 52), 25, 180, 360, 1.22), (75, 62), (25, 62)]
    canvas.body(crown, colour, depth=0.5)
    for i in range(-7, 8):
        x = 50 + i * 3.45
        top = 52 - 30.5 * math.sqrt(max(0.0, 1 - (i * 3.45 / 25.5) ** 2))
        canvas.line(
            [(50 + (x - 50) * 0.55, top + 3 + abs(i) * 0.35), (x, 60)], mix(colour, "#1b130c", 0.28), 0.5
        )
    cuff = [
        (23, 58),
        *arc((50, 58), 27, 180, 0, 0.12)[1:-1][::-1],
        (77, 58),
        (78, 74),
        *arc((50, 74), 28, 0, 180, 0.14),
        (22, 74),
    ]
    canvas.body(cuff, mix_hex(colour, "#ffffff", 0.06), depth=0.5)
    for i in range(-9, 10):
        canvas.line(
            [(50 + i * 2.9, 57.5), (50 + i * 3.02, 76.5 - abs(i) * 0.22)], mix(colour, "#1b130c", 0.3), 0.5
        )


def mix_hex(colour: str, other: str, part: float) -> str:
    return "#{:02x}{:02x}{:02x}".format(*mix(colour, other, part))


def fruit(canvas: Canvas, centre: Point, radius: float, colour: str, *, flat: float = 1.0) -> None:
    canvas.shadow((centre[0] + radius * 0.2, centre[1] + radius * flat * 0.92), radius * 0.95, radius * 0.2)
    canvas.body(arc(centre, radius, 0, 360, flat), colour, depth=0.55, gloss=0.35)


def leaf(canvas: Canvas, base: Point, tip: Point, colour: str = "#5c6b3c") -> None:
    (ax, ay), (bx, by) = base, tip
    nx, ny = -(by - ay) * 0.28, (bx - ax) * 0.28
    mid = ((ax + bx) / 2, (ay + by) / 2)
    canvas.fill(curve([base, (mid[0] + nx, mid[1] + ny), tip, (mid[0] - nx, mid[1] - ny)]), colour)
    canvas.line([base, tip], mix(colour, "#ffffff", 0.3), 0.3)


def pomelo(canvas: Canvas, pack: str) -> None:
    places = (
        [(50, 60, 22.0)]
        if pack != "Box of four"
        else [(34, 54, 15.0), (64, 53, 15.0), (29, 70, 15.5), (62, 71, 16.0)]
    )
    for x, y, radius in places:
        skin = "#d9c456" if (x + y) % 2 else "#cdbf4f"
        outline = curve([(x, y - radius * 1.12), (x + radius * 0.72, y - radius * 0.55), (x + radius, y + radius * 0.25), (x + radius * 0.6, y + radius * 0.93), (x, y + radius), (x - radius * 0.6, y + radius * 0.93), (x - radius, y + radius * 0.25), (x - radius * 0.72, y - radius * 0.55)])  # fmt: skip
        canvas.shadow((x + 3, y + radius * 0.95), radius * 0.95, radius * 0.18)
        canvas.body(outline, skin, depth=0.45, gloss=0.3)
        leaf(canvas, (x, y - radius * 1.08), (x + radius * 0.75, y - radius * 1.35))


def persimmon(canvas: Canvas, pack: str) -> None:
    rows = [(33, 60), (52, 57), (70, 61), (26, 74), (46, 74), (66, 76)]
    if pack == "Twelve":
        rows = [(30, 47), (47, 45), (64, 47), *[(x - 4, y) for x, y in rows], (78, 58), (82, 75), (55, 63)]
    for x, y in sorted(rows, key=lambda place: place[1]):
        fruit(canvas, (x, y), 9.6, "#d9772b", flat=0.8)
        canvas.fill(
            curve(
                [
                    (x - 4, y - 6),
                    (x, y - 4.4),
                    (x + 4, y - 6),
                    (x + 1.4, y - 7.6),
                    (x, y - 9),
                    (x - 1.4, y - 7.6),
                ]
            ),
            "#77733f",
        )


def pumpkin(canvas: Canvas, pack: str) -> None:
    places = [(50, 62, 25.0)] if pack == "One" else [(35, 55, 17.0), (67, 57, 17.0), (50, 72, 18.0)]
    for x, y, radius in places:
        canvas.shadow((x + 3, y + radius * 0.7), radius, radius * 0.2)
        canvas.body(arc((x, y), radius, 0, 360, 0.74), "#47573c", depth=0.5, gloss=0.2)
        for i in (-2, -1, 0, 1, 2):
            rib = [
                (
                    x + i * radius * 0.4 * math.cos(math.radians(a)),
                    y + radius * 0.72 * math.sin(math.radians(a)),
                )
                for a in range(-84, 85, 6)
            ]
            canvas.line(rib, "#66754f", 0.6)
            rib = [
                (
                    x + i * radius * 0.4 * math.cos(math.radians(a)) + 0.7,
                    y + radius * 0.72 * math.sin(math.radians(a)),
                )
                for a in range(-84, 85, 6)
            ]
            canvas.line(rib, "#36442e", 0.5)
        stem = [
            (x - 2, y - radius * 0.64),
            (x - 3, y - radius * 0.95),
            (x + 2, y - radius),
            (x + 2.4, y - radius * 0.62),
        ]
        canvas.fill(curve(stem), "#a08a55")


def honey(canvas: Canvas, jar: str) -> None:
    k = 1.0 if jar == "500 g" else 1.22
    half = [
        (50, 86 - 50 * k),
        (50 + 13 * k, 86 - 50 * k),
        (50 + 14 * k, 86 - 46 * k),
        (50 + 19 * k, 86 - 40 * k),
        (50 + 19.5 * k, 84),
        (50 + 17 * k, 86),
        (50, 86),
    ]
    canvas.shadow((54, 85), 21 * k, 3.2)
    canvas.body(mirrored(half), "#c98a2b", depth=0.5, gloss=0.5)
    canvas.body(
        mirrored(
            [(50, 86 - 59 * k), (50 + 14.5 * k, 86 - 59 * k), (50 + 15 * k, 86 - 50 * k), (50, 86 - 49.5 * k)]
        ),
        "#3f3a33",
        depth=0.3,
    )
    canvas.body(
        mirrored(
            [(50, 86 - 32 * k), (50 + 19.4 * k, 86 - 32 * k), (50 + 19.4 * k, 86 - 10 * k), (50, 86 - 10 * k)]
        ),
        "#f3ecdc",
        depth=0.25,
    )
    for i in range(3):
        for j in range(3 + i % 2):
            cx, cy = 50 + (j - (1 + i % 2 * 0.5)) * 5.2 * k, 86 - (26 - i * 4.6) * k
            canvas.line(arc((cx, cy), 2.7 * k, 30, 390)[:: 40 // 6], "#c98a2b", 0.55)


def bowl(canvas: Canvas, glaze: str) -> None:
    canvas.shadow((54, 81), 22, 3.2)
    canvas.body(mirrored([(50, 77), (61, 77), (60, 82), (50, 82.4)]), "#8a6f55", depth=0.5)
    canvas.body(
        [
            *arc((50, 48), 27, 0, 180, 0.18),
            *curve([(23, 48), (26, 62), (35, 74), (50, 78), (65, 74), (74, 62), (77, 48)], steps=10)[:60],
        ],
        glaze,
        depth=0.5,
        gloss=0.4,
    )
    canvas.disc((50, 48), 27, mix(glaze, "#ffffff", 0.18), 0.2)
    canvas.disc((50, 48.6), 24.8, mix(glaze, "#1b130c", 0.28), 0.18)
    canvas.disc((50, 50.2), 21, mix(glaze, "#5f7a35", 0.35), 0.13)


def teapot(canvas: Canvas, glaze: str) -> None:
    canvas.shadow((52, 80), 27, 3.4)
    canvas.body(
        curve([(68, 56), (84, 44), (87, 41), (90, 43.5), (84, 52), (71, 67)]),
        mix_hex(glaze, "#000000", 0.08),
        depth=0.4,
    )
    canvas.body(
        curve([(30, 58), (16, 50), (9, 46), (7, 51), (15, 57), (29, 66)]),
        mix_hex(glaze, "#6b4a2f", 0.35),
        depth=0.3,
    )
    canvas.body(
        curve([(50, 42), (64, 45), (73, 59), (68, 74), (58, 79.5), (42, 79.5), (32, 74), (27, 59), (36, 45)]),
        glaze,
        depth=0.55,
        gloss=0.5,
    )
    canvas.body(arc((50, 45), 15, 0, 360, 0.26), mix_hex(glaze, "#ffffff", 0.1), depth=0.45)
    canvas.body(arc((50, 39), 4.2, 0, 360, 0.8), mix_hex(glaze, "#ffffff", 0.05), depth=0.5, gloss=0.5)


def vase(canvas: Canvas, glaze: str, *, tall: bool) -> None:
    k = 1.0 if tall else 0.76
    canvas.shadow((54, 88), 16 * k, 3)
    outline = [
        (50 + x * k, 88 - (88 - y) * k)
        for x, y in ((6, 20), (4.6, 24), (4.4, 36), (9, 46), (19, 56), (20.5, 68), (15, 82), (11, 88))
    ]
    top = 88 - 68 * k
    branch = [(50, top + 4), (53, top - 6), (60, top - 13), (66, top - 19)]
    canvas.line(branch, "#5b4632", 0.8)
    canvas.line([(53, top - 6), (47, top - 12)], "#5b4632", 0.6)
    for x, y in ((66, top - 19), (60, top - 13), (47, top - 12), (57, top - 8), (63, top - 15)):
        canvas.disc((x, y), 1.5, "#b5462f")
    canvas.body(mirrored(flank(outline)), glaze, depth=0.6, gloss=0.5)
    canvas.disc((50, top + 0.3), 6 * k, mix(glaze, "#1b130c", 0.55), 0.22)


DRAWINGS: dict[str, Callable[[Canvas, tuple[str, ...], dict[str, str]], None]] = {
    "overshirt": lambda canvas, options, colours: overshirt(canvas, colours[options[0]]),
    "trousers": lambda canvas, options, colours: trousers(canvas, colours[options[0]]),
    "beanie": lambda canvas, options, colours: beanie(canvas, colours[options[0]]),
    "pomelo": lambda canvas, options, _: pomelo(canvas, options[0]),
    "persimmon": lambda canvas, options, _: persimmon(canvas, options[0]),
    "pumpkin": lambda canvas, options, _: pumpkin(canvas, options[0]),
    "honey": lambda canvas, options, _: honey(canvas, options[0]),
    "bowl": lambda canvas, options, colours: bowl(canvas, colours[options[0]]),
    "teapot": lambda canvas, options, colours: teapot(canvas, colours[options[0]]),
    "vase": lambda canvas, options, colours: vase(canvas, colours[options[0]], tall=options[1] == "Tall"),
}


def draw(drawing: str, options: tuple[str, ...], colours: dict[str, str], *, size: int = 960) -> Image.Image:
    canvas = Canvas(size)
    DRAWINGS[drawing](canvas, options, colours)
    return canvas.finish()


def faces(good: Good) -> list[tuple[str, ...]]:
    """The option values that look different from each other: sizes of one colour do not."""
    if good.drawing == "vase":
        return good.variants
    first = dict[str, tuple[str, ...]]()
    for options in good.variants:
        first.setdefault(options[0], options)
    return list(first.values())


def still_paths(good: Good, directory: Path) -> list[Path]:
    return [directory / f"{good.handle}-{index}.png" for index in range(len(faces(good)))]


def _draw_to(path: Path, good: Good, options: tuple[str, ...]) -> None:
    unfinished = path.with_suffix(".unfinished")
    draw(good.drawing, options, COLOURS).save(unfinished, "PNG", compress_level=3)
    unfinished.rename(path)


def draw_missing(directory: Path) -> int:
    """Draw the stills that are not there yet, on all cores; say how many were drawn."""
    directory.mkdir(parents=True, exist_ok=True)
    missing = [
        (path, good, options)
        for good in GOODS
        for path, options in zip(still_paths(good, directory), faces(good), strict=True)
        if not path.exists()
    ]
    if missing:
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            list(pool.map(_draw_to, *zip(*missing, strict=True)))
    return len(missing)
