"""The account of conv2d: what its copies leave out, and that the guide shows what is committed."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from harness.tests.helpers.imports import ROOT

_BACKEND = ROOT / "backends" / "numba_tiled"


@pytest.fixture(scope="module")
def account() -> Any:
    """The script that measures it."""
    spec = importlib.util.spec_from_file_location("measure_account", ROOT / "docs" / "measure_account.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def functions(folder: Path) -> dict[tuple[str, str], str]:
    """What the functions of all files do, by file and name."""
    found = {}
    for path in folder.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                body = ast.unparse(ast.Module(node.body, []))
                found[str(path.relative_to(folder)), node.name] = body
    return found


def test_a_copy_is_without_its_part_and_otherwise_the_backend(
    account: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    whole = functions(_BACKEND)
    for part in (*account.PARTS, "all"):
        module = account.copied(tmp_path, part)
        own = Path(module.__file__).parent.parent
        assert own == tmp_path / f"numba_tiled_without_{part}"
        parts = account.PARTS.values() if part == "all" else [account.PARTS[part]]
        left_out = {(place, name) for places in parts for place, names in places.items() for name in names}
        there = functions(own)
        assert there.keys() == whole.keys()
        assert {key: there[key] for key in whole if there[key] != whole[key]} == dict.fromkeys(left_out, "pass")
        texts = [path.read_text(encoding="utf-8") for path in own.rglob("*.py")]
        assert not any("backends.numba_tiled" in text or "from backends import" in text for text in texts)


def test_a_function_that_is_not_there_cannot_be_left_out(account: Any) -> None:
    assert account.emptied("def f(a):\n    return a\n\ndef g():\n    return 1", ["f"]).count("return") == 1
    with pytest.raises(ValueError, match="there is no function h to leave out"):
        account.emptied("def f(): ...", ["h"])


def test_the_guide_shows_the_committed_accounts(account: Any) -> None:
    guide = (_BACKEND / "README.md").read_text(encoding="utf-8")
    files = sorted((ROOT / "results" / "account").glob("*.json"))
    assert files
    assert guide.count("<!-- account ") == len(files)
    for file in files:
        document = json.loads(file.read_text(encoding="utf-8"))
        assert account.marks(file.stem).replaced(guide, account.markdown(document)) == guide
