"""The site builds without a warning, holds everything there is, and what its pages and the README say can be run."""

from __future__ import annotations

import argparse
import configparser
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from serving import Site, serve

import connectograph as cg
from connectograph.cli import main
from connectograph.cli.parser import build_parser
from connectograph.io import downloads
from connectograph.partners import RULES, UNATTACHED_REASONS

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = Path(__file__).resolve().parent / "golden"
PAGES = ROOT / "docs" / "pages"
WRITTEN = ("definitions.md", "reference-pipeline.md")
COMMANDS = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, with notebooks as they are stored."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", "docs/mkdocs.yml", "--site-dir"]
    done = subprocess.run(
        [*command, folder], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "EXECUTE_NOTEBOOKS": "false"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


class Page(HTMLParser):
    """The links and the words of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.words = [], []
        self.feed(path.read_text())
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("href", "src") and value]

    def handle_data(self, data):
        self.words.append(data)


def test_every_public_name_every_command_and_every_notebook_has_its_place(site):
    modules = {path.stem: Page(path).text for path in (site / "modules").glob("*.html")}
    for name in set(cg.__all__) - {"__version__", "synthetic"}:
        assert re.search(rf"\b{name}\b", modules[getattr(cg, name).__module__.split(".")[1]]), name
    commands = Page(site / "commands.html").text
    for name, command in COMMANDS.items():
        assert f"usage: connectograph {name}" in commands
        assert all(option in commands for action in command._actions for option in action.option_strings)
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.stem for path in (site / "notebooks").glob("*.html")} == notebooks


def test_links_lead_somewhere_and_nothing_is_fetched_from_elsewhere(site):
    for path in site.rglob("*.html"):
        if path.name == "404.html":  # its links are those of a server
            continue
        for link in Page(path).links:
            place = link.split("#")[0].split("?")[0]
            if place and not re.match(r"https?:|data:|mailto:", place):
                assert (path.parent / place).exists(), f"{path.name}: {link}"
        assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"(https?:)?//", path.read_text()), path.name


def test_no_markup_of_docstrings_shows(site):
    for path in (site / "modules").glob("*.html"):
        assert not re.search(r":(func|class|mod|data|meth|attr):|Parameters\s*-{4}", Page(path).text), path.name


@pytest.mark.parametrize("page", [*WRITTEN, "README"])
def test_options_and_commands_that_are_named_exist(page):
    text = (ROOT / "README.md" if page == "README" else PAGES / page).read_text()
    ours = {option for command in COMMANDS.values() for a in command._actions for option in a.option_strings}
    others = {f"--{name}" for name in ("quiet", "editable", "file", "location", "output", "config-file", "strict")}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= ours | others
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    for line in re.findall(r"^connectograph +(.*?)(?:  +#.*)?$", blocks, re.MULTILINE):
        words = line.split(" #")[0].split()
        assert build_parser().parse_args(words).run, line


def test_the_page_for_those_who_come_from_the_pipeline_runs(tmp_path, monkeypatch, capsys):
    """Its command and its code, on the phantom under the names of the page."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(GOLDEN / "phantom_a.hdf", "sample_A.hdf")
    shutil.copy(GOLDEN / "phantom_a_pred.xz", "result_A.xz")
    text = (PAGES / "reference-pipeline.md").read_text()
    command = re.search(r"```bash\nconnectograph (.*)\n```", text)[1]
    assert main([*command.split(), "--contactome", "--no-report"]) == 0
    names = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, names)
    assert names["crop"].sum() == names["segments"].at[names["neuron"], "n_voxels"]
    edges = names["pd"].read_csv("runs/A/tables/edges_truth.csv", dtype={"source": "uint64", "target": "uint64"})
    ends = edges[(edges["source"] == names["neuron"]) | (edges["target"] == names["neuron"])]
    assert sorted(names["partners"]) == sorted({*ends["source"], *ends["target"]} - {names["neuron"]})
    for file in re.findall(r"`((?:tables|adjacency)/\w+\.\w+)`", text):
        assert Path("runs/A", file).exists(), file


def test_five_lines_of_the_readme_lead_from_nothing_to_a_report(tmp_path, monkeypatch):
    """With the phantom in the place of the real volume, and a server of this machine in the place of cremi.org."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    content = (GOLDEN / "phantom_a.hdf").read_bytes()
    monkeypatch.setattr(downloads, "_CREMI_SHA256", {"A": hashlib.sha256(content).hexdigest()})
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    lines = next(block for block in blocks if "download cremi" in block).strip().split("\n")
    assert len(lines) == 5
    download, evaluate = (shlex.split(line, comments=True)[1:] for line in lines if line.startswith("connectograph"))
    with serve(Site({"sample_A_20160501.hdf": content})) as site:
        assert main([*download, "--mirror", site.url]) == 0
    shutil.copy(GOLDEN / "phantom_a_pred.xz", re.search(r"--output (\S+)", lines[2])[1])
    assert main(evaluate) == 0
    assert Path(lines[4].split()[1]).exists()


def test_the_map_of_the_house_names_what_is_there():
    text = (ROOT / "README.md").read_text().split("## Map of the house")[1].split("\n## ")[0]
    for line in text.splitlines():
        for name in re.findall(r"`([\w/.]+)`", line.partition(" | ")[0]):
            assert (ROOT / name).exists() or (ROOT / "connectograph" / name).exists(), name


def test_causes_reasons_and_rules_are_all_defined():
    text = (PAGES / "definitions.md").read_text()
    for word in (*UNATTACHED_REASONS, *RULES):
        assert f"`{word}`" in text, word


def test_the_conda_environment_names_what_there_is():
    text = (ROOT / "environment.yml").read_text()
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    python = setup["options"]["python_requires"]
    assert f"python{python}" in text
    assert all(extra in setup["options.extras_require"] for extra in re.findall(r"-e \.\[(\w+)\]", text))
