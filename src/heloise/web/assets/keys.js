// Keys: a page says which there are; `?` tells of them.

import { h } from "./dom.js";

const bound = new Map();

/** `key` as KeyboardEvent.key has it; `act(event)` may return false to let the browser have it after all. */
export function bind(key, words, act) {
  bound.set(key, { words, act });
}

const NAMES = { Escape: "Esc", Enter: "↵", ArrowDown: "↓", ArrowUp: "↑" };
const isWriting = (target) => target.closest?.("input, textarea, select, [contenteditable]") !== null;

/** Listen, once a page. */
export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return; // it has keys of its own
    if (isWriting(event.target) && event.key !== "Escape") return;
    if (event.key === "Enter" && event.target.closest?.("a, button, summary, [role=tab]")) return;
    const found = bound.get(event.key);
    if (found && found.act(event) !== false) event.preventDefault();
  });
  bind("?", "These keys", help);
}

/** The dialog that tells of all keys. */
export function help() {
  const rows = [...bound].map(([key, { words }]) => h("tr", {}, h("td", {}, h("kbd", {}, NAMES[key] ?? key)), h("td", {}, words)));
  openDialog("Keys", h("table", { class: "keys" }, h("tbody", {}, rows)));
}

/** A dialog with a title; it is gone when it is closed. Gives the element. */
export function openDialog(title, ...content) {
  const close = h("button", { class: "quiet", "aria-label": "Close", onclick: () => dialog.close() }, "✕");
  const dialog = h("dialog", { "aria-label": title, class: "dialog" }, h("header", {}, h("h2", {}, title), close), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

