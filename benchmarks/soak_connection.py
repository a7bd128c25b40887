"""One connection of the soak's client to Caddy, in asyncio."""

import asyncio


class Connection:
    """One connection to Caddy, for requests one after the other or for one long stream."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, host: str, target: str = "/", headers: str = "") -> int:
        """Send a request and return the status of its answer, with the headers read."""
        if self._reader and self._reader.at_eof():
            self.close()  # ended while nothing was asked: every client that keeps connections looks before it asks
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}.localhost:{self._port}\r\n{headers}\r\n".encode())
        self.head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        return int(self.head.split()[1])

    async def body(self) -> str:
        """Return the answer's body."""
        assert self._reader
        if b"\r\ntransfer-encoding: chunked" in self.head:
            text = b""
            while size := int(await self._reader.readline(), 16):
                text += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readline()
        else:
            length = self.head.partition(b"\r\ncontent-length:")[2].split(b"\r", 1)[0]
            text = await self._reader.readexactly(int(length))
        if b"\r\nconnection: close" in self.head:
            self.close()
        return text.decode()

    async def line(self, mark: str = "") -> str:
        """Return what follows the mark in the next line that begins with it; EOFError where the stream has ended."""
        assert self._reader
        while line := (await self._reader.readline()).decode():
            if line.startswith(mark):
                return line.removeprefix(mark).strip()
        raise EOFError

    def send(self, text: str) -> None:
        """Send a line."""
        assert self._writer
        self._writer.write(f"{text}\n".encode())

    def close(self) -> None:
        """End the connection; the next request opens another."""
        if self._writer:
            self._writer.close()
        self._reader = self._writer = None
