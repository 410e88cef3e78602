"use strict";
// Sorting and filtering of the tables marked "explorable"; without it they stand as they were written.
function numberOf(text) {
  const number = Number.parseFloat(text.replace(/[,\s]/g, "").replace("\u2212", "-"));
  return Number.isNaN(number) ? null : number;
}

function compareCells(a, b) {
  const plain = /^\d{16,}/.test(a) || /^\d{16,}/.test(b);
  const x = numberOf(a), y = numberOf(b);
  if (!plain && x !== null && y !== null && x !== y) return x - y;
  return a.localeCompare(b, "en", { numeric: true });
}

function sortRows(table, column) {
  const headers = [...table.tHead.rows[0].cells];
  const falling = headers[column].getAttribute("aria-sort") === "ascending";
  headers.forEach((header) => header.removeAttribute("aria-sort"));
  headers[column].setAttribute("aria-sort", falling ? "descending" : "ascending");
  const body = table.tBodies[0], text = (row) => row.cells[column].textContent.trim();
  const rows = [...body.rows].sort((a, b) => (falling ? -1 : 1) * compareCells(text(a), text(b)));
  body.append(...rows);
}

function addSorting(table) {
  table.tHead.classList.add("sorting");
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = header.textContent.trim();
    button.addEventListener("click", () => sortRows(table, column));
    header.replaceChildren(button);
  });
}

function addFilter(table) {
  const label = document.createElement("label"), field = document.createElement("input");
  const count = document.createElement("output");
  label.className = "filter";
  label.textContent = "Show rows with ";
  field.type = "search";
  field.placeholder = "an id, a cause, missed, false …";
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...table.tBodies[0].rows];
    rows.forEach((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    });
    count.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
  });
  label.append(field, " ", count);
  table.parentElement.before(label);
}

document.querySelectorAll("table.explorable").forEach((table) => {
  addSorting(table);
  addFilter(table);
});
