// Something to be copied: a block of text with a button.

import { h, icon, show } from "./dom.js";

/** A block of text, as it is typed into a terminal or a program. */
export function copyable(text, label) {
  const button = h("button", { class: "quiet small", title: "Copy", "aria-label": `Copy: ${label}`, onclick: copy }, icon("copy"));
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      show(button, icon("check"));
      setTimeout(() => show(button, icon("copy")), 1500);
    } catch {
      getSelection().selectAllChildren(code); // may not be written: marked, then, for the keyboard
    }
  }
  const code = h("pre", { tabindex: "0" }, text);
  return h("div", { class: "copyable" }, code, button);
}
