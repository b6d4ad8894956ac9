"""The house rules that a reader cannot see in one file: who may import whom, and what is packaged."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("cli", "core", "models")
MAY_IMPORT = {"cli": {"cli", "core"}, "core": {"core", "models"}, "models": {"models"}}
FORBIDDEN = {
    "cli": {"torch", "cv2"},
    "core": {"typer", "rich", "click"},
    "models": {"typer", "rich", "click", "pathlib", "os", "cv2", "imageio", "PIL"},
}


def sources():
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path):
    """Yields (room or top-level package, line, inside a function or not) for each import of a file."""
    here = path.relative_to(ROOT).with_suffix("").parts
    package = here[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    in_function = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name.split(".")[0], node.lineno, id(node) in in_function
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                yield (node.module or "").split(".")[0], node.lineno, id(node) in in_function
            else:
                base = package[: len(package) - (node.level - 1)]
                target = (*base, *(node.module or node.names[0].name).split("."))
                yield "room:" + target[0], node.lineno, id(node) in in_function


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downward(path):
    room = path.relative_to(ROOT).parts[0]
    for name, line, _ in imports(path):
        where = f"{path.relative_to(ROOT)}:{line}"
        if name.startswith("room:"):
            assert name[5:] in MAY_IMPORT[room], f"{where}: {room} must not import {name[5:]}"
        else:
            assert name not in {*ROOMS, "animi"}, f"{where}: use a relative import inside the product"
            assert name not in FORBIDDEN[room], f"{where}: {room} must not know {name}"


def test_services_never_import_recipes():
    for path in (ROOT / "core").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert "recipes" not in (node.module or ""), f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("room", ["core", "models"])
def test_nothing_below_the_command_line_prints(room):
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"print", "input"}, f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_folder_with_code_is_packaged():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT).as_posix() for path in sources()}
    assert folders == set(settings["package-dir"].values())
    assert set(settings["packages"]) == set(settings["package-dir"])


def test_help_does_not_import_what_is_slow():
    code = (
        "import sys; from typer.testing import CliRunner; from animi.cli.main import app;"
        "r = CliRunner().invoke(app, ['--help']); assert r.exit_code == 0, r.output;"
        "print(sorted({'torch', 'torchvision', 'cv2', 'imageio', 'PIL', 'numpy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert found == "[]"
