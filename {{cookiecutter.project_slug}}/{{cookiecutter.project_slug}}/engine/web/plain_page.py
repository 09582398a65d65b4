"""A page without scripts, shown outside the dashboard."""

from html import escape

# It may be shown without a login, so it loads no style sheet and uses the browser's colors.
STYLE = """
    :root { color-scheme: light dark; }
    body { max-width: 36em; margin: 15vh auto 0; padding: 0 24px; }
    body { font: 16px/1.5 system-ui, sans-serif; }
"""


def plain_page(title: str, heading: str, text: str, link: str, href: str) -> str:
    """Return a page with a heading, a sentence, and a link."""
    heading, text, link = map(escape, (heading, text, link))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{heading} · {escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{heading}</h1>\n<p>{text}</p>\n"
        f'<p><a href="{escape(href)}">{link}</a></p>\n</main>\n</body>\n</html>\n'
    )
