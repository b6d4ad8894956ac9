"""Plugins stand on animi's public API, or on the command: never on its insides."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
MODULES = sorted(PLUGINS.rglob("*.py"))


def find_imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_only_the_api_is_imported(path):
    own = {"animi_vs", "animi_inbetweens"}
    for module in find_imports(path):
        top = module.split(".")[0]
        assert top not in {"cli", "core", "models"}, f"{path.name} imports {module}"
        if top == "animi" or (top.startswith("animi") and top not in own):
            assert module == "animi.core.api", f"{path.name} imports {module}"


def test_all_plugins_are_looked_at():
    assert {path.relative_to(PLUGINS).parts[0] for path in MODULES} == {"vapoursynth", "comfyui", "krita", "blender"}


@pytest.mark.parametrize("folder", ["vapoursynth", "comfyui", "krita", "blender"])
def test_each_has_a_readme_that_says_how_to_install_it(folder):
    text = (PLUGINS / folder / "README.md").read_text(encoding="utf-8")
    assert "## Install" in text and "pip install" in text


def test_their_version_is_animis():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for path in PLUGINS.rglob("pyproject.toml"):
        assert tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"] == version, path
    addon = ast.parse((PLUGINS / "blender/animi_inbetweens.py").read_text(encoding="utf-8"))
    info = next(n.value for n in addon.body if isinstance(n, ast.Assign) and n.targets[0].id == "bl_info")
    assert ".".join(map(str, ast.literal_eval(info)["version"])) == version


def test_the_changelog_begins_with_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    headings = [
        line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line.startswith("## ")
    ]
    assert headings[0].split()[1] == version
