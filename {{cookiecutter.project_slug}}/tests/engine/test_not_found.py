import pytest
import toy
from helpers import changed


@pytest.mark.parametrize("prefix", ["/", "/below/"])
def test_an_app_without_pages_has_one_address(prefix: str, settings: toy.Settings) -> None:
    settings = changed(settings, "server", url_prefix=prefix)
    settings = changed(settings, "app", title="<Toy>")
    app, _ = toy.DASHBOARD.build(settings, toy.create_app)
    client = app.server.test_client()
    assert client.get(prefix).status_code == 200
    assert client.get(f"{prefix}?kiosk").status_code == 200
    for path in ("nowhere", "no/where", "robots.txt", "%3Cscript%3E"):
        page = client.get(f"{prefix}{path}", headers={"Accept": "text/html,*/*;q=0.8"})
        assert (page.status_code, page.mimetype) == (404, "text/html")
        assert "<title>Page not found · &lt;Toy&gt;</title>" in page.text
        assert "<main>" in page.text and f'<a href="{prefix}">' in page.text
        assert "script" not in page.text
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        short = client.get(f"{prefix}{path}")
        assert (short.status_code, len(short.data) < 300) == (404, True), "for a script or a tool"
