"""Readable labels, and units that the names of columns state."""

import re

BRACKETS = re.compile(r"^(.*\S)\s*[(\[]([^()\[\]]{1,20})[)\]]\s*$")
WORDED = re.compile(r"^(.*\S) (?:in|/) (\S{1,12}|\S+ per \S+)$")
SIGN = re.compile(r"^(.*\S)\s*([$€£%])$")
ZONE = re.compile(r"(?<![a-z])(utc|gmt)(?![a-z])", re.IGNORECASE)
UNITS = {
    "celsius": "°C", "degc": "°C", "deg c": "°C", "degrees celsius": "°C", "deg_c": "°C",
    "fahrenheit": "°F", "degf": "°F", "percent": "%", "pct": "%", "degrees": "°", "deg": "°",
    "usd": "$", "eur": "€", "micrograms": "µg", "celcius": "°C",
}  # fmt: skip
SEPARATOR = " · "  # between the names that make a series


def split(name: str) -> tuple[str, str]:
    """Return a label and the unit that a name states, such as "Temp" and "°C" for "temp [°C]"."""
    found = BRACKETS.match(name) or SIGN.match(name) or WORDED.match(name)
    text, unit = (found[1], found[2].strip()) if found else (name, "")
    return label(text), sign(unit)


def sign(unit: str) -> str:
    """Return a unit as people write it: "degC" as "°C"."""
    return UNITS.get(unit.lower(), unit)


def label(name: str) -> str:
    """Return a name as people write it: `temp_max` as "Temp max"."""
    text = name
    if re.fullmatch(r"[a-z0-9_.]+", name):
        text = re.sub(r"^.*\.(?=.*[a-z])", "", name).replace("_", " ").strip() or name
    return text[:1].upper() + text[1:] if text[:1].islower() and text.islower() else text


def zone(name: str) -> str:
    """Return the time zone that a name or a unit states: UTC, or none."""
    return "UTC" if ZONE.search(name) else ""


def of_series(
    name: str, has_keys: bool, values: list[str], units: dict[str, str]
) -> tuple[str, str]:
    """Return the label and the unit of a series, named after keys or columns of values."""
    key, sep, column = name.rpartition(SEPARATOR)
    if not has_keys:
        text, unit = split(name)
        return text, sign(units.get(name, unit))
    if len(values) > 1 and sep and column in values:
        text, unit = split(column)
        return f"{key}{sep}{text}", sign(units.get(column, unit))
    value = values[0] if len(values) == 1 else ""
    return name, sign(units.get(value, split(value)[1]))
