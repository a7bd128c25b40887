"""The one place that prints, on streams that take what it writes and on streams that do not."""

import errno
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import pytest

from router.cli import boundary, output
from router.cli.output import Output, OutputLostError
from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e.browsers import missing


@contextmanager
def replaced(name: str, stream: TextIO) -> Iterator[None]:
    """Let a standard stream be another one; pytest puts its own back between a fixture and a test."""
    before = getattr(sys, name)
    setattr(sys, name, stream)
    try:
        yield
    finally:
        setattr(sys, name, before)


@contextmanager
def piped() -> Iterator[Callable[[], bytes]]:
    """Let standard output be a pipe; the value closes its reading end and returns what was written before."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def close() -> bytes:
        data = b""
        with suppress(BlockingIOError):
            data = os.read(reading, 1 << 16)
        os.close(reading)
        return data

    with os.fdopen(writing, "w", encoding="utf-8") as stream, replaced("stdout", stream):
        yield close
        output.discard(stream)


@contextmanager
def noted() -> Iterator[io.StringIO]:
    """Let standard error be a text in memory."""
    stream = io.StringIO()
    with replaced("stderr", stream):
        yield stream


def test_text_goes_to_standard_output_and_notes_to_standard_error() -> None:
    with piped() as close, noted() as errors:
        assert output.show(Output("one\n", ("two", "three"), 1)) == 1
        assert (close(), errors.getvalue()) == (b"one\n", "two\nthree\n")


def test_a_path_that_is_no_text_keeps_its_bytes() -> None:
    with piped() as close:
        output.line(os.fsdecode(b"/caf\xe9"))
        output.line("\ud800 is in no encoding")
        assert close() == b"/caf\xe9\n\\ud800 is in no encoding\n"


def test_a_terminal_that_has_no_such_letter_gets_its_number() -> None:
    content = io.BytesIO()
    with replaced("stdout", io.TextIOWrapper(content, encoding="latin-1")):
        output.line("é →")
        assert content.getvalue() == b"\xe9 \\u2192\n"


def test_what_nobody_reads_is_lost_and_nothing_is_printed_later() -> None:
    with piped() as close:
        assert not output.lost()
        close()
        with pytest.raises(OutputLostError) as caught:
            output.line("one")
        assert caught.value.reason.errno == errno.EPIPE
        assert output.lost()
        output.discard(sys.stdout)
        assert not output.lost()
        output.line("nobody is hurt")


def test_the_watcher_prints_on_into_nothing() -> None:
    with piped() as close:
        output.news("one")
        assert close() == b"one\n"
        output.news("two")
        output.news("three")
        assert output.unwritten() is None


def test_a_note_that_cannot_be_written_is_dropped() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream, replaced("stderr", stream):
        output.note("one")
        output.note("two")


def test_a_note_is_safe_for_a_terminal() -> None:
    with noted() as errors:
        output.note("a\x1b[2Jb\nc\rd")
    assert errors.getvalue() == "a%1B[2Jb\nc%0Dd\n"


def test_a_pause_ends_when_its_reader_goes() -> None:
    with piped() as close:
        threading.Timer(0.1, close).start()
        began = time.monotonic()
        with pytest.raises(OutputLostError):
            output.pause(60)
        assert time.monotonic() - began < 30


def test_a_pause_without_a_reader_to_watch_is_as_long_as_asked_for() -> None:
    with replaced("stdout", io.TextIOWrapper(io.BytesIO())):
        began = time.monotonic()
        output.pause(0.05)
        assert time.monotonic() - began >= 0.05


def test_output_that_is_lost_is_an_exit_code(workplace: Workplace, watching: FakeWatcher) -> None:
    with piped() as close, noted() as errors:
        close()
        assert boundary.run(("url",)) == 1
    assert errors.getvalue() == ""


def test_output_that_a_full_disk_refuses_is_a_message(workplace: Workplace, watching: FakeWatcher) -> None:
    full = Path("/dev/full")
    if not full.exists():
        missing("/dev/full")
    with full.open("w", encoding="utf-8") as stream, replaced("stdout", stream), noted() as errors:
        assert boundary.run(("url",)) == 1
    assert errors.getvalue().startswith("error: standard output cannot be written: No space left on device\n")
