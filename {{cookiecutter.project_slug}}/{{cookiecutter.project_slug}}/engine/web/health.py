"""`/healthz` and `/readyz`, for monitors."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from ..data import freshness
from ..data.snapshot import now_utc
from ..data.store import Store
from ..settings import AnySettings


def blueprint(settings: AnySettings, store: Store) -> Blueprint:
    """Create the monitoring routes."""
    routes = Blueprint("health", __name__)

    def healthz() -> ResponseReturnValue:
        return "ok", {"Content-Type": "text/plain"}

    for prefix in {"/", settings.server.url_prefix}:  # a proxy passes on only paths below it
        routes.add_url_rule(f"{prefix}healthz", "healthz", healthz)

    @routes.get("/readyz")
    def readyz() -> ResponseReturnValue:
        state = freshness.check(settings, store, now_utc())
        facts = {
            "version": state.version,
            "age_seconds": state.age_seconds,
            "status": state.status,
            "error": state.error or state.stale,
            "refreshed": state.refreshed.isoformat() if state.refreshed else None,
        }
        return jsonify(facts), 200 if state.ready else 503

    return routes
