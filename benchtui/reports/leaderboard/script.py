"""Style and script of the page: sorting by a click on a heading, and a filter. The script reads only what is in the
table, and the page is complete without it."""

from __future__ import annotations

STYLE = """
main { max-width: none; }
.board { border-collapse: separate; border-spacing: 0; width: auto; }
.board td, .board th { vertical-align: top; white-space: nowrap; }
.board tbody th { position: sticky; left: 0; background: Canvas; font-weight: 600; white-space: normal;
  min-width: 12rem; max-width: 24rem; border-right: 1px solid var(--line); }
.board thead th { position: sticky; top: 0; overflow-wrap: normal;
  background: Canvas; z-index: 1; vertical-align: bottom; }
.board thead th:first-child { left: 0; z-index: 2; border-right: 1px solid var(--line); }
.board button { all: unset; cursor: pointer; font-weight: 600; white-space: normal; }
.board button:focus-visible, input:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
.board [aria-sort=ascending] button::after { content: " \\2191"; }
.board [aria-sort=descending] button::after { content: " \\2193"; }
.board small { display: block; font-weight: 400; color: var(--quiet); }
.board .gain { color: var(--gain); } .board .loss { color: var(--loss); }
.board .change { display: block; } .board .why { display: block; white-space: normal; max-width: 16rem; }
.board .below th, .board .below td { color: var(--quiet); font-weight: 400; } .board .below th { padding-left: 1.6rem; }
.board .group th { border-right: 0; padding-top: 1rem; }
.wide { overflow: auto; max-height: 85vh; }
@media print { .wide { max-height: none; } input { display: none; } }
""".strip()

SCRIPT = """
"use strict";
const table = document.querySelector(".board");
const heads = [...table.tHead.rows[0].cells];
const rowsOf = body => {
  const found = [];
  for (const row of body.rows) {
    if (row.classList.contains("group")) continue;
    if (row.classList.contains("below") && found.length) found[found.length - 1].push(row);
    else found.push([row]);
  }
  return found;
};
const valueOf = (row, column) => row.cells[column].dataset.v;
const sortBy = (column, head) => {
  const up = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") !== "ascending" : head.dataset.up === "1";
  heads.forEach(each => each.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const text = head.dataset.text === "1";
  for (const body of table.tBodies) {
    const rows = rowsOf(body);
    rows.sort((a, b) => {
      const [x, y] = [valueOf(a[0], column), valueOf(b[0], column)];
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      const difference = text ? x.localeCompare(y) : Number(x) - Number(y);
      return up ? difference : -difference;
    });
    rows.forEach(each => body.append(...each));
  }
};
heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => sortBy(column, head)));
const filter = document.querySelector("#filter");
filter.closest("p").hidden = false;
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const body of table.tBodies)
    for (const rows of rowsOf(body)) {
      const name = rows.map(row => row.cells[0].textContent).join(" ").toLowerCase();
      rows.forEach(row => { row.hidden = !words.every(word => name.includes(word)); });
    }
});
""".strip()
