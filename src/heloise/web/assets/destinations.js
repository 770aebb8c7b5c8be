// Where mail goes at the moment: what is running, what waits, when it is tried, and why not now.

import { get } from "./api.js";
import { nothing, prepare } from "./admin.js";
import { h, show } from "./dom.js";
import { count, duration } from "./format.js";
import { follow } from "./news.js";
import { reply } from "./replies.js";

const MOST = 500; // that are drawn

export async function start(frame) {
  await prepare();
  const list = h("div", { class: "card list" });
  const finder = h("input", { type: "search", placeholder: "Find a destination", "aria-label": "Find a destination" });
  const only = h("label", { class: "only" }, h("input", { type: "checkbox" }), "only those in trouble");
  let found = [];
  finder.addEventListener("input", draw);
  only.firstChild.addEventListener("change", draw);
  show(frame.main, h("div", { class: "wide" }, h("div", { class: "headline" }, h("h1", {}, "Destinations")), h("div", { class: "filters" }, finder, only), list));

  async function look() {
    found = (await get("/destinations")).destinations ?? [];
    draw();
  }

  function draw() {
    const text = finder.value.trim().toLowerCase();
    const fits = (each) => (!text || each.name.toLowerCase().includes(text) || each.routes.some((route) => route.toLowerCase().includes(text))) && (!only.firstChild.checked || each.why);
    const shown = found.filter(fits).sort((a, b) => Boolean(b.why) - Boolean(a.why) || b.queued + b.waiting - (a.queued + a.waiting));
    if (!shown.length) {
      show(list, found.length ? nothing("Nothing fits", "There are others.") : nothing("Nothing goes anywhere", "A destination is listed from its first attempt since the start, for as long as there is mail for it."));
      return;
    }
    const now = Date.now() / 1000;
    const columns = ["Destination", "Running", "In line", "Queued", "Next try", "Why it waits, and the last reply", "At once", "A minute"];
    const rows = shown.slice(0, MOST).map((each) => h(
      "tr",
      {},
      h("td", {}, h("b", {}, each.name), h("div", { class: "soft" }, each.routes.slice(0, 3).map((route) => [h("a", { href: `/queue?route=${encodeURIComponent(route)}`, class: "mono" }, route), " "]), each.routes.length > 3 && `and ${count(each.routes.length - 3)} more`)),
      h("td", { class: "number" }, count(each.running)),
      h("td", { class: "number" }, count(each.waiting)),
      h("td", { class: "number" }, count(each.queued)),
      h("td", { class: "number" }, each.next_try === null ? "" : each.next_try - now < 1 ? "now" : `in ${duration(each.next_try - now)}`),
      h("td", {}, each.why && h("div", { class: "later-words" }, each.why), each.last_reply && h("div", {}, reply(each.last_reply), h("span", { class: "soft" }, ` ${duration(Math.max(0, now - each.last_at))} ago`))),
      h("td", { class: "number" }, count(each.window)),
      h("td", { class: "number" }, each.pace === null ? "" : String(Number(each.pace.toPrecision(3)))),
    ));
    show(list, h("table", { class: "grid destinations" }, h("thead", {}, h("tr", {}, columns.map((words) => h("th", {}, words)))), h("tbody", {}, rows)));
  }

  await look();
  follow(() => {
    if (!document.hidden) look().catch(() => {});
  });
}
