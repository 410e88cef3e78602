"""Pages that are made of what is elsewhere: README, changelog, parser, docstrings and notebooks."""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import connectograph
from connectograph.cli.parser import build_parser

ROOT = Path(__file__).resolve().parents[1]
PICTURE = "analysis/readme.png"
ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):<code>~?([^<]*)</code>")
NOT_FOR_USERS = {"blocks", "cli", "runs"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add what is generated to the navigation."""
    config.nav += [
        {"Notebooks": [{title_of(path): f"notebooks/{path.stem}.md"} for path in notebooks()]},
        {"Modules": [{name: f"modules/{name}.md"} for name in modules()]},
        {"Changes": "changes.md"},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the picture of the README."""
    for name, text in pages(execute=config.extra["execute_notebooks"]):
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, PICTURE, abs_src_path=str(ROOT / PICTURE)))
    return files


def on_page_content(html: str, **_: Any) -> str:
    """Roles of other documentation systems in docstrings become plain code."""
    return ROLE.sub(r"<code>\1</code>", html)


def pages(*, execute: bool) -> Iterator[tuple[str, str]]:
    """Every generated page: its name and its Markdown."""
    readme = (ROOT / "README.md").read_text()
    linked = re.sub(r"`(notebooks/\w+)\.ipynb`", r"[\1](\1.md)", readme)
    # what is no part of the site is named, not linked
    linked = re.sub(r"\[([^]]+)\]\(analysis/README[^)]*\)", r"\1 (`analysis/README.md`)", linked)
    yield "index.md", linked.replace("(CHANGELOG.md)", "(changes.md)")
    yield "changes.md", (ROOT / "CHANGELOG.md").read_text()
    yield "commands.md", describe_commands()
    for name in modules():
        yield f"modules/{name}.md", describe_module(name)
    for path in notebooks():
        yield f"notebooks/{path.stem}.md", render_notebook(path, execute=execute)


def describe_commands() -> str:
    """The help of every command."""
    parser = build_parser()
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices
    codes = "0 done; 1 done, but below `--fail-under`; 2 input or call wrong; 3 interrupted; 4 a fault of ours."
    parts = ["# Command line", f"{parser.description} {parser.epilog}", f"Exit codes: {codes}"]
    parts += [f"## {name}\n\n```text\n{command.format_help()}```" for name, command in commands.items()]
    return "\n\n".join(parts)


def modules() -> list[str]:
    """The parts of the library that hold something for users."""
    names = [module.name for module in iter_modules(connectograph.__path__) if not module.name.startswith("_")]
    return [name for name in names if name not in NOT_FOR_USERS and members_of(name)]


def members_of(name: str) -> list[str]:
    """Full names of a part's public functions and classes, and of those that the top level takes from it."""
    part = f"connectograph.{name}"
    module = import_module(part)
    items = [getattr(module, member) for member in getattr(module, "__all__", ())]
    items += [getattr(connectograph, member) for member in connectograph.__all__]
    known = [item for item in items if inspect.isfunction(item) or inspect.isclass(item)]
    full = [f"{item.__module__}.{item.__qualname__}" for item in known]
    return list(dict.fromkeys(path for path in full if path.startswith(f"{part}.")))


def describe_module(name: str) -> str:
    """A module's docstring and its members."""
    summary = inspect.getdoc(import_module(f"connectograph.{name}")) or ""
    members = "\n\n".join(f"::: {path}" for path in members_of(name))
    return f"# connectograph.{name}\n\n{summary}\n\n{members}\n"


def notebooks() -> list[Path]:
    """The numbered tours."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def title_of(path: Path) -> str:
    """The first heading of a notebook."""
    text = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])
    found = re.search(r"^# (.+)", text, re.MULTILINE)
    return found[1] if found else path.stem


def render_notebook(path: Path, *, execute: bool) -> str:
    """A notebook as Markdown; executed first, for its results."""
    cells = run_notebook(path) if execute else json.loads(path.read_text())["cells"]
    return "\n\n".join(part for cell in cells for part in render_cell(cell))


def run_notebook(path: Path) -> list[dict[str, Any]]:
    """The cells of a notebook with their outputs; what it writes goes to a folder that does not stay."""
    import tempfile

    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    return list(notebook.cells)


def render_cell(cell: dict[str, Any]) -> Iterator[str]:
    """Text as it is; code, and what it gave."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
    elif source:
        yield f"```python\n{source}\n```"
        yield from filter(None, map(render_output, cell["outputs"]))


def render_output(output: dict[str, Any]) -> str:
    """What is richest of an output."""
    data = output.get("data", {"text/plain": output.get("text", "")})
    if output.get("name") == "stderr" or not any(data.values()):
        return ""
    if "image/png" in data:
        return f'<img alt="figure drawn by the code above" src="data:image/png;base64,{data["image/png"].strip()}">'
    if "text/html" in data:
        return "<div>" + re.sub(r"\n\s*\n", "\n", "".join(data["text/html"])) + "</div>"
    return "```text\n" + "".join(data.get("text/plain", "")).rstrip("\n") + "\n```"
