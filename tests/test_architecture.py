"""The house: layers, cheap imports, one place for names, documented doors."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import connectograph as cg
from connectograph.tables import SCHEMAS

ROOT = Path(cg.__file__).resolve().parent
HEAVY = (
    "matplotlib",
    "h5py",
    "skimage",
    "numba",
    "scipy",
    "pandas",
    "networkx",
    "pyarrow",
    "cc3d",
    "tqdm",
    "PIL",
    "jinja2",
)
SOURCES = sorted(ROOT.rglob("*.py"))
each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


def python(code, *options):
    done = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def imports_of(tree):
    """Every module that a file imports, and whether it does so only when a function runs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node


def at_the_top(tree):
    """Modules imported as soon as a file is, not counting those for type checkers."""
    body = [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))]
    return {
        name.split(".")[0]
        for part in body
        if isinstance(part, (ast.Import, ast.ImportFrom))
        for name, _ in imports_of(part)
    }


@pytest.mark.skipif(not (ROOT.parent / "setup.cfg").exists(), reason="the contracts are in the repository's setup.cfg")
def test_imports_point_down_only():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 kept, 0 broken" in done.stdout


def test_importing_loads_nothing_heavy():
    loaded = python(f"import sys, connectograph; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert loaded == "[]\n"
    version = "import sys; from connectograph.cli import main; main(['--version'])"
    assert python(f"{version}; print([n for n in {HEAVY!r} if n in sys.modules])").splitlines()[-1] == "[]"


def test_graphs_are_compared_without_volumes_and_pictures():
    code = (
        "import sys, networkx as nx, connectograph as cg; cg.compare_edges(nx.Graph([(1, 2)]), nx.Graph([(1, 2)]));"
        "print([n for n in ('matplotlib', 'h5py', 'skimage') if n in sys.modules])"
    )
    assert python(code) == "[]\n"


@pytest.mark.parametrize(
    "first",
    ["connectograph.evaluation", "connectograph.evaluation.job", "connectograph.cli.commands", "connectograph.__main__",
     "connectograph.contacts", "connectograph.synthetic", "connectograph.report"],
)  # fmt: skip
def test_evaluate_is_the_function_whatever_was_imported_before(first):
    code = f"import {first}, connectograph as cg; print(type(cg.evaluate).__name__, type(cg.compare_edges).__name__)"
    assert python(code) == "function function\n"


def test_kernels_do_without_scipy_and_leave_blas_to_others():
    code = """
        import sys, numba, numpy as np
        from connectograph._kernels.hashing import group_rows
        group_rows(np.ones((2, 3), np.uint64))
        print("scipy.linalg" in sys.modules, numba.njit(lambda a: np.dot(a, a))(np.eye(2)).tolist())
    """
    assert python(dedent(code)) == "False [[1.0, 0.0], [0.0, 1.0]]\n"


def test_kernels_on_disk_are_loaded_without_all_that_compiles(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    code = """
        import sys, numpy as np
        from connectograph._kernels.hashing import group_rows
        found = [part.tolist() for part in group_rows(np.ones((2, 3), np.uint64))]
        print(found, sorted({"numba.typed.typeddict", "numba.np.linalg", "numba.np.arrayobj"} & sys.modules.keys()))
    """
    found = "[[0, 0], [0]]"
    assert python(dedent(code)) == f"{found} ['numba.np.arrayobj', 'numba.np.linalg', 'numba.typed.typeddict']\n"
    assert python(dedent(code)) == f"{found} []\n"


@each_source
def test_only_plots_and_report_draw(path):
    part = path.relative_to(ROOT).parts[0]
    drawing = {name.split(".")[0] for name, _ in imports_of(ast.parse(path.read_text()))} & {"matplotlib"}
    assert not drawing or part in ("plots", "report")


@each_source
def test_heavy_packages_wait_until_they_are_needed(path):
    part = path.relative_to(ROOT).parts[0]
    late = {"matplotlib", "h5py", "skimage", "scipy", "pyarrow", "cc3d", "tqdm", "PIL", "jinja2", "numba"}
    allowed = {"_kernels": {"numba"}, "plots": {"matplotlib", "scipy"}, "report": {"matplotlib"}}.get(part, set())
    assert at_the_top(ast.parse(path.read_text())) & late <= allowed


@each_source
def test_the_library_neither_prints_nor_asserts_nor_runs_what_it_reads(path):
    tree = ast.parse(path.read_text())
    names = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    attributes = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert path.parent.name == "cli" or "print" not in names
    assert not names & {"eval", "exec", "breakpoint"}
    assert not attributes & {"pickle.load", "pickle.loads", "os.system", "yaml.load"}
    keywords = {
        (k.arg, getattr(k.value, "value", None)) for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords
    }
    assert not keywords & {("allow_pickle", True), ("shell", True)}
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree))


@each_source
def test_only_io_touches_the_disk(path):
    part = path.relative_to(ROOT).parts[0]
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    writes = {
        call
        for call in calls
        if re.search(r"^open$|\.(write_text|write_bytes|to_csv|to_parquet|savefig|mkdir|unlink)$", call)
    }
    assert not writes or part in ("io", "report", "evaluation", "cli")


def test_columns_of_tables_are_typed_in_one_place():
    """A schema is a mapping from columns to types: nowhere but in tables.py is one written."""
    columns = {column for schema in SCHEMAS.values() for column in schema}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Dict) and path.name != "tables.py":
                pairs = {
                    (getattr(k, "value", None), getattr(v, "value", None))
                    for k, v in zip(node.keys, node.values, strict=True)
                }
                typed = {k for k, v in pairs if k in columns and v in ("uint64", "int64", "float64", "bool", "str")}
                assert not typed, f"{path.name} types {typed}"


def test_no_id_passes_through_a_float():
    pattern = re.compile(r"(_id|source|target|segment_[ab]|\bids?)\W*\.astype\((float|np\.float|\"float|'float)")
    assert not [path.name for path in SOURCES if pattern.search(path.read_text())]


@pytest.mark.parametrize("name", sorted(set(cg.__all__) - {"__version__", "synthetic"}))
def test_public_names_are_documented_with_an_example(name):
    item = getattr(cg, name)
    text = inspect.getdoc(item) or ""
    assert text.splitlines()[0].endswith("."), "a summary line"
    if not (inspect.isclass(item) and issubclass(item, Exception)):
        missing = [part for part in ("Examples\n--------", ">>> ") if part not in text]
        assert not missing
    if inspect.isfunction(item):
        assert "Parameters\n----------" in text
        assert "Returns\n-------" in text or inspect.signature(item).return_annotation in ("None", None)
        for parameter in inspect.signature(item).parameters:
            assert re.search(rf"\b{parameter}\b", text), f"{parameter} is not described"


def test_every_name_of_the_stub_is_there_and_nothing_else():
    stub = re.findall(r"import (\w+) as (\w+)", (ROOT / "__init__.pyi").read_text())
    assert all(a == b for a, b in stub)
    assert sorted(b for _, b in stub) == sorted(cg.__all__)
    assert all(getattr(cg, name) is not None for name in cg.__all__)
    assert set(cg.__all__) <= set(dir(cg))


@each_source
def test_modules_and_functions_stay_small(path):
    lines = path.read_text().count("\n")
    assert lines <= 500
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            start = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
            assert node.end_lineno - start <= 60, f"{node.name} has {node.end_lineno - start} lines"
