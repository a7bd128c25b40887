"""Small cases from real files and bug reports: each a file in `corpus/<kind>/`, with what is read and what comes of it.

A case is a YAML document: `files` by path (relative to an empty directory), `expect`, and whatever else its kind's
reader in `corpus/readers.py` takes. `from` says where the case was met.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.corpus.readers import READERS

_CORPUS = Path(__file__).parent / "corpus"
_CASES = sorted(path.relative_to(_CORPUS) for path in _CORPUS.glob("*/*.yaml"))


@pytest.mark.parametrize("case", _CASES, ids=lambda path: str(path.with_suffix("")))
def test_case(case: Path, tmp_path: Path) -> None:
    content: dict[str, Any] = yaml.safe_load((_CORPUS / case).read_text())
    for name, text in content.get("files", {}).items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert READERS[case.parent.name](tmp_path, content) == content["expect"], content["from"]


def test_every_kind_has_a_reader_and_every_reader_cases() -> None:
    assert {case.parent.name for case in _CASES} == set(READERS)
