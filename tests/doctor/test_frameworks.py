"""Which framework a directory has, and what it lacks behind `*.localhost`."""

import json
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.doctor.frameworks import found
from router.doctor.frameworks.found import further_files
from router.doctor.frameworks.framework import Framework

MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")'
RAILS = {"Gemfile": 'source "x"\ngem "rails", "~> 7.1"\n', "Gemfile.lock": "  specs:\n    rails (7.1.3)\n"}


frameworks = partial(found.frameworks, port=8080)


def package(**dependencies: str) -> str:
    return json.dumps({"dependencies": dependencies})


def installed(name: str, version: str) -> dict[str, str]:
    return {f"node_modules/{name}/package.json": json.dumps({"version": version})}


def only(files: dict[str, str]) -> Framework:
    [framework] = frameworks(files)
    return framework


def django(settings: str, file: str = "shop/settings.py") -> Framework:
    return only({"manage.py": MANAGE, file: settings})


def rails(development: str) -> Framework:
    return only({**RAILS, "config/environments/development.rb": development})


def test_a_directory_without_any_has_none() -> None:
    assert frameworks({}) == ()
    assert frameworks({"package.json": package(express="4"), "Gemfile": "gem 'sinatra'"}) == ()


def test_the_markers_tell_what_else_is_worth_reading() -> None:
    assert further_files({}) == ()
    assert "next.config.mjs" in further_files({"package.json": "{}"})
    assert "config/environments/development.rb" in further_files({"Gemfile": ""})
    assert {"shop/settings.py", "shop/settings/__init__.py"} < {*further_files({"manage.py": MANAGE})}
    assert further_files({"manage.py": MANAGE.replace("shop.settings", "../../etc/passwd")}) == (
        ".envrc", ".env", ".env.local",
    )  # fmt: skip
    imports = {"manage.py": MANAGE, "shop/settings.py": "from .base import *\nfrom ...etc.passwd import *"}
    assert "shop/base.py" in further_files(imports)
    assert not any(name.startswith(("/", "..")) for name in further_files(imports))


@pytest.mark.parametrize("name", ["vite", "astro", "nuxt", "@sveltejs/kit"])
def test_vite_and_what_is_built_on_it_need_nothing(name: str) -> None:
    assert only({"package.json": package(**{name: "^5"})}) == Framework("vite")


@pytest.mark.parametrize("key", ["host", "clientPort"])
def test_vite_whose_hot_reload_is_sent_elsewhere_is_told(key: str) -> None:
    files = {"package.json": package(vite="^7"), "vite.config.ts": f"server: {{ hmr: {{ overlay: true, {key}: 1 }} }}"}
    assert f"server.hmr.{key}" in only(files).without
    assert only(files).file == "vite.config.ts"


@pytest.mark.parametrize(
    "config",
    [
        "server: { hmr: { overlay: false } }",
        "server: { host: true, port: 3000 }",
        "// hmr: { host: 'x' }",
        "/* hmr: { host: 'x' } */",
    ],
)
def test_vite_configured_otherwise_is_left_alone(config: str) -> None:
    assert only({"package.json": package(vite="^7"), "vite.config.js": config}) == Framework("vite")


def test_next_lacks_a_line_where_a_host_has_two_labels() -> None:
    found = only({"package.json": package(next="^16.2.0"), "next.config.ts": "export default {}"})
    assert (found.line, found.file, found.deep) == ("allowedDevOrigins: ['**.localhost'],", "next.config.ts", True)
    assert "next-server" in found.programs


@pytest.mark.parametrize(
    "files",
    [
        {"next.config.js": "allowedDevOrigins: ['example.org', '**.localhost'],"},
        installed("next", "16.3.0"),
        installed("next", "17.0.1"),
        installed("next", "15.1.0"),
    ],
)
def test_next_that_has_it_or_does_without_needs_nothing(files: dict[str, str]) -> None:
    assert only({"package.json": package(next="^16.2.0"), **files}) == Framework("next")


@pytest.mark.parametrize("wish", ["latest", "canary", "16", "file:../next"])
def test_next_of_an_unknown_version_counts_as_one_that_checks(wish: str) -> None:
    assert only({"package.json": package(next=wish)}).line


def test_next_with_vite_for_its_tests_is_next() -> None:
    assert only({"package.json": package(next="^16.3.0", vite="^7")}).name == "next"


def test_an_old_webpack_dev_server_accepts_only_configured_hosts() -> None:
    files = {"package.json": package(**{"webpack-dev-server": "^4.6.0"}), **installed("webpack-dev-server", "4.9.3")}
    found = only(files)
    assert (found.file, found.line) == ("webpack.config.js", 'devServer: { allowedHosts: [".localhost"] },')
    assert not found.deep
    assert not only({**files, "webpack.config.js": 'devServer: { allowedHosts: [".localhost"] }'}).without


@pytest.mark.parametrize(
    "files", [{}, installed("webpack-dev-server", "4.11.0"), installed("webpack-dev-server", "5.2.0")]
)
@pytest.mark.parametrize("name", ["webpack-dev-server", "react-scripts", "@vue/cli-service"])
def test_a_newer_one_lacks_nothing_and_one_of_unknown_age_nothing_that_is_certain(
    files: dict[str, str], name: str
) -> None:
    assert not only({"package.json": package(**{name: "^5"}), **files}).without


def test_angular_is_told_in_its_own_file() -> None:
    found = only({"package.json": package(**{"@angular/cli": "^13"}), **installed("webpack-dev-server", "4.7.3")})
    assert (found.name, found.file, found.line) == ("angular", "angular.json", '"allowedHosts": [".localhost"]')
    assert only({"package.json": package(**{"@angular/cli": "^5"})}).line, "every Angular 5 has an older one"


@pytest.mark.parametrize(
    "hosts", ["['shop.test']", '("shop.test", "127.0.0.1")', '[\n  "a",  # one\n  "b",\n]', "['localhost']"]
)
def test_django_with_a_list_of_hosts_lacks_ours(hosts: str) -> None:
    found = django(f"DEBUG = True\nALLOWED_HOSTS = {hosts}\n")
    assert (found.line, found.file) == ('ALLOWED_HOSTS = [*ALLOWED_HOSTS, ".localhost"]', "shop/settings.py")
    assert not found.deep
    assert not django(f"ALLOWED_HOSTS = {hosts}\n{found.line}\n").without


def test_django_settings_may_be_a_package() -> None:
    assert django("ALLOWED_HOSTS = ['a']", "shop/settings/__init__.py").file == "shop/settings/__init__.py"


def test_rails_takes_one_label_by_itself_and_more_by_an_expression() -> None:
    found = rails("config.consider_all_requests_local = true\n# config.hosts << /.*localhost/")
    assert found.deep
    assert (found.line, found.file) == (
        r"config.hosts << /[a-z0-9.-]+\.localhost(:\d+)?/",
        "config/environments/development.rb",
    )
    assert rails(found.line) == Framework("rails")
    assert rails('config.hosts << ".localhost"').deep, "a string takes one label, whatever it begins with"


def test_rails_with_a_list_of_its_own_lacks_even_one_label() -> None:
    assert not rails('config.hosts = ["shop.test"]').deep
    assert rails('config.hosts = ["shop.test", ".localhost"]').deep


@pytest.mark.parametrize("development", ["config.hosts.clear", "config.hosts = nil", "config.hosts = [ ]"])
def test_rails_that_asks_nobody_needs_nothing(development: str) -> None:
    assert rails(development) == Framework("rails")


def test_rails_before_six_does_not_ask() -> None:
    assert only({**RAILS, "Gemfile.lock": "    rails (5.2.8)\n"}) == Framework("rails")


def test_a_directory_may_have_several() -> None:
    found = frameworks({"package.json": package(vite="^7"), "manage.py": MANAGE, **RAILS})
    assert [framework.name for framework in found] == ["vite", "django", "rails"]


@given(
    st.dictionaries(
        st.sampled_from(["package.json", "manage.py", "Gemfile", "Gemfile.lock", "shop/settings.py"]), st.text()
    )
)
def test_files_may_say_anything(files: dict[str, str]) -> None:
    assert all(isinstance(name, str) for name in further_files(files))
    assert len(frameworks({"manage.py": MANAGE, **files})) <= 4


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"dependencies": []}', '{"dependencies": {"vite": {}}}', "[]", "null", "{"]
)
def test_a_package_file_may_be_of_any_shape(text: str) -> None:
    assert {framework.name for framework in frameworks({"package.json": text})} <= {"vite"}


HOSTILE = [
    "hmr:{", "/* ", "/*", "allowedDevOrigins", "ALLOWED_HOSTS = [", "'a',", "\n", " ", "config.hosts=[",
    "config.hosts<</", "config.hosts << ", "gem ", "\ngem", "from ", "from\n", "(", "{", "[", "'\\'", "\"\\",
    "`\\`", "/[", "export default {", "export default (", "exports = x;", "const x = x;", "return {", ") => {",
    "server: {", "devServer: {", "config.hosts = [\na,\n", "config.hosts <<\n", "config.hosts.clear if x\n",
    "config.hosts << /(.*)*(.*)*(.*)*x/\n", "if x:\n ALLOWED_HOSTS = []\n", "x = ", "a+", "not ", "if x\n",
    "from .a import *\n", "%w[",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_file_is_read_in_no_time(text: str) -> None:
    text *= (1 << 18) // len(text)
    began = time.process_time()
    javascript = {"next.config.js": text, "vite.config.js": text}
    frameworks({"package.json": package(next="16.2"), **javascript})
    frameworks({"package.json": package(**{"webpack-dev-server": "3"}), "webpack.config.js": text})
    frameworks({"package.json": package(vite="7"), "manage.py": MANAGE, "shop/settings.py": text, **javascript})
    frameworks({"package.json": text, "Gemfile": text, "manage.py": text})
    frameworks({**RAILS, "Gemfile.lock": text, "config/application.rb": text})
    frameworks({**RAILS, "config/application.rb": f"config.hosts = [{text}"})
    further_files({"manage.py": f"DJANGO_SETTINGS_MODULE{text}"})
    assert time.process_time() - began < 3
