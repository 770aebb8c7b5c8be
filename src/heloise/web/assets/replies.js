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
