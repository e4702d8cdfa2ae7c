/* What a reader chooses in the form of a page: boxes leave out values of an axis, radios choose one way of several.
   An element fits that has, of each axis and each name of radios in its data- attributes, a value that is left. */
const choices = (() => {
  const view = document.getElementById("view");
  const boxes = all("#view input[data-axis]");
  const radios = new Map(all("#view input[type=radio]").map(({ name }) => [name, all(`#view input[name=${name}]`)]));
  const picked = (own) => own.find((radio) => radio.checked) ?? own[0];
  const show = (element, shown) => element.classList.toggle("off", !shown);

  /* The axes of which something is left out, with what is left. */
  function left() {
    const found = new Map();
    for (const axis of new Set(boxes.map((box) => box.dataset.axis))) {
      const own = boxes.filter((box) => box.dataset.axis === axis);
      const on = own.filter((box) => box.checked);
      if (on.length < own.length) found.set(axis, new Set(on.map((box) => box.value)));
    }
    return found;
  }

  /* A test of elements, by what is chosen now. */
  function fitting() {
    const values = [...left()];
    const asked = [...radios].map(([name, own]) => [name, picked(own).value]);
    return (element) =>
      values.every(([axis, kept]) => !(axis in element.dataset) || kept.has(element.dataset[axis])) &&
      asked.every(([name, value]) => !(name in element.dataset) || element.dataset[name].split(" ").includes(value));
  }

  function reset() {
    for (const box of boxes) box.checked = true;
    for (const own of radios.values()) own[0].checked = true;
  }

  /* ``narrow`` shows what fits, now and after each choice; the address keeps the choices. */
  function begin(narrow) {
    /* Before the tables: the order of rows can hang on what is shown. */
    address.keepers.unshift({
      parts() {
        const narrowing = [...left()].map(([axis, kept]) => `${axis}=${[...kept].map(encodeURIComponent).join()}`);
        const others = [...radios].map(([name, own]) => [name, own, picked(own)]);
        return [
          ...narrowing,
          ...others.filter(([, own, radio]) => radio !== own[0]).map(([name, , radio]) => `${name}=${radio.value}`),
        ];
      },
      reset,
      restore(key, value) {
        const values = value.split(",").map(decodeURIComponent);
        for (const radio of radios.get(key) ?? []) if (values.includes(radio.value)) radio.checked = true;
        const own = boxes.filter((box) => box.dataset.axis === key);
        const known = own.filter((box) => values.includes(box.value));
        if (known.length) for (const box of own) box.checked = known.includes(box);
      },
      show(changed) {
        narrow();
        if (view && changed) view.open = true;
      },
    });
    if (!view) return;
    view.addEventListener("change", () => {
      narrow();
      address.keep();
    });
    view.hidden = false;
    document.getElementById("show-all").addEventListener("click", () => {
      reset();
      tables.reset();
      narrow();
      address.keep();
    });
  }

  return { left, fitting, show, begin, names: [...radios.keys()] };
})();

