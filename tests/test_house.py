"""The house: imports look down, nothing goes in circles, and importing the package is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "neurorec"
LAYERS = {
    "recording": 0,
    "io": 1,
    "tasks": 1,
    "plot": 1,
    "design": 2,
    "networks": 2,
    "datasets": 2,
    "glm": 3,
    "training": 3,
    "recurrence": 4,
    "timescales": 4,
    "decoding": 4,
    "dynamics": 4,
    "fitted": 4,
    "comparison": 5,
    "report": 6,
    "study": 7,
    "cli": 8,
    "__main__": 9,
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "bundled" not in path.parts)
HEAVY = ["pynwb", "h5py", "matplotlib", "statsmodels", "sklearn", "pandas", "xarray", "scipy"]
HEAVY += ["jax", "equinox", "optax", "numba"]


def imported(path: Path) -> list[str]:
    """Modules of the package that a file imports, in full."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [name for name in names if name.split(".")[0] == "neurorec"]


def room(path: Path) -> str:
    """The folder, or top-level module, that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_look_down(path):
    if room(path) == "__init__":
        return
    for name in imported(path):
        parts = name.split(".")
        assert len(parts) > 1, f"{path} imports from the package root"
        target = parts[1]
        if target == room(path):
            assert len(parts) > 2, f"{path} imports from its own front door"
            continue
        assert LAYERS[target] < LAYERS[room(path)], f"{path} ({room(path)}) imports {name}: sideways or up"
        assert len(parts) == 2, f"{path} imports {name}: use the front door neurorec.{target}"


def test_every_room_has_a_layer():
    rooms = {room(path) for path in MODULES} - {"__init__"}
    assert rooms <= set(LAYERS)


def test_no_cycles_within_rooms():
    edges = {}
    for path in MODULES:
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if not module.endswith("__init__"):
            edges[module] = [name for name in imported(path) if name != "neurorec"]
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail, module])
        if module in done or module not in edges:
            return
        for target in edges[module]:
            visit(target, (*trail, module))
        done.add(module)

    for module in edges:
        visit(module, ())


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_are_short_and_say_what_they_are(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    assert ast.get_docstring(ast.parse(text)), f"{path} does not say what it is"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            doc = ast.get_docstring(node, clean=False)
            body = node.end_lineno - node.lineno - (doc.count("\n") + 1 if doc else 0)
            assert body <= 60, f"{path}:{node.lineno} {node.name} has {body} lines"


def test_public_names_are_documented_and_load():
    import neurorec

    for name in neurorec.__all__:
        assert getattr(neurorec, name).__doc__, name
    with pytest.raises(AttributeError, match="absent"):
        _ = neurorec.absent


def test_import_loads_nothing_heavy():
    code = f"import sys, neurorec; print([m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
