"""The camera of the demo: films one product after the other and publishes by RTMP, as OBS would.

Runs as a process of its own (`python -m shopfloor.demo.camera URL FPS STILLS`), so that drawing never takes time
from the shop.  One word a line on standard input says what to point it at: the handle of a product.  Frames
are cut from larger stills with a slow drift and handed to ffmpeg as raw video; ffmpeg encodes and publishes.
"""

import math
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from shopfloor.demo.goods import GOODS, Good
from shopfloor.demo.pictures import still_paths

WIDTH: Final = 720
HEIGHT: Final = 1280
MARGIN: Final = 48
FADE: Final = 9

Planes = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


def still(picture: Image.Image) -> Planes:
    """One portrait still, larger than the frame by a margin, as the three planes of YCbCr 4:2:0."""
    width, height = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
    picture = picture.resize((width, width), Image.Resampling.LANCZOS)
    scene = Image.new("RGB", (width, height))
    top = (height - width) // 2 - 40
    below = height - top - width
    # Wall and table go on above and below the picture, with its own first and last rows.
    scene.paste(picture.crop((0, 0, width, 8)).resize((width, top + 8)), (0, 0))
    scene.paste(picture.crop((0, width - 8, width, width)).resize((width, below + 8)), (0, top + width - 8))
    scene = scene.filter(ImageFilter.GaussianBlur(6))
    scene.paste(picture, (0, top))
    y, cb, cr = scene.convert("YCbCr").split()
    half = (width // 2, height // 2)
    # Video levels are 16 to 235 for luma and 16 to 240 for chroma; Pillow's are 0 to 255.
    luma = np.asarray(y, dtype=np.float32) * (219 / 255) + 16
    chroma = [(np.asarray(c.resize(half), dtype=np.float32) - 128) * (224 / 255) + 128 for c in (cb, cr)]
    return luma.astype(np.uint8), chroma[0].astype(np.uint8), chroma[1].astype(np.uint8)


def shots(good: Good, stills: Path) -> list[Planes]:
    """The faces of a product worth showing, three at the most."""
    return [still(Image.open(path).convert("RGB")) for path in still_paths(good, stills)[:3]]


def frame(planes: Planes, turn: int) -> list[npt.NDArray[np.uint8]]:
    """Cut one frame: the view drifts on a slow ellipse."""
    dx = 2 * round((MARGIN / 2) * (1 + math.sin(turn / 47)) / 2) * 2
    dy = 2 * round((MARGIN / 2) * (1 + math.cos(turn / 61)) / 2) * 2
    y, cb, cr = planes
    half = (slice(dy // 2, dy // 2 + HEIGHT // 2), slice(dx // 2, dx // 2 + WIDTH // 2))
    return [y[dy : dy + HEIGHT, dx : dx + WIDTH], cb[half], cr[half]]


def blend(
    a: list[npt.NDArray[np.uint8]], b: list[npt.NDArray[np.uint8]], part: float
) -> list[npt.NDArray[np.uint8]]:
    weight = round(part * 256)
    return [
        ((x.astype(np.uint16) * (256 - weight) + y.astype(np.uint16) * weight) >> 8).astype(np.uint8)
        for x, y in zip(a, b, strict=True)
    ]


def ffmpeg_command(url: str, fps: int) -> list[str]:
    return [
        imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error",
        "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(fps), "-i", "pipe:0",
        "-f", "lavfi", "-i", "anoisesrc=color=brown:amplitude=0.01:sample_rate=44100",
        "-map", "0:v", "-map", "1:a",
        "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", str(fps), "-keyint_min", str(fps),
        "-sc_threshold", "0", "-b:v", "1200k", "-maxrate", "1500k", "-bufsize", "1500k", "-threads", "1",
        "-c:a", "aac", "-b:a", "64k", "-shortest", "-f", "flv", url,
    ]  # fmt: skip


def asked(waiting: str | None) -> str | None:
    """The last word on standard input, without waiting; the word `stop` when it was closed."""
    while select.select([sys.stdin], [], [], 0)[0]:
        line = sys.stdin.readline()
        if not line:
            return "stop"
        waiting = line.strip() or waiting
    return waiting


def main() -> int:
    url, fps, stills = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    goods = {good.handle: good for good in GOODS}
    films: dict[str, list[Planes]] = {}
    opening = GOODS[0].handle
    films[opening] = shots(goods[opening], stills)
    child = subprocess.Popen(ffmpeg_command(url, fps), stdin=subprocess.PIPE)
    assert child.stdin is not None
    handle, before, turn, since = opening, films[opening][0], 0, 0
    began = time.monotonic()
    try:
        while child.poll() is None:
            wanted = asked(None)
            if wanted == "stop":
                break
            if wanted in goods and wanted != handle:
                before, handle, since = current(films[handle], since, fps), wanted, 0
                films.setdefault(handle, shots(goods[handle], stills))
            planes = current(films[handle], since, fps)
            picture = frame(planes, turn)
            if since < FADE:
                picture = blend(frame(before, turn), picture, (since + 1) / FADE)
            for plane in picture:
                child.stdin.write(np.ascontiguousarray(plane).data)
            turn, since = turn + 1, since + 1
            time.sleep(max(0.0, began + turn / fps - time.monotonic()))
    except BrokenPipeError:
        pass
    finally:
        with suppress(BrokenPipeError):
            child.stdin.close()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.returncode or 0


def current(film: list[Planes], since: int, fps: int) -> Planes:
    """Five seconds for each face of the product, round and round."""
    return film[since // (5 * fps) % len(film)]


if __name__ == "__main__":
    sys.exit(main())
