"""Fingerprint of a stage's code: what it does, not how or when the file was written.

Follows the imports of a module within confvib and hashes the syntax trees without
docstrings; comments, formatting and file times do not count. As a rule's parameter it
makes Snakemake rerun exactly the stages whose code changed.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2]
_PACKAGE = "confvib"
_NOT_CODE_OF_A_STAGE = ("confvib.campaign",)
"""Settings reach a stage through its parameters, which Snakemake compares anyway."""


def code_fingerprint(module: str) -> str:
    """Return 16 hexadecimal digits over a module and all of confvib that it imports.

    Args:
        module: Dotted name, e.g. ``confvib.stages.relax_configurations``.
    """
    todo, seen = [module], {}
    while todo:
        name = todo.pop()
        if name in seen or name.startswith(_NOT_CODE_OF_A_STAGE):
            continue
        path = _file_of(name)
        if path is None:
            continue
        seen[name], imported = _normalised(path)
        todo.extend(imported)
    return hashlib.sha256(repr(sorted(seen.items())).encode()).hexdigest()[:16]


@cache
def _file_of(module: str) -> Path | None:
    base = _SOURCE.joinpath(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _normalised(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return a module's syntax tree as text without docstrings, and what it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = tuple(dict.fromkeys(_imports(tree)))
    for node in ast.walk(tree):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and _has_docstring(node.body):
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imported


def _has_docstring(body: list[ast.stmt]) -> bool:
    first = body[0] if body else None
    return (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [
                node.module,
                *(f"{node.module}.{alias.name}" for alias in node.names),
            ]
        else:
            continue
        yield from (name for name in names if name.startswith(f"{_PACKAGE}."))
