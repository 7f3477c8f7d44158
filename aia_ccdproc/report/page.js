"use strict";
// The fragment of the address stores the filter and the order of the table, so that a view can be saved and shared:
// #status=failed&warnings=1&q=corrupt&sort=-seconds
const table = document.querySelector("table");
const rows = [...table.tBodies].flatMap(group => [...group.rows]);
const rowsPerGroup = Number(table.dataset.group);
const headers = [...document.querySelectorAll("[data-key]")];
const filterButtons = [...document.querySelectorAll("[data-status][aria-pressed]")];
const warningsButton = document.querySelector("#warnings");
const textField = document.querySelector("input");
const countElement = document.querySelector("output");
const totalText = countElement.textContent; // "6 files"
const collator = new Intl.Collator("en", { numeric: true });
const statusOrder = ["failed", "skipped", "unchanged", "done"];
const numberKeys = table.dataset.keys.split(" ");

// The style of a row is a grid; the roles keep it a table for assistive technology.
const roles = [["table", "table"], ["thead, tbody", "rowgroup"], ["tr", "row"], ["th", "columnheader"], ["td", "cell"]];
for (const [selector, role] of roles) for (const element of document.querySelectorAll(selector)) element.setAttribute("role", role);

function fileOf(row) {
  return `${row.querySelector(".folder")?.textContent ?? table.dataset.folder}/${row.querySelector(".name").textContent}`;
}

const texts = new Map();
function textOf(row) {
  if (!texts.has(row)) texts.set(row, `${fileOf(row)} ${row.textContent}`.toLowerCase());
  return texts.get(row);
}

function sortValue(row, key) {
  if (key === "index") return Number(row.dataset.index);
  if (key === "status") return statusOrder.indexOf(row.dataset.status);
  if (key === "file") return fileOf(row);
  if (key === "time") return row.querySelector(".observed time")?.parentNode.textContent ?? null;
  if (key === "record") return row.querySelector("td.record p")?.textContent ?? null;
  const text = row.dataset.sort.split("|")[numberKeys.indexOf(key)];
  return text ? Number(text) : null;
}

function comparison(key, sign) {
  const values = new Map(rows.map(row => [row, sortValue(row, key)]));
  return (row, other) => {
    const [a, b] = [values.get(row), values.get(other)];
    if (a === null || b === null) return (a === null) - (b === null); // unknown values are last in both directions
    const difference = typeof a === "number" ? a - b : collator.compare(a, b);
    return sign * difference || row.dataset.index - other.dataset.index;
  };
}

function currentView() {
  return new URLSearchParams(location.hash.slice(1));
}

function changeView(name, text) {
  const view = currentView();
  if (text) view.set(name, text);
  else view.delete(name);
  history.replaceState(null, "", `#${view}`);
  show();
}

let shownSort = "";
let orderedRows = rows;
let shownRows = rows;

function sortRows(sort) {
  if (sort === shownSort) return;
  shownSort = sort;
  const [key, sign] = sort.startsWith("-") ? [sort.slice(1), -1] : [sort, 1];
  const isKnown = headers.some(header => header.dataset.key === key);
  orderedRows = [...rows].sort(isKnown ? comparison(key, sign) : comparison("index", 1));
  for (const header of headers) {
    header.dataset.sorted = header.dataset.key === key ? (sign < 0 ? "descending" : "ascending") : "";
    header.closest("th").removeAttribute("aria-sort");
  }
  for (const header of headers) {
    if (header.dataset.sorted) header.closest("th").setAttribute("aria-sort", header.dataset.sorted);
  }
}

// The browser skips the groups of rows that are not visible. To check each of thousands of rows would be slow.
function placeRows(wanted) {
  if (wanted.length === shownRows.length && wanted.every((row, index) => row === shownRows[index])) return;
  shownRows = wanted;
  const groups = [...table.tBodies];
  for (let start = 0; start < wanted.length; start += rowsPerGroup) {
    const group = groups.shift() ?? table.createTBody();
    group.role = "rowgroup";
    group.replaceChildren(...wanted.slice(start, start + rowsPerGroup));
  }
  for (const group of groups) group.replaceChildren();
}

function show() {
  const view = currentView();
  const status = view.get("status") || "all";
  const query = view.get("q") || "";
  const onlyWarnings = view.has("warnings");
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  sortRows(view.get("sort") || "");
  placeRows(orderedRows.filter(row =>
    (status === "all" || row.dataset.status === status) && (!onlyWarnings || "warns" in row.dataset)
    && words.every(word => textOf(row).includes(word))));
  for (const button of filterButtons) button.setAttribute("aria-pressed", button.dataset.status === status);
  warningsButton.setAttribute("aria-pressed", onlyWarnings);
  if (textField.value !== query) textField.value = query;
  countElement.textContent = shownRows.length === rows.length ? totalText : `${shownRows.length} of ${totalText}`;
  document.querySelector(".nothing").hidden = shownRows.length > 0;
}

for (const header of headers) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...header.childNodes);
  header.append(button);
  button.addEventListener("click", () => {
    // The first click sorts upward, the second downward, and the third restores the order of the batch.
    const key = header.dataset.key;
    changeView("sort", { [key]: `-${key}`, [`-${key}`]: "" }[shownSort] ?? key);
  });
}
for (const button of filterButtons) {
  const status = button.dataset.status;
  button.addEventListener("click", () => changeView("status", status === "all" ? "" : status));
}
warningsButton.addEventListener("click", () => changeView("warnings", currentView().has("warnings") ? "" : "1"));
textField.addEventListener("input", () => changeView("q", textField.value));
addEventListener("hashchange", show);

// A click, a tap or the Enter key enlarges the pictures of a row. Another one, or Escape, restores their size.
function enlarge(button) {
  const opened = table.querySelector(".large");
  for (const [each, isLarge] of [[opened, false], [button === opened ? null : button, true]]) {
    each?.classList.toggle("large", isLarge);
    each?.closest("tr").classList.toggle("open", isLarge);
  }
}
table.addEventListener("click", event => event.target.closest(".blink") && enlarge(event.target.closest(".blink")));
addEventListener("keydown", event => event.key === "Escape" && enlarge(null));
document.querySelector("search").hidden = false;
show();
