"""What is checked of the machine: git, file watching, IPv6, and how programs resolve names."""

from collections.abc import Iterable

from router.doctor.checks import file_watching, git, ipv6, names
from router.doctor.findings import Finding
from tests.doctor.documents import levels


def test_git_of_this_machine_is_new_enough() -> None:
    [finding] = git.check()
    assert (finding.level, finding.message[:12]) == ("ok", "git version ")


def test_file_watching_and_ipv6_are_checked_without_a_failure() -> None:
    assert "fail" not in levels((*file_watching.check(), *ipv6.check()))


def test_each_program_has_a_finding_of_its_own() -> None:
    checks = (
        names.check_python((), "sync"),
        names.check_curl("sync"),
        names.check_browsers((), "sync", "linux"),
    )
    python, curl, browsers = [next(iter(check), None) for check in checks]
    assert python is not None
    assert "Python" in python.message
    assert python.level == "ok" or "sync" in python.hint
    assert curl is None or "curl" in curl.message
    assert browsers is not None
    assert browsers.level == "ok"
    assert all("Node" in finding.message for finding in names.check_node((), "sync"))


def test_safari_asks_the_system() -> None:
    findings = names.check_browsers((), "sync", "darwin")
    assert [finding.message.split(" ")[0] for finding in findings] == ["Chrome,", "Safari"]


def resolution(live: Iterable[str], unresolved: Iterable[str], fix: str | None = None) -> Finding:
    return names.partial_resolution("Python", tuple(live), tuple(unresolved), sync="sudo router hosts sync", fix=fix)


def test_hosts_that_stand_in_etc_hosts_are_as_good_as_a_rule_for_all() -> None:
    assert resolution(["a.localhost"], []).level == "ok"


def test_hosts_that_came_later_need_another_sync() -> None:
    finding = resolution(["a.localhost", "b.localhost"], ["b.localhost"])
    assert (finding.level, finding.hint) == ("warn", "sudo router hosts sync")
    assert "1 of 2 live hosts, for example b.localhost" in finding.message


def test_the_hint_is_the_fix_of_this_system_with_the_other_as_a_comment() -> None:
    finding = resolution([], [], fix="sudo apt-get install libnss-myhostname")
    other = "# or, for the live hosts only: sudo router hosts sync"
    assert finding.hint == f"sudo apt-get install libnss-myhostname   {other}"
    assert resolution(["a.localhost"], ["a.localhost"]).hint == "sudo router hosts sync"
