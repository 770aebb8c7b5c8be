// The queue: what waits, narrowed as one likes, page by page, and what can be done to it.

import { get, post, query } from "./api.js";
import { askAndDo, deedButtons, nothing, prepare, stateBadge, toMessage } from "./admin.js";
import { h, show } from "./dom.js";
import { count, duration, plural, size, wholeTime } from "./format.js";
import { follow } from "./news.js";
import { reply } from "./replies.js";

const PAGE = 50;
const AGES = { "": "any age", 300: "older than 5 minutes", 3600: "older than 1 hour", 21600: "older than 6 hours", 86400: "older than 1 day", 259200: "older than 3 days" };
const SIZES = { "": "any size", 102400: "from 100 KB", 1048576: "from 1 MB", 10485760: "from 10 MB" };
const STATES = { "": "any state", waiting: "waiting", leased: "being tried", held: "held" };
const TEXTS = { sender: "Sender", recipient: "Recipient", domain: "Domain", route: "Route", reason: "Reason or cause" };

export async function start(frame) {
  await prepare();
  const wish = new URLSearchParams(location.search);
  const chosen = new Set();
  const list = h("div", { class: "card list" });
  const deeds = h("div", { class: "deeds" });
  const pager = h("nav", { class: "pager", "aria-label": "Pages of the queue" });
  const told = h("p", { class: "soft told-counts", role: "status" });
  let messages = [];
  let following = null;
  let counts = null;
  let asked = 0;

  const choice = (name, options, label) => {
    const made = h("select", { name, "aria-label": label, onchange: narrow }, Object.entries(options).map(([value, words]) => h("option", { value, selected: (wish.get(name) ?? "") === value }, words)));
    return made;
  };
  const text = (name) => h("input", { type: "search", name, placeholder: TEXTS[name], "aria-label": TEXTS[name], value: wish.get(name) ?? "", autocomplete: "off", spellcheck: "false" });
  const form = h("form", { class: "filters", role: "search", onsubmit: narrow }, Object.keys(TEXTS).map(text), choice("state", STATES, "State"), choice("age", AGES, "Age"), choice("larger", SIZES, "Size"), h("button", { type: "submit" }, "Show"));

  function narrow(event) {
    event?.preventDefault();
    const next = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim() !== ""));
    location.search = next.toString();
  }

  function narrowing() {
    const made = {};
    for (const name of [...Object.keys(TEXTS), "state"]) if (wish.get(name)) made[name] = wish.get(name).trim();
    if (wish.get("age")) made.accepted_before = Date.now() / 1000 - Number(wish.get("age"));
    if (wish.get("larger")) made.smallest = Number(wish.get("larger"));
    return made;
  }

  async function look() {
    const mine = ++asked;
    const found = await get(`/queue${query({ ...narrowing(), limit: PAGE, after: wish.get("after") })}`);
    if (mine !== asked) return; // a later one is on its way
    ({ messages, counts } = found);
    following = found.after;
    for (const id of chosen) if (!messages.some((each) => each.id === id)) chosen.delete(id);
    draw();
  }

  function draw() {
    const isNarrowed = Object.keys(narrowing()).length > 0;
    show(told, `${plural(counts.messages, "message")} in the queue: ${plural(counts.waiting, "recipient")} waiting, ${count(counts.leased)} being tried, ${count(counts.held)} held.`);
    if (!messages.length) {
      show(list, counts.messages && (isNarrowed || wish.get("after")) ? nothing("Nothing fits", h("a", { href: "/queue" }, "Show the whole queue"), ".") : nothing("The queue is empty", "Mail that can not be delivered at once waits here. What has left is told by its passport: ", h("code", {}, "heloise trace"), "."));
    } else {
      show(list, h("table", { class: "grid queue" }, head(), h("tbody", {}, messages.map(row))));
    }
    show(pager, wish.get("after") && h("a", { class: "button", href: `/queue${query({ ...Object.fromEntries(wish), after: "" })}` }, "First page"), following && h("a", { class: "button", href: `/queue${query({ ...Object.fromEntries(wish), after: following })}`, rel: "next" }, "Next page"));
    drawDeeds(isNarrowed);
  }

  function head() {
    const all = h("input", { type: "checkbox", "aria-label": "Choose all on this page", checked: messages.every((each) => chosen.has(each.id)), onchange: () => chooseAll(all.checked) });
    return h("thead", {}, h("tr", {}, h("th", {}, all), ["Age", "From, and for", "Size", "State", "Next try", "Last reply"].map((words) => h("th", {}, words))));
  }

  function chooseAll(are) {
    for (const each of messages) if (are) chosen.add(each.id); else chosen.delete(each.id);
    draw();
  }

  function row(message) {
    const { recipients } = message;
    const open = recipients.filter((each) => ["waiting", "leased", "held"].includes(each.state));
    const first = open[0] ?? recipients[0];
    const now = Date.now() / 1000;
    const due = open.filter((each) => each.state === "waiting").map((each) => each.due);
    const next = due.length ? Math.min(...due) - now : null;
    const last = open.map((each) => each.last).find(Boolean);
    const states = [...new Set(open.map((each) => each.state))];
    const box = h("input", { type: "checkbox", "aria-label": `Choose ${message.id}`, checked: chosen.has(message.id), onchange: () => { if (box.checked) chosen.add(message.id); else chosen.delete(message.id); drawDeeds(Object.keys(narrowing()).length > 0); } });
    const more = recipients.length > 1 ? ` and ${count(recipients.length - 1)} more` : "";
    return h(
      "tr",
      { "data-id": message.id },
      h("td", { class: "choose" }, box),
      h("td", { title: wholeTime(message.accepted_at), class: "age" }, duration(now - message.accepted_at)),
      h("td", { class: "who" }, h("a", { href: `/queue/${encodeURIComponent(message.id)}` }, message.sender), h("div", {}, "→ ", first?.recipient ?? "", more)),
      h("td", { class: "number size" }, size(message.size)),
      h("td", {}, states.map((state) => [stateBadge(state), " "])),
      h("td", { class: "number next" }, next === null ? "" : next <= 0 ? "now" : `in ${duration(next)}`),
      h("td", { class: "last" }, last ? reply(last.reply) : h("span", { class: "soft" }, "not tried yet")),
    );
  }

  function drawDeeds(isNarrowed) {
    if (!messages.length) return void show(deeds);
    const some = chosen.size > 0;
    const who = some ? plural(chosen.size, "message") : isNarrowed ? "All that fit" : "The whole queue";
    show(deeds, h("span", { class: "whom" }, who, some ? "" : isNarrowed ? ", on all pages" : ""), deedButtons((deed) => act(deed, who, some).catch(frame.problem), { small: true }));
  }

  async function act(deed, who, some) {
    const ids = [...chosen];
    const isNarrowed = Object.keys(narrowing()).length > 0;
    const everything = isNarrowed ? { selection: narrowing() } : { all: true };
    const does = some ? (body) => each(ids, deed, body) : (body) => post(`/queue/${deed}`, { ...everything, ...body });
    let whom = some ? who : `${who}: ${plural(counts.messages, "message")}`;
    if (!some && isNarrowed) {
      const { messages: fit, most } = await get(`/count${query(narrowing())}`);
      whom = `All that fit, on all pages: ${fit >= most ? `${count(most)} messages or more` : plural(fit, "message")}`;
    }
    askAndDo(frame, deed, whom, does, async () => {
      chosen.clear();
      await look();
    });
  }

  async function each(ids, deed, body) {
    const sum = { recipients: 0, under_way: 0 };
    for (const id of ids) {
      try {
        const { recipients, under_way: left } = await toMessage(id, deed, body);
        sum.recipients += recipients;
        sum.under_way += left;
      } catch (error) {
        if (error.status !== 404) throw error; // it has left meanwhile
      }
    }
    return sum;
  }

  show(frame.main, h("div", { class: "wide" }, h("div", { class: "headline" }, h("h1", {}, "Queue"), told), form, deeds, list, pager));
  frame.bind("/", "Narrow the list", () => form.querySelector("input").focus());
  frame.bind("n", "Next page", () => pager.querySelector("[rel=next]")?.click());
  await look();
  follow(() => {
    if (!document.hidden && !document.querySelector("dialog[open]") && !form.contains(document.activeElement)) look().catch(() => {});
  });
}
