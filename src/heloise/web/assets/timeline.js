// The passport of a message as a timeline, and what comes next. Events are {at, event, lines, again}, as the server puts them into words.

import { h } from "./dom.js";
import { duration, time, wholeTime } from "./format.js";
import { cause, reply } from "./replies.js";

const word = ([text, kind]) => (kind === "reply" ? reply(text) : kind === "cause" ? cause(text) : h("span", { class: kind === "why" ? "reason" : kind }, text));

/** What happened, each with the time since the beginning. */
export function timelineList({ begun, events }) {
  const since = (at) => (at - begun < 60 ? `${(at - begun).toFixed(3)} s` : duration(at - begun));
  const line = ({ topic, words }, number) => h("div", { class: number ? "line" : "line first" }, h("span", { class: "topic-name" }, topic), h("span", {}, words.map(word)));
  const again = (times) => times.length > 0 && h("div", { class: "soft" }, `the same ${times.length === 1 ? "once more" : `${times.length} times more`}, the last at ${time(times[times.length - 1])}`);
  return h("ol", { class: "timeline" }, events.map((event) => h("li", { class: event.event }, h("time", { title: wholeTime(event.at) }, since(event.at)), h("div", {}, event.lines.map(line), again(event.again)))));
}

/** When something is due: "now", "in 4 min". */
export const dueIn = (due) => (due <= Date.now() / 1000 ? "now" : `in ${duration(due - Date.now() / 1000)}`);

/** What is to come, each with who it is about; null when nothing is. `goTo(session)` opens a session that came. */
export function following(next, goTo) {
  if (!next.length) return null;
  const row = ({ who, due, words, id }) =>
    h("li", {}, due ? [h("b", {}, `next try ${dueIn(due)}`), " ", h("code", {}, who), h("span", { class: "soft" }, ` ${wholeTime(due)}`)] : [h("b", {}, "next try: "), h("code", {}, who), ` ${words} `, id && goTo && h("button", { class: "link", onclick: () => goTo(id) }, "show it")]);
  return h("ul", { class: "plain following" }, next.map(row));
}
