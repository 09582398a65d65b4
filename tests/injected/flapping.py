"""A standalone schedule whose series change when a file says so: flapping.py PACKAGE FILE."""

import importlib
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pydantic_settings import SettingsConfigDict

PACKAGE, FILE = sys.argv[1], Path(sys.argv[2])
engine: Any = importlib.import_module(f"{PACKAGE}.engine")
cli: Any = importlib.import_module(f"{PACKAGE}.engine.serve.cli")


class Source(engine.Section):
    """The section `[source]`, which is empty."""


class Settings(engine.Settings[Source]):
    model_config = SettingsConfigDict(env_prefix="FLAPPING__")


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return how often each series has changed."""
    counts = json.loads(FILE.read_text("utf-8"))
    times = pd.Timestamp.now("UTC")
    columns = {"time": times, "series": list(counts), "value": list(counts.values())}
    return {"readings": pd.DataFrame(columns)}


def conditions(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return a condition for each series: after an odd number of changes, it is critical."""
    newest = tables["readings"].groupby("series", observed=True)["value"].last()
    return {
        name: engine.Condition("critical" if count % 2 else "ok", f"{name}#{count:.0f}")
        for name, count in newest.items()
    }


columns = {
    "time": pa.Column(engine.UTC),
    "series": pa.Column(engine.TEXT),
    "value": pa.Column(float),
}
schema = pa.DataFrameSchema(columns, coerce=True, strict=True)
tables = {"readings": engine.Table(schema, ("time", "series"), "append")}
pipeline = engine.Pipeline(read, dict, tables)
dashboard = engine.Dashboard("flapping", Settings, pipeline, conditions=conditions)
sys.exit(cli.refresh(dashboard, ["--config", str(FILE.with_name("config.toml"))]))
