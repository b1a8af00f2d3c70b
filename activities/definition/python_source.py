"""What can be told of a Python entrypoint without running it."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

# Its tree takes three hundred times as much memory.
LARGEST_BYTES = 512 * 1024


def syntax_problem(path: Path) -> str:
    """Empty when it compiles, and when this cannot be told: then the bot's own interpreter will."""
    try:
        _parsed(path)
    except SyntaxError as error:
        return f"line {error.lineno or 1}: {error.msg}"
    except ValueError as error:
        return str(error)
    return ""


def missing_main(path: Path) -> bool:
    """Whether no statement at the top binds ``main``. A hint only: a program may bind it in other ways."""
    tree = _parsed(path)
    if tree is None:
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == "main":
            return False
        if isinstance(node, ast.Name) and node.id == "main" and isinstance(node.ctx, ast.Store):
            return False
        if isinstance(node, ast.alias) and (node.asname or node.name) in ("main", "*"):
            return False
    return True


def _parsed(path: Path) -> ast.Module | None:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            return None
        source = path.read_bytes()
    except OSError:
        return None
    with warnings.catch_warnings():
        # Of the bot's source, which is its author's affair.
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(source, filename=path.name)
            # Some errors, such as a return outside of a function, are found only now.
            compile(source, path.name, "exec", dont_inherit=True)
        except (RecursionError, MemoryError):
            return None
    return tree
