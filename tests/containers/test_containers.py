"""The files for deployment: the image, the compose files, and those for nginx and systemd."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from helpers.containers import Builder, Image, Machine, Service, compose, wait_for_text
from helpers.nginx import nginx
from helpers.processes import output, wait_until
from helpers.projects import Project

COMPOSE_FILES = ("compose.yaml", "compose.scale.yaml")
OLD_CLICK = "8.1.8"


def builds_image(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that builds and runs an image, for nox -s containers."""
    return pytest.mark.slow(pytest.mark.containers(test))


@pytest.fixture(scope="module")
def project(bake: Callable[..., Project]) -> Project:
    return bake(docker="yes")


@pytest.mark.parametrize("name", COMPOSE_FILES)
def test_a_compose_file_follows_the_specification(name: str, project: Project) -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    output(sys.executable, "-m", "check_jsonschema", *schema, project.path / name)


def ours(project: Project) -> Iterator[dict[str, Any]]:
    """Yield the services of all compose files that run the project's own image."""
    for name in COMPOSE_FILES:
        yield from (it for it in compose(project, name).values() if "build" in it)


def test_everything_that_compose_names_exists(project: Project) -> None:
    services = [it for name in COMPOSE_FILES for it in compose(project, name).values()]
    mounted = {volume.split(":")[0] for it in services for volume in it.get("volumes", [])}
    files = {path for path in mounted if path.startswith("./")}
    assert files == {"./config.toml", "./deploy/nginx.scale.conf"}
    assert all((project.path / path).is_file() for path in files)
    config = tomllib.loads((project.path / "config.toml").read_text("utf-8"))
    extras = tomllib.loads((project.path / "pyproject.toml").read_text("utf-8"))["project"]
    for service in ours(project):
        for variable in service["environment"]:
            prefix, section, key = variable.lower().split("__")
            assert prefix == project.slug
            assert key in config[section], variable
        chosen = service["build"]["args"]["EXTRAS"].split(",")
        assert set(chosen) <= set(extras["optional-dependencies"])
        assert "alerts" in chosen and service["env_file"] == ".env", "URLs are set in .env"


def test_the_dockerfile_passes_hadolint(project: Project) -> None:
    output("hadolint", project.path / "Dockerfile")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_accepts_the_unit_and_finds_it_hardened(project: Project, tmp_path: Path) -> None:
    unit = tmp_path / f"{project.slug}.service"
    text = (project.path / "deploy" / "dashboard.service").read_text("utf-8")
    python = f"/opt/{project.slug}/.venv/bin/python"
    assert text.count(f"ExecStart={python} ") == 1
    unit.write_text(text.replace(f"ExecStart={python}", f"ExecStart={sys.executable}"), "utf-8")
    verify = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (verify.returncode, verify.stderr) == (0, "")
    output("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)  # 2.0 of 10


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    builder = Builder(tmp_path_factory.mktemp("buildah"))
    builder.make_base()
    yield builder
    shutil.rmtree(builder.folder)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with Machine(tmp_path) as machine:
        yield machine


@pytest.fixture(scope="module")
def image(builder: Builder, project: Project) -> Image:
    """The image of compose.yaml, with the versions from a uv.lock that pins an old one."""
    output("uv", "lock", "--quiet", f"--upgrade-package=click=={OLD_CLICK}", cwd=project.path)
    for unwanted in (".git/config", ".venv/pyvenv.cfg", "tests/__pycache__/a.pyc"):
        (project.path / unwanted).parent.mkdir(exist_ok=True)
        (project.path / unwanted).touch()
    return builder.build(project, compose(project, "compose.yaml")["dashboard"])


@pytest.fixture
def service(project: Project) -> dict[str, Any]:
    return dict(compose(project, "compose.yaml")["dashboard"])


@builds_image
def test_the_image_has_the_locked_versions(image: Image) -> None:
    assert list(image.root.glob(f"opt/venv/lib/*/site-packages/click-{OLD_CLICK}.dist-info"))


@builds_image
def test_the_image_contains_nothing_secret_or_superfluous(image: Image, project: Project) -> None:
    held = {path.name for path in (image.root / "app").iterdir()}
    assert held == {
        *(project.slug, "config.toml", "gunicorn.conf.py", "pyproject.toml", "uv.lock"),
        *("LICENSE", "README.md"),
    }
    secret = re.findall(r"SECRET_KEY=(\S+)", (project.path / ".env").read_text("utf-8"))[0]
    assert secret not in json.dumps(image.config)
    search = ["grep", "--recursive", "--fixed-strings", "--quiet", "--devices=skip", secret]
    assert subprocess.run([*search, image.root]).returncode == 1, "found, or not searched"


@builds_image
def test_a_container_serves_and_stops_cleanly(
    image: Image, project: Project, service: dict[str, Any], machine: Machine
) -> None:
    kind, *command = image.config["Healthcheck"]["Test"]
    check = machine.enter(image, project, service, command)
    write = machine.enter(image, project, service, ["touch", "/app/new"])
    assert kind == "CMD"
    assert machine.call(*check).returncode == 1
    # The base image has no time zones.
    settings = {"APP__TIMEZONE": "Europe/Oslo", "LOG__ACCESS": "true"}
    with machine.running(*machine.enter(image, project, service, **settings)) as dashboard:
        wait_for_text(machine, dashboard, "/healthz")
        assert json.loads(wait_for_text(machine, dashboard, "/readyz"))["status"] == "live"
        assert machine.get("/")[0] == 200
        assert machine.call(*check).returncode == 0
        assert '127.0.0.1 "GET /healthz" 200' in dashboard.output()
        user = dashboard.main.uids()
        assert {user.real, user.effective, user.saved} == {10001}
        assert image.config["User"] == "10001:10001"
        assert "Read-only file system" in machine.call(*write).stderr
        volume = Path(f"/proc/{dashboard.main.pid}/root/data")
        assert list(volume.iterdir()), "the store is there"
        assert dashboard.stop() == 0, dashboard.output()
    assert "Traceback" not in dashboard.output()
    assert machine.call(*check).returncode == 1


@builds_image
def test_nginx_serves_the_dashboard_under_a_path(
    image: Image, project: Project, service: dict[str, Any], machine: Machine
) -> None:
    settings = {"SERVER__URL_PREFIX": "/dashboard/", "SERVER__TRUSTED_PROXY": "127.0.0.1"}
    command = machine.enter(image, project, service, **settings, LOG__ACCESS="true")
    proxy = nginx(project.path / "deploy" / "nginx.conf", machine.folder)
    with machine.running(*command) as dashboard, machine.running(*proxy) as front:
        wait_for_text(machine, dashboard, "/readyz")
        wait_until(lambda: machine.get("/dashboard/", port=80)[0] == 200, front.last_lines)
        assert "/dashboard/_dash-" in machine.get("/dashboard/", port=80)[1]
        assert machine.get("/dashboard/_dash-layout", port=80)[0] == 200
        assert machine.get("/dashboard", port=80)[0] == 301
        assert machine.get("/_dash-layout", port=80)[0] == 404
        # The client's own address, not nginx's.
        pattern = r'127\.0\.0\.5 "GET /dashboard/_dash-layout" 200'
        wait_until(lambda: re.search(pattern, dashboard.output()), dashboard.last_lines)


@pytest.fixture(scope="module")
def unlocked(bake: Callable[..., Project]) -> Project:
    """A project without a uv.lock."""
    return bake(docker="yes")


@pytest.fixture(scope="module")
def scaled_image(unlocked: Project, builder: Builder) -> Image:
    """The image of compose.scale.yaml, with the newest versions."""
    services = compose(unlocked, "compose.scale.yaml")
    builds = [it["build"] for it in services.values() if "build" in it]
    assert all(build == builds[0] for build in builds)
    return builder.build(unlocked, services["web"])


@builds_image
def test_several_servers_share_the_data_and_the_visitors(
    scaled_image: Image, unlocked: Project, machine: Machine
) -> None:
    """Runs every service of compose.scale.yaml with its own command, and two web servers."""
    services = compose(unlocked, "compose.scale.yaml")
    hosts = ("127.0.0.21", "127.0.0.22")
    with ExitStack() as stack:

        def start(*command: str | Path) -> Service:
            return stack.enter_context(machine.running(*command))

        start(*name_server(machine, "web", hosts))
        start("redis-server", "--dir", machine.folder, *services["redis"]["command"][1:])
        scheduler = start(*machine.enter(scaled_image, unlocked, services["scheduler"]))
        start(*machine.enter(scaled_image, unlocked, services["worker"]))
        test = services["scheduler"]["healthcheck"]["test"][1:]
        check = machine.enter(scaled_image, unlocked, services["scheduler"], test)
        wait_until(lambda: machine.call(*check).returncode == 0, scheduler.last_lines)
        servers = []
        for host in hosts:
            settings = {"SERVER__HOST": host, "LOG__ACCESS": "true"}
            command = machine.enter(scaled_image, unlocked, services["web"], **settings)
            servers.append(start(*command))
        for host, server in zip(hosts, servers, strict=True):
            assert json.loads(wait_for_text(machine, server, "/readyz", host))["status"] == "live"
        proxy = unlocked.path / "deploy" / "nginx.scale.conf"
        front = start(*nginx(proxy, machine.folder))
        wait_until(lambda: machine.get("/", port=80)[0] == 200, front.last_lines)
        assert [machine.get("/healthz", port=80)[0] for _ in range(8)] == [200] * 8
        seen = '127.0.0.5 "GET /healthz" 200'  # the client's own address, not nginx's
        wait_until(lambda: all(seen in server.output() for server in servers), front.last_lines)
        gone, left = servers
        assert gone.stop() == 0, gone.output()
        assert [machine.get("/", port=80)[0] for _ in range(8)] == [200] * 8
        assert left.stop() == 0, left.output()


def name_server(machine: Machine, name: str, hosts: tuple[str, ...]) -> list[str | Path]:
    """Return the command line of a name server, at Docker's address, that knows one name."""
    known = machine.folder / "names"
    known.write_text("".join(f"{host} {name}\n" for host in hosts), "utf-8")
    options = ["--user=root", "--no-resolv", "--no-hosts", "--bind-interfaces"]
    address = ["--listen-address=127.0.0.11", f"--addn-hosts={known}"]
    return ["dnsmasq", "--keep-in-foreground", *options, *address]
