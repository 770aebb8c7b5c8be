// A session that was opened: its dialogue, what the client did against the rules, its retries, and beside it its mail.

import { get } from "./api.js";
import { dialogue, dialogueLine } from "./dialogue.js";
import { h, icon, show } from "./dom.js";
import { duration, kindOf, plural, time, wholeTime } from "./format.js";
import { messageView } from "./message.js";
import { following, timelineList } from "./timeline.js";

const STATES = { open: ["live", "open"], over: ["", "over"], lost: ["no", "connection lost"] };

export class SessionPane {
  /** `closed()` and `opened(session, message)` tell what is looked at; `stepTo(id)` opens another session. */
  constructor(frame, { closed, opened, stepTo }) {
    Object.assign(this, { frame, opened, stepTo });
    this.linked = frame.hasPage("/explain/{name}");
    this.back = h("button", { class: "quiet back", onclick: closed, "aria-label": "Back to the list" }, icon("back"));
    this.element = h("section", { class: "detail", "aria-label": "Session" });
    this.id = null;
    this.message = null;
  }

  /** Show a session, and this message of it or its first one. A message may have outlived its session. */
  async open(id, message = null) {
    const asked = (this.asked = Symbol("asked"));
    let session = null;
    try {
      session = await get(`/sessions/${encodeURIComponent(id)}/view`);
    } catch (error) {
      if (error.status !== 404) return this.frame.problem(error);
    }
    if (asked !== this.asked) return;
    this.id = id;
    this.session = session;
    this.message = message ?? session?.mail[0]?.id ?? null;
    this.#draw();
    this.opened(this.id, this.message);
    await this.#drawMessage();
  }

  /** Something has changed on the server: of a session that goes on, show what has come. */
  async follow() {
    if (this.id === null || this.session === null || this.isAsking) return;
    if (this.session.state !== "open" && performance.now() - this.settled > 5000) return;
    this.isAsking = true;
    try {
      const told = await get(`/sessions/${encodeURIComponent(this.id)}/view`);
      if (told.id === this.id) this.#take(told);
    } catch {
      // Forgotten meanwhile: what is shown stays.
    } finally {
      this.isAsking = false;
    }
  }

  #take(told) {
    const before = this.session;
    this.session = told;
    if (told.state !== "open" && before.state === "open") this.settled = performance.now();
    if (told.violations.length !== before.violations.length) show(this.place, this.#dialogue());
    else for (const line of told.transcript.slice(before.transcript.length)) this.lines.append(dialogueLine(line, { linked: this.linked }));
    show(this.head, this.#head());
    show(this.tries, this.#attempts());
    show(this.findings, this.#violations());
    if (told.mail.length !== before.mail.length) {
      show(this.picker, this.#picker());
      if (this.message === null && told.mail.length) {
        this.message = told.mail[0].id;
        this.opened(this.id, this.message);
        this.#drawMessage();
      }
    }
  }

  close() {
    this.asked = null;
    this.id = null;
    this.session = null;
    this.message = null;
    show(this.element);
  }

  #draw() {
    this.settled = performance.now();
    this.head = h("header", { class: "session-head" }, this.#head());
    this.tries = h("div", {}, this.#attempts());
    this.findings = h("div", {}, this.#violations());
    this.picker = h("div", { class: "picker" }, this.#picker());
    this.beside = h("div", { class: "beside" });
    this.place = h("div", { class: "said-all" }, this.#dialogue());
    const said = h("div", { class: "pane dialogue-pane", tabindex: "0", "aria-label": "Dialogue" }, this.tries, this.findings, this.place);
    const mail = h("div", { class: "pane mail-pane", "aria-label": "Mail" }, this.picker, this.beside);
    const turn = (name) => () => (this.element.dataset.side = name);
    const sides = h("div", { class: "sides" }, h("button", { class: "quiet small", onclick: turn("dialogue") }, "Dialogue"), h("button", { class: "quiet small", onclick: turn("mail") }, "Mail"));
    this.element.dataset.side = this.element.dataset.side ?? "dialogue";
    show(this.element, this.head, sides, h("div", { class: "panes" }, said, mail));
  }

  #head() {
    const { session } = this;
    if (!session) return [this.back, h("h1", {}, "A message"), h("span", { class: "soft" }, "its session is forgotten: the newest are kept")];
    const [kind, state] = STATES[session.state];
    return [
      this.back,
      h("h1", {}, "Session ", h("code", {}, session.id)),
      h("span", { class: `badge ${kind}` }, state),
      session.taken > 0 && h("span", { class: "badge yes" }, `${plural(session.taken, "message")} taken`),
      session.refused > 0 && h("span", { class: "badge later" }, `${session.refused}× no`),
      h("span", { class: "soft" }, h("span", { title: wholeTime(session.started_at) }, time(session.started_at)), " from ", session.client),
    ];
  }

  #dialogue() {
    if (!this.session) return h("p", { class: "empty" }, "What was said is not kept any more.");
    const { transcript, violations, left_out } = this.session;
    this.lines = dialogue(transcript, { violations, linked: this.linked });
    return [this.lines, left_out > 0 && h("p", { class: "soft" }, `${plural(left_out, "more line")} not kept.`)];
  }

  /** The same mail in other sessions: what became of it. */
  #attempts() {
    const tries = this.session?.attempts ?? [];
    if (tries.length < 2) return null;
    const rows = tries.map((each, place) => {
      const code = each.refusal?.code ?? null;
      const word = code !== null ? h("span", { class: `badge ${kindOf(code)}` }, `${code} ${each.taken ? "and taken" : "refused"}`) : each.taken ? h("span", { class: "badge yes" }, "taken") : h("span", { class: "badge" }, each.state);
      const wait = place ? `after ${duration(each.started_at - tries[place - 1].started_at)}` : time(each.started_at);
      const name = `Attempt ${place + 1}`;
      const link = each.is_this ? h("b", {}, name) : h("button", { class: "link", onclick: () => this.stepTo(each.id) }, name);
      return h("li", { "aria-current": each.is_this && "true" }, link, word, h("span", { class: "soft" }, wait));
    });
    return h("section", { class: "tries" }, h("h3", {}, "The same mail was tried ", plural(tries.length, "time")), h("ol", { class: "plain" }, rows));
  }

  #violations() {
    const found = this.session?.violations ?? [];
    if (!found.length) return null;
    const rows = found.map((each) =>
      h("li", {}, h("b", {}, each.id), " ", h("span", { class: "soft" }, `${each.clause}, command ${each.command}`), h("div", {}, each.meaning), h("pre", {}, JSON.stringify(each.octets).slice(1, -1))),
    );
    return h("details", { class: "findings" }, h("summary", {}, h("span", { class: "badge later" }, plural(found.length, "finding")), " The client did something against the rules"), h("ul", { class: "plain" }, rows));
  }

  #picker() {
    const mail = this.session?.mail ?? [];
    if (mail.length < 2) return null;
    const options = mail.map((each, place) => h("option", { value: each.id, selected: each.id === this.message }, `${place + 1}. ${each.subject || "(no subject)"} → ${each.recipients.join(", ")}`));
    const pick = (event) => {
      this.message = event.target.value;
      this.opened(this.id, this.message);
      this.#drawMessage();
    };
    return [h("label", { for: "picked" }, plural(mail.length, "message")), h("select", { id: "picked", onchange: pick }, options)];
  }

  async #drawMessage() {
    const { message } = this;
    if (message === null) return show(this.beside, ...[this.#noMail()].flat());
    try {
      const drawn = await messageView(message, this.frame, { linked: this.linked, gone: () => this.#forgotten() });
      if (message === this.message) show(this.beside, drawn);
    } catch (error) {
      if (error.status !== 404) return this.frame.problem(error);
      show(this.beside, h("p", { class: "empty" }, "This message is not kept any more."));
    }
  }

  #forgotten() {
    this.session && (this.session.mail = this.session.mail.filter((each) => each.id !== this.message));
    this.message = this.session?.mail[0]?.id ?? null;
    show(this.picker, this.#picker());
    this.opened(this.id, this.message);
    this.#drawMessage();
  }

  #noMail() {
    const { session } = this;
    const no = session?.transcript.find((line) => line.code >= 400);
    if (session?.state === "open") return h("p", { class: "empty" }, "No mail yet; the session goes on.");
    const way = h("div", { class: "passport" });
    if (session) this.#drawWay(way, session.id);
    return [h("div", { class: "empty" }, h("p", {}, "This session brought no mail."), no && h("p", { class: "soft" }, "The first no: ", h("code", {}, no.text.split("\n")[0]), ". Click it in the dialogue to see why.")), way];
  }

  /** What happened in a session that brought no mail, and when it is tried again. */
  async #drawWay(place, id) {
    try {
      const told = await get(`/sessions/${encodeURIComponent(id)}/told`);
      show(place, following(told.next, this.stepTo), told.events.length > 0 && timelineList(told));
    } catch (error) {
      if (error.status !== 404) this.frame.problem(error);
    }
  }
}
