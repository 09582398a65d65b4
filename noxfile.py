"""Nox sessions for developing the template; `uv run nox` runs all the tests."""

import json
import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "tests"]

ROOT = Path(__file__).parent
# Modules that store data or control access, and the tests that should detect a fault in each.
MUTANTS = {
    "alerts/changes": "alerting",
    "alerts/outbox": "alerting",
    "alerts/record": "alerting",
    "alerts/sender": "alerting",
    "alerts/watch": "alerting",
    "data/codec": "store damage",
    "data/division": "division",
    "data/documents": "store alerting",
    "data/file_store": "store damage",
    "data/frames": "growing merge",
    "data/freshness": "health",
    "data/growing": "growing division",
    "data/merge": "merge pipeline",
    "data/pace": "pace pipeline",
    "data/redis_store": "store damage",
    "data/segments": "segments store",
    "data/shared_state": "store damage",
    "data/shared_store": "store damage",
    "data/shown": "division",
    "data/tables": "tables times pipeline",
    "refresh/due_times": "scheduler",
    "refresh/listeners": "listeners",
    "refresh/pipeline": "pipeline scheduler",
    "refresh/scheduler": "scheduler listeners",
    "web/arguments": "arguments validation",
    "web/auth": "auth",
    "web/body_models": "validation",
    "web/credentials": "credentials auth",
    "web/csv_export": "csv_export",
    "web/fast_path": "fast_path shared_views",
    "web/health": "health auth",
    "web/operators": "operators auth",
    "web/response_cache": "response_cache shared_views bundles",
    "web/shared_views": "shared_views computations views",
    "web/validation": "validation",
    "web/views": "views shared_views",
}
WORKFLOWS = "{{cookiecutter.project_slug}}/choices/github_actions/yes/.github"
GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")


def install(session: nox.Session, group: str) -> None:
    """Install a dependency group of pyproject.toml."""
    session.install(*nox.project.dependency_groups(GROUPS, group))
    # A rendered project has its own environment; uv must not use this one instead.
    session.env.update({"UV_PROJECT_ENVIRONMENT": None, "UV_PYTHON": None, "VIRTUAL_ENV": None})
    session.env["PYTHONUTF8"] = "1"  # on Windows too


def install_debian(session: nox.Session, *programs: str, **packages: str) -> None:
    """Install missing programs as Debian packages; keywords give a package its program's name.

    Without apt-get or root, the programs must already be installed.
    """
    packages |= {program: program for program in programs}
    missing = [package for program, package in packages.items() if not shutil.which(program)]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        session.run_install("apt-get", "update", "-qq", external=True)
        session.run_install("apt-get", "install", "-yqq", *missing, external=True)
    if absent := [program for program in packages if not shutil.which(program)]:
        session.warn(f"{', '.join(absent)} not found: what needs it fails, or is skipped")


def install_browser(session: nox.Session) -> None:
    """Make sure there is a Chromium: the system's, Debian's package, or Playwright's download."""
    names = ("chromium", "chromium-browser", "google-chrome")
    if not any(map(shutil.which, names)) and shutil.which("apt-get"):
        install_debian(session, "chromium")
    if not any(map(shutil.which, names)):
        session.run_install("playwright", "install", "chromium")


def render(session: nox.Session) -> Path:
    """Render a project with the answers given as arguments."""
    install(session, "template")
    folder = Path(session.create_tmp()) / "rendered"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("cookiecutter", str(ROOT), "--no-input", "-o", str(folder), *session.posargs)
    return next(folder.iterdir())


def install_for_tests(session: nox.Session) -> None:
    """Install the tests' dependencies and the programs they use."""
    install(session, "test")
    install_browser(session)
    if os.name != "nt":  # on Windows, tests that need these are skipped
        install_debian(session, "redis-server", nginx="nginx-light", pg_ctlcluster="postgresql")


@nox.session
def lint(session: nox.Session) -> None:
    """Lint the template's own Python code, and all GitHub workflows."""
    install(session, "test")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    folders = [ROOT / ".github", ROOT / WORKFLOWS]
    session.run("zizmor", "--offline", "--quiet", *map(str, folders))
    for schema, pattern in (("github-workflows", "workflows/*.yml"), ("dependabot", "*.yml")):
        files = [str(it) for folder in folders for it in folder.glob(pattern)]
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all the tests: render, install, start and use each combination of answers."""
    install_for_tests(session)
    # With more workers than cores, servers and pages turn slow, and some tests run out of time.
    workers = str(min(os.cpu_count() or 1, 4))
    session.run("pytest", "-n", workers, "--dist", "worksteal", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Inject faults into a running server, and write the results to docs/faults.md."""
    install_for_tests(session)
    table = "--faults-table=docs/faults.md"
    session.run("pytest", "tests/stress", "-m", "faults", table, *session.posargs)


@nox.session
def long(session: nox.Session) -> None:
    """Run the long form of the fuzzing, soak and fault tests, which takes two hours."""
    install_for_tests(session)
    sizes = {"FUZZ": 100_000, "REFRESHES": 20_000, "STOPS": 50, "KILLS": 100, "DUE": 200}
    sizes |= {"FLOOD": 100_000, "UPDATES": 5_000, "WALKS": 200, "FLIPS": 2_000, "ALERTS": 1_000}
    kinds = "harm or months or cut_short or killed or three or poisoned or growth or flipped"
    kinds += " or reported_once"
    session.run(
        *("pytest", "-s", "-k", kinds, *session.posargs),
        env={name: str(count) for name, count in sizes.items()},
    )


@nox.session
def quick(session: nox.Session) -> None:
    """Run the fast tests: rendered files and rejected answers."""
    install(session, "test")
    session.run("ruff", "check")
    session.run("pytest", "-m", "not slow", "-n", "2", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Check a project with its lowest allowed versions: nox -s lowest -- source=sql."""
    with session.chdir(render(session)):
        session.run("uv", "sync", "--quiet", "--all-extras", "--resolution", "lowest-direct")
        session.run("uv", "run", "--no-sync", "mypy")
        session.run("uv", "run", "--no-sync", "pytest", "-q")


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the engine's lines one by one, and list the changes that no test detects.

    Pass modules as arguments: nox -s mutants -- data/merge. The default is all in MUTANTS.
    """
    chosen, session.posargs[:] = session.posargs or [*MUTANTS], ["source=csv"]
    project = render(session)
    with session.chdir(project):
        session.run("uv", "sync", "--quiet", "--all-extras")
        session.run("uv", "pip", "install", "--quiet", "--python", ".venv", "mutmut>=3.8")
        pyproject = Path("pyproject.toml")
        text = pyproject.read_text("utf-8")
        for module in chosen:
            source = f"{project.name}/engine/{module}.py"
            tests = [f"tests/engine/test_{name}.py" for name in MUTANTS[module].split()]
            config = {
                "source_paths": [source],
                "pytest_add_cli_args_test_selection": tests,
                "also_copy": [project.name, "tests", "config.toml"],
            }
            lines = "".join(f"{key} = {json.dumps(it)}\n" for key, it in config.items())
            pyproject.write_text(f"{text}\n[tool.mutmut]\n{lines}", "utf-8")
            shutil.rmtree("mutants", ignore_errors=True)
            session.run(".venv/bin/mutmut", "run", success_codes=[0, 1])
            session.run(".venv/bin/mutmut", "results")


@nox.session
def demo(session: nox.Session) -> None:
    """Render and serve a dashboard; pass answers as arguments: nox -s demo -- source=csv."""
    project = render(session)
    with session.chdir(project):
        session.run("uv", "run", "python", "-m", f"{project.name}.server", success_codes=[0, 130])


@nox.session
def pictures(session: nox.Session) -> None:
    """Take the screenshots in docs/ from real pages, in light and dark."""
    install(session, "test")
    install_browser(session)
    session.run("python", "docs/pictures.py", env={"PYTHONPATH": "tests"})


@nox.session
def own_data(session: nox.Session) -> None:
    """Take each file of a folder to a page by `reading FILE --write`: nox -s own_data -- FOLDER."""
    install(session, "test")
    install_browser(session)
    session.run("python", "tools/own_data.py", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks, which are too slow or noisy for tests; for a short run: -- --quick.

    They need wrk (from Debian or Homebrew), and Linux to give the server its own core.
    """
    install(session, "bench")
    install_browser(session)
    install_debian(session, "wrk", "redis-server", nginx="nginx-light")
    session.run("python", "benchmarks/bench.py", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Check the dependencies of a rendered project for known vulnerabilities."""
    with session.chdir(render(session)):
        session.run(
            *("uv", "export", "--quiet", "--all-extras", "--no-emit-project"),
            *("--output-file", "requirements.txt"),
            silent=True,
        )
        session.run(
            "uvx", "pip-audit", "--strict", "--disable-pip", "--requirement", "requirements.txt"
        )


@nox.session
def pythons(session: nox.Session) -> None:
    """Run a project's checks on Python 3.12 to 3.14; needs Debian and root, or uv's Pythons."""
    install_for_tests(session)
    install_debian(session, "debootstrap")
    session.run("pytest", "-m", "pythons", "-s", *session.posargs)


@nox.session(name="next")
def next_releases(session: nox.Session) -> None:
    """Run a project's tests with pre-releases of what it depends on most."""
    newest = ["dash", "flask", "waitress", "plotly", "pandas", "werkzeug"]
    with session.chdir(render(session)):
        session.run("uv", "sync", "--quiet", "--all-extras")
        upgrade = ("--python", ".venv", "--prerelease", "allow", "--upgrade")
        session.run("uv", "pip", "install", *upgrade, *newest)
        session.run("uv", "run", "--no-sync", "pytest", "-q", "--tb=short")


@nox.session
def windows(session: nox.Session) -> None:
    """Run a project's tests and page on the Windows build of Python; needs Debian and root."""
    install(session, "test")
    install_browser(session)
    install_debian(session, "debootstrap")
    session.run("pytest", "-m", "windows", "-s", *session.posargs)


@nox.session
def containers(session: nox.Session) -> None:
    """Build the image and run the services of both compose files; needs Debian and root."""
    install(session, "containers")
    install_debian(
        session,
        *("buildah", "debootstrap", "redis-server"),
        dnsmasq="dnsmasq-base",
        ip="iproute2",
        nginx="nginx-light",
    )
    session.run("pytest", "-m", "containers", *session.posargs)
