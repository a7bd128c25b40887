"""The parts of a browser that `router demo --check` needs.

Like browsers it resolves `*.localhost` to 127.0.0.1 by itself (RFC 6761 section 6.3); the system may not.
"""

import html
import re
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.cookies import SimpleCookie
from typing import Self
from urllib.parse import urljoin, urlsplit

from router.errors import RouterError
from router.values import dataclass

_TIMEOUT = 5.0
_REDIRECTS = (301, 302, 303, 307)


@dataclass(frozen=True, slots=True)
class Page:
    """Where a browser ended and what it received; status 0 and the reason where nothing answered."""

    url: str
    status: int
    text: str
    location: str = ""

    def find(self, pattern: str) -> str:
        """Return the first group of a pattern in the text, else the status."""
        match = re.search(pattern, self.text)
        return html.unescape(match[1]) if match else f"status {self.status}"


class Browser:
    """A client that keeps cookies by host and follows redirects."""

    def __init__(self) -> None:
        self._cookies: dict[str, SimpleCookie] = {}

    def get(self, url: str) -> Page:
        """Return the page at an address, after all its redirects."""
        page = self._request_page(url)
        for _ in range(10):
            if page.status not in _REDIRECTS:
                break
            page = self._request_page(urljoin(page.url, page.location))
        return page

    def click(self, page: Page, text: str) -> Page:
        """Return where the link with that text leads. RouterError where the page has none."""
        link = re.search(rf'<a href="([^"]*)">{re.escape(text)}</a>', page.text)
        if link is None:
            raise RouterError(f"{page.url} has no link {text!r}, status {page.status}: {page.text[:120]!r}")
        return self.get(urljoin(page.url, html.unescape(link[1])))

    def _request_page(self, url: str) -> Page:
        cookies = self._cookies.setdefault(urlsplit(url).netloc, SimpleCookie())
        sent = "; ".join(f"{cookie.key}={cookie.value}" for cookie in cookies.values())
        try:
            with closing(_connection(url)) as connection:
                answer = _request(connection, url, {"Accept": "text/html", "Cookie": sent})
                for cookie in answer.headers.get_all("Set-Cookie", ()):
                    cookies.load(cookie)
                text = answer.read().decode(errors="replace")
                return Page(url, answer.status, text, answer.headers.get("Location", ""))
        except (OSError, HTTPException) as exc:
            return Page(url, 0, repr(exc))


class Clock:
    """An event stream; each of its events is the time when it was sent, in seconds since the epoch."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = _connection(url)

    def __enter__(self) -> Self:
        try:
            self._answer = _request(self._connection, self._url, {"Accept": "text/event-stream"})
        except (OSError, HTTPException) as exc:
            self._connection.close()
            raise RouterError(f"{self._url} gave no answer: {exc!r}") from exc
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def wait_for_event(self) -> None:
        """Read until an event that was sent after this call; RouterError where none comes."""
        now = time.time()
        try:
            while line := self._answer.readline():
                if line.startswith(b"data: ") and float(line[6:]) > now:
                    return
        except (OSError, HTTPException) as exc:
            raise RouterError(f"{self._url}: no event in {_TIMEOUT:.0f} s") from exc
        raise RouterError(f"{self._url}: the stream ended, status {self._answer.status}")


def _connection(url: str) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", urlsplit(url).port or 80, timeout=_TIMEOUT)


def _request(connection: HTTPConnection, url: str, headers: dict[str, str]) -> HTTPResponse:
    parts = urlsplit(url)
    target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    with suppress(ConnectionResetError):  # a load that has just ended may reset one: browsers retry
        connection.request("GET", target, headers={"Host": parts.netloc, **headers})
        return connection.getresponse()
    connection.close()
    connection.request("GET", target, headers={"Host": parts.netloc, **headers})
    return connection.getresponse()
