"""What Caddy says outside of its log, and what of it gets into the log."""

import os
from collections.abc import Mapping
from pathlib import Path

from router import proc
from router.caddy import output

SH: Mapping[str, str] = {"PATH": os.environ["PATH"]}


def said(script: str, *, log: Path) -> bytes:
    """Return what gets into the log of what a program writes to its standard error."""
    file = output.unnamed()
    proc.start(["sh", "-c", f"{script} >&2"], env=SH, cwd=log.parent, log=output.path(file)).wait()
    output.save(file, log=log)
    return log.read_bytes()


def test_the_reason_why_a_program_ended_gets_into_the_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    assert said("echo no such socket", log=tmp_path / "log") == b"before\nno such socket\n"


def test_what_quotes_an_answer_does_not(tmp_path: Path) -> None:
    script = "(echo one; echo 'x Unsolicited response received on idle HTTP channel starting with \"code\"'; echo two)"
    assert said(script, log=tmp_path / "log") == b"one\ntwo\n"


def test_nothing_of_it_has_a_name_before(tmp_path: Path) -> None:
    file = output.unnamed()
    with output.path(file).open("ab") as other:
        other.write(b"secret")
    assert os.fstat(file.fileno()).st_nlink == 0
    file.close()


def test_it_is_bounded_while_the_program_writes_on(tmp_path: Path) -> None:
    file = output.unnamed()
    with output.path(file).open("ab", buffering=0) as writer:
        writer.write(b"x" * 1_000_000)
        output.bound(file)
        assert os.fstat(file.fileno()).st_size == 1_000_000
        writer.write(b"x" * 100_000)
        output.bound(file)
        writer.write(b"last words\n")
    output.save(file, log=tmp_path / "log")
    assert (tmp_path / "log").read_bytes() == b"last words\n"


def test_a_log_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    output.save(output.unnamed(), log=tmp_path / "nowhere" / "log")
    assert not list(tmp_path.iterdir())
