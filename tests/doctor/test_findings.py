"""What the doctor says, to people and to tools."""

from router import __version__
from router.doctor.findings import Finding, document, failed, lines


def test_a_finding_is_a_line_with_its_hint_below() -> None:
    found = (Finding("ok", "git", "git version 2.39"), Finding("fail", "port", "8080 is held by vite", "kill 4"))
    assert list(lines(found)) == [
        "ok    git         git version 2.39",
        "FAIL  port        8080 is held by vite",
        "                  → kill 4",
        "1 ok, 0 to look at, 1 failed",
    ]


def test_what_is_the_same_for_several_worktrees_stands_once() -> None:
    found = [Finding("warn", "framework", "django: 400", "A = 1", name) for name in ("a", "b", "c", "d", "e")]
    first, hint, counts = lines(found)
    assert first == "warn  framework   a, b, c and 2 more: django: 400"
    assert (hint.strip(), counts) == ("→ A = 1", "0 ok, 5 to look at, 0 failed")


def test_only_a_terminal_gets_colours() -> None:
    assert "\033[1;31mFAIL\033[0m" in next(lines((Finding("fail", "port", "taken"),), colour=True))


def test_what_a_worktree_says_cannot_write_on_the_terminal() -> None:
    found = (Finding("warn", "framework", "next in a\033[2J\nb", "c\nd", "x"),)
    assert list(lines(found))[:2] == ["warn  framework   x: next in a%1B[2J%0Ab", "                  → c%0Ad"]
    assert document(found)["findings"][0]["hint"] == "c%0Ad"


def test_tools_get_every_finding_by_itself() -> None:
    found = (Finding("warn", "framework", "m", "h", "a"), Finding("ok", "git", "g"))
    assert document(found) == {
        "schema": 1,
        "version": __version__,
        "findings": [
            {"level": "warn", "check": "framework", "of": "a", "message": "m", "hint": "h"},
            {"level": "ok", "check": "git", "of": None, "message": "g", "hint": ""},
        ],
    }


def test_only_a_failure_fails() -> None:
    assert not failed((Finding("ok", "a", ""), Finding("warn", "b", "")))
    assert failed((Finding("fail", "a", ""),))
