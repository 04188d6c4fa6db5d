#!/usr/bin/env python3
"""Draws the pictures in site/images: landscapes from layered noise, the same ones on every run.

Needs Pillow and NumPy (Debian: python3-pil python3-numpy). Run it from anywhere.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 1440, 960
THUMB = (600, 400)
OUT = Path(__file__).resolve().parent.parent / "site" / "images"


def rgb(code):
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)


def gradient(stops):
    """A vertical gradient; stops are (height from 0 at the top to 1, colour)."""
    y = np.linspace(0, 1, HEIGHT)
    at = [stop for stop, _ in stops]
    channels = [np.interp(y, at, [rgb(code)[c] for _, code in stops]) for c in range(3)]
    return np.repeat(np.stack(channels, axis=1)[:, None, :], WIDTH, axis=1)


def noise_1d(rng, octaves=7, start=3, fall=0.52):
    x = np.linspace(0, 1, WIDTH)
    line = np.zeros(WIDTH)
    for octave in range(octaves):
        points = start * 2**octave + 1
        line += fall**octave * np.interp(x, np.linspace(0, 1, points), rng.uniform(-1, 1, points))
    return line


def noise_2d(rng, cells=(4, 6), octaves=6, fall=0.55):
    total = np.zeros((HEIGHT, WIDTH))
    for octave in range(octaves):
        grid = rng.uniform(0, 1, (cells[0] * 2**octave + 1, cells[1] * 2**octave + 1)).astype("float32")
        layer = Image.fromarray(grid, mode="F").resize((WIDTH, HEIGHT), Image.BICUBIC)
        total += fall**octave * np.asarray(layer)
    return (total - total.min()) / (total.max() - total.min())


def blend(canvas, colour, mask):
    return canvas * (1 - mask[..., None]) + np.asarray(colour) * mask[..., None]


def glow(canvas, centre, radius, colour, strength=1.0):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    distance = np.hypot(x - centre[0] * WIDTH, y - centre[1] * HEIGHT) / (radius * WIDTH)
    light = strength * np.exp(-(distance**2) * 2.2)
    return canvas + light[..., None] * (rgb(colour) - canvas).clip(0)


def disc(canvas, centre, radius, colour):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    distance = np.hypot(x - centre[0] * WIDTH, y - centre[1] * HEIGHT)
    return blend(canvas, rgb(colour), np.clip(radius * WIDTH - distance + 0.5, 0, 1))


def clouds(canvas, rng, colour, low=0.5, top=0.0, bottom=0.6, amount=0.8, stretch=(6, 3)):
    field = noise_2d(rng, cells=stretch)
    y = np.linspace(0, 1, HEIGHT)[:, None]
    fade = np.clip((y - top) / 0.12, 0, 1) * np.clip((bottom - y) / 0.25, 0, 1)
    return blend(canvas, rgb(colour), np.clip((field - low) / 0.35, 0, 1) * fade * amount)


def below(line):
    return np.clip(np.arange(HEIGHT)[:, None] - line[None, :] * HEIGHT + 0.5, 0, 1)


def ridges(canvas, rng, layers):
    """Layers from far to near: (height of the crest, roughness, colour at the crest, colour of the mist at its foot)."""
    y = np.linspace(0, 1, HEIGHT)[:, None]
    for height, rough, crest, foot in layers:
        line = height + rough * noise_1d(rng)
        depth = np.clip((y - line[None, :]) / 0.28, 0, 1)[..., None]
        canvas = canvas + below(line)[..., None] * (rgb(crest) * (1 - depth) + rgb(foot) * depth - canvas)
    return canvas


def trees(canvas, rng, height, colour, size=0.05, count=260):
    """A row of firs: a ground line with a saw of narrow triangles on it."""
    ground = height + 0.02 * noise_1d(rng, octaves=3)
    x = np.arange(WIDTH)
    line = ground.copy()
    for _ in range(count):
        centre, tall = rng.uniform(0, WIDTH), size * rng.uniform(0.35, 1.0)
        slope = tall / (WIDTH * 0.0085 * rng.uniform(0.8, 1.3))
        teeth = 0.004 * np.abs(((np.abs(x - centre) / 3.5) % 2) - 1)
        base = ground[int(centre)]
        line = np.minimum(line, np.where(np.abs(x - centre) * slope < tall, base - tall + np.abs(x - centre) * slope + teeth, 1))
    return blend(canvas, rgb(colour), below(line))


def water(canvas, rng, horizon, tint, strength=0.35, ripple=0.012):
    """Mirrors what is above the horizon, shaken more towards the viewer."""
    top = int(horizon * HEIGHT)
    rows = np.arange(HEIGHT - top)
    shake = ripple * HEIGHT * noise_2d(rng, cells=(40, 5), octaves=3)[top:] * (0.2 + rows / rows.max())[:, None]
    source_y = np.clip(top - 1 - rows[:, None] * 0.82 - shake * 3 + ripple * HEIGHT, 0, top - 1).astype(int)
    source_x = np.clip(np.arange(WIDTH)[None, :] + shake * 2, 0, WIDTH - 1).astype(int)
    mirrored = canvas[source_y, source_x]
    canvas = canvas.copy()
    canvas[top:] = mirrored * (1 - strength) + rgb(tint) * strength
    return canvas


def glitter(canvas, rng, horizon, centre, colour, width=0.05):
    """The road of light that a low sun lays on water."""
    top = int(horizon * HEIGHT)
    y, x = np.mgrid[0 : HEIGHT - top, 0:WIDTH]
    reach = width * WIDTH * (0.35 + 1.6 * y / HEIGHT)
    band = np.exp(-(((x - centre * WIDTH) / reach) ** 2))
    sparkle = np.clip((noise_2d(rng, cells=(90, 24), octaves=3)[top:] - 0.45) * 4, 0, 1)
    light = band * (0.25 + 0.75 * sparkle) * 0.85
    canvas = canvas.copy()
    canvas[top:] = blend(canvas[top:], rgb(colour), light)
    return canvas


def stars(canvas, rng, count, bottom=0.6):
    picture = Image.new("L", (WIDTH * 2, HEIGHT * 2))
    pen = ImageDraw.Draw(picture)
    for _ in range(count):
        x, y = rng.uniform(0, WIDTH * 2), rng.uniform(0, HEIGHT * 2 * bottom)
        r, light = rng.choice([0.8, 1.2, 2.0], p=[0.7, 0.25, 0.05]), int(rng.uniform(90, 255))
        pen.ellipse((x - r, y - r, x + r, y + r), fill=light)
    mask = np.asarray(picture.resize((WIDTH, HEIGHT), Image.LANCZOS)) / 255
    return blend(canvas, rgb("#fdf6e6"), mask)


def aurora(canvas, rng, curtains):
    y = np.arange(HEIGHT)[:, None] / HEIGHT
    for base, tall, colour, strength in curtains:
        foot = base + 0.09 * noise_1d(rng, octaves=4, start=2)
        rays = 0.55 + 0.45 * noise_1d(rng, octaves=6, start=24, fall=0.7)
        up = (foot[None, :] - y) / tall
        light = np.where(up > 0, np.exp(-up * 2.4) * np.clip(up * 14, 0, 1), 0) * np.clip(rays, 0, None)[None, :] * strength
        canvas = canvas + np.clip(light, 0, 1)[..., None] * (rgb(colour) - canvas).clip(0)
    return canvas


def skyline(canvas, rng, ground, colour, tallest, lights, lit=0.4):
    mask = Image.new("L", (WIDTH, HEIGHT))
    lamps = Image.new("L", (WIDTH, HEIGHT))
    walls, windows = ImageDraw.Draw(mask), ImageDraw.Draw(lamps)
    x = -20
    while x < WIDTH:
        wide = int(rng.uniform(34, 96))
        bump = np.exp(-(((x - WIDTH * 0.58) / (WIDTH * 0.25)) ** 2))
        top = int(HEIGHT * (ground - tallest * (0.2 + 0.8 * bump) * rng.uniform(0.45, 1)))
        walls.rectangle((x, top, x + wide, HEIGHT), fill=255)
        if rng.uniform() < 0.25:
            walls.rectangle((x + wide // 2, top - 34, x + wide // 2 + 2, top), fill=255)
        for wy in range(top + 10, int(HEIGHT * ground) - 8, 13):
            for wx in range(x + 6, x + wide - 8, 11):
                if rng.uniform() < lit:
                    windows.rectangle((wx, wy, wx + 4, wy + 6), fill=int(rng.uniform(120, 255)))
        x += wide + int(rng.uniform(-6, 8))
    canvas = blend(canvas, rgb(colour), np.asarray(mask) / 255)
    sharp = np.asarray(lamps) / 255
    soft = np.asarray(lamps.filter(ImageFilter.GaussianBlur(5))) / 255
    return blend(canvas, rgb(lights), np.clip(sharp * 0.85 + soft * 0.7, 0, 1))


def rain(canvas, rng, count=500, colour="#dfe7ee", strength=0.2):
    picture = Image.new("L", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(picture)
    for _ in range(count):
        x, y, far = rng.uniform(-40, WIDTH), rng.uniform(-60, HEIGHT), rng.uniform(18, 60)
        pen.line((x, y, x + far * 0.2, y + far), fill=int(rng.uniform(60, 255)))
    return blend(canvas, rgb(colour), np.asarray(picture.filter(ImageFilter.GaussianBlur(0.8))) / 255 * strength)


def swell(rng, waves):
    """A smooth line out of a few sine waves, the longest the tallest."""
    x = np.linspace(0, 1, WIDTH)
    return sum(np.sin((x * n + rng.uniform()) * 2 * np.pi) / n for n in waves)


def dunes(canvas, rng, layers):
    """Sand: each crest has a sunny side to the left of its wandering ridge, and a shady one to the right."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / np.array([HEIGHT, WIDTH])[:, None, None]
    for height, rough, light, shade in layers:
        line = height + rough * swell(rng, (0.9, 1.7, 3.1))
        depth = np.clip((y - line[None, :]) / 0.35, 0, 1)
        edge = rng.uniform(0.35, 0.6) + 0.3 * depth + 0.06 * np.sin(depth * 9 + rng.uniform(0, 6))
        side = np.clip((x - edge) * 14 * (1 - 0.75 * depth) + 0.5, 0, 1)[..., None] * (1 - 0.55 * depth[..., None])
        sand = rgb(light) * (1 - side) + rgb(shade) * side
        canvas = canvas + below(line)[..., None] * (sand * (1 - 0.25 * depth[..., None]) - canvas)
    return canvas


def first_light(rng):
    c = gradient([(0, "#2c4a6e"), (0.35, "#c08a8a"), (0.55, "#f6c68b"), (1, "#fbe3b5")])
    c = disc(glow(c, (0.66, 0.5), 0.32, "#fff0c8"), (0.66, 0.49), 0.022, "#fffaf0")
    c = clouds(c, rng, "#f0b9a0", bottom=0.45, amount=0.5)
    return ridges(c, rng, [(0.52, 0.09, "#b98f94", "#e8c0a2"), (0.6, 0.08, "#8b7488", "#cf9f96"), (0.69, 0.07, "#5c5872", "#9a7d88"), (0.8, 0.06, "#343a54", "#5f5a73"), (0.92, 0.04, "#1a2135", "#232a40")])


def blue_hour(rng):
    c = stars(gradient([(0, "#0d1b34"), (0.45, "#36588a"), (0.65, "#93a9c8"), (1, "#c9cfdc")]), rng, 260, 0.35)
    return ridges(c, rng, [(0.46, 0.13, "#7f98bd", "#b7c4da"), (0.58, 0.1, "#54719b", "#8fa5c4"), (0.7, 0.08, "#2f4a72", "#5c789f"), (0.85, 0.05, "#142541", "#24395b")])


def firs(rng):
    c = gradient([(0, "#b8c6c4"), (0.5, "#dfe3dc"), (1, "#aeb9b4")])
    c = ridges(c, rng, [(0.36, 0.09, "#a9bab8", "#dbe1db")])
    c = trees(c, rng, 0.56, "#8da29f", 0.07)
    c = clouds(c, rng, "#e6e9e3", low=0.4, top=0.4, bottom=0.95, amount=0.9)
    c = trees(c, rng, 0.74, "#55706c", 0.12, 200)
    c = clouds(c, rng, "#dfe4de", low=0.52, top=0.55, bottom=1.1, amount=0.7)
    return trees(c, rng, 0.97, "#1d302e", 0.2, 130)


def sand(rng):
    c = gradient([(0, "#3f6f9a"), (0.5, "#a9c4d0"), (0.62, "#f2dcb6"), (1, "#f2dcb6")])
    return dunes(c, rng, [(0.55, 0.035, "#efcf9f", "#cf9d6c"), (0.64, 0.05, "#ecbb80", "#b1713f"), (0.8, 0.07, "#e0a060", "#84492a")])


def low_sun(rng):
    c = gradient([(0, "#23395d"), (0.3, "#b5657a"), (0.5, "#ffb36b"), (0.55, "#ffd9a0"), (1, "#ffd9a0")])
    c = clouds(c, rng, "#ff9d7a", low=0.48, bottom=0.52, amount=0.7, stretch=(9, 2))
    c = disc(glow(c, (0.4, 0.5), 0.3, "#fff1cc"), (0.4, 0.5), 0.032, "#fffbe8")
    c = water(c, rng, 0.56, "#3a3f66", 0.28)
    return glitter(c, rng, 0.56, 0.4, "#ffe7b4")


def grey_sea(rng):
    c = gradient([(0, "#6f8291"), (0.45, "#b9c4c9"), (0.55, "#d5dadb"), (1, "#d5dadb")])
    c = clouds(c, rng, "#566775", low=0.42, bottom=0.6, amount=0.75, stretch=(7, 3))
    c = ridges(c, rng, [(0.53, 0.022, "#8a9aa5", "#9fadb5")])
    c = water(c, rng, 0.57, "#4c6270", 0.5, 0.02)
    c = ridges(c, rng, [(0.93, 0.06, "#28323a", "#1b2328")])
    return rain(c, rng)


def islands(rng):
    c = gradient([(0, "#5b9cc9"), (0.35, "#a8d3e4"), (0.5, "#e9f2ee"), (1, "#e9f2ee")])
    c = clouds(c, rng, "#ffffff", low=0.52, bottom=0.5, amount=0.9)
    c = ridges(c, rng, [(0.49, 0.06, "#8fb3c2", "#bcd5db"), (0.535, 0.055, "#5d8a94", "#7fa8ac")])
    return water(c, rng, 0.58, "#1f6f86", 0.42, 0.008)


def moonrise(rng):
    c = stars(gradient([(0, "#070d1c"), (0.5, "#1c2f52"), (0.58, "#43567a"), (1, "#43567a")]), rng, 420, 0.5)
    c = disc(glow(c, (0.7, 0.34), 0.16, "#a9bbda", 0.75), (0.7, 0.34), 0.026, "#fdf4dc")
    c = ridges(c, rng, [(0.55, 0.03, "#17233d", "#1d2b49")])
    c = water(c, rng, 0.6, "#0a1222", 0.42)
    return glitter(c, rng, 0.6, 0.7, "#dfe6f2", 0.03)


def north(rng):
    c = stars(gradient([(0, "#050b18"), (0.6, "#10263a"), (1, "#1b3a48")]), rng, 600, 0.65)
    c = aurora(c, rng, [(0.5, 0.42, "#4ef0a6", 0.95), (0.4, 0.34, "#55d6d0", 0.6), (0.34, 0.3, "#b28cff", 0.4)])
    c = ridges(c, rng, [(0.66, 0.06, "#0d2230", "#16303c")])
    c = water(c, rng, 0.76, "#06131c", 0.35)
    return trees(c, rng, 0.99, "#02070b", 0.13, 150)


def late_train(rng):
    c = gradient([(0, "#141432"), (0.4, "#4a2f5f"), (0.62, "#d0705f"), (0.72, "#ffb070"), (1, "#ffb070")])
    c = clouds(c, rng, "#7b3f66", low=0.45, bottom=0.65, amount=0.7, stretch=(9, 2))
    c = skyline(c, rng, 0.78, "#4c3156", 0.3, "#ffcf8a", 0.12)
    c = skyline(c, rng, 0.78, "#1b1530", 0.42, "#ffd58c", 0.34)
    return glitter(water(c, rng, 0.78, "#120d22", 0.3, 0.01), rng, 0.78, 0.58, "#ffb67a", 0.08)


def milky_way(rng):
    c = stars(gradient([(0, "#04060f"), (0.7, "#16213a"), (1, "#3a3f55")]), rng, 900, 0.85)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    band = np.exp(-((((x / WIDTH - 0.25) * 0.75 + (y / HEIGHT - 0.75) * 0.65) / 0.13) ** 2))
    c = blend(c, rgb("#b9a9c9"), band * noise_2d(rng, (5, 7)) ** 1.6 * 0.75)
    c = stars(c, rng, 500, 0.85)
    c = glow(c, (0.2, 0.95), 0.3, "#e8a867", 0.5)
    return ridges(c, rng, [(0.8, 0.07, "#131a2b", "#1a2236"), (0.9, 0.05, "#070b14", "#0a0f1a")])


def snowfall(rng):
    c = gradient([(0, "#222c42"), (0.55, "#56657f"), (1, "#8a97ab")])
    c = ridges(c, rng, [(0.46, 0.08, "#4b5a75", "#6b7a93")])
    c = trees(c, rng, 0.62, "#33435c", 0.12, 220)
    c = skyline(c, rng, 0.68, "#202b40", 0.07, "#ffd08a", 0.4)
    c = ridges(c, rng, [(0.68, 0.012, "#a9b7cd", "#c9d4e4"), (0.8, 0.03, "#cbd6e6", "#eef2f8")])
    c = trees(c, rng, 1.06, "#131c2b", 0.34, 26)
    return blend(c, rgb("#ffffff"), np.asarray(stars(np.zeros_like(c), rng, 1500, 1.0))[..., 0] / 255 * 0.9)


PICTURES = {
    "mountains-first-light": (first_light, 11),
    "mountains-blue-hour": (blue_hour, 24),
    "mountains-firs": (firs, 33),
    "mountains-sand": (sand, 45),
    "coast-low-sun": (low_sun, 51),
    "coast-grey-sea": (grey_sea, 62),
    "coast-islands": (islands, 73),
    "coast-moonrise": (moonrise, 84),
    "night-north": (north, 95),
    "night-late-train": (late_train, 106),
    "night-milky-way": (milky_way, 117),
    "night-snowfall": (snowfall, 128),
}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, (draw, seed) in PICTURES.items():
        pixels = draw(np.random.default_rng(seed)).clip(0, 255).astype("uint8")
        picture = Image.fromarray(pixels)
        picture.save(OUT / f"{name}.jpg", quality=76, optimize=True, progressive=True)
        picture.resize(THUMB, Image.LANCZOS).save(OUT / f"{name}-small.jpg", quality=74, optimize=True, progressive=True)
    share = Image.open(OUT / "coast-low-sun.jpg").resize((180, 120)).crop((30, 0, 150, 120)).resize((180, 180))
    share.quantize(64).save(OUT / "icon.png", optimize=True)


if __name__ == "__main__":
    main()
