"""Reject an unusable folder or answer before any file is written."""

import json
import keyword
import re
import sys
import unicodedata
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")

FOLDERS = {"choices", "data", "deploy", "dist", "docs", "logs", "store", "test", "tests"}
# Import and distribution names of the dependencies of a project and of cruft, which
# `uv run --with cruft` imports alongside the project.
DEPENDENCIES = set(
    """
    aiosmtpd annotated_doc annotated_types anyio apprise arrow ast_serialize async_timeout
    atpublic attr attrs backports backports_zstd binaryornot blinker brotli brotlicffi cachetools
    certifi cffi cfgv charset_normalizer click cloudpickle colorama comm cookiecutter coredis
    cronsim cruft dash dash_ag_grid dask dateutil distlib distributed distutils dotenv filelock
    flask flask_compress fsspec git gitdb gitpython greenlet gunicorn h11 h2 hatchling httpcore
    httpx identify idna importlib_metadata iniconfig itsdangerous janus jinja2 jwt lazy_importer
    librt locket lz4 markdown markdown_it markdown_it_py markupsafe mdurl msgpack mypy
    mypy_extensions mypyc narwhals nest_asyncio nodeenv numpy oauthlib orjson packaging pandas
    pandera partd pathspec pebble pip platformdirs plotly pluggy pre_commit prometheus_client
    psutil psycopg psycopg_binary public py pyarrow pycparser pydantic pydantic_core
    pydantic_settings pygments pyjwt pytest python_calamine python_dateutil python_discovery
    python_dotenv python_json_logger python_slugify pythonjsonlogger pytz pyyaml redis requests
    requests_oauthlib retrying rich ruff schedule setuptools shellingham six slugify smmap sniffio
    sortedcontainers sqlalchemy tblib text_unidecode time_machine tlz tomlkit toolz tornado
    tsdownsample typeguard typer types_psutil typing_extensions typing_inspect typing_inspection
    tzdata tzlocal urllib3 uv virtualenv waitress werkzeug xxhash yaml zict zipp zstandard
    """.split()
)
DEVICES = {"aux", "con", "nul", "prn"} | {f"{it}{n}" for it in ("com", "lpt") for n in range(1, 10)}


def refuse(answer: str, rule: str) -> None:
    """Exit with a message that names the answer and the rule."""
    sys.exit(f"{answer} = {ANSWERS[answer]!r} cannot be used: {rule}.")


def refuse_existing_files() -> None:
    """Reject a folder that contains anything but .git: `-f` would overwrite it."""
    found = sorted(it.name for it in Path.cwd().iterdir() if it.name != ".git")
    if found:
        sys.exit(
            f"The folder {Path.cwd()} is not empty (it contains {found[0]!r}), and its files would "
            "be overwritten: choose another project_slug or --output-dir. To update an existing "
            "project, use `cruft update`; see its docs/updating.md."
        )


def main() -> None:
    """Check the folder and every answer."""
    refuse_existing_files()
    slug = ANSWERS["project_slug"]
    if not re.fullmatch(r"[a-z]([a-z0-9_]{0,38}[a-z0-9])?", slug):
        refuse(
            "project_slug",
            "a package's name has at most 40 lower-case letters, digits and _, "
            "starts with a letter and does not end with _",
        )
    if keyword.iskeyword(slug) or keyword.issoftkeyword(slug):
        refuse("project_slug", "it is a Python keyword, which cannot be the name of a package")
    if slug in sys.stdlib_module_names:
        refuse("project_slug", "it would shadow the standard library module of that name")
    if slug in FOLDERS:
        refuse("project_slug", "it is the name of one of the project's folders")
    if re.sub("_+", "_", slug) in DEPENDENCIES:  # pip and uv compare names like this
        refuse("project_slug", "it is the name of a dependency of the project")
    if slug in DEVICES:
        refuse("project_slug", "Windows reserves it for a device")
    for answer in ("project_name", "description", "author_name"):
        if any(unicodedata.category(it) in ("Cc", "Cs", "Zl", "Zp") for it in ANSWERS[answer]):
            refuse(answer, "it must not contain control characters, such as line breaks")
        if not ANSWERS[answer].strip():
            refuse(answer, "it must not be empty")
    if not re.fullmatch(r"[\w.+'-]+@[\w-]+(\.[\w-]+)*", ANSWERS["author_email"], re.ASCII):
        refuse("author_email", "an e-mail address looks like name@example.com")


main()
