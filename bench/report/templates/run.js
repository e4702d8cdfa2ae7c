/* Narrows and points at what is in the page already; tables.js and choices.js come before it. */
(() => {
  const show = choices.show;
  const charts = all("figure > .chart").filter((chart) => chart.querySelector("g[data-point]"));
  let narrowed = false;

  /* -- filters and choices -- */

  function narrow() {
    const values = choices.left();
    const fits = choices.fitting();
    /* A page that nothing is left out of has hundreds of rows and thousands of marks that need no look. */
    const whole = !values.size && !narrowed;
    const kinds = choices.names.map((name) => `[data-${name}]`).concat(whole ? [] : ["[data-backend]", "[data-ask]", ".shape"]);
    for (const element of kinds.length ? all(kinds.join()) : []) show(element, fits(element));
    if (!whole) narrowCharts(fits);
    narrowed = values.size > 0;
    for (const chart of charts) rove(chart);
    say();
  }

  function narrowCharts(fits) {
    const hidden = new Set(all(".legend li.off").map((entry) => entry.dataset.line));
    for (const chart of charts) {
      const figure = chart.closest("figure");
      const overLengths = chart.closest("#charts");
      for (const mark of all("g[data-line]", chart)) {
        show(mark, !hidden.has(mark.dataset.line) && (overLengths || fits(mark)));
      }
      show(figure, fits(figure) && points(chart).length);
    }
    for (const group of all("table.results tbody, .shape-cells")) show(group, group.querySelector("[data-backend]:not(.off)"));
  }

  function say() {
    const shown = document.getElementById("shown");
    if (!shown) return;
    const rows = all("table.results tr[data-backend]");
    const left = rows.filter((row) => !row.classList.contains("off")).length;
    shown.textContent = shown.dataset.message.replace("{shown}", left).replace("{all}", rows.length);
  }

  /* -- the points of the charts -- */

  const tip = document.getElementById("tip");
  const points = (chart) => all("g[data-point]", chart).filter((point) => !point.classList.contains("off"));
  const stops = new Map();
  const prepared = new Set();
  let pointed = null;

  /* One point of a chart is reached by Tab, the others from it by the arrow keys. */
  function rove(chart, to) {
    const old = stops.get(chart);
    const next = to ?? (old && !old.classList.contains("off") ? old : chart.querySelector("g[data-point]:not(.off)"));
    if (old && old !== next) old.setAttribute("tabindex", "-1");
    if (!next) return;
    next.setAttribute("tabindex", "0");
    if (chart.closest(".spare:not(.off)")) prepare(chart);
    stops.set(chart, next);
  }

  /* Points are many, so those of a chart get their words when it is first pointed at. The spare edition of a chart has
     the points of the one before it, in the same order, and no words of its own. */
  function prepare(chart) {
    if (prepared.has(chart)) return;
    prepared.add(chart);
    const spare = chart.closest(".spare");
    const told = spare ? all("g[data-point]", spare.previousElementSibling) : null;
    all("g[data-point]", chart).forEach((point, place) => {
      point.setAttribute("role", "img");
      point.setAttribute("aria-label", words(told ? told[place] : point));
      if (point !== stops.get(chart)) point.setAttribute("tabindex", "-1");
      point.querySelector("title")?.remove();
    });
  }

  const words = (point) => point.getAttribute("aria-label") ?? point.querySelector("title").textContent;

  function makePointable(chart) {
    chart.setAttribute("role", "group");
    for (const kind of ["pointermove", "pointerdown"]) {
      chart.addEventListener(kind, (event) => {
        prepare(chart);
        pointAt(nearest(chart, event));
      });
    }
    chart.addEventListener("pointerleave", forget);
    chart.addEventListener("focusin", (event) => {
      prepare(chart);
      pointAt(event.target.closest("g[data-point]"));
    });
    chart.addEventListener("focusout", forget);
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
    if (!next) return;
    rove(chart, next);
    next.focus();
  }

  for (const chart of charts) makePointable(chart);
  choices.begin(narrow);
  addEventListener("scroll", () => (pointed && pointed === document.activeElement ? place(pointed) : forget()), { passive: true });
})();
