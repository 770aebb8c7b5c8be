// One message: its recipients and their next try, what can be done, and its passport as a timeline.

import { get, url } from "./api.js";
import { askAndDo, deedButtons, nothing, prepare, stateBadge, toMessage } from "./admin.js";
import { h, show } from "./dom.js";
import { duration, plural, size, time, wholeTime } from "./format.js";
import { follow } from "./news.js";
import { cause, reply } from "./replies.js";
import { timelineList } from "./timeline.js";

const MOST = 200; // recipients that are drawn

export async function start(frame) {
  await prepare();
  const id = decodeURIComponent(location.pathname.split("/").pop());
  const path = `/messages/${encodeURIComponent(id)}`;
  const recipients = h("section", { class: "card" });
  const timeline = h("section", { class: "card" });
  const facts = h("section", { class: "card" });
  const header = h("details", { class: "card folded" }, h("summary", {}, "Header"), h("pre", { class: "inside" }, "…"));
  const deeds = h("div", { class: "deeds" });
  document.title = `${id} · heloise`;
  show(frame.main, h("div", { class: "wide" }, h("p", { class: "crumb" }, h("a", { href: "/queue" }, "Queue"), ` › ${id}`), h("div", { class: "headline" }, h("h1", {}, h("code", {}, id)), deeds), h("div", { class: "sides" }, h("div", {}, recipients, timeline), h("div", {}, facts, header))));
  header.addEventListener("toggle", readHeader, { once: true });

  async function readHeader() {
    try {
      header.querySelector("pre").textContent = await get(`${path}/header`);
    } catch (error) {
      header.querySelector("pre").textContent = error.message;
    }
  }

  async function look() {
    let told;
    try {
      told = await get(path);
    } catch (error) {
      if (error.status !== 404) throw error;
      show(frame.main, h("div", { class: "wide" }, h("p", { class: "crumb" }, h("a", { href: "/queue" }, "Queue"), ` › ${id}`), nothing("Nothing is known of it", "It was never here, or it is too long ago.")));
      return false;
    }
    drawRecipients(told);
    drawFacts(told);
    drawTimeline(await get(`${path}/told`));
    return true;
  }

  const act = (deed, recipient) => {
    const whom = recipient ?? "All recipients of this message";
    const one = recipient && deed !== "redirect" ? { recipient: recipient.replace(/^<|>$/g, "") } : {};
    askAndDo(frame, deed, whom, (body) => toMessage(id, deed, { ...one, ...body }), look);
  };

  function drawRecipients({ queued, timeline: passport }) {
    if (!queued) {
      show(deeds, h("span", { class: "badge" }, "has left the queue"));
      const fates = Object.entries(passport?.recipients ?? {});
      show(recipients, h("header", {}, h("h2", {}, "Recipients")), h("table", { class: "grid" }, h("tbody", {}, fates.map(([who, fate]) => h("tr", {}, h("td", {}, who), h("td", {}, stateBadge(fate)))))));
      return;
    }
    show(deeds, deedButtons((deed) => act(deed), { small: true }));
    const now = Date.now() / 1000;
    const rows = queued.recipients.slice(0, MOST).map((each) => {
      const next = each.state !== "waiting" ? "" : each.due <= now ? "now" : `in ${duration(each.due - now)}`;
      const only = each.state === "held" ? ["release", "remove"] : ["retry", "hold", "remove"];
      const can = ["waiting", "held"].includes(each.state);
      return h(
        "tr",
        { "data-recipient": each.recipient },
        h("td", {}, h("b", {}, each.recipient), each.parameters && h("div", { class: "soft mono" }, each.parameters), h("div", { class: "soft" }, "by ", h("code", {}, each.route))),
        h("td", {}, stateBadge(each.state), h("div", { class: "soft", title: each.state === "waiting" ? wholeTime(each.due) : null }, next && `next try ${next}`), h("div", { class: "soft" }, each.attempts ? plural(each.attempts, "attempt") : "not tried yet")),
        h("td", {}, each.last && [reply(each.last.reply), h("div", { class: "soft" }, cause(each.last.cause), each.last.remote_mta ? ` said by ${each.last.remote_mta}` : "", `, ${time(each.last.at)}`)]),
        h("td", { class: "row-deeds" }, can && queued.recipients.length > 1 && deedButtons((deed) => act(deed, each.recipient), { small: true, only })),
      );
    });
    const more = queued.recipients.length > MOST && h("p", { class: "inside soft" }, `${plural(queued.recipients.length - MOST, "recipient")} more are not shown.`);
    show(recipients, h("header", {}, h("h2", {}, "Recipients"), h("span", { class: "soft" }, plural(queued.recipients.length, "recipient"))), h("table", { class: "grid recipients" }, h("tbody", {}, rows)), more);
  }

  function drawFacts({ queued, timeline: passport }) {
    const rows = [];
    const row = (name, ...value) => rows.push(h("dt", {}, name), h("dd", {}, ...value));
    const known = queued ?? {};
    row("Sender", h("code", {}, known.sender ?? passport?.sender ?? ""), known.parameters ? h("div", { class: "soft mono" }, known.parameters) : "");
    row("Size", size(known.size ?? passport?.size ?? 0));
    const accepted = known.accepted_at ?? passport?.begun;
    if (accepted) row("Accepted", wholeTime(accepted), h("div", { class: "soft" }, `${duration(Date.now() / 1000 - accepted)} ago`));
    if (known.from) row("Came from", h("code", {}, known.from), known.hello ? ` as ${known.hello}` : "");
    if (known.protocol) row("By", known.protocol);
    if (known.session || passport?.session) row("Session", h("code", {}, known.session || passport.session));
    if (known.not_before) row("Not before", wholeTime(known.not_before));
    if (known.warn_at) row("Sender is warned", wholeTime(known.warn_at));
    if (known.expires_at) row("Given up at", wholeTime(known.expires_at));
    if (known.priority) row("Priority", String(known.priority));
    show(facts, h("header", {}, h("h2", {}, "Message"), queued && h("a", { href: url(`${path}/content`), download: `${id}.eml` }, "Download")), h("dl", { class: "facts inside" }, rows));
    header.hidden = !queued;
  }

  function drawTimeline({ begun, events }) {
    show(timeline, h("header", {}, h("h2", {}, "Passport"), begun && h("span", { class: "soft" }, `from ${wholeTime(begun)}`)), events.length ? timelineList({ begun, events }) : nothing("Nothing was written down", "Passports are off, or what happened is told in a moment."));
  }

  if (await look()) follow(() => {
    if (!document.hidden && !document.querySelector("dialog[open]")) look().catch(() => {});
  });
}
