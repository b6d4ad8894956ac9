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
ORDER = (
    "errors",
    "interrupts",
    "devices",
    "files",
    "json_text",
    "lock",
    "programs",
    "read_ahead",
    "threads",
    "config",
    "media",
    "pages",
    "motion",
    "shots",
    "weights",
    "graphs",
    "measures",
    "engines",
    "inbetween",
    "films",
    "material",
    "cartoon",
    "sprites",
    "drawn",
    "training",
    "pictures",
    "reports",
    "cluster",
    "studio",
    "api",
    "doctor",
)
"""The files and packages of core/: what stands earlier never imports what stands later."""
FORBIDDEN = {
    "cli": {"torch", "cv2"},
    "core": {"typer", "rich", "click"},
    "models": {"typer", "rich", "click", "pathlib", "os", "cv2", "imageio", "PIL"},
}


def sources():
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def name_module(path):
    """A file's module, as a tuple of names from its room on; a package is its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {name_module(path): path for path in sources()}


def imports(path):
    """Yields (line, module) for each import of a file, those inside functions included.

    A module of the product is a tuple of names from its room on, another one its top-level package.
    """
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, (node.module or "").split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = (*package[: len(package) - node.level + 1], *(node.module or "").split("."))
            base = tuple(name for name in base if name)
            for name in node.names:  # a module of the package, or else something in the package's own file
                yield node.lineno, (*base, name.name) if (*base, name.name) in MODULES else base


def find_circle(graph):
    """A list of nodes, each of which leads to the next and the last to the first; None where there is no such thing."""
    done, way = set(), []

    def visit(node):
        if node in way:
            return way[way.index(node) :]
        if node in done:
            return None
        way.append(node)
        for other in sorted(graph.get(node, ())):
            if (circle := visit(other)) is not None:
                return circle
        way.pop()
        done.add(node)
        return None

    return next((circle for node in sorted(graph) if (circle := visit(node)) is not None), None)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downward(path):
    room, *rest = name_module(path)
    for line, module in imports(path):
        where = f"{path.relative_to(ROOT)}:{line}"
        if isinstance(module, tuple):
            assert module in MODULES, f"{where}: there is no {'.'.join(module)}"
            assert module[0] in MAY_IMPORT[room], f"{where}: {room} must not import {module[0]}"
            if room == "core" == module[0] and rest:
                assert len(module) > 1, f"{where}: name the module"
                assert ORDER.index(module[1]) <= ORDER.index(rest[0]), f"{where}: {module[1]} stands after {rest[0]}"
        else:
            assert module not in {*ROOMS, "animi"}, f"{where}: use a relative import inside the product"
            assert module not in FORBIDDEN[room], f"{where}: {room} must not know {module}"


def test_the_order_names_all_of_core():
    assert set(ORDER) == {module[1] for module in MODULES if module[0] == "core" and len(module) > 1}


def test_no_file_imports_itself_by_way_of_others():
    graph = {
        module: {other for _, other in imports(path) if isinstance(other, tuple)} for module, path in MODULES.items()
    }
    assert find_circle(graph) is None


def test_a_circle_is_found():
    assert find_circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None
    assert find_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert find_circle({"a": {"a"}}) == ["a"]


def test_services_never_import_recipes():
    for module, path in MODULES.items():
        if module[:3] != ("core", "training", "recipes") and module[0] == "core":
            assert all(other[:3] != ("core", "training", "recipes") for _, other in imports(path)), path


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
