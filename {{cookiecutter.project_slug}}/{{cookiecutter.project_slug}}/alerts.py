"""What alerts are sent about; run as a module, it sends a test message."""

import sys

from .engine import Condition, Tables
from .engine.serve import cli


def conditions(tables: Tables) -> dict[str, Condition]:
    """Rate the newest value of each series by its limits."""
    from . import engineering  # here, so that a schedule without alerts does not load Plotly
    from .engine.figures import catalog, limits, states, units

    found, readings = {}, tables["readings"]
    values = readings.groupby("series", observed=True)["value"].last()
    series = engineering.known_series()
    for name, row in catalog.survey(readings, series, engineering.COLORS).iterrows():
        level = engineering.rate(values[name], row.warn, row.critical)
        found[name] = Condition(level, f"{row.label}: {units.with_unit(values[name], row)}")
    if "states" not in tables:
        return found
    texts = tables["states"].groupby("series", observed=True)["state"].last()
    known = catalog.listed(texts.index, series)
    for name, row in known.iterrows():
        state = texts[name]
        rated = limits.rate(state, *states.limits_of(known, name))
        found[name] = Condition(rated, f"{row.label}: {state}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Send a test message to each of `[alerts] urls`."""
    return cli.test_alerts(f"{__package__}.schedule:DASHBOARD", argv)


if __name__ == "__main__":
    sys.exit(main())
