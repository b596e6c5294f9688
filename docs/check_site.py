"""Every link of a built site leads somewhere, inside it; nothing is fetched from elsewhere: python docs/check_site.py OUT"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

OUTSIDE = re.compile(r"^(?:[a-z]+:)?//")


class Page(HTMLParser):
    """What a page has to point at, where it points, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {key: value or "" for key, value in attrs}
        self.ids |= {has[key] for key in ("id", "name") if key in has}
        if tag == "a" and "href" in has:
            self.links.append(has["href"])
        if tag in ("script", "img", "source", "iframe") and "src" in has:
            self.loads.append(has["src"])
        if tag == "link" and "href" in has and has.get("rel") not in ("canonical",):
            self.loads.append(has["href"])


def wrong(folder: Path) -> list[str]:
    """A line for every link that leads nowhere, and for everything that a page loads from elsewhere."""
    files = [p for p in sorted(folder.rglob("*.html")) if folder / "_static" not in p.parents]
    pages = {p: Page(p.read_text(encoding="utf-8")) for p in files}
    told = []
    for path, page in pages.items():
        name = path.relative_to(folder).as_posix()
        told += [f"{name} loads {url} from elsewhere" for url in page.loads if OUTSIDE.match(url)]
        for url in page.links + page.loads:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            goal = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not goal.exists():
                told.append(f"{name} leads to {url}, which does not exist")
            elif goal in pages and parts.fragment and parts.fragment not in pages[goal].ids:
                told.append(f"{name} leads to {url}, which has no such place")
    for sheet in folder.rglob("*.css"):
        for url in re.findall(r"url\(['\"]?([^'\")]+)", sheet.read_text(encoding="utf-8")):
            if OUTSIDE.match(url):
                told.append(f"{sheet.relative_to(folder)} loads {url} from elsewhere")
    return told


if __name__ == "__main__":
    found = wrong(Path(sys.argv[1]).resolve())
    sys.exit("\n".join(found) if found else 0)
