"""The PDF drawn by another process, and what happens if there is none."""

from __future__ import annotations

import json
import subprocess

import pytest

import connectograph as cg
from connectograph.evaluation import rendering


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    phantom = cg.synthetic.make_phantom("small", rng=0)
    evaluation = cg.evaluate(phantom.segmentation, truth=phantom.truth, predicted=phantom.predicted)
    return evaluation.write(tmp_path_factory.mktemp("run") / "A")


@pytest.fixture
def two_processors(monkeypatch):
    monkeypatch.setattr(rendering, "default_workers", lambda: 2)


def read_record(folder):
    return json.loads((folder / "run.json").read_text())


def test_another_process_draws_the_same_pdf(written, two_processors):
    with rendering.draw_pdf_aside(written) as draw:
        assert draw(read_record(written))() == (written / "report.pdf").read_bytes()


def test_without_another_process_the_pdf_is_drawn_here(written, two_processors, monkeypatch):
    monkeypatch.setattr(rendering.sys, "executable", "false")
    record = read_record(written)
    with rendering.draw_pdf_aside(written) as draw:
        pdf = draw(record)
        assert pdf() is None
        rendered = rendering.render_reports(rendering.read_contents(written, record), pdf=pdf)
    assert rendered["report.pdf"] == (written / "report.pdf").read_bytes()


def test_one_processor_starts_no_other_process(written, monkeypatch):
    monkeypatch.setattr(rendering, "default_workers", lambda: 1)
    monkeypatch.setattr(subprocess, "Popen", None)
    with rendering.draw_pdf_aside(written) as draw:
        assert draw({})() is None


def test_a_process_that_is_not_needed_is_ended(written, two_processors, monkeypatch):
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0])
    with rendering.draw_pdf_aside(written):
        pass
    assert started[0].returncode is not None
