/* Shows one request and metric, and leaves out generations, stacks and devices; tables.js and choices.js come before it. */
(() => {
  const marked = all("main [data-asked], main [data-metric], main tr[data-generation], main tr[data-backend]");
  const matrices = all("table.machines").map((table) => [table, [...table.tHead.rows[0].cells]]);

  function narrow() {
    const fits = choices.fitting();
    for (const element of marked) choices.show(element, fits(element));
    for (const [table, heads] of matrices) {
      const kept = heads.map((head) => fits(head));
      for (const row of table.rows) for (const cell of row.cells) choices.show(cell, kept[cell.cellIndex]);
    }
    for (const group of all("tbody:has(> .group)")) choices.show(group, group.querySelector("tr:not(.group, .off)"));
  }

  choices.begin(narrow);
})();

