"""What changed between two route tables, line by line."""

from router.route_table import RouteTable
from router.watcher.changes import changes
from tests.fakes import route, service, table


def test_each_change_of_a_route_is_a_line() -> None:
    before = table(route("a", service("web", 3000)), route("b", service("web", 4000)), route("same"))
    after = table(route("a", service("web", 3001)), route("c", service("web", 5000, address="::1")), route("same"))
    assert list(changes(before, after, 8080)) == [
        "~ http://a.localhost:8080 → 127.0.0.1:3001 (default) (was 127.0.0.1:3000 (default))",
        "- http://b.localhost:8080",
        "+ http://c.localhost:8080 → [::1]:5000 (default)",
    ]


def test_where_a_port_comes_from_is_said_in_words_and_another_program_there_is_no_news() -> None:
    def found(program: str) -> RouteTable:
        return table(route("a", service("web", 3000, source="listener", program=program)))

    assert list(changes(table(), found("vite"), 80)) == ["+ http://a.localhost → 127.0.0.1:3000 (found)"]
    assert list(changes(found("vite"), found("node"), 80)) == []


def test_a_service_that_nobody_declared_or_started_is_no_news() -> None:
    quiet = route("a", service("web", 3000), service("api", 4000, up=False))
    assert len(list(changes(table(), table(quiet), 8080))) == 1
