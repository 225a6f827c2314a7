"""What every module of ours imports, read from its source: for the tests of the house and the picture in docs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import harness

ROOT = Path(harness.__file__).parents[1]
PACKAGES = ("harness", "backends", "conformance")
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
PRODUCT = {name: path for name, path in FILES.items() if not name.startswith("harness.tests")}


def imports(source: str, package: str = "") -> Iterator[tuple[str, bool]]:
    """(dotted name, whether at module level) of all that a source imports; `from a import b` gives `a.b`."""
    tree = ast.parse(source)
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in inner) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (above, node.module or "") if part)
            yield from ((f"{module}.{alias.name}", id(node) not in inner) for alias in node.names)


def package_of(module: str) -> str:
    """The package that a module's relative imports start from."""
    return module if FILES.get(module, Path()).name == "__init__.py" else module.rpartition(".")[0]


def within(name: str, *packages: str) -> bool:
    """Whether a dotted name is one of the packages or lies in one."""
    return any(name == p or name.startswith(f"{p}.") for p in packages)


def module_named(name: str) -> str | None:
    """The module of ours that a dotted name is, or is defined in; None if it is not ours."""
    while name and name not in FILES:
        name = name.rpartition(".")[0]
    return name or None


def arrows() -> dict[str, set[str]]:
    """Every product module with the other modules of ours that it imports, wherever in its source."""
    found: dict[str, set[str]] = {}
    for module, path in PRODUCT.items():
        source = path.read_text(encoding="utf-8")
        named = {module_named(name) for name, _ in imports(source, package_of(module))}
        found[module] = {name for name in named if name is not None and name != module}
    return found


def room(module: str) -> str:
    """The folder of a module below its package: `harness.timing`; the package itself for what lies at its top."""
    parts = module.split(".")
    deeper = len(parts) > 2 or (len(parts) == 2 and FILES.get(module, Path()).name == "__init__.py")
    return ".".join(parts[:2]) if deeper else parts[0]
