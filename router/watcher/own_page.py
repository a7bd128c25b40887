"""Who may have more of the watcher than a look: the dashboard of its own user, by token, origin and socket."""

import hmac
import logging
import secrets
from collections.abc import Callable
from http import HTTPStatus

from router.observe.clients import Client
from router.watcher.live import Answer, Request, json_answer

CLIENT = "router-client"
"""The header in which Caddy says where the client's end of the connection is, whatever a client sends under it."""
_TOKEN = "router-token"  # noqa: S105 - the name of a header
_LEAST_SITE = {"same-origin", "none"}  # `none`: an address that the user typed

log = logging.getLogger(__name__)


class OwnPage:
    """Lets in whoever is this user and has read the token, which only a page of `origin` can.

    `is_mine` tells whose a connection is. The token is another one for each watcher. `editor` is told with it: what an
    editor's links begin with.
    """

    def __init__(self, origin: str, is_mine: Callable[[Client], bool], *, editor: str = "") -> None:
        self._origin = origin
        self._editor = editor
        self._is_mine = is_mine
        self._token = secrets.token_urlsafe(32)

    def token(self, request: Request) -> Answer:
        """Tell the token, to this user's programs and to pages of this origin alone."""
        if request.method != "GET" or request.headers.get("sec-fetch-site", "none") not in _LEAST_SITE:
            return refusal("only pages of the dashboard may read this")
        return self._stranger(request) or json_answer({"token": self._token, "editor": self._editor})

    def reading(self, answer: Callable[[str], Answer]) -> Callable[[Request], Answer]:
        """Return what answers who may read."""
        return lambda request: self._refused(request, "GET") or answer(request.rest)

    def acting(self, act: Callable[[str], Answer]) -> Callable[[Request], Answer]:
        """Return what acts for who may act: a POST that says it is from a page of this origin."""
        return lambda request: self._refused(request, "POST") or self._elsewhere(request) or act(request.rest)

    def _refused(self, request: Request, method: str) -> Answer | None:
        if request.method != method:
            return refusal(f"this is asked by {method}")
        sent = request.headers.get(_TOKEN, "").encode()
        if not hmac.compare_digest(sent, self._token.encode()):
            return refusal("the token is missing, or is an earlier watcher's")
        return self._stranger(request)

    def _elsewhere(self, request: Request) -> Answer | None:
        same = request.headers.get("origin") == self._origin
        return None if same else refusal(f"only pages of {self._origin} may do this")

    def _stranger(self, request: Request) -> Answer | None:
        """Return a refusal unless the client's socket is one of this user's."""
        address, _, port = request.headers.get(CLIENT, "").rpartition(" ")
        try:
            mine = port.isdecimal() and self._is_mine(Client(address, int(port)))
        except OSError as exc:
            log.warning("nobody can tell whose a connection is: %s", exc)
            mine = False
        return None if mine else refusal("this router acts for its own user only")


def refusal(text: str, status: int = HTTPStatus.FORBIDDEN) -> Answer:
    """Return the answer that refuses, and says why."""
    return Answer(status, f"{text}\n".encode(), {"Content-Type": "text/plain; charset=utf-8"})
