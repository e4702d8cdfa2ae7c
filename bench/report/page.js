"use strict";
/* Narrows, sorts and points at what is in the page already. The view is kept in the address, after the section's name:
   #results&backend=ort-genai&sort=results.2.descending */
(() => {
  const AXES = ["backend", "device", "precision", "prompt"];
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const boxes = all("#view input[data-axis]");
  const radios = all("#view input[name=quantile]");
  const charts = all("figure > .chart").filter((chart) => chart.querySelector("g[data-point]"));
  const sorted = new Map();
  let section = "";

  /* -- filters -- */

  const chosen = () => new Map(AXES.map((axis) => {
    const own = boxes.filter((box) => box.dataset.axis === axis);
    return [axis, own.length ? new Set(own.filter((box) => box.checked).map((box) => box.value)) : null];
  }));

  const show = (element, shown) => element.classList.toggle("off", !shown);

  function narrow() {
    const values = chosen();
    const fits = (element) => AXES.every((axis) =>
      !(axis in element.dataset) || !values.get(axis) || values.get(axis).has(element.dataset[axis]));
    for (const element of all("[data-backend], .shape[data-prompt]")) show(element, fits(element));
    const hidden = new Set(all(".legend li.off").map((entry) => entry.dataset.line));
    const quantile = radios.find((radio) => radio.checked);
    const asked = (element) => !quantile || (element.dataset.quantile || quantile.value) === quantile.value;
    for (const element of all("[data-quantile]")) show(element, asked(element));
    for (const chart of charts) {
      const figure = chart.closest("figure");
      const overLengths = chart.closest("#charts");
      for (const mark of all("g[data-line]", chart)) {
        show(mark, !hidden.has(mark.dataset.line) && (overLengths || fits(mark)));
      }
      show(figure, asked(figure) && points(chart).length);
      rove(chart);
    }
    for (const group of all("table.results tbody, .same")) show(group, group.querySelector("[data-backend]:not(.off)"));
    say();
  }

  function say() {
    const shown = document.getElementById("shown");
    if (!shown) return;
    const rows = all("table.results tr[data-backend]");
    const left = rows.filter((row) => !row.classList.contains("off")).length;
    shown.textContent = shown.dataset.said.replace("{shown}", left).replace("{all}", rows.length);
  }

  function reset() {
    for (const box of boxes) box.checked = true;
    for (const table of all("table[id]")) unsort(table);
    if (radios.length) radios[0].checked = true;
  }

  function showAll() {
    reset();
    narrow();
    keep();
  }

  /* -- sorting -- */

  function exact(row, column) {
    const cell = row.cells[column];
    const element = [cell, ...all("[data-exact]", cell)].find((one) => "exact" in one.dataset && !one.closest(".off"));
    if (element) return element.dataset.exact === "" ? null : Number(element.dataset.exact);
    const words = cell.textContent.trim();
    if (!row.closest("table").tHead.rows[0].cells[column].classList.contains("n")) return words;
    const figure = words.match(/-?\d[\d,]*(\.\d+)?/);
    return figure ? Number(figure[0].replaceAll(",", "")) : null;
  }

  function compare(a, b, sign) {
    const blank = (value) => value === null || value === "";
    if (blank(a) || blank(b)) return blank(a) - blank(b);
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  }

  function sort(table, column, direction) {
    const sign = direction === "descending" ? -1 : 1;
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
      const keys = new Map(rows.map((row) => [row, exact(row, column)]));
      body.append(...rows.sort((a, b) => compare(keys.get(a), keys.get(b), sign)));
    }
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[column].setAttribute("aria-sort", direction);
    sorted.set(table.id, [column, direction]);
  }

  function unsort(table) {
    for (const body of table.tBodies) body.append(...order.get(body));
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    sorted.delete(table.id);
  }

  const order = new Map(all("table[id] tbody").map((body) => [body, [...body.rows]]));

  function makeSortable(table) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        sort(table, column, head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending");
        keep();
      });
    });
  }

  /* -- the points of the charts -- */

  const tip = document.getElementById("tip");
  const points = (chart) => all("g[data-point]", chart).filter((point) => !point.classList.contains("off"));
  let pointed = null;

  /* One point of a chart is reached by Tab, the others from it by the arrow keys. */
  function rove(chart, to) {
    const own = points(chart);
    for (const point of own) point.setAttribute("tabindex", "-1");
    const next = own.includes(to) ? to : own[0];
    if (next) next.setAttribute("tabindex", "0");
    return next;
  }

  function makePointable(chart) {
    chart.setAttribute("role", "group");
    for (const point of all("g[data-point]", chart)) {
      const title = point.querySelector("title");
      point.setAttribute("role", "img");
      point.setAttribute("aria-label", title.textContent);
      title.remove();
      point.addEventListener("focus", () => pointAt(point));
      point.addEventListener("blur", forget);
    }
    for (const kind of ["pointermove", "pointerdown"]) chart.addEventListener(kind, (event) => pointAt(nearest(chart, event)));
    chart.addEventListener("pointerleave", forget);
    chart.addEventListener("keydown", (event) => walk(chart, event));
  }

  function middle(point) {
    const box = point.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  }

  function nearest(chart, event) {
    let found = null;
    let least = 24;
    for (const point of points(chart)) {
      const [x, y] = middle(point);
      const apart = Math.hypot(x - event.clientX, y - event.clientY);
      if (apart < least) [found, least] = [point, apart];
    }
    return found;
  }

  function pointAt(point) {
    if (point === pointed) return;
    forget();
    if (!point) return;
    pointed = point;
    point.classList.add("pointed");
    tip.textContent = point.getAttribute("aria-label");
    tip.hidden = false;
    place(point);
  }

  function place(point) {
    const [x, y] = middle(point);
    const wide = document.documentElement.clientWidth;
    tip.style.left = `${Math.max(8, Math.min(x - tip.offsetWidth / 2, wide - tip.offsetWidth - 8))}px`;
    tip.style.top = `${y - tip.offsetHeight > 20 ? y - tip.offsetHeight - 12 : y + 16}px`;
  }

  function forget() {
    if (pointed) pointed.classList.remove("pointed");
    pointed = null;
    tip.hidden = true;
  }

  function walk(chart, event) {
    const here = event.target.closest("g[data-point]");
    if (event.key === "Escape") forget();
    if (!here || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const along = event.key === "ArrowLeft" || event.key === "ArrowRight";
    const axis = along ? "line" : "prompt";
    const row = points(chart).filter((point) => point.dataset[axis] === here.dataset[axis]);
    if (!along) row.sort((a, b) => middle(a)[1] - middle(b)[1]);
    const step = event.key === "ArrowLeft" || event.key === "ArrowUp" ? -1 : 1;
    const next = row[row.indexOf(here) + step];
    if (next) rove(chart, next).focus();
  }

  /* -- what is folded -- */

  /* Opens whatever keeps the element with that id from being seen; says whether there was anything. */
  function unfold(id) {
    let opened = false;
    for (let one = document.getElementById(id)?.closest("details:not(#view)"); one; one = one.parentElement.closest("details")) {
      opened ||= !one.open;
      one.open = true;
    }
    return opened;
  }

  function lead(id) {
    if (unfold(id)) document.getElementById(id).scrollIntoView();
  }

  /* -- the address -- */

  function keep() {
    const parts = [section];
    for (const [axis, values] of chosen()) {
      const own = boxes.filter((box) => box.dataset.axis === axis);
      if (values && values.size < own.length) parts.push(`${axis}=${[...values].map(encodeURIComponent).join()}`);
    }
    const quantile = radios.find((radio) => radio.checked);
    if (quantile && quantile !== radios[0]) parts.push(`quantile=${quantile.value}`);
    for (const [id, [column, direction]] of sorted) parts.push(`sort=${id.replace("table-", "")}.${column}.${direction}`);
    history.replaceState(null, "", `#${parts.join("&")}`);
  }

  function restore() {
    const [name, ...parts] = location.hash.slice(1).split("&");
    section = document.getElementById(name) ? name : "";
    reset();
    for (const part of parts) {
      const [key, value = ""] = part.split("=");
      try {
        if (key === "sort") restoreSort(value.split("."));
        else restoreChoice(key, value.split(",").map(decodeURIComponent));
      } catch (error) {
        if (!(error instanceof URIError)) throw error;
      }
    }
    narrow();
    const view = document.getElementById("view");
    if (view && parts.length) view.open = true;
    if (section) unfold(section);
    if (section && parts.length) document.getElementById(section).scrollIntoView();
  }

  function restoreChoice(key, values) {
    for (const radio of radios) if (key === "quantile" && values.includes(radio.value)) radio.checked = true;
    const own = boxes.filter((box) => box.dataset.axis === key);
    const known = own.filter((box) => values.includes(box.value));
    if (known.length) for (const box of own) box.checked = known.includes(box);
  }

  function restoreSort([id, column, direction]) {
    const table = document.getElementById(`table-${id}`);
    const known = direction === "ascending" || direction === "descending";
    if (table && table.tHead.rows[0].cells[column] && known) sort(table, Number(column), direction);
  }

  /* A link to a section leads there and keeps the view. */
  addEventListener("hashchange", () => {
    const name = location.hash.slice(1);
    if (name.includes("&")) return restore();
    section = name;
    lead(name);
    keep();
  });

  /* Not every browser opens what is folded around the target of a link, nor when the address stays the same. */
  addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link) unfold(link.hash.slice(1));
  });

  for (const table of all("table[id]")) makeSortable(table);
  for (const chart of charts) makePointable(chart);
  for (const input of [...boxes, ...radios]) input.addEventListener("change", () => { narrow(); keep(); });
  const view = document.getElementById("view");
  if (view) {
    view.hidden = false;
    document.getElementById("show-all").addEventListener("click", showAll);
  }
  addEventListener("scroll", () => (pointed && pointed === document.activeElement ? place(pointed) : forget()), { passive: true });
  restore();
})();
