"""How much of pgen one picture needs: few modules to read, and few to import."""

import ast
from collections import Counter
from pathlib import Path

from tests.conftest import run_python

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "runtime"


def imported(path: Path, everywhere: bool) -> set[str]:
    """List the modules of pgen and pokegan that a file imports at its top level, or `everywhere` in it."""
    tree = ast.parse(path.read_text("utf-8"))
    statements = ast.walk(tree) if everywhere else tree.body
    modules = set()
    for statement in statements:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            modules.add(statement.module)
            modules |= {f"{statement.module}.{name.name}" for name in statement.names}
        elif isinstance(statement, ast.Import):
            modules |= {name.name for name in statement.names}
    return {module for module in modules if source(module)}


def source(module: str) -> Path | None:
    """Find the file of a module of pgen or pokegan; None for packages without code, and for other modules."""
    path = RUNTIME / module.replace(".", "/")
    files = (path.with_suffix(".py"), path / "__init__.py") if module.partition(".")[0] in ("pgen", "pokegan") else ()
    return next((file for file in files if file.is_file() and len(ast.parse(file.read_text("utf-8")).body) > 1), None)


def test_image_reaches_few_modules() -> None:
    reached, waiting = set(), ["pgen.commands.image"]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            path = source(module)
            assert path is not None
            waiting += imported(path, everywhere=module == "pgen.commands.image")
    assert len(reached) <= 24, sorted(reached)


def test_image_imports_few_modules(tiny_bundle: Path, tmp_path: Path) -> None:
    program = f"""
import sys
from collections import Counter
sys.argv = ["pgen", "image", "redball", "--device", "cpu", "--out-dir", r"{tmp_path}", "--bundle", r"{tiny_bundle}"]
from pgen.main import main
try:
    main()
except SystemExit:
    pass
print(*(name for name in sys.modules if name.partition(".")[0] in ("pgen", "pokegan")))
"""
    done = run_python(program)
    assert done.returncode == 0, done.stderr
    modules = done.stdout.splitlines()[-1].split()
    assert len(modules) <= 46, sorted(modules)


def test_no_folder_of_a_package_has_over_13_modules() -> None:
    packages = ("runtime", "export", "training")
    modules = [path for package in packages for path in (ROOT / package).rglob("*.py") if path.stem != "__main__"]
    assert len(modules) > 250
    crowded = {str(folder): count for folder, count in Counter(path.parent for path in modules).items() if count > 13}
    assert crowded == {}
