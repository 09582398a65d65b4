"""Slow views must not delay quick requests."""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from helpers.browser import shown, state
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.servers import Server, ready
from helpers.viewers import body, fetch

pytestmark = pytest.mark.slow

VIEWERS = 200
# What a view does while the file exists: it waits for another system, or computes.
WAITS, COMPUTES = "time.sleep(0.05)", "sum(range(100_000))"
SLOW = """    import time
    from pathlib import Path
    while Path({flag!r}).exists():
        {work}
"""


@contextmanager
def slow_views(project: Project, work: str) -> Iterator[Path]:
    """Make the cards and both charts slow while a file exists."""
    module, flag = project.path / project.slug / "engineering.py", project.path / "slow"
    before = module.read_text("utf-8")
    text, slow = before, SLOW.format(flag=str(flag), work=work)
    for name in ("kpis", "trend_figure", "distribution_figure"):
        head, start, rest = text.partition(f"def {name}(")
        signature, end, rest = rest.partition(":\n    ")
        docstring, close, rest = rest.partition('"""\n')
        text = "".join([head, start, signature, end, docstring, close, slow, rest])
    module.write_text(text, "utf-8")
    try:
        yield flag
    finally:
        flag.unlink(missing_ok=True)
        module.write_text(before, "utf-8")


def worst(server: Server, is_over: Callable[[], bool]) -> dict[str, float]:
    """Repeat requests that must be quick; return the seconds of the slowest for each path."""

    def ask(path: str) -> float:
        took = [0.0]
        host = server.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(host, timeout=60)) as client:
            while not is_over() or len(took) < 20:
                started = time.monotonic()
                client.request("GET", path)
                answer = client.getresponse()
                answer.read()
                took.append(time.monotonic() - started)
                assert answer.status == 200
                time.sleep(0.02)
        return max(took)

    paths = ("/healthz", "/_live", "/")
    with ThreadPoolExecutor(len(paths)) as pool:
        return dict(zip(paths, pool.map(ask, paths), strict=True))


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("name", ["waitress", "gunicorn"])
def test_two_hundred_slow_views_do_not_delay_quick_requests(name: str, csv: Project) -> None:
    settings = {"SERVER__THREADS": "8", "REFRESH__EVERY": "1h"}
    with slow_views(csv, COMPUTES) as flag, csv.serving(server=name, **settings) as server:
        wait_until(lambda: ready(server)[0] == 200)
        end = time.monotonic() + 3
        idle = worst(server, lambda: time.monotonic() > end)
        flag.touch()
        statuses: list[int] = []

        def view(number: int) -> None:
            content = body("cards.children", names=(str(number),))
            host = server.url.removeprefix("http://")
            with closing(http.client.HTTPConnection(host, timeout=60)) as client:
                kind = {"Content-Type": "application/json"}
                answer, _ = fetch(client, "/_dash-update-component", content, kind)
                statuses.append(answer.status)

        viewers = [threading.Thread(target=view, args=(it,)) for it in range(VIEWERS)]
        for it in viewers:
            it.start()
        slow = max(8, 20 * max(idle.values()))  # seconds
        end = time.monotonic() + slow
        busy = worst(server, lambda: time.monotonic() > end)
        assert not statuses, "all of them were slow all the time"
        flag.unlink()
        for it in viewers:
            it.join()
        assert statuses == [200] * VIEWERS
    for path, seconds in busy.items():
        ratio = seconds / idle[path]
        print(f"{name}: {path} {1000 * seconds:.0f} ms at worst, {ratio:.0f} x idle")
    # None waits for a slow view. On an idle machine, these take 0.2 to 0.5 s.
    assert max(busy["/healthz"], busy["/_live"]) < 0.75 * slow, busy


@pytest.mark.usefixtures("no_console_errors")
def test_slow_views_leave_the_browser_a_connection(csv: Project, context: BrowserContext) -> None:
    settings = {"SERVER__THREADS": "8", "REFRESH__EVERY": "2s", "APP__STALE_AFTER": "3650d"}
    with (
        slow_views(csv, WAITS) as flag,
        csv.serving(news=True, **settings) as server,
    ):
        tabs = [context.new_page() for _ in range(4)]
        for tab in tabs:
            tab.goto(server.url)
            assert shown(tab) == 4
            state(tab, "live")
        watch(tabs)
        flag.touch()
        for tab in tabs:
            notice = tab.locator("#alert")
            # The first tab waits longer than the last one.
            long = re.compile(r"has been loading for ([2-9]\d|\d{3}) s")
            expect(notice).to_contain_text(long, timeout=60_000)
        assert [states(tab) for tab in tabs] == [{"live"}] * 4, "which needs answers to its polls"
        flag.unlink()
        for tab in tabs:
            expect(tab.locator("#alert")).to_be_empty(timeout=60_000)
            assert shown(tab) == 4
        assert [states(tab) for tab in tabs] == [{"live"}] * 4


def watch(tabs: list[Page]) -> None:
    """Record each state of the pages from now on."""
    for tab in tabs:
        tab.evaluate("""() => {
            const status = document.getElementById("status");
            const note = () => window.states.add(status.dataset.state);
            window.states = new Set();
            note();
            new MutationObserver(note).observe(status, {attributes: true});
        }""")


def states(tab: Page) -> set[str]:
    return set(json.loads(tab.evaluate("JSON.stringify([...window.states])")))
