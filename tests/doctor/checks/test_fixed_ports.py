"""Ports that files fix in every worktree: named with file, line, what comes of it, and what to write."""

from pathlib import Path

from router.doctor.checks import fixed_ports
from router.doctor.findings import Finding, lines
from tests.doctor.documents import status, worktree


def test_a_fixed_port_is_told_once_for_the_worktrees_that_have_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "package.json").write_text('{\n  "scripts": {"dev": "next dev -p 3000"}\n}\n')
    (tmp_path / "c").mkdir()
    found = list(fixed_ports.check(status(*(worktree(name, str(tmp_path / name)) for name in ("a", "b", "c")))))
    message = "package.json, line 2 fixes port 3000: the server of a second worktree does not start"
    hint = '"dev": "next dev -p ${PORT:-3000}"'
    assert found == [Finding("warn", "ports", message, hint, name) for name in ("a", "b")]
    assert list(lines(found))[:2] == [f"warn  ports       a, b: {message}", f"                  → {hint}"]


def test_tests_that_would_reach_another_worktrees_server_are_told(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "playwright.config.ts").write_text(
        "export default { webServer: { url: 'http://localhost:3000', reuseExistingServer: true } };"
    )
    [finding] = fixed_ports.check(status(worktree("a", str(tmp_path))))
    assert finding.message == (
        "playwright.config.ts, line 1 fixes port 3000: tests of a second worktree run against the first one's server"
    )
    assert finding.hint == "url: process.env.WORKTREE_URL, reuseExistingServer: false"


def test_a_hostile_configuration_is_looked_at_in_time(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"scripts": {"dev": "' + "a && " * 20000 + '"}}')
    (tmp_path / "vite.config.js").write_text("server: {" * 20000)
    (tmp_path / "playwright.config.ts").write_text("webServer: [" * 20000)
    assert list(fixed_ports.check(status(worktree("a", str(tmp_path))))) == []
