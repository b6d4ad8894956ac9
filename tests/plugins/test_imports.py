"""Plugins stand on animi's public API, or on the command: never on its insides."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from animi.core.config import choices
from animi.core.config.interpolation import InterpolateFilmConfig

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


def find_value(path, name):
    """The literal that is assigned to a name anywhere in a file, or that the values of a field are made of."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(target, ast.Name) or target.id != name:
            continue
        if isinstance(node, ast.Assign):
            return ast.literal_eval(node.value)
        if isinstance(node, ast.AnnAssign):  # Blender's: items=[(name, name, "") for name in (...)]
            items = next(word.value for word in node.annotation.keywords if word.arg == "items")
            return ast.literal_eval(items.generators[0].iter)
    raise AssertionError(f"{path.name} has no {name}")


def test_lists_that_plugins_repeat_are_animis():
    krita, blender = PLUGINS / "krita/animi_inbetweens/settings.py", PLUGINS / "blender/animi_inbetweens.py"
    assert find_value(krita, "ENGINES") == find_value(blender, "engine") == choices.ENGINES
    assert find_value(krita, "SPACINGS") == find_value(blender, "spacing") == choices.EASINGS


def test_vapoursynths_arguments_name_what_animi_takes():
    (function,) = (
        node
        for node in ast.parse((PLUGINS / "vapoursynth/animi_vs/__init__.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "interpolate"
    )
    lines = dict(line.strip().split(": ", 1) for line in ast.get_docstring(function).splitlines() if ": " in line)
    for name, known in (
        ("engine", choices.ENGINES), ("cadence", choices.CADENCES), ("on_failure", choices.ON_FAILURE),
        ("device", ("auto", "cpu", "cuda", "mps")),
    ):  # fmt: skip
        assert tuple(re.findall(r'"([\w-]+)"', lines[name])) == known, name
    arguments = function.args.args + function.args.kwonlyargs
    defaults = function.args.defaults + function.args.kw_defaults
    given = dict(zip([each.arg for each in arguments[-len(defaults) :]], map(ast.literal_eval, defaults), strict=True))
    config = InterpolateFilmConfig
    assert given["engine"] == choices.ENGINES[0] and given["hold_threshold"] == config.hold_threshold
    assert (given["cadence"], given["on_failure"]) == (config.cadence, config.on_failure)


def test_the_changelog_begins_with_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    headings = [
        line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line.startswith("## ")
    ]
    assert headings[0].split()[1] == version
