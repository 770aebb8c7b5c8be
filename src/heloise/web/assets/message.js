// A message as it came: HTML in a frame that can do nothing, text, source, header, parts, envelope beside header.

import { get, remove, url } from "./api.js";
import { h, icon, show } from "./dom.js";
import { plural, size, time, wholeTime } from "./format.js";
import { releasing } from "./releasing.js";
import { tabs } from "./tabs.js";
import { dueIn, following, timelineList } from "./timeline.js";

const AGAIN = 2000; // ms between two looks at what becomes of a message
const SOURCE = 262_144; // octets that are shown
let favourite = null; // the tab that was chosen last
let isNarrow = false;

/** The message of this id; `gone(id)` is called when it was deleted. Raises Problem. */
export async function messageView(id, frame, { gone, linked }) {
  const path = `/messages/${encodeURIComponent(id)}`;
  const view = await get(`${path}/view`);
  const files = view.parts.filter((part) => !part.is_body);
  const differences = view.compared.filter((each) => !each.is_same).length;
  const labelled = (text, number) => [text, number > 0 && h("span", { class: "badge" }, String(number))];
  const list = [
    view.has_html && { name: "html", label: "HTML", draw: () => htmlPanel(path, view) },
    { name: "text", label: "Text", draw: () => textPanel(view) },
    { name: "source", label: "Source", draw: () => sourcePanel(path, view, frame) },
    { name: "header", label: "Header", draw: () => headerPanel(view) },
    { name: "parts", label: labelled("Parts", files.length), draw: () => partsPanel(path, view) },
    { name: "envelope", label: labelled("Envelope", differences), draw: () => envelopePanel(view) },
    view.outward.length > 0 && { name: "links", label: labelled("Links", view.outward.length), draw: () => linksPanel(view) },
    { name: "passport", label: "Passport", draw: () => passportPanel(path) },
    view.has_html && { name: "clients", label: "Clients", draw: () => clientsPanel(path, frame) },
  ].filter(Boolean);

  async function forget() {
    try {
      await remove(path);
      gone(id);
    } catch (error) {
      frame.problem(error);
    }
  }

  const actions = h(
    "div",
    { class: "actions" },
    h("button", { class: "quiet small", title: "Release: let it go on to somebody", "aria-label": "Release this message", onclick: () => releasing(frame, view) }, icon("out")),
    h("a", { class: "button quiet small", href: url(`${path}/source`), download: `${id}.eml`, title: "Save the source" }, icon("down"), h("span", { class: "unseen" }, "Save the source")),
    h("button", { class: "quiet small", title: "Delete", "aria-label": "Delete this message", onclick: forget }, icon("trash")),
  );
  const head = h(
    "header",
    { class: "message-head" },
    h("div", { class: "title" }, h("h2", {}, view.subject || h("span", { class: "soft" }, "(no subject)")), actions),
    h(
      "dl",
      { class: "facts" },
      fact("From", view.from || h("span", { class: "soft" }, "nobody named")),
      fact("To", view.to || h("span", { class: "soft" }, "nobody named")),
      fact("Received", h("span", { title: wholeTime(view.received_at) }, time(view.received_at)), h("span", { class: "soft" }, ` · ${size(view.size)}`)),
    ),
    waiting(path),
    differences > 0 && h("p", { class: "hint-line" }, h("span", { class: "badge later" }, "envelope ≠ header"), ` ${plural(differences, "difference")} between who it was sent to and what its header says`),
  );
  return h("article", { class: "message", "data-id": id }, head, tabs("Views of the message", list, favourite, (name) => (favourite = name)));
}

const fact = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];

function htmlPanel(path, view) {
  const frame = h("iframe", { src: url(`${path}/html`), sandbox: "", referrerpolicy: "no-referrer", title: `The message ${view.subject}`, class: isNarrow ? "narrow" : null });
  const narrow = h("button", { class: "quiet small", "aria-pressed": String(isNarrow), onclick: turn }, "Phone width");
  function turn() {
    isNarrow = !isNarrow;
    frame.classList.toggle("narrow", isNarrow);
    narrow.setAttribute("aria-pressed", String(isNarrow));
  }
  return h("div", { class: "html" }, h("div", { class: "bar-line" }, h("span", { class: "soft" }, "Remote content, scripts and links are off."), narrow), h("div", { class: "stage" }, frame));
}

function textPanel(view) {
  if (view.plain === null) return h("p", { class: "empty" }, "This message has no plain text.");
  const rest = view.plain_length - view.plain.length;
  return [h("pre", { class: "text" }, view.plain), rest > 0 && h("p", { class: "soft" }, `${plural(rest, "more character")} are in the source.`)];
}

function sourcePanel(path, view, frame) {
  const pre = h("pre", { class: "source", tabindex: "0" }, "…");
  get(`${path}/source?first=${SOURCE}`).then(
    (text) => show(pre, text),
    (error) => frame.problem(error),
  );
  const rest = view.size - SOURCE;
  return [pre, rest > 0 && h("p", { class: "soft" }, `${size(rest)} more: `, h("a", { href: url(`${path}/source`), download: `${view.id}.eml` }, "save it whole"))];
}

function headerPanel(view) {
  const rows = view.header.map(([name, raw, decoded]) =>
    h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, decoded, decoded !== raw && h("div", { class: "raw mono", title: "as it stands" }, raw))),
  );
  return h("table", { class: "grid header" }, h("tbody", {}, rows));
}

function partsPanel(path, view) {
  const rows = view.parts.map((part) =>
    h(
      "tr",
      {},
      h("td", {}, h("span", { class: "name" }, part.filename ?? (part.is_body ? "the text itself" : `part ${part.number}`)), part.content_id && h("div", { class: "soft mono" }, `cid:${part.content_id}`)),
      h("td", {}, h("code", {}, part.content_type), part.disposition && h("span", { class: "soft" }, ` ${part.disposition}`)),
      h("td", { class: "number" }, size(part.size)),
      h("td", { class: "number" }, h("a", { class: "button quiet small", href: url(`${path}/parts/${part.number}`), download: part.filename ?? `part-${part.number}`, "aria-label": `Save ${part.filename ?? `part ${part.number}`}` }, icon("down"))),
    ),
  );
  const head = h("tr", {}, ["Part", "Type"].map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col", class: "number" }, "Size"), h("td"));
  return h("table", { class: "grid" }, h("thead", {}, head), h("tbody", {}, rows));
}

/** An address that may be broken behind its @, not in the middle of a name. */
function address(text) {
  const at = text.lastIndexOf("@") + 1;
  return h("code", {}, text.slice(0, at), at > 0 && h("wbr", {}), text.slice(at));
}

function envelopePanel(view) {
  const none = () => h("span", { class: "soft" }, "–");
  const rows = view.compared.map((each) => [
    h(
      "tr",
      { class: each.is_same ? "same" : "different" },
      h("th", { scope: "row" }, each.what === "sender" ? "Sender" : "Recipient"),
      h("td", {}, each.envelope ? address(each.envelope) : none()),
      h("td", {}, each.header ? [h("span", { class: "soft" }, `${each.where}: `), address(each.header)] : none()),
      h("td", {}, each.is_same ? h("span", { class: "badge yes" }, "same") : h("span", { class: "badge later" }, "differs")),
    ),
    !each.is_same && h("tr", { class: "note" }, h("td", {}), h("td", { colspan: "3" }, each.note)),
  ]);
  const { envelope } = view;
  const parameters = [
    [`MAIL FROM:${envelope.reverse_path}`, envelope.parameters],
    ...envelope.recipients.slice(0, 200).map((each) => [`RCPT TO:${each.forward_path}`, each.parameters]),
  ];
  return [
    h("table", { class: "grid compared" }, h("thead", {}, h("tr", {}, ["", "Envelope", "Header", ""].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows)),
    h("h3", {}, "As it was said"),
    h("pre", { class: "said" }, parameters.map(([path, more]) => `${path}${more ? ` ${more}` : ""}\n`).join("")),
    h("dl", { class: "facts" }, fact("Client", h("code", {}, view.client), ` as ${view.hello || "nobody"}`), fact("Protocol", view.protocol), fact("Body", view.body_type), fact("Id", h("code", {}, view.id))),
  ];
}

/** Call `draw(told)` with what is known of the way of a message, again and again while `place` is on the page. */
async function watch(path, place, draw) {
  do {
    try {
      draw(await get(`${path}/told`));
    } catch (error) {
      if (error.status === 404) return;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  } while (place.isConnected);
}

/** When what was released is tried next: said only where something waits. */
function waiting(path) {
  const place = h("p", { class: "hint-line waiting", hidden: true });
  watch(path, place, ({ next }) => {
    place.hidden = next.length === 0;
    if (next.length) show(place, h("span", { class: "badge later" }, "released"), ` next try ${next[0].due ? dueIn(next[0].due) : "soon"} for ${next.map(({ who }) => who).join(", ")}`);
  });
  return place;
}

/** What happened to it, from the first connection to its last attempt. */
function passportPanel(path) {
  const place = h("div", { class: "passport" }, h("p", { class: "soft" }, "…"));
  let before = "";
  watch(path, place, (told) => {
    const now = JSON.stringify(told);
    if (now !== before || told.next.length) show(place, following(told.next), told.events.length ? timelineList(told) : h("p", { class: "empty" }, "Nothing is known of its way: it came from a file, or too long ago."));
    before = now;
  });
  return place;
}

const KINDS = { link: "link", picture: "loaded by it", text: "in the text" };

/** What leads outward, to be opened by a click on an address that can be read whole; nothing of it was asked for. */
function linksPanel(view) {
  const rows = view.outward.map(({ kind, address: text }) =>
    h("tr", {}, h("td", {}, h("a", { href: text, target: "_blank", rel: "noopener noreferrer", class: "mono" }, text)), h("td", { class: "number" }, h("span", { class: "badge" }, KINDS[kind]))),
  );
  return [h("p", { class: "soft" }, "Opened in a new window, without a word of where you come from. Nothing was asked for them."), h("table", { class: "grid" }, h("tbody", {}, rows))];
}

/** Which mail clients show its HTML as it was meant. */
function clientsPanel(path, frame) {
  const place = h("div", {}, h("p", { class: "soft" }, "…"));
  get(`${path}/html-check`).then(
    (check) => show(place, clients(check)),
    (error) => frame.problem(error),
  );
  return place;
}

function clients(check) {
  const share = (part, kind, words) => h("span", {}, h("b", { class: kind }, `${part} %`), ` ${words}`);
  const bar = h("div", { class: "shares", role: "img", "aria-label": `${check.supported} % shown, ${check.partial} % in part, ${check.unsupported} % not` });
  for (const [kind, part] of [["yes", check.supported], ["later", check.partial], ["no", check.unsupported]]) {
    const piece = h("i", { class: kind });
    piece.style.width = `${part}%`;
    bar.append(piece);
  }
  const rows = check.warnings.map((each) =>
    h(
      "li",
      {},
      h("details", {}, h("summary", {}, h("b", {}, each.title), h("span", { class: "soft" }, ` ${plural(each.found, "time")}`), h("span", { class: `badge ${each.unsupported > 0 ? "no" : "later"}` }, each.unsupported > 0 ? `${each.unsupported} % without` : `${each.partial} % in part`)), each.clients.no.length > 0 && h("p", {}, h("b", {}, "Not in "), each.clients.no.join(", ")), each.clients.partial.length > 0 && h("p", {}, h("b", {}, "In part in "), each.clients.partial.join(", "))),
    ),
  );
  return [
    h("p", { class: "summary" }, share(check.supported, "yes", "of what mail clients are asked for is shown"), share(check.partial, "later", "in part"), share(check.unsupported, "no", "not")),
    bar,
    rows.length ? h("ul", { class: "plain warnings" }, rows) : h("p", {}, "Nothing that a known client would not show."),
    h("p", { class: "soft" }, `${plural(check.tests, "feature")} looked for in ${plural(check.nodes, "element")}, by the data of ${check.source}.`),
  ];
}
