"""How each program resolves names below localhost, and what fixes it on which system."""

import os
from pathlib import Path

import pytest

from router.doctor import name_resolution

DEBIAN = 'NAME="Debian GNU/Linux"\nID=debian\n'


def system(root: Path, **files: str) -> Path:
    """Make a root directory with these files, a double underscore for each slash and a dash for none."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def program(directory: Path, name: str, code: int) -> dict[str, str]:
    """Return an environment whose PATH has a program that ends with this code."""
    script = directory / name
    script.write_text(f"#!/bin/sh\nexit {code}\n")
    script.chmod(0o755)
    return {"PATH": str(directory)}


def test_python_resolves_localhost_and_no_name_of_nobodys() -> None:
    assert name_resolution.python("localhost")
    assert not name_resolution.python("router-doctor.invalid")
    assert not name_resolution.python("a..b")
    assert not name_resolution.python("192.0.2.1"), "an address that is not this machine's"


def test_names_that_do_not_resolve_are_returned() -> None:
    assert name_resolution.unresolved(("localhost", "router-doctor.invalid")) == ("router-doctor.invalid",)
    assert name_resolution.unresolved(()) == ()


@pytest.mark.parametrize(("code", "answer"), [(0, True), (6, False), (7, True), (28, None), (52, True)])
def test_curl_says_by_its_exit_code_whether_it_resolved(tmp_path: Path, code: int, answer: bool | None) -> None:
    assert name_resolution.curl(environ=program(tmp_path, "curl", code)) is answer


@pytest.mark.parametrize(("code", "answer"), [(0, True), (6, False), (1, None), (127, None)])
def test_node_says_so_itself(tmp_path: Path, code: int, answer: bool | None) -> None:
    assert name_resolution.node(environ=program(tmp_path, "node", code)) is answer


def test_a_program_that_is_not_installed_is_no_finding(tmp_path: Path) -> None:
    assert name_resolution.curl(environ={"PATH": str(tmp_path)}) is None
    assert name_resolution.node(environ={"PATH": str(tmp_path)}) is None


def test_the_real_node_agrees_with_the_system_about_localhost() -> None:
    assert name_resolution.node("localhost", environ={**os.environ, "NODE_OPTIONS": "--no-such-option"}) in {True, None}


@pytest.mark.parametrize("release", [DEBIAN, "ID=ubuntu\n", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'])
def test_debian_and_its_kin_install_a_module(tmp_path: Path, release: str) -> None:
    root = system(tmp_path, **{"etc__os-release": release, "etc__nsswitch.conf": "hosts: files dns\n"})
    assert name_resolution.fix(platform="linux", root=root) == "sudo apt-get install libnss-myhostname"


def test_where_the_module_is_there_its_name_goes_into_nsswitch(tmp_path: Path) -> None:
    library = {"usr__lib__x86_64-linux-gnu__libnss_myhostname.so.2": ""}
    root = system(tmp_path, **library, **{"etc__os-release": DEBIAN, "etc__nsswitch.conf": "hosts: files dns\n"})
    assert "nsswitch.conf" in str(name_resolution.fix(platform="linux", root=root))
    system(root, **{"etc__nsswitch.conf": "hosts: files myhostname dns\n"})
    assert name_resolution.fix(platform="linux", root=root) is None


def test_other_systems_have_no_such_command(tmp_path: Path) -> None:
    root = system(tmp_path, **{"etc__os-release": "ID=alpine\n", "lib__ld-musl-x86_64.so.1": ""})
    assert name_resolution.fix(platform="linux", root=root) is None
    assert name_resolution.fix(platform="darwin", root=root) is None
    assert name_resolution.fix(platform="linux", root=tmp_path / "nothing") is None


def test_wsl_forgets_its_hosts_unless_told_not_to(tmp_path: Path) -> None:
    assert not name_resolution.forgets(tmp_path)
    assert name_resolution.forgets(system(tmp_path, proc__version="Linux 5.15-microsoft-standard-WSL2"))
    assert not name_resolution.forgets(system(tmp_path, **{"etc__wsl.conf": "[network]\ngenerateHosts = false\n"}))
