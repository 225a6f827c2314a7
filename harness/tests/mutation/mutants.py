"""The small faults that can be planted in a source file, each a replacement of one piece of its text."""

from __future__ import annotations

import ast
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.In: "not in",
    ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
_CALCULATED: dict[type[ast.operator], str] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "+", ast.BitOr: "&",
    ast.BitAnd: "|", ast.LShift: ">>", ast.RShift: "<<", ast.Pow: "*",
}  # fmt: skip
_OTHER_NAME = {
    "min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "floor": "ceil", "ceil": "floor",
    "is_file": "exists", "is_dir": "exists", "median": "max", "append": "clear", "values": "keys", "first": "last",
    "union": "intersection", "intersection": "union", "startswith": "endswith", "rpartition": "partition",
    "partition": "rpartition", "reversed": "list", "setdefault": "__setitem__", "rfind": "find",
}  # fmt: skip
# What no test of behaviour could see.
_SKIPPED_ARGUMENTS = {"strict", "encoding", "daemon", "slots", "frozen", "kw_only", "help", "metavar"}
_SKIPPED_CALLS = {"TypeVar", "ParamSpec", "cast", "field", "__slots__"}
_SYMMETRIC = {"min", "max", "isinstance", "array_equal", "may_share_memory", "shares_memory", "suppress"}
_TYPES = {"Literal", "tuple", "list", "dict", "set", "frozenset", "Callable", "Sequence", "Annotated", "Mapping"}
_SKIPPED_NAMES = {"__all__", "__slots__", "TYPE_CHECKING"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: in `path` (from the root), `new` stands in place of the bytes from `start` to `end`."""

    path: Path
    line: int
    kind: str
    start: int
    end: int
    new: str

    def planted(self, source: bytes) -> bytes:
        """The source with the fault in it."""
        return source[: self.start] + self.new.encode() + source[self.end :]

    def told(self, source: bytes) -> str:
        """Where it is, of what kind, and its first line before and after."""
        first = source.rfind(b"\n", 0, self.start) + 1
        before = source[first:].split(b"\n", 1)[0].decode().strip()
        after = self.planted(source)[first:].split(b"\n", 1)[0].decode().strip()
        return f"{self.path}:{self.line}: {self.kind}\n    - {before}\n    + {after}"


def mutants(path: Path, source: bytes) -> list[Mutant]:
    """Every fault for one Python file, in the order of its lines; some few may not compile."""
    finder = _Finder(path, source)
    finder.visit(ast.parse(source))
    unique = {(m.start, m.end, m.new): m for m in finder.found if source[m.start : m.end] != m.new.encode()}
    return sorted(unique.values(), key=lambda m: (m.start, m.end, m.new))


def compiles(mutant: Mutant, source: bytes) -> bool:
    """Whether the file is still Python with the fault in it."""
    try:
        compile(mutant.planted(source), "planted", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def drawn(every: Sequence[Mutant], count: int, seed: int) -> Iterator[Mutant]:
    """So many faults at random, all kinds in turn: most places hold a text or a number, and few a filter."""
    kinds: defaultdict[str, list[Mutant]] = defaultdict(list)
    for one in every:
        kinds[one.kind].append(one)
    chance = random.Random(seed)
    for name in sorted(kinds):
        chance.shuffle(kinds[name])
    in_turn = (one for row in itertools.zip_longest(*(kinds[name] for name in sorted(kinds))) for one in row if one)
    return itertools.islice(in_turn, count)


class _Finder(ast.NodeVisitor):
    """Walks over what runs: no annotations, docstrings or lists of public names."""

    def __init__(self, path: Path, source: bytes) -> None:
        self.found: list[Mutant] = []
        self._path, self._source = path, source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def _at(self, node: Any, end: bool = False) -> int:
        line, column = (node.end_lineno, node.end_col_offset) if end else (node.lineno, node.col_offset)
        return int(self._starts[line - 1] + column)

    def _text(self, node: ast.AST) -> str:
        return self._source[self._at(node) : self._at(node, end=True)].decode()

    def _plant(self, node: ast.AST, kind: str, new: str) -> None:
        self._between(node, kind, self._at(node), self._at(node, end=True), new)

    def _between(self, node: Any, kind: str, start: int, end: int, new: str) -> None:
        self.found.append(Mutant(self._path, node.lineno, kind, start, end, new))

    def _sign(self, node: ast.AST, left: ast.AST, right: ast.AST, kind: str, new: str) -> None:
        """Replace the operator between two expressions; brackets around them stay."""
        start, end = self._at(left, end=True), self._at(right)
        between = self._source[start:end].decode()
        old = between.strip().strip("()").strip()
        if old and "\n" not in old and "#" not in between:
            self._between(node, kind, start, end, between.replace(old, new, 1))

    def visit_Module(self, node: ast.Module) -> None:
        self._body(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._body(node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if any("overload" in self._text(d) for d in node.decorator_list):
            return
        for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]:
            self.visit(default)
        self._body(node.body)

    def _body(self, body: list[ast.stmt]) -> None:
        for number, one in enumerate(body):
            is_docstring = isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
            if is_docstring and (number == 0 or isinstance(one.value.value, str)):  # type: ignore[attr-defined]
                continue
            self.visit(one)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not any(isinstance(t, ast.Name) and t.id in _SKIPPED_NAMES for t in node.targets):
            self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if self._text(node.test) in ("TYPE_CHECKING", '__name__ == "__main__"'):
            return
        self._plant(node.test, "condition inverted", f"(not ({self._text(node.test)}))")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._plant(node.test, "condition inverted", f"(not ({self._text(node.test)}))")
        self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        """Assertions are for the type checker."""

    def visit_Raise(self, node: ast.Raise) -> None:
        if isinstance(node.exc, ast.Call):
            self.visit(node.exc)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._plant(node, "statement dropped", "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._plant(node, "statement dropped", "pass")
        self._plant(node, "assigned, not added", f"{self._text(node.target)} = {self._text(node.value)}")
        self.generic_visit(node)

    def visit_Continue(self, node: ast.Continue) -> None:
        self._plant(node, "statement dropped", "pass")

    def visit_Break(self, node: ast.Break) -> None:
        self._plant(node, "statement dropped", "pass")

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            self._sign(node, left, right, "comparison", _COMPARED[type(operator)])
        self.visit(node.left)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.In | ast.NotIn):
                self._unordered(right)
            else:
                self.visit(right)

    def _unordered(self, node: ast.expr) -> None:
        """What is asked for members alone: their order is nothing."""
        for one in node.elts if isinstance(node, ast.Tuple) else [node]:
            self.visit(one)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        for one in node.body:
            self.visit(one)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        other = _CALCULATED.get(type(node.op))
        if other and not isinstance(node.left, ast.JoinedStr) and not isinstance(node.right, ast.JoinedStr):
            self._sign(node, node.left, node.right, "arithmetic", other)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        other = "or" if isinstance(node.op, ast.And) else "and"
        for left, right in itertools.pairwise(node.values):
            self._sign(node, left, right, "and/or", other)
        for one in node.values:
            neutral = "True" if isinstance(node.op, ast.And) else "False"
            self._plant(one, "clause dropped", neutral)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._plant(node, "not dropped", f"({self._text(node.operand)})")
        elif isinstance(node.op, ast.USub):
            self._plant(node, "sign dropped", f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._plant(node, "constant", str(not node.value))
        elif isinstance(node.value, int):
            self._plant(node, "constant", str(node.value + 1))
        elif isinstance(node.value, float):
            self._plant(node, "constant", repr(node.value * 2 if node.value else 1.0))
        elif isinstance(node.value, str) and len(node.value) > 1:
            self._plant(node, "text dropped", '""')

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._plant(node, "text dropped", '""')
        for one in node.values:
            if isinstance(one, ast.FormattedValue):
                self.visit(one.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if self._text(node.value) in _TYPES:
            return
        inner = node.slice
        if isinstance(inner, ast.Constant) and inner.value == 0:
            self._plant(inner, "first for last", "-1")
        elif self._text(inner) == "-1":
            self._plant(inner, "last for first", "0")
        self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        self._swap(node, node.elts)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in _SKIPPED_CALLS:
            return
        if name in _OTHER_NAME:
            end = self._at(node.func, end=True)
            self._between(node, "other function", end - len(name.encode()), end, _OTHER_NAME[name])
        if name not in _SYMMETRIC:
            self._swap(node, node.args)
        for one in node.keywords:
            if one.arg and one.arg not in _SKIPPED_ARGUMENTS and self._text(one.value) != "None":
                self._dropped_keyword(node, one)
        self.generic_visit(node)

    def _swap(self, node: ast.AST, elements: list[ast.expr]) -> None:
        for left, right in itertools.pairwise(elements):
            if isinstance(left, ast.Starred) or isinstance(right, ast.Starred):
                continue
            a, b = self._text(left), self._text(right)
            between = self._source[self._at(left, end=True) : self._at(right)].decode()
            self._between(node, "swapped", self._at(left), self._at(right, end=True), f"{b}{between}{a}")

    def _dropped_keyword(self, node: ast.Call, keyword: ast.keyword) -> None:
        start, end = self._at(keyword), self._at(keyword, end=True)
        if self._source[end : end + 2] == b", ":
            end += 2
        elif self._source[start - 2 : start] == b", ":
            start -= 2
        self._between(node, "argument dropped", start, end, "")

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for one in node.ifs:
            self._plant(one, "filter dropped", "True")
        self.generic_visit(node)
