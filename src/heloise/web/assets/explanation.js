// Why a reply was given: what the code and the status mean, the clause, the rule that decided, what it looked at.

import { h } from "./dom.js";
import { ruleLink } from "./failing.js";
import { kindOf } from "./format.js";
import { clause } from "./replies.js";

const FAULT = "fault.rule"; // the cause whose rules have a page

/** A box about a reply (see dialogue.js). With `linked` its code, status and cause lead to their pages. */
export function explanation(line, { linked = false } = {}) {
  const link = (text) => (linked ? h("a", { href: `/explain/${encodeURIComponent(text)}` }, h("code", {}, text)) : h("code", {}, text));
  const row = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
  const code = String(line.code).padStart(3, "0");
  const inputs = Object.entries(line.inputs ?? {});
  return h(
    "div",
    { class: `why ${kindOf(line.code)}`, role: "group", "aria-label": `Why ${code}` },
    h("h3", {}, line.meaning),
    line.advice && h("p", {}, line.advice),
    h(
      "dl",
      { class: "facts" },
      row("Code", link(code), line.title ? ` ${line.title}` : ""),
      line.status ? row("Enhanced status", link(line.status), line.status_title ? ` ${line.status_title}` : "") : [],
      line.cause ? row("Cause", link(line.cause)) : [],
      row("Clause", clause(line.clause)),
      row("Decided by", line.rule ? place(line, linked) : h("span", { class: "soft" }, "no line of a configuration: the protocol, or the address that asks for a fault")),
      inputs.length ? row("Looked at", inputs.map(([name, value]) => h("div", {}, h("code", {}, name), " = ", h("code", {}, value)))) : [],
    ),
  );
}

/** Where the rule stands that decided; rules to fail by are on their page. */
function place({ rule, cause }, linked) {
  const text = h("code", {}, rule);
  return linked && cause === FAULT ? h("a", { href: ruleLink(rule) }, text) : text;
}
