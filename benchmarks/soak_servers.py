"""The soak's dev servers: any number of ports in one process, told on stdin as lines of JSON, each answered by a line.

`{"serve": PORT, "name": NAME}` and `{"stop": PORT}`. Every answer says NAME: `/` is a page, `/events` an event stream,
and a websocket's handshake opens a tunnel that echoes lines. The process ends when its stdin does. Run by its path, so
that it starts quickly in any directory: what it works in is what the router takes it for.
"""

import asyncio
import json
import os
import sys
from typing import Any

PAUSE = 0.5  # seconds between two events


class Server:
    """One server: its port, and the connections that end with it."""

    def __init__(self, name: str) -> None:
        self._name = name.encode() + b"\n"
        self._open: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None
        self._stopped = False

    async def start(self, port: int) -> None:
        """Listen on the loopback."""
        self._listening = await asyncio.start_server(self._talk, "127.0.0.1", port)

    def stop(self) -> None:
        """Listen no more and cut every connection, as the end of a process would."""
        self._stopped = True
        if self._listening:
            self._listening.close()
        for writer in self._open:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while not self._stopped:  # what was accepted at that very moment is cut too
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if b"\nupgrade: websocket" in head:
                    await self._echo(reader, writer)
                elif head.startswith(b"get /events "):
                    await self._stream(writer)
                else:
                    length = b"Content-Length: %d\r\n\r\n" % len(self._name)
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + length + self._name)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the other side left
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accept = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + accept)
        writer.write(self._name)
        while line := await reader.readline():
            writer.write(line)
        raise EOFError

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"data: " + self._name + b"\n")
            await asyncio.sleep(PAUSE)
        raise EOFError


async def run() -> None:
    """Do what each line says until there are no more."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    servers: dict[int, Server] = {}
    while line := await lines.readline():
        order: dict[str, Any] = json.loads(line)
        if "serve" in order:
            server = Server(order["name"])
            await server.start(order["serve"])
            servers[order["serve"]] = server
        else:
            servers.pop(order["stop"]).stop()
        print("done", flush=True)
    os._exit(0)  # with the connections as they are: nobody is left to be told


if __name__ == "__main__":
    asyncio.run(run())
