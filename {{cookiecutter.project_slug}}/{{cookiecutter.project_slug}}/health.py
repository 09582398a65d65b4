"""How fresh the data are, as `/healthz`, `/readyz` and the status line of a page say it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from .setting import Settings
from .store import Store, now_utc


@dataclass(frozen=True)
class Health:
    """The state of the data at one moment."""

    version: int | None
    age_seconds: float | None
    status: Literal["loading", "live", "stale", "error"]
    error: str


def check(settings: Settings, store: Store, now: datetime) -> Health:
    """Judge the newest snapshot: before the first one loading, then stale by its age, or live.

    A failing refresh makes it an error; data too old are stale whether or not a refresh fails.
    """
    snapshot, error = store.latest(), store.status().error
    if snapshot is None:
        return Health(None, None, "error" if error else "loading", error)
    age = max((now - snapshot.created).total_seconds(), 0.0)
    stale = age > settings.stale_after.total_seconds()
    return Health(snapshot.version, age, "stale" if stale else "error" if error else "live", error)


def blueprint(settings: Settings, store: Store) -> Blueprint:
    """Make the routes for those who watch the server."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return "ok", {"Content-Type": "text/plain"}

    @routes.get("/readyz")
    def readyz() -> ResponseReturnValue:
        health = check(settings, store, now_utc())
        fresh = health.version is not None and health.status != "stale"
        return jsonify(health), 200 if fresh else 503

    return routes
