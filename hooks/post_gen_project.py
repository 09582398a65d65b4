"""Wire the config files and static assets by the answers, and say what to do next."""

import json
import secrets
import shutil
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")
PROJECT = Path.cwd()
CHOICES = PROJECT / "choices"
THEMES = {"auto": "light dark", "light": "light", "dark": "dark"}


def rewrite(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text("utf-8")
    if old not in text:
        raise ValueError(f"{path} does not hold {old!r}: the template and its hook do not fit")
    path.write_text(text.replace(old, new), "utf-8", newline="\n")


def wire(prompt: str) -> None:
    """Lay the files of the chosen answer over the project; add its config.toml to the one there."""
    answer = {True: "yes", False: "no"}.get(ANSWERS[prompt], ANSWERS[prompt])
    chosen = CHOICES / prompt / answer
    for file in filter(Path.is_file, chosen.rglob("*")):
        target = PROJECT / file.relative_to(chosen)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.name == "config.toml":
            with target.open("a", encoding="utf-8", newline="\n") as config:
                config.write(file.read_text("utf-8"))
        else:
            file.replace(target)


def main() -> None:
    """Wire everything, drop what was not asked for, and print the next commands."""
    for prompt in ("source", "pages", "license", "docker", "github_actions"):
        wire(prompt)
    shutil.rmtree(CHOICES)

    slug = ANSWERS["project_slug"]
    theme = PROJECT / slug / "assets" / "css-theme.css"
    rewrite(theme, "color-scheme: light dark;", f"color-scheme: {THEMES[ANSWERS['theme']]};")

    environment = PROJECT / ".env"
    shutil.copyfile(PROJECT / ".env.example", environment)
    rewrite(environment, "change-me", secrets.token_urlsafe(32))
    environment.chmod(0o600)

    print(f"""
{slug} is ready, with its settings in config.toml and a new secret in .env. Next:

    cd {slug}
    uv run python -m {slug}.server

or, without uv: python -m pip install -e . and then python -m {slug}.server
The dashboard is then at http://127.0.0.1:8050, and README.md says what to change.""")


main()
