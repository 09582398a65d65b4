"""Refuse answers that would render a broken project, before any file of it is written."""

import json
import keyword
import re
import sys
import unicodedata

ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")

# The names of the rendered project's own folders, of what it depends on, and of Windows' devices.
TAKEN = set(
    """
    choices data deploy dist docs logs store test tests
    annotated_types anyio ast_serialize backports blinker brotli cachetools certifi cfgv
    charset_normalizer click cloudpickle comm coredis dash dash_ag_grid dask dateutil distlib
    distributed distutils dotenv filelock flask flask_compress fsspec greenlet gunicorn h11 h2
    hatchling httpcore httpx identify idna importlib_metadata iniconfig itsdangerous janus jinja2
    jwt lazy_importer librt locket lz4 markupsafe msgpack mypy mypy_extensions mypyc narwhals
    nest_asyncio nodeenv numpy orjson packaging pandas pandera partd pathspec pebble pip
    platformdirs plotly pluggy pre_commit prometheus_client psutil psycopg psycopg_binary py
    pyarrow pydantic pydantic_core pygments pyjwt pytest pythonjsonlogger pytz
    redis requests retrying ruff schedule setuptools six sniffio sortedcontainers sqlalchemy tblib
    time_machine tlz toolz tornado tsdownsample typeguard typing_extensions typing_inspect
    typing_inspection tzdata tzlocal urllib3 uv virtualenv waitress werkzeug xxhash yaml zict zipp
    aux con nul prn com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4
    """.split()
)


def refuse(answer: str, rule: str) -> None:
    """Stop with a sentence that names the answer and the rule."""
    sys.exit(f"{answer} = {ANSWERS[answer]!r} cannot be used: {rule}.")


def main() -> None:
    """Check every answer."""
    slug = ANSWERS["project_slug"]
    if not re.fullmatch(r"[a-z]([a-z0-9_]{0,38}[a-z0-9])?", slug):
        refuse(
            "project_slug",
            "a package's name has at most 40 lower-case letters, digits and _, "
            "starts with a letter and does not end with _",
        )
    if keyword.iskeyword(slug) or keyword.issoftkeyword(slug):
        refuse("project_slug", "it is a keyword of Python, which no package can be called")
    if slug in sys.stdlib_module_names:
        refuse("project_slug", "it would hide the standard library's module of that name")
    if slug in TAKEN:
        refuse(
            "project_slug",
            "a folder or dependency of the project, or a Windows device, is called so",
        )
    for answer in ("project_name", "description", "author_name"):
        if any(unicodedata.category(it) in ("Cc", "Cs", "Zl", "Zp") for it in ANSWERS[answer]):
            refuse(answer, "it must have no control characters, such as line breaks")
        if not ANSWERS[answer].strip():
            refuse(answer, "it must not be empty")
    if not re.fullmatch(r"[\w.+'-]+@[\w-]+(\.[\w-]+)*", ANSWERS["author_email"], re.ASCII):
        refuse("author_email", "an e-mail address looks like name@example.com")


main()
