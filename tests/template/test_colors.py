"""The colors of the series as color-blind viewers see them."""

import math
import re
from itertools import combinations
from pathlib import Path

import pytest

from helpers.rendering import TEMPLATE

SLUG = "{{cookiecutter.project_slug}}"
# The matrices of Machado, Oliveira and Fernandes (2009) for people who lack one kind of cone.
SEEN = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
XYZ = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]


def product(matrix: list[list[float]], vector: list[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def lab(color: str, seen: list[list[float]]) -> list[float]:
    """Return the CIELAB coordinates of a color as a viewer sees it."""
    parts = [int(color[it : it + 2], 16) / 255 for it in (1, 3, 5)]
    linear = [it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts]
    visible = [min(max(it, 0), 1) for it in product(seen, linear)]
    white = product(XYZ, [1, 1, 1])
    x, y, z = (math.cbrt(a / b) for a, b in zip(product(XYZ, visible), white, strict=True))
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


def palette(pattern: str) -> list[str]:
    """Return the colors in the part of engineering.py that matches a pattern."""
    text = Path(TEMPLATE / SLUG / SLUG / "engineering.py").read_text("utf-8")
    return re.findall(r'"(#\w{6})"', re.findall(pattern, text, re.S | re.M)[0])


SERIES = palette(r"^COLORS = \[.*?\]")
STATES = [*palette(r"^WARN, CRITICAL = .*?$"), *palette(r"^STATES = \[.*?\]")]


@pytest.mark.parametrize("colors", [SERIES, STATES], ids=["series", "states"])
@pytest.mark.parametrize("viewer", SEEN)
def test_color_blind_viewers_can_tell_any_two_colors_apart(viewer: str, colors: list[str]) -> None:
    assert len(colors) >= 8
    places = {color: lab(color, SEEN[viewer]) for color in colors}
    for one, other in combinations(colors, 2):
        assert math.dist(places[one], places[other]) > 8, (one, other)


def luminance(color: str) -> float:
    parts = [int(color[it : it + 2], 16) / 255 for it in (1, 3, 5)]
    linear = [it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts]
    return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("color", STATES)
def test_states_stand_out_on_both_backgrounds(color: str) -> None:
    css = Path(TEMPLATE / SLUG / SLUG / "assets" / "css-theme.css").read_text("utf-8")
    light, dark = re.findall(r"--panel: light-dark\((#\w{6}), (#\w{6})\)", css)[0]
    for background in (light, dark):
        low, high = sorted((luminance(color), luminance(background)))
        assert (high + 0.05) / (low + 0.05) >= 3
