// The reference: what codes, statuses, causes, commands and extensions mean, and the dialogues that show them.

import { get } from "./api.js";
import { h, show } from "./dom.js";
import { kindOf } from "./format.js";
import { clause } from "./replies.js";
import { drawStates } from "./states.js";
import { wear } from "./style.js";

const to = (name) => `/explain/${encodeURIComponent(name)}`;
const link = (name, words) => h("a", { href: to(name) }, h("code", {}, name), words && ` ${words}`);

export async function start(frame) {
  await wear("reference.css");
  const name = decodeURIComponent(location.pathname.slice("/explain/".length));
  if (location.pathname.startsWith("/explain/") && name) await drawTopic(frame, name);
  else await drawIndex(frame);
}

/** Words with `code` in them, and sections of RFCs. */
const prose = (text) => text.split("`").map((piece, number) => (number % 2 ? h("code", {}, piece) : clause(piece)));

// The index

const SECTIONS = [["codes", "Reply codes"], ["commands", "Commands"], ["extensions", "Extensions"]];

async function drawIndex(frame) {
  const told = await get("/explain");
  const entry = ({ name, title }) => h("a", { href: to(name), "data-words": `${name} ${title}`.toLowerCase() }, h("code", {}, name), h("span", {}, title));
  const finder = h("input", { type: "search", placeholder: "Find: 550, mailbox, STARTTLS, greylist …", "aria-label": "Find in the reference" });
  const made = SECTIONS.map(([key, title]) => h("section", {}, h("h2", {}, title), h("div", { class: "catalogue" }, told[key].map(entry))));
  made.push(
    h("section", {}, h("h2", {}, "Enhanced status codes"), told.statuses.map(({ subject, details }) => h("div", { class: "group" }, h("h3", {}, subject), h("div", { class: "catalogue" }, details.map(entry))))),
    h("section", {}, h("h2", {}, "Causes"), told.causes.map(({ group, causes }) => h("div", { class: "group" }, h("h3", {}, group), h("div", { class: "catalogue causes" }, causes.map(entry))))),
  );
  const nothing = h("p", { class: "soft", hidden: true }, "Nothing of that name. A code, a status or a cause can be typed in full.");
  finder.addEventListener("input", () => nothing.toggleAttribute("hidden", narrow(made, finder.value) > 0));
  finder.addEventListener("keydown", (event) => {
    const first = [...frame.main.querySelectorAll(".catalogue a")].find((each) => !each.hidden);
    if (event.key === "Enter") location.href = first ? first.href : to(finder.value.trim());
  });
  frame.bind("/", "Find", () => finder.focus());
  const lead = h("p", { class: "soft" }, "What each reply, command and cause means, with the clause and dialogues that were really had with a running heloise.");
  show(frame.main, h("div", { class: "column reference" }, h("h1", {}, "Reference"), lead, h("div", { class: "finder" }, finder), nothing, made));
}

function narrow(sections, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const section of sections) {
    for (const each of section.querySelectorAll(".catalogue a")) {
      each.hidden = !words.every((word) => each.dataset.words.includes(word));
      if (!each.hidden) found += 1;
    }
    for (const group of [...section.querySelectorAll(".group"), section]) group.hidden = !group.querySelector(".catalogue a:not([hidden])");
  }
  return found;
}

// One topic

const SEVERITIES = { progress: "middle", intermediate: "middle", completed: "yes", transient: "later", permanent: "no" };
const KINDS = { code: "Reply code", status: "Enhanced status", cause: "Cause", command: "Command", extension: "Extension" };

async function drawTopic(frame, name) {
  const crumb = h("p", { class: "crumb" }, h("a", { href: "/explain" }, "Reference"), ` › ${name}`);
  let told;
  try {
    told = await get(`/explain/${encodeURIComponent(name)}`);
  } catch (error) {
    if (error.status !== 404) throw error;
    show(frame.main, h("div", { class: "column" }, crumb, h("h1", {}, "Unknown"), h("p", {}, error.message)));
    return;
  }
  document.title = `${told.name} · heloise`;
  const parts = [];
  for (const part of told.parts) parts.push(await topic(part));
  show(frame.main, h("div", { class: "column reference" }, crumb, parts, dialogues(told)));
}

async function topic(part) {
  const facts = [];
  const row = (title, ...value) => facts.push(h("dt", {}, title), h("dd", {}, ...value));
  row("Kind", KINDS[part.kind]);
  if (part.form) row("Form", h("code", {}, part.form));
  if (part.extension) row("Extension", link(part.extension));
  row("Defined in", clause(part.clause));
  if (part.mail_parameters?.length) row("Parameters of MAIL", part.mail_parameters.map((each) => [h("code", {}, each), " "]));
  if (part.rcpt_parameters?.length) row("Parameters of RCPT", part.rcpt_parameters.map((each) => [h("code", {}, each), " "]));
  if (part.verbs?.length && part.verbs.some((verb) => verb !== part.name)) row("Commands", part.verbs.map((each) => [link(each), " "]));
  if (part.needs?.length) row("Not without", part.needs.map((each) => [link(each), " "]));
  if (part.advice) row("What to do", part.advice);
  const kind = SEVERITIES[part.severity] ?? "";
  const head = part.kind === "cause" ? h("h1", { class: kind }, h("code", {}, part.name)) : h("h1", { class: kind }, h("code", {}, part.name), h("span", {}, part.title));
  return h(
    "section",
    { class: "topic" },
    head,
    part.meaning && h("p", { class: "lead" }, prose(part.meaning)),
    part.also && h("p", { class: "lead" }, clause(part.also)),
    h("dl", { class: "facts" }, facts),
    related(part),
    part.leads && (await inPlace(part)),
  );
}

function related(part) {
  const found = part.related ?? part.answers ?? [];
  if (!found.length) return null;
  const title = part.kind === "code" ? "What it is said for" : part.kind === "command" ? "What has been answered" : "The reply that says so";
  const kind = part.kind === "code" ? "catalogue causes" : "catalogue causes codes"; // codes are short
  const rows = found.map(({ name, title: words }) => h("a", { href: to(name) }, h("code", {}, name), h("span", {}, words)));
  return h("section", { class: "part" }, h("h2", {}, title), h("div", { class: kind }, rows));
}

async function inPlace(part) {
  const states = Object.keys(part.leads);
  if (!states.length) return null;
  const { picture } = drawStates(await get("/states"), { marked: states });
  return h("section", { class: "part" }, h("h2", {}, "Where it is in place"), h("div", { class: "card picture" }, picture));
}

// Dialogues that were had

function dialogues(told) {
  if (!told.dialogues.length) return null;
  const made = told.dialogues.map((each, number) => had(each, told.name, number === 0));
  return h("section", { class: "part" }, h("h2", {}, "As it was said"), made);
}

function had(each, name, open) {
  const badges = [each.code, each.status, each.cause].filter((text) => text && text !== name).map((text) => h("span", { class: "badge" }, text));
  const stranger = each.client !== "127.0.0.1";
  const decides = each.rule && !each.configuration.includes(each.rule);
  return h(
    "details",
    { class: "card had", open },
    h("summary", {}, each.title, badges),
    each.configuration && h("pre", { class: "configuration" }, each.configuration.trim()),
    stranger && h("p", { class: "remark" }, `The client comes from ${each.client}, which may not relay.`),
    decides && h("p", { class: "remark" }, "This line decides: ", h("code", {}, each.rule)),
    h("div", { class: "told" }, each.lines.map((line) => said(line, each))),
  );
}

function said({ by, text }, dialogue) {
  const kind = { C: "client", S: "server", "-": "note" }[by];
  const speaker = h("span", { class: "by" }, by === "-" ? "" : by);
  const code = by === "S" && /^\d{3}[ -]/.test(text) ? text.slice(0, 3) : "";
  if (!code) return h("div", { class: kind }, speaker, h("span", {}, text));
  const status = /^[245]\.\d+\.\d+ /.exec(text.slice(4))?.[0].trim();
  const rest = status ? text.slice(4 + status.length) : text.slice(4);
  const matters = code === dialogue.code && (!dialogue.status || dialogue.status === status) ? " matters" : "";
  const words = h("span", {}, h("a", { href: to(code) }, code), text[3], status && h("a", { href: to(status) }, status), rest);
  return h("div", { class: `${kind} ${kindOf(Number(code))}${matters}` }, speaker, words);
}
