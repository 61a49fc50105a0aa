"""Lint of names and docstrings for the plain words that CONTRIBUTING asks for: `python -m tests.support.plain_words`.

It finds the cheap cases only: local variables named for how a value was come by, docstrings that begin with a question
word, names that this project has replaced, and test names of more than 60 characters.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LOCALS: Final = frozenset({"found", "known", "said", "asked", "told", "wanted", "wished"})
RIDDLE: Final = re.compile(r"(What|How|Whose|Who|That which|Those|As) (?!is (a|an|the) )")
REPLACED: Final = frozenset({"Visit", "Till", "Keeper", "Teller", "Kept", "Makers", "Intake", "KeptQueue"})
LONGEST_TEST_NAME: Final = 60


def findings(path: Path) -> Iterator[str]:
    """One line for each finding in a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
        if isinstance(node, ast.ClassDef) and node.name in REPLACED:
            yield f"{place}: class {node.name}: use the field's term (docs/glossary.md)"
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and len(node.name) > LONGEST_TEST_NAME:
            yield f"{place}: {node.name} has {len(node.name)} characters; at most {LONGEST_TEST_NAME}"
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in LOCALS:
            yield f"{place}: {node.id}: name the variable for what it holds"
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if RIDDLE.match(first):
                yield f"{place}: say what it is or does: {first}"


def main() -> int:
    """Print all findings; 1 if there are any."""
    names = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = [line for name in names.split() if (ROOT / name).exists() for line in findings(ROOT / name)]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
