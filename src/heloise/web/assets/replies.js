// Words of SMTP whose codes lead to their explanations.

import { h } from "./dom.js";
import { kindOf } from "./format.js";

const to = (name) => `/explain/${encodeURIComponent(name)}`;

/** "450 4.2.1 words": code and status as links. */
export function reply(text) {
  const found = /^(\d{3})([ -]?)(?:([245]\.\d{1,3}\.\d{1,3})(?= |$))?(.*)$/s.exec(text);
  if (!found) return h("span", {}, text);
  const [, code, between, status, rest] = found;
  return h("span", { class: `said-reply ${kindOf(Number(code))}` }, h("a", { href: to(code) }, code), between, status && h("a", { href: to(status) }, status), rest);
}

/** The id of a cause, as a link. */
export const cause = (id) => h("a", { href: to(id), class: "cause" }, h("code", {}, id));

/** Words in which sections of RFCs lead to their text; nothing is loaded from there unless somebody goes. */
export function clause(text) {
  const parts = [];
  let last = 0;
  for (const found of text.matchAll(/RFC (\d+)(?: §([\d.]+))?/g)) {
    const section = found[2] ? `#section-${found[2].replace(/\.$/, "")}` : "";
    parts.push(text.slice(last, found.index));
    parts.push(h("a", { href: `https://www.rfc-editor.org/rfc/rfc${found[1]}${section}`, target: "_blank", rel: "noopener noreferrer" }, found[0]));
    last = found.index + found[0].length;
  }
  return [...parts, text.slice(last)];
}
