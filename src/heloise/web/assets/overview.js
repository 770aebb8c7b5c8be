// The first page of a server: how it is, what it does, and what stands in the way.

import { get } from "./api.js";
import { nothing, prepare } from "./admin.js";
import { h, show } from "./dom.js";
import { count, duration } from "./format.js";
import { follow } from "./news.js";
import { plot } from "./plot.js";
import { cause, reply } from "./replies.js";

const rate = (number) => (number === 0 ? "0" : number < 0.1 ? number.toPrecision(1) : number < 10 ? String(Math.round(number * 10) / 10) : count(Math.round(number)));
const short = (seconds) => (seconds === 0 ? "0" : seconds < 1 ? `${Number((seconds * 1000).toPrecision(2))} ms` : duration(seconds));
const SPANS = { hour: 3600, day: 86_400 };

export async function start(frame) {
  await prepare();
  const health = h("div", { class: "health" });
  const numbers = h("div", { class: "numbers" });
  const refusals = h("section", { class: "card" });
  const trouble = h("section", { class: "card" });
  let span = "hour";
  let points = [];

  const { names } = await get("/history?after=99999999999");
  const at = (name) => names.indexOf(name);
  const one = (name, key, kind) => ({ name, index: at(key), kind });
  const plots = [
    plot("Messages a second", [one("accepted", "accepted", "yes"), one("refused", "refused", "no")], rate, { least: 0.1 }),
    plot("Recipients tried a second", [one("delivered", "delivered", "yes"), one("delayed", "delayed", "later"), one("failed", "failed", "no")], rate, { least: 0.1 }),
    plot("Depth of the queue", [one("messages", "messages", "live"), one("recipients held", "held", "later")], (number) => count(Math.round(number)), { least: 4 }),
    plot("How long an attempt takes", [one("half are faster", "attempt_median", "live"), one("one in twenty is slower", "attempt_slow", "later")], short, { least: 0.01 }),
    plot("How long a commit takes", [one("one in twenty is slower", "commit_slow", "live")], short, { least: 0.005 }),
    plot("Age of the oldest message", [one("oldest", "oldest", "later")], short, { least: 60 }),
  ];
  const switchers = Object.keys(SPANS).map((name) => h("button", { class: "small", "aria-pressed": String(name === span), onclick: () => choose(name) }, `Last ${name}`));

  show(frame.main, h("div", { class: "wide" }, h("div", { class: "headline" }, h("h1", {}, "Overview"), health, h("div", { class: "switch", role: "group", "aria-label": "Span of the plots" }, switchers)), numbers, h("div", { class: "plots" }, plots.map(({ figure }) => figure)), h("div", { class: "halves" }, trouble, refusals)));

  async function choose(name) {
    span = name;
    switchers.forEach((button, number) => button.setAttribute("aria-pressed", String(Object.keys(SPANS)[number] === name)));
    points = (await get(`/history?span=${span}`)).points;
    draw();
  }

  function draw() {
    for (const { update } of plots) update(points, SPANS[span]);
    const last = points[points.length - 1];
    const number = (words, value, href) => h(href ? "a" : "div", { class: "number", href }, h("b", {}, value), h("span", {}, words));
    const value = (key, write) => (last ? write(last[at(key)] ?? 0) : "–");
    show(numbers, number("messages in the queue", value("messages", count), "/queue"), number("recipients held", value("held", count), "/queue?state=held"), number("age of the oldest", value("oldest", duration)), number("accepted a second", value("accepted", rate)), number("delivered a second", value("delivered", rate)), number("open sessions", value("sessions", count)));
  }

  async function look() {
    const [{ destinations }, told, state] = await Promise.all([get("/destinations"), get("/refusals"), get("/health")]);
    show(health, state.ready ? h("span", { class: "badge yes" }, "ready") : h("span", { class: "badge no" }, `not ready: ${state.why}`));
    const troubled = (destinations ?? []).filter((each) => each.why);
    show(trouble, h("header", {}, h("h2", {}, "Destinations in trouble"), h("a", { href: "/destinations" }, "all")), troubled.length ? h("table", { class: "grid" }, h("tbody", {}, troubled.slice(0, 8).map((each) => h("tr", {}, h("td", {}, h("b", {}, each.name), h("div", {}, each.last_reply && reply(each.last_reply)), h("div", { class: "soft" }, each.why)), h("td", { class: "number" }, count(each.queued + each.waiting)))))) : nothing("None", "Whatever was tried lately took its mail."));
    show(refusals, h("header", {}, h("h2", {}, "Refused most, since the start")), told.refusals.length ? h("table", { class: "grid" }, h("tbody", {}, told.refusals.slice(0, 8).map((each) => h("tr", {}, h("td", {}, reply(each.code)), h("td", {}, cause(each.cause)), h("td", { class: "number" }, count(each.count)))))) : nothing("Nothing", "Nobody has been refused anything."));
  }

  await choose("hour");
  await look();
  let seen = 0;
  follow((point) => {
    if (span === "hour") points = [...points.filter((each) => each[0] < point[0]), point].slice(-720);
    draw();
    seen += 1;
    if (seen % 3 === 0) look().catch(() => {});
  });
}
