"""The report in a real browser: nothing scrolls sideways, tables sort and filter, no script but its own runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from test_report import CASES, HOSTILE

from connectograph.report import render_html
from connectograph.report.wording import clean_text

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

# the report stands in a frame of its own, unchanged, at each width; the page around it looks at it and clicks
DRIVER = """
<!DOCTYPE html><meta charset="utf-8"><pre id="result"></pre>
<script>
const texts = (table, column) => [...table.tBodies[0].rows].filter((row) => row.getClientRects().length)
  .map((row) => row.cells[column].textContent.trim());
function look(frame) {
  const page = frame.contentDocument, root = page.documentElement;
  const table = page.querySelector("table.explorable"), buttons = [...table.querySelectorAll("thead button")];
  const column = buttons.findIndex((button) => button.textContent === "Synapses");
  const found = { client: root.clientWidth, scroll: root.scrollWidth, script: page.querySelectorAll("script").length };
  found.images = [...page.images].map((image) => image.complete && image.naturalWidth > 0);
  found.written = texts(table, column);
  const place = buttons[column].getBoundingClientRect();
  found.reach = [place.left, place.right - root.clientWidth, place.width, place.height];
  buttons[column].click();
  found.rising = texts(table, column);
  found.sort = [...table.querySelectorAll("th")].map((header) => header.getAttribute("aria-sort")).filter(Boolean);
  buttons[column].click();
  found.falling = texts(table, column);
  const field = page.querySelector(".filter input");
  field.value = "Missed";
  field.dispatchEvent(new Event("input"));
  found.missed = texts(table, 0);
  found.count = page.querySelector(".filter output").textContent;
  field.value = "no such row";
  field.dispatchEvent(new Event("input"));
  found.none = texts(table, 0);
  found.targets = [...page.querySelectorAll("nav a")].map((link) => page.querySelector(link.hash) !== null);
  found.hostile = [...page.images].filter((image) => !image.src.startsWith("data:")).length;
  return found;
}
const frames = WIDTHS.map((width) => {
  const frame = document.createElement("iframe");
  frame.style = `width: ${width}px; height: 800px; border: 0`;
  frame.srcdoc = REPORT;
  document.body.append(frame);
  return frame;
});
window.addEventListener("load", () => {
  document.getElementById("result").textContent = JSON.stringify(frames.map(look));
});
</script>
"""


def browse(html, folder, widths=(1280, 390)):
    """What the driver saw at each width."""
    page = DRIVER.replace("WIDTHS", json.dumps(widths)).replace("REPORT", json.dumps(html).replace("</", "<\\/"))
    path = folder / "driver.html"
    path.write_text(page, encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [f"--user-data-dir={folder}/profile", "--virtual-time-budget=8000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, encoding="utf-8")
    result = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    assert result, done.stderr[-2000:]
    return dict(zip(widths, json.loads(result[1]), strict=True))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    contents = CASES["ordinary"]()
    error = contents.report["worst_errors"][0]
    counts = (("fn", 9), ("fp", 10), ("fn", 1200), ("fp", 2))
    errors = [{**error, "outcome": outcome, "n_synapses": n, "source": str(2**64 - 9 - n)} for outcome, n in counts]
    report = {**contents.report, "worst_errors": errors}
    hostile = replace(contents, report=report, run={**contents.run, "name": HOSTILE})
    return browse(render_html(hostile), tmp_path_factory.mktemp("browser"))


@pytest.mark.parametrize("width", [1280, 390])
def test_page_fits_its_width_and_shows_its_pictures(seen, width):
    assert seen[width]["client"] <= width
    assert seen[width]["scroll"] <= seen[width]["client"]
    assert len(seen[width]["images"]) == 4
    assert all(seen[width]["images"])
    assert len(seen[width]["targets"]) > 5
    assert all(seen[width]["targets"])


@pytest.mark.parametrize("width", [1280, 390])
def test_errors_are_sorted_by_number_and_filtered_by_word(seen, width):
    page = seen[width]
    left, beyond, wide, high = page["reach"]
    assert left >= 0 >= beyond
    assert min(wide, high) > 10
    assert page["written"] == ["9", "10", "1,200", "2"]
    assert page["rising"] == ["2", "9", "10", "1,200"]
    assert page["falling"] == ["1,200", "10", "9", "2"]
    assert page["sort"] == ["ascending"]
    assert [" ".join(text.split()[-2:]) for text in page["missed"]] == ["missed (fn)"] * 2
    assert page["count"] == "2 of 4 rows"
    assert page["none"] == []


def test_hostile_name_runs_nothing(seen):
    assert clean_text(HOSTILE).startswith('">')
    assert all(page["script"] == 1 and page["hostile"] == 0 for page in seen.values())
