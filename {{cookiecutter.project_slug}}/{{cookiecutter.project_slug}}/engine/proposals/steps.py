"""Proposes settings for a source, and writes them."""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ..config import env_file
from ..config.types import FOLDER, SettingError
from ..data.snapshot import now_utc
from ..settings import AnySettings
from .discover import discover
from .propose import Proposal
from .write import as_toml, series_csv, update_config

AnySection = TypeVar("AnySection", bound=BaseModel)


def propose(settings: AnySettings, location: str) -> Proposal:
    """Return a proposal for a location, or for what is set."""
    folder, history = settings.config.parent, settings.refresh.history
    return discover(settings.source, location, folder, history, now_utc())


def apply(settings: AnySettings, proposal: Proposal) -> AnySettings:
    """Return the settings with a proposal. Raises SettingError."""
    token = FOLDER.set(settings.config.parent)
    try:
        changed = {
            "source": _updated(settings.source, proposal.source, proposal.replaced),
            "refresh": _updated(settings.refresh, proposal.refresh),
            "app": _updated(settings.app, proposal.app),
        }
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SettingError(f"This cannot be set as it is: {said}.") from None
    finally:
        FOLDER.reset(token)
    return settings.model_copy(update=changed)


def _updated(
    section: AnySection, keys: dict[str, object], replaced: frozenset[str] = frozenset()
) -> AnySection:
    kept = section.model_dump(exclude={*replaced, *keys})
    return type(section).model_validate({**kept, **keys}) if keys else section


def show(proposal: Proposal) -> str:
    """Return a proposal as text: the settings, what is unsure, and what was assumed."""
    remarks = [f"Unsure: {it}." for it in proposal.questions]
    remarks += [f"Note: {it}." for it in proposal.notes]
    return "\n\n".join(["Proposed settings:", as_toml(proposal), "\n".join(remarks), ""])


def write(settings: AnySettings, series: Path, proposal: Proposal, names: list[str]) -> str:
    """Write config.toml and series.csv; return what was done, and which variables still win."""
    config = settings.config
    update_config(config, proposal)
    done = [f"\n{config} was changed."]
    old = series.read_text("utf-8-sig") if series.is_file() else ""
    if (new := series_csv(old, names, proposal)) != old:
        series.parent.mkdir(parents=True, exist_ok=True)
        series.write_text(new, "utf-8", newline="\n")
        done.append(f"{series} was changed: it keeps its rows for series in the data.")
    if winning := _overrides(settings.env_prefix(), config, proposal):
        done.append(f"These take precedence over config.toml: {', '.join(winning)}. Remove them.")
    return "\n".join(done)


def _overrides(prefix: str, config: Path, proposal: Proposal) -> list[str]:
    """Return the variables of the environment and of `.env` that set a proposed key."""
    keys = {f"source__{it}" for it in (*proposal.source, *proposal.replaced)} | {"source"}
    keys |= {f"refresh__{it}" for it in proposal.refresh} | {f"app__{it}" for it in proposal.app}
    names = [it.name for it in env_file.read(config.with_name(".env"), prefix)]
    found = {name for name in [*os.environ, *names] if name.upper().startswith(prefix)}
    return sorted(
        it for it in found if "__".join(it[len(prefix) :].lower().split("__")[:2]) in keys
    )
