"use strict";
/* What every page shares: tables that sort, and a view that is kept in the address, after the section's name:
   #results&backend=ort-genai&sort=results.2.descending */
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/* -- the address: each part of it belongs to a keeper, which tells, takes back and restores what it keeps -- */

const address = (() => {
  const keepers = [];
  let section = "";

  /* Opens whatever keeps the element with that id from being seen; says whether there was anything. */
  function unfold(id) {
    let opened = false;
    for (let one = document.getElementById(id)?.closest("details:not(#view)"); one; one = one.parentElement.closest("details")) {
      opened ||= !one.open;
      one.open = true;
    }
    return opened;
  }

  function keep() {
    history.replaceState(null, "", `#${[section, ...keepers.flatMap((keeper) => keeper.parts())].join("&")}`);
  }

  function restore() {
    const [name, ...parts] = location.hash.slice(1).split("&");
    section = document.getElementById(name) ? name : "";
    for (const keeper of keepers) keeper.reset();
    for (const part of parts) {
      const [key, value = ""] = part.split("=");
      try {
        for (const keeper of keepers) keeper.restore(key, value);
      } catch (error) {
        if (!(error instanceof URIError)) throw error;
      }
    }
    for (const keeper of keepers) keeper.show(parts.length > 0);
    if (section) unfold(section);
    /* What was shown or opened above it has moved it. */
    if (section) document.getElementById(section).scrollIntoView();
  }

  /* A link to a section leads there and keeps the view. */
  addEventListener("hashchange", () => {
    const name = location.hash.slice(1);
    if (name.includes("&")) return restore();
    section = name;
    if (unfold(name)) document.getElementById(name).scrollIntoView();
    keep();
  });

  /* Not every browser opens what is folded around the target of a link, nor when the address stays the same. */
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#']");
    if (link) unfold(link.hash.slice(1));
  });

  return { keepers, keep, restore };
})();

/* -- tables: those with an id; groups of rows stay together -- */

const tables = (() => {
  const sorted = new Map();
  const order = new Map();
  let wanted = [];

  function exact(row, column) {
    const cell = row.cells[column];
    const element = [cell, ...all("[data-exact]", cell)].find((one) => "exact" in one.dataset && !one.closest(".off"));
    if (element) return element.dataset.exact === "" ? null : Number(element.dataset.exact);
    /* A figure without its exact value is blank: as it is written, with the signs of the language, it is never read. */
    const figure = row.closest("table").tHead.rows[0].cells[column].classList.contains("n");
    return figure ? null : cell.textContent.trim();
  }

  function compare(a, b, sign) {
    const blank = (value) => value === null || value === "";
    if (blank(a) || blank(b)) return blank(a) - blank(b);
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, document.documentElement.lang, { numeric: true }));
  }

  function sort(table, column, direction) {
    const sign = direction === "descending" ? -1 : 1;
    for (const body of table.tBodies) {
      if (!order.has(body)) order.set(body, [...body.rows]);
      const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
      const keys = new Map(rows.map((row) => [row, exact(row, column)]));
      body.append(...rows.sort((a, b) => compare(keys.get(a), keys.get(b), sign)));
    }
    mark(table, column, direction);
    sorted.set(table.id, [column, direction]);
  }

  function mark(table, column, direction) {
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    if (direction) table.tHead.rows[0].cells[column].setAttribute("aria-sort", direction);
  }

  function reset() {
    for (const id of sorted.keys()) {
      const table = document.getElementById(id);
      for (const body of table.tBodies) body.append(...order.get(body));
      mark(table);
    }
    sorted.clear();
    wanted = [];
  }

  /* A head that holds a drawing has nothing to sort by. */
  function makeSortable(head) {
    if (head.querySelector("svg")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
  }

  for (const head of all("table[id] thead th")) makeSortable(head);
  addEventListener("click", (event) => {
    const head = event.target.closest?.(".sort")?.closest("th");
    if (!head) return;
    sort(head.closest("table"), head.cellIndex, head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending");
    address.keep();
  });

  address.keepers.push({
    parts: () => [...sorted].map(([id, [column, direction]]) => `sort=${id.replace("table-", "")}.${column}.${direction}`),
    reset,
    restore(key, value) {
      const [id, column, direction] = value.split(".");
      const table = key === "sort" && document.getElementById(`table-${id}`);
      const head = table && table.tHead.rows[0].cells[column];
      if (head && head.querySelector(".sort") && ["ascending", "descending"].includes(direction)) {
        wanted.push([table, Number(column), direction]);
      }
    },
    show() {
      for (const one of wanted) sort(...one);
    },
  });

  return { reset };
})();
