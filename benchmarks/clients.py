"""Clients that notice what a reload costs."""

import http.client
import threading
from typing import Self


class Asker:
    """A client that asks a host 200 times a second and once more where that fails.

    Over one kept connection as browsers do, or over a new one each time. `failed` counts requests that got no answer
    at first, `lost` those that got none at the second try either.
    """

    def __init__(self, port: int, host: str, *, keep: bool = True) -> None:
        self.asked = self.failed = self.lost = 0
        self._keep = keep
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._host = {"Host": f"{host}:{port}"}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        self._connection.close()

    def _run(self) -> None:
        while not self._ended.wait(0.005):
            self.asked += 1
            if not self._ask():
                self.failed += 1
                self.lost += not self._ask()

    def _ask(self) -> bool:
        try:
            self._connection.request("GET", "/", headers=self._host)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False
        if not self._keep:
            self._connection.close()
        return answer.status == http.client.OK
