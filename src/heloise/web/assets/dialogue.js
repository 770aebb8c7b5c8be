// A session as the dialogue it was; every reply opens into its explanation.
//
// A line is {by: "C" | "S" | "-", text, …}; a reply has code, status, cause, clause, inputs, meaning, advice and rule besides.

import { h } from "./dom.js";
import { explanation } from "./explanation.js";
import { kindOf } from "./format.js";

const MOST = 4; // lines of a reply that are shown before it is opened
const SPEAKERS = { C: ["client", "C", "client"], S: ["server", "S", "server"], "-": ["note", "·", "remark"] };

/** A list of lines. `violations` have the number of the command they stand at; `pages` can link to whole explanations. */
export function dialogue(lines, { violations = [], linked = false } = {}) {
  const list = h("ol", { class: "dialogue", "aria-label": "What was said" });
  let command = 0;
  for (const line of lines) {
    const isCommand = line.by === "C" && !line.text.startsWith("[message,");
    if (isCommand) command += 1;
    const found = isCommand ? violations.filter((each) => each.command === command) : [];
    list.append(dialogueLine(line, { linked, found }));
  }
  return list;
}

/** One line, as an item of such a list. */
export function dialogueLine(line, { linked = false, found = [] } = {}) {
  const [kind, sign, name] = SPEAKERS[line.by];
  const speaker = h("span", { class: "by" }, h("span", { "aria-hidden": "true" }, sign), h("span", { class: "unseen" }, `${name}: `));
  const item = h("li", { class: kind }, speaker);
  item.append(line.code === undefined ? h("span", { class: "said" }, line.text) : replyButton(line, item, linked));
  for (const each of found) item.append(h("span", { class: "lint", title: each.meaning }, `⚑ ${each.id}: ${each.meaning} ${each.clause}`));
  return item;
}

function replyButton(line, item, linked) {
  const lines = line.text.split("\n");
  const rest = lines.length > MOST ? lines.splice(MOST - 1) : [];
  const hidden = h("span", { hidden: true }, rest.map((each) => `\n${each}`).join(""));
  const more = rest.length > 0 && h("span", { class: "more" }, `\n… ${rest.length} more lines`);
  const button = h("button", { class: `reply ${kindOf(line.code)}`, "aria-expanded": "false", title: "Why?", onclick: toggle }, lines.join("\n"), hidden, more);
  function toggle() {
    const open = item.querySelector(":scope > .why");
    if (open) open.remove();
    else item.append(explanation(line, { linked }));
    hidden.hidden = Boolean(open);
    button.setAttribute("aria-expanded", open ? "false" : "true");
  }
  return button;
}
