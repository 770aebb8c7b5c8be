// The lab: one types what a client would say, each reply explains itself, and the picture shows where the session stands.

import { get, post, query, remove } from "./api.js";
import { dialogueLine } from "./dialogue.js";
import { h, show } from "./dom.js";
import { drawStates } from "./states.js";
import { wear } from "./style.js";

const SAMPLE = ["MAIL FROM:<me@example.test>", "RCPT TO:<you@example.test>", "DATA", "From: me@example.test", "To: you@example.test", "Subject: A first message", "", "It ends with a dot on a line by itself.", "."];
// What can not be typed, as it is written in octets that are said as they stand.
const OCTETS = [
  ["CR LF", "\\r\\n", "the end of a line"],
  ["LF", "\\n", "a bare LF, which ends no line"],
  ["CR", "\\r", "a bare CR"],
  ["NUL", "\\x00", "an octet 0"],
  ["FF", "\\xff", "an octet that is no text"],
  ["end", "\\r\\n.\\r\\n", "the end of a message"],
  ["LF . LF", "\\n.\\n", "what ends a message for careless servers"],
  ["..", "\\r\\n..", "a line that begins with a dot, made transparent"],
];
const KINDS = {
  command: "A command, as a client says it",
  text: "The message, line by line; a dot on a line by itself ends it",
  chunk: "Octets of the chunk",
  response: "A response in base64, or * to give up",
  nothing: "The session is over",
};

export async function start(frame) {
  await wear("reference.css");
  await wear("lab.css");
  const lab = new Lab(frame, await get("/states"));
  await lab.begin();
}

class Lab {
  constructor(frame, states) {
    this.frame = frame;
    this.past = [];
    this.place = 0;
    this.after = 0;
    this.told = null;
    this.busy = false;
    this.line = Promise.resolve(); // of lines that were typed before the last one was answered
    const { picture, mark } = drawStates(states);
    this.mark = mark;
    this.before = "";
    this.list = h("ol", { class: "dialogue", "aria-label": "What was said", "aria-live": "polite" });
    this.input = h("input", { type: "text", id: "line", class: "mono", autocomplete: "off", autocapitalize: "off", spellcheck: "false", "aria-label": "What the client says" });
    this.prompt = h("form", { class: "prompt", onsubmit: (event) => this.submit(event) }, h("span", { class: "by", "aria-hidden": "true" }, "C"), this.input, h("button", { type: "submit", class: "primary" }, "Say"));
    this.isRaw = false;
    this.rawButton = h("button", { class: "small", id: "raw", "aria-pressed": "false", title: "Say octets as they stand: no line end is added", onclick: () => this.turnRaw() }, "Octets");
    this.sent = h("output", { class: "soft mono sent", for: "line" });
    this.rawTools = h("div", { class: "raw", hidden: true }, h("div", { class: "raw-keys", role: "group", "aria-label": "Insert" }, OCTETS.map(([name, text, words]) => h("button", { class: "small", type: "button", title: words, "aria-label": `Insert ${words}`, onclick: () => this.insert(text) }, name))), this.sent, h("p", { class: "soft" }, "Escapes as in ", h("code", {}, "NOOP\\r\\n"), ", or ", h("code", {}, "hex: 4e 4f 4f 50 0d 0a"), ". Nothing is added, not even the end of a line."));
    this.offers = h("div", { class: "offers", role: "listbox", "aria-label": "Completions" });
    this.next = h("aside", { class: "card next" });
    this.state = h("span", { class: "badge live" });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("input", () => (show(this.offers), this.count()));
    this.input.addEventListener("paste", (event) => this.paste(event));
    this.said = h("section", { class: "card said-here" }, h("div", { class: "scroll" }, this.list), this.offers, this.prompt, this.rawTools);
    const head = h("div", { class: "lab-head" }, h("h1", {}, "Lab"), h("span", { class: "soft" }, "The session is now"), this.state, h("div", { class: "lab-tools" }, this.rawButton, h("button", { class: "small", onclick: () => this.sample() }, "Say a whole message"), h("button", { class: "small", onclick: () => this.again() }, "New session")));
    show(frame.main, h("div", { class: "wide lab" }, head, h("div", { class: "card picture" }, picture), h("div", { class: "bench" }, this.said, this.next)));
    frame.bind("/", "Type a command", () => this.input.focus());
  }

  async begin() {
    this.hear(await post("/lab"));
    this.input.focus();
    addEventListener("pagehide", () => this.told && remove(`/lab/${this.told.id}`).catch(() => {}));
    this.listen();
  }

  /** What comes without being asked for: an end for want of patience, a fault that struck. */
  async listen() {
    const { id } = this.told;
    while (this.told.id === id && this.told.kind !== "nothing") {
      try {
        const told = await get(`/lab/${id}${query({ after: this.after, wait: 20 })}`);
        if (!this.busy && this.told.id === id) this.hear(told);
      } catch (error) {
        if (error.status === 404) return; // another took its place
        await new Promise((resolve) => setTimeout(resolve, 3000));
      }
      if (this.busy) await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  hear(told) {
    this.told = told;
    let last = null;
    for (const event of told.events) {
      if (event.number <= this.after) continue;
      this.after = event.number;
      const item = dialogueLine(event, { linked: true });
      this.list.append(item);
      if (event.code !== undefined) last = item;
    }
    if (last) {
      for (const open of this.list.querySelectorAll(".reply[aria-expanded=true]")) open.click();
      last.querySelector(".reply").click();
    }
    if (told.state !== this.state.textContent) {
      this.mark(told.state, this.state.textContent);
      this.state.textContent = told.state;
    }
    const chunk = told.kind === "chunk" ? `: ${told.chunk_left} octets are left` : "";
    this.input.placeholder = this.isRaw ? "NOOP\\r\\n" : KINDS[told.kind] + chunk;
    this.input.disabled = told.kind === "nothing";
    this.drawNext();
    const scroll = this.said.querySelector(".scroll");
    scroll.scrollTop = scroll.scrollHeight;
  }

  drawNext() {
    const { kind, next, words, state } = this.told;
    if (kind === "nothing") {
      show(this.next, h("h2", {}, "It is over"), h("p", { class: "soft" }, "A new session begins with the greeting."), h("button", { class: "primary", onclick: () => this.again() }, "New session"));
      return;
    }
    if (!next.length) {
      show(this.next, h("h2", {}, "What comes now"), h("p", { class: "soft" }, words || KINDS[kind]));
      return;
    }
    const row = (each) => h("li", {}, h("button", { class: "quiet hint", title: each.form, "data-line": each.line, onclick: () => this.offer(each.line) }, h("code", {}, each.verb), h("span", {}, each.summary), each.leads !== state && h("span", { class: "leads" }, `→ ${each.leads}`)), h("a", { href: `/explain/${each.verb}`, "aria-label": `About ${each.verb}`, title: `About ${each.verb}` }, "?"));
    show(this.next, h("h2", {}, "What may come next"), h("ul", {}, next.map(row)));
  }

  /** From lines to octets that are said as they stand, and back. */
  turnRaw() {
    this.isRaw = !this.isRaw;
    this.rawButton.setAttribute("aria-pressed", String(this.isRaw));
    this.rawTools.hidden = !this.isRaw;
    this.input.placeholder = this.isRaw ? "NOOP\\r\\n" : KINDS[this.told.kind];
    this.count();
    this.input.focus();
  }

  insert(text) {
    const { selectionStart: start, selectionEnd: end } = this.input;
    this.input.setRangeText(text, start, end, "end");
    this.count();
    this.input.focus();
  }

  /** How many octets would be said, and which. */
  count() {
    if (!this.isRaw) return;
    const octets = octetsOf(this.input.value);
    const hex = octets.slice(0, 24).map((each) => each.toString(16).padStart(2, "0"));
    this.sent.textContent = octets.length ? `${octets.length} octet${octets.length === 1 ? "" : "s"}: ${hex.join(" ")}${octets.length > 24 ? " …" : ""}` : "";
  }

  offer(line) {
    this.input.value = this.isRaw ? `${line}\\r\\n` : line;
    this.count();
    this.input.focus();
    show(this.offers);
  }

  async submit(event) {
    event.preventDefault();
    const line = this.input.value;
    if (this.told.kind === "nothing") return;
    this.input.value = "";
    show(this.offers);
    if (line) this.past.push(line);
    this.place = this.past.length;
    this.count();
    await this.say(line, { raw: this.isRaw });
    this.input.focus();
  }

  /** After what was typed before it; false when it could not be said. */
  say(line, { raw = false } = {}) {
    const said = this.line.then(() => this.#say(raw ? { octets: escaped(octetsOf(line)) } : { line }));
    this.line = said;
    return said;
  }

  async #say(words) {
    if (this.told.kind === "nothing") return false;
    this.busy = true;
    try {
      this.hear(await post(`/lab/${this.told.id}/say${query({ after: this.after })}`, words));
      return true;
    } catch (error) {
      if (error.status === 404) await this.again();
      else this.frame.problem(error);
      return false;
    } finally {
      this.busy = false;
    }
  }

  async sample() {
    if (this.busy) return;
    if (this.told.kind === "nothing") await this.again();
    const hello = this.told.next.find((each) => each.verb === "EHLO" || each.verb === "LHLO")?.line;
    const lines = this.told.state === "ready" ? SAMPLE : [...(this.told.state === "greeted" ? [hello] : ["RSET"]), ...SAMPLE];
    if (this.told.kind !== "command") return void this.frame.problem(new Error("First end the message that is being said."));
    for (const line of lines) if (!(await this.say(line))) return;
  }

  async again() {
    const old = this.told;
    try {
      const told = await post("/lab");
      if (old) remove(`/lab/${old.id}`).catch(() => {});
      show(this.list);
      this.after = 0;
      this.hear(told);
      this.input.focus();
      this.listen();
    } catch (error) {
      this.frame.problem(error);
    }
  }

  async paste(event) {
    const text = event.clipboardData.getData("text");
    if (this.isRaw || !/[\r\n]/.test(text)) return;
    event.preventDefault();
    const lines = text.replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n");
    for (const line of lines) if (!(await this.say(line))) return;
  }

  key(event) {
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      this.place = Math.max(0, Math.min(this.past.length, this.place + (event.key === "ArrowUp" ? -1 : 1)));
      this.input.value = this.past[this.place] ?? "";
      event.preventDefault();
    } else if (event.key === "Tab" && !event.shiftKey && this.input.value && this.told.kind === "command") {
      event.preventDefault();
      this.complete();
    } else if (event.key === "Escape") {
      show(this.offers);
    }
  }

  async complete() {
    const { lines } = await get(`/lab/${this.told.id}/complete${query({ typed: this.input.value })}`);
    if (lines.length === 1) return void this.offer(lines[0]);
    show(this.offers, lines.map((line) => h("button", { class: "small", type: "button", role: "option", onclick: () => this.offer(line) }, line)));
  }
}

const ESCAPES = { r: 13, n: 10, t: 9, 0: 0, "\\": 92 };

/** The octets that a text means: escapes (\\r \\n \\t \\0 \\\\ \\xff), or hex with "hex:" before it; the rest as UTF-8. */
export function octetsOf(text) {
  const hex = /^\s*hex:(.*)$/is.exec(text);
  if (hex) return [...hex[1].matchAll(/[0-9a-f]{2}/gi)].map(([pair]) => parseInt(pair, 16));
  const octets = [];
  for (const [piece, pair, letter] of text.matchAll(/\\x([0-9a-f]{2})|\\([rnt0\\])|[^]/giu)) {
    if (pair) octets.push(parseInt(pair, 16));
    else if (letter) octets.push(ESCAPES[letter.toLowerCase()]);
    else octets.push(...new TextEncoder().encode(piece));
  }
  return octets;
}

/** As the API takes them. */
const escaped = (octets) => octets.map((each) => (each >= 32 && each < 127 && each !== 92 ? String.fromCharCode(each) : `\\x${each.toString(16).padStart(2, "0")}`)).join("");
