// The notebook's widget: Python answers.
import { render } from "./explorer.js";

let asked = 0;

export default {
  async render({ model, el }) {
    const waiting = new Map();
    const view = Math.random().toString(36).slice(2); // one widget may be shown twice

    function ask(question) {
      asked += 1;
      const id = `${view}-${asked}`;
      model.send({ id, question });
      return new Promise((answered, failed) => waiting.set(id, { answered, failed }));
    }

    function heard({ id, answer, error }) {
      const promise = waiting.get(id);
      if (!promise) return;
      waiting.delete(id);
      if (error) promise.failed(new Error(error));
      else promise.answered(answer);
    }

    // The notebook's own keys (arrows, a, b, dd) are not meant while one is in here.
    const native = "select, input";
    function keep(event) {
      if (event.key === "Tab" || event.key === "Escape") return;
      event.stopPropagation();
      const scrolls = /^(Arrow|Page|Home|End)/.test(event.key);
      if (scrolls && !event.target.closest(native)) event.preventDefault();
    }

    const root = document.createElement("div");
    root.dataset.lmSuppressShortcuts = "true";
    root.textContent = "Asking Python …";
    root.addEventListener("keydown", keep);
    el.append(root);
    model.on("msg:custom", heard);
    try {
      render(root, await ask(["index"]), ask);
    } catch (error) {
      root.textContent = `The explorer cannot be shown: ${error.message}`;
    }
    return () => model.off("msg:custom", heard);
  },
};
