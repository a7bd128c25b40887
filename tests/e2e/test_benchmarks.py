"""The benchmarks, one short repetition of each: they are to work on the day somebody wants a figure."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import PARTS, main
from benchmarks.data_shop import server_missing
from benchmarks.plots import CHARTS, plot
from benchmarks.proxies import portless_missing
from benchmarks.sleep import missing as sleep_missing
from benchmarks.tables import table
from benchmarks.wake import missing as wake_missing

ROOT = Path(__file__).parents[2]
WANT_WRK = {"throughput", "callback"}
WANT_PORTLESS = {"throughput", "start"}


def needs(part: str) -> None:
    """Skip a part whose tools are missing, unless every test is asked for."""
    missing = [] if part not in WANT_WRK or shutil.which("wrk") else ["wrk is missing: apt-get install wrk"]
    missing += [why] if part == "data" and (why := server_missing()) else []
    missing += [why] if part in WANT_PORTLESS and (why := portless_missing()) else []
    missing += [why] if part == "sleep" and (why := sleep_missing()) else []
    missing += [why] if part == "wake" and (why := wake_missing()) else []
    if missing and os.environ.get("ROUTER_TESTS_REQUIRE_ALL") == "1":
        pytest.fail(f"{missing[0]}, and ROUTER_TESTS_REQUIRE_ALL=1 asks for every test")
    if missing:
        pytest.skip(missing[0])


@pytest.mark.e2e
@pytest.mark.parametrize("part", PARTS)
def test_a_part_runs_and_leaves_its_figures(part: str, tmp_path: Path) -> None:
    needs(part)
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", part, "--smoke", "--json", file, "--plots", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=700, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())["parts"][part]
    assert found["rows"]
    assert f"## {part}" in done.stdout
    drawn = {path.stem for path in tmp_path.glob("*.svg")}
    assert drawn == {chart.file for chart in CHARTS if chart.part == part}


def test_a_part_that_cannot_run_is_told_and_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.rest.run", lambda *, smoke: 1 / 0)
    file = tmp_path / "figures.json"
    file.write_text(json.dumps({"parts": {"live": {"rows": [{"what": "kept"}]}}}))
    assert main(["rest", "--smoke", "--json", str(file)]) == 1
    found = json.loads(file.read_text())["parts"]
    assert found == {"live": {"rows": [{"what": "kept"}]}, "rest": {"failed": "ZeroDivisionError"}}


def test_a_part_that_is_skipped_says_what_to_install() -> None:
    assert table("throughput", {"skipped": "wrk is missing: apt-get install wrk"}).endswith("apt-get install wrk")


def test_nobody_runs_a_part_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "no part is called nothing" in capsys.readouterr().err


def test_a_plot_is_a_small_picture_for_light_and_dark(tmp_path: Path) -> None:
    rows = [
        {"worktrees": count, "through": name, "requests/s": {"median": rps, "min": rps * 0.9, "max": rps * 1.1}}
        for count in (1, 20, 100, 1000)
        for name, rps in (
            ("router", 9000 - count),
            ("hand", 9100),
            ("site blocks", 9000 - 5 * count),
            ("portless", 1500),
        )
    ]
    (path,) = plot({"throughput": {"rows": rows}}, tmp_path)
    text = path.read_text()
    assert ElementTree.fromstring(text).tag.endswith("svg")  # noqa: S314 - a picture of our own
    assert "prefers-color-scheme: dark" in text
    assert len(text) < 8000
    assert text.count('class="line"') == 4


def test_the_figures_in_the_documentation_name_no_machine() -> None:
    text = (ROOT / "docs/benchmarks.json").read_text()
    assert set(json.loads(text)["machine"]) == {"cpus", "system", "python", "caddy"}
    assert not [place for place in ("/tmp", "/home", "/root", "/Users") if place in text]
