"""Apply the answers to the rendered files, and print the next commands."""

import json
import math
import random
import secrets
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")
PROJECT = Path.cwd()
CHOICES = PROJECT / "choices"
THEMES = {"auto": "light dark", "light": "light", "dark": "dark"}


def rewrite(path: Path, old: str, new: str) -> None:
    """Replace text in a file. Raises ValueError if it is not there."""
    text = path.read_text("utf-8")
    if old not in text:
        raise ValueError(f"{path} does not contain {old!r}: the template and its hook do not match")
    path.write_text(text.replace(old, new), "utf-8", newline="\n")


def wire(prompt: str) -> None:
    """Move the files of the chosen answer into the project; append its config.toml."""
    answer = {True: "yes", False: "no"}.get(ANSWERS[prompt], ANSWERS[prompt])
    chosen = CHOICES / prompt.lstrip("_") / answer
    for file in filter(Path.is_file, chosen.rglob("*")):
        target = PROJECT / file.relative_to(chosen)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.name == "config.toml":
            with target.open("a", encoding="utf-8", newline="\n") as config:
                config.write(file.read_text("utf-8"))
        else:
            file.replace(target)


def make_sales(path: Path) -> None:
    """Create the database for `source = sql`: two weeks of sales in three shops, up to now."""
    rng, now, rows = random.Random(7), datetime.now(UTC), []
    for back in reversed(range(14 * 24)):
        hour = now - timedelta(hours=back)
        day = 1 - math.cos(hour.hour / 12 * math.pi)  # lowest at midnight, highest at noon
        for shop, base, size in (("downtown", 5, 90), ("airport", 60, 30), ("online", 90, 40)):
            revenue = (base + size * day) * rng.gauss(1, 0.06)
            rows.append((f"{hour:%Y-%m-%d %H:00:00}", shop, round(revenue, 2)))
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE sales (hour TEXT, shop TEXT, revenue REAL)")
        database.executemany("INSERT INTO sales VALUES (?, ?, ?)", rows)


def make_readings(path: Path) -> None:
    """Create the file for `source = csv`: two days of plant readings, five minutes apart."""
    rng, now = random.Random(7), datetime.now(UTC)
    now = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
    drift, rows = [0.0, 0.0], ["time,series,value"]
    for back in reversed(range(2 * 24 * 12 + 1)):
        time = now - timedelta(minutes=5 * back)
        hour = time.hour + time.minute / 60
        day = -math.cos((hour - 2) / 12 * math.pi)  # coolest at two in the morning
        drift = [0.96 * it + rng.gauss(0, 0.55) for it in drift]
        output = 1030 if 6 <= hour < 22 else 330  # two shifts
        for series, value in (
            ("line_1", f"{63 + 5 * day + drift[0]:.1f}"),
            ("line_2", f"{63 + 5.5 * day + drift[1]:.1f}"),
            ("pressure", f"{6.5 + day / 4 + rng.gauss(0, 0.04):.2f}"),
            ("output", f"{output + rng.gauss(0, 35):.0f}"),
        ):
            rows.append(f"{time:%Y-%m-%dT%H:%M:%SZ},{series},{value}")
    path.parent.mkdir()
    path.write_text("\n".join(rows) + "\n", "utf-8", newline="\n")


def main() -> None:
    """Apply all answers, delete the rest, and print the next commands."""
    for prompt in ("source", "pages", "license", "docker", "github_actions"):
        wire(prompt)
    shutil.rmtree(CHOICES)

    slug = ANSWERS["project_slug"]
    theme = PROJECT / slug / "assets" / "css-theme.css"
    rewrite(theme, "color-scheme: light dark;", f"color-scheme: {THEMES[ANSWERS['theme']]};")

    if ANSWERS["source"] == "sql":
        make_sales(PROJECT / "data" / "sales.db")
    if ANSWERS["source"] == "csv":
        make_readings(PROJECT / "data" / "readings.csv")
        rewrite(PROJECT / slug / "preprocess.py", 'mode="append"', 'mode="replace"')

    environment = PROJECT / ".env"
    shutil.copyfile(PROJECT / ".env.example", environment)
    rewrite(environment, "change-me", secrets.token_urlsafe(32))
    environment.chmod(0o600)

    print(f"""
{slug} is ready, with its settings in config.toml and a new secret in .env. Next:

    cd {slug}
    uv run python -m {slug}.server

or, without uv: python -m pip install -e . and then python -m {slug}.server
The dashboard will be at http://127.0.0.1:8050. README.md explains what to edit.""")


main()
