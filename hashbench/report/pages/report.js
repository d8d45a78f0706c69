// Tables sort by a click on a column's head, and rows are filtered by words; without this script
// they are plain tables.
"use strict";

function number(text) {
  const found = text.replace(/,/g, "").match(/^[-+]?[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?/i);
  return found ? Number(found[0]) : null;
}

function compare(one, other) {
  const [left, right] = [number(one), number(other)];
  if (left !== null && right !== null && left !== right) return left - right;
  if ((left === null) !== (right === null)) return left === null ? 1 : -1;
  return one.localeCompare(other, "en", { numeric: true });
}

function sortBy(table, column, head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const text = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const rows = [...body.rows];
  rows.sort((one, other) => {
    // cells without a value stay below, whichever way the others go
    const [left, right] = [text(one), text(other)];
    if ((left === "-") !== (right === "-")) return left === "-" ? 1 : -1;
    return down ? compare(right, left) : compare(left, right);
  });
  table.classList.add("sorted");
  for (const row of rows) {
    row.classList.remove("line"); // lines between contests have no meaning in another order
    body.append(row);
  }
}

function addSorting(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.title = "sort by " + head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => sortBy(table, column, head));
  });
}

function addFilter(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 6) return;
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("span");
  label.className = "filter";
  input.type = "search";
  label.append("filter rows", input, count);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = words.length ? ` ${shown} of ${rows.length}` : "";
  });
  table.parentElement.before(label);
}

for (const table of document.querySelectorAll("table")) {
  addSorting(table);
  addFilter(table);
}
