// Elements of the page, and the controls that it has more than once.

// A notebook may hold this module several times.
const own = Math.random().toString(36).slice(2);
let made = 0;

export function newId() {
  made += 1;
  return `rnnha-${own}-${made}`;
}

// element("p", { class: "note", onclick: act }, "text", child): attributes and listeners by name.
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// A labelled list to choose from. options: [value, text].
export function chooser(label, onchange) {
  const id = newId();
  const list = element("select", { id, onchange: () => onchange(list.value) });
  return {
    node: element("div", { class: "field" }, element("label", { for: id }, label), list),
    show(options, chosen) {
      const text = JSON.stringify(options);
      if (list.dataset.options !== text) {
        list.dataset.options = text;
        list.replaceChildren(...options.map(([value, name]) => element("option", { value }, name)));
      }
      list.value = chosen;
    },
  };
}

// One of a few, side by side. options: [value, text].
export function segments(label, options, onchange) {
  const name = newId();
  const inputs = options.map(([value]) =>
    element("input", { type: "radio", name, value, onchange: () => onchange(value) }),
  );
  const labels = options.map(([, text], i) =>
    element("label", {}, inputs[i], element("span", {}, text)),
  );
  const legend = element("legend", {}, label);
  return {
    node: element("fieldset", { class: "segments" }, legend, element("div", {}, ...labels)),
    show(chosen, able = () => true) {
      for (const input of inputs) {
        input.checked = input.value === chosen;
        input.disabled = !able(input.value);
      }
    },
  };
}

export function slider(label, settings, oninput) {
  const id = newId();
  const input = element("input", {
    id,
    type: "range",
    ...settings,
    oninput: () => oninput(Number(input.value)),
  });
  return {
    input,
    node: element("div", { class: "field" }, element("label", { for: id }, label), input),
    show(value, text) {
      input.value = value;
      input.setAttribute("aria-valuetext", text);
    },
  };
}

export function percent(share, digits = 1) {
  return `${(100 * share).toFixed(digits)} %`;
}
