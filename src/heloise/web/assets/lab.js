// The lab: one types what a client would say, each reply explains itself, and the picture shows where the session stands.

import { get, post, query, remove } from "./api.js";
import { dialogueLine } from "./dialogue.js";
import { h, show } from "./dom.js";
import { drawStates } from "./states.js";
import { wear } from "./style.js";

const SAMPLE = ["MAIL FROM:<me@example.test>", "RCPT TO:<you@example.test>", "DATA", "From: me@example.test", "To: you@example.test", "Subject: A first message", "", "It ends with a dot on a line by itself.", "."];
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
    this.offers = h("div", { class: "offers", role: "listbox", "aria-label": "Completions" });
    this.next = h("aside", { class: "card next" });
    this.state = h("span", { class: "badge live" });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("input", () => show(this.offers));
    this.input.addEventListener("paste", (event) => this.paste(event));
    this.said = h("section", { class: "card said-here" }, h("div", { class: "scroll" }, this.list), this.offers, this.prompt);
    const head = h("div", { class: "lab-head" }, h("h1", {}, "Lab"), h("span", { class: "soft" }, "The session is now"), this.state, h("div", { class: "lab-tools" }, h("button", { class: "small", onclick: () => this.sample() }, "Say a whole message"), h("button", { class: "small", onclick: () => this.again() }, "New session")));
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
    this.input.placeholder = KINDS[told.kind] + chunk;
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

  offer(line) {
    this.input.value = line;
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
    await this.say(line);
    this.input.focus();
  }

  /** After what was typed before it; false when it could not be said. */
  say(line) {
    const said = this.line.then(() => this.#say(line));
    this.line = said;
    return said;
  }

  async #say(line) {
    if (this.told.kind === "nothing") return false;
    this.busy = true;
    try {
      this.hear(await post(`/lab/${this.told.id}/say${query({ after: this.after })}`, { line }));
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
    if (!/[\r\n]/.test(text)) return;
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
