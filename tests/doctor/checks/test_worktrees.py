"""What is checked of the worktrees: their problems, their frameworks, their redirect URIs."""

import subprocess
from pathlib import Path

from router.doctor.checks import framework_settings, sign_in, worktrees
from tests.doctor.documents import problem, status, worktree


def test_each_problem_is_a_finding_of_its_worktree() -> None:
    findings = list(worktrees.check_problems(status(
        worktree("a", problems=[problem("moved-port"), problem("port-conflict", "error")]), worktree("b"),
        problems=[problem("watcher-down", "error"), problem("watcher-hung", "error"), problem("drift", "error")],
    )))  # fmt: skip
    assert [(f.level, f.check, f.worktree, f.message) for f in findings] == [
        ("fail", "router", None, "a drift [drift]"),
        ("warn", "worktree", "a", "a moved-port [moved-port]"),
        ("fail", "worktree", "a", "a port-conflict [port-conflict]"),
        ("ok", "worktree", None, "1 of 2 worktrees have no problem"),
    ]
    assert findings[0].hint == "do this"


def test_a_repository_that_is_not_served_is_named(tmp_path: Path) -> None:
    assert list(worktrees.check_repository(status(), tmp_path)) == []
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    [finding] = worktrees.check_repository(status(), tmp_path)
    assert (finding.level, finding.hint) == ("ok", "router up")
    served = {**status(), "repositories": [{"git_dir": str(tmp_path.resolve() / ".git")}]}
    assert list(worktrees.check_repository(served, tmp_path)) == []


def test_what_a_framework_lacks_is_the_line_itself(tmp_path: Path) -> None:
    django = tmp_path / "backend"
    (django / "shop").mkdir(parents=True)
    (django / "manage.py").write_text('("DJANGO_SETTINGS_MODULE", "shop.settings")')
    (django / "shop" / "settings.py").write_text('ALLOWED_HOSTS = ["shop.test"]')
    (tmp_path / "package.json").write_text('{"dependencies": {"vite": "^7"}}')
    vite, lacking = framework_settings.check(status(worktree("a", str(tmp_path))))
    assert (vite.level, vite.message, vite.hint, vite.worktree) == ("ok", "vite needs nothing", "", "a")
    assert (lacking.level, lacking.hint) == ("warn", 'ALLOWED_HOSTS = [*ALLOWED_HOSTS, ".localhost"]')
    assert lacking.message.startswith("django in backend: ")
    assert "backend/shop/settings.py lacks this line" in lacking.message


def test_what_cannot_be_told_is_said_with_what_to_look_at(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"vite": "^7"}}')
    (tmp_path / "vite.config.ts").write_text("export default { server: { hmr: chosen } }")
    [finding] = framework_settings.check(status(worktree("a", str(tmp_path))))
    assert finding.level == "warn"
    assert finding.message == "vite: cannot be told, as its server.hmr is a variable or computed; see vite.config.ts"
    assert finding.hint.startswith("server.hmr")


def test_what_only_a_host_of_two_labels_needs_is_a_warning_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "Gemfile").write_text('gem "rails"')
    [finding] = framework_settings.check(status(worktree("a", str(tmp_path))))
    assert (finding.level, finding.hint) == ("ok", r"config.hosts << /[a-z0-9.-]+\.localhost(:\d+)?/")
    services = {"web": {"up": True, "program": "vite"}, "api": {"up": True, "program": "puma"}}
    [finding] = framework_settings.check(status(worktree("a", str(tmp_path), services=services)))
    assert finding.level == "warn"


def test_the_usual_redirect_uri_is_accepted_by_all() -> None:
    [finding] = sign_in.check(["http://localhost:8080/auth/callback"])
    assert finding.level == "ok"
    assert "Entra, Google, GitHub, Okta" in finding.message


def test_a_redirect_uri_that_is_refused_and_one_that_is_a_pattern() -> None:
    long, pattern, several = sign_in.check([f"http://localhost:8080/{'a' * 300}", "http://localhost:8080/cb/*"])
    assert (long.level, long.message[:20]) == ("warn", "Entra does not accep")
    assert (pattern.level, several.level) == ("ok", "ok")
    assert "http://localhost:8080/cb/google" in pattern.message
