// The first page of a development server: a live list of sessions with their mail, and the one that was opened.

import { get, query, remove } from "./api.js";
import { archive } from "./archive.js";
import { h, icon, show } from "./dom.js";
import { failingDialog } from "./failing.js";
import { count, kindOf, plural, size, time, wholeTime } from "./format.js";
import { openDialog } from "./keys.js";
import { live } from "./live.js";
import { releases } from "./releasing.js";
import { SessionPane } from "./session.js";
import { wear } from "./style.js";
import { welcome } from "./welcome.js";
import { WindowedList } from "./window.js";

const HEIGHT = 78; // pixels of a row; heloise.css has the same
const ONLY = [
  ["", "Everything"],
  ["refused", "With a no"],
  ["mail", "With mail"],
  ["violations", "With findings"],
  ["open", "Open now"],
];

export async function start(frame) {
  await wear("timeline.css");
  const page = new Inbox(frame);
  await page.begin();
}

class Inbox {
  constructor(frame) {
    this.frame = frame;
    const here = new URLSearchParams(location.search);
    this.wish = { view: here.get("view") ?? "", mailbox: here.get("mailbox") ?? "", query: here.get("query") ?? "", only: here.get("only") ?? "" };
    this.pane = new SessionPane(frame, { closed: () => this.close(), opened: (session, message) => this.#opened(session, message), stepTo: (id) => this.open(id) });
    this.list = new WindowedList({
      height: HEIGHT,
      label: "Sessions, the newest first",
      key: (row) => this.#key(row),
      draw: (row) => this.#row(row),
      ask: (start, limit) => this.#ask(start, limit),
      changed: () => this.#counted(),
    });
  }

  async begin() {
    this.#drawTools();
    this.#drawMain();
    this.#bindKeys();
    const state = await get("/state");
    this.smtp = state.smtp;
    this.#told(state);
    await this.list.refresh();
    const here = new URLSearchParams(location.search);
    if (here.get("session")) await this.open(here.get("session"), here.get("message"), { isNew: false });
    addEventListener("popstate", () => this.#returned());
    live(
      (told) => this.#told(told),
      (how) => this.#connected(how),
    );
  }

  // What is drawn once

  #drawTools() {
    const { frame } = this;
    this.search = h("input", { type: "search", id: "search", placeholder: "Search mail and sessions", "aria-label": "Search mail and sessions", title: 'words, "two words", to:alice from:shop subject:order has:attachment larger:10000 -draft', value: this.wish.query, oninput: () => this.#later(), spellcheck: "false", autocomplete: "off" });
    this.mailbox = h("input", { type: "search", id: "mailbox", list: "mailboxes", placeholder: "All mailboxes", "aria-label": "Mailbox", value: this.wish.mailbox, oninput: () => this.#later(), onfocus: () => this.#listMailboxes(), spellcheck: "false", autocomplete: "off" });
    this.mailboxes = h("datalist", { id: "mailboxes" });
    this.faults = h("span", { class: "badge later", hidden: true });
    const fail = h("button", { id: "fail", title: "Make it fail (f)", "aria-label": "Make it fail", onclick: () => this.#fail() }, icon("bolt"), h("span", { class: "words" }, "Make it fail"), this.faults);
    show(frame.tools, h("div", { class: "find" }, this.search, h("kbd", { "aria-hidden": "true" }, "/")), h("div", { class: "box" }, this.mailbox, this.mailboxes), fail);
  }

  #drawMain() {
    document.body.classList.add("inbox");
    const segment = (view, text) => h("button", { "data-view": view, "aria-pressed": String(this.wish.view === view), onclick: () => this.#change({ view }) }, text);
    this.segments = [segment("", "Sessions"), segment("messages", "Messages")];
    this.only = h("select", { id: "only", "aria-label": "Only those", onchange: () => this.#change({ only: this.only.value }) }, ONLY.map(([value, text]) => h("option", { value, selected: value === this.wish.only }, text)));
    this.total = h("span", { class: "soft total" });
    this.pulse = h("span", { class: "pulse", role: "img" });
    this.clear = h("button", { class: "quiet small", title: "Forget everything", "aria-label": "Forget all messages and sessions", onclick: () => this.#clear() }, icon("trash"));
    this.nothing = h("p", { class: "empty", hidden: true });
    const files = h("button", { class: "quiet small", id: "files", title: "Save to a file, or read from one", "aria-label": "Save to a file, or read from one", onclick: () => archive(this.frame, this.wish) }, icon("box"));
    const head = h("div", { class: "list-head" }, h("div", { class: "segments", role: "group", "aria-label": "Rows" }, this.segments), this.only, h("span", { class: "push" }), files, this.clear);
    const foot = h("div", { class: "list-foot" }, this.pulse, this.total);
    this.side = h("section", { class: "side", "aria-label": "List" }, head, this.nothing, this.list.element, foot);
    this.hint = h("div", { class: "choose" }, h("p", {}, "Choose a session: ", h("kbd", {}, "j"), " ", h("kbd", {}, "k"), " or a click."));
    this.welcome = h("div", { class: "first", hidden: true });
    show(this.frame.main, this.welcome, this.side, this.hint, this.pane.element);
  }

  #bindKeys() {
    const { bind } = this.frame;
    bind("j", "The next one", () => this.#step(1));
    bind("k", "The one before", () => this.#step(-1));
    bind("ArrowDown", "The next one", (event) => (event.target.closest(".pane, .panel, iframe") ? false : this.#step(1)));
    bind("ArrowUp", "The one before", (event) => (event.target.closest(".pane, .panel, iframe") ? false : this.#step(-1)));
    bind("Enter", "To the dialogue of the chosen one", () => this.pane.element.querySelector(".dialogue-pane")?.focus());
    bind("/", "Search", () => (this.search.focus(), this.search.select()));
    bind("m", "Choose a mailbox", () => this.mailbox.focus());
    bind("f", "Make it fail", () => this.#fail());
    bind("Escape", "Back; out of the search", () => this.#escape());
  }

  // The list

  #key(row) {
    return this.wish.view === "messages" || !row.is_known ? `m:${row.messages[0]?.id}` : `s:${row.id}`;
  }

  async #ask(start, limit) {
    try {
      const told = await get(`/rows${query({ ...this.wish, start, limit })}`);
      const isWhole = !this.wish.query && !this.wish.mailbox && !this.wish.only;
      const grown = isWhole ? (this.wish.view ? told.caught : told.begun) : told.total;
      show(this.nothing, this.problem ? "" : "Nothing fits.");
      this.search.setCustomValidity("");
      return { ...told, grown };
    } catch (error) {
      if (error.status !== 400) return this.#connected("away"), null;
      this.search.setCustomValidity(error.message);
      show(this.nothing, error.message);
      return { total: 0, rows: [], grown: 0 };
    }
  }

  #counted() {
    const { total } = this.list;
    show(this.total, plural(total, this.wish.view === "messages" ? "message" : "session"), this.state && ` · ${plural(this.state.messages, "message")} kept, ${size(this.state.octets)}`);
    this.nothing.hidden = total > 0 || this.isEmpty;
  }

  #row(row) {
    const [mail] = row.messages;
    const more = row.message_count - 1;
    const who = (from, to, others) => [from || "<>", h("span", { class: "to", "aria-label": "to" }, " → "), to, others > 0 && ` +${others}`];
    const line = mail ? who(mail.sender, mail.recipients[0], mail.recipient_count - 1) : row.sender ? who(strip(row.sender), strip(row.recipient) || "nobody", 0) : [row.client, row.hello && ` as ${row.hello}`];
    const badges = [
      row.state === "open" && h("span", { class: "badge live" }, "open"),
      row.state === "lost" && h("span", { class: "badge no" }, "lost"),
      row.refusal && h("span", { class: `badge ${kindOf(row.refusal.code)}`, title: row.refusal.text }, `${row.refusal.code} ${verb(row.refusal.to)}`),
      mail && !row.refusal && h("span", { class: "badge yes" }, "taken"),
      mail && row.refusal && h("span", { class: "badge yes" }, "taken"),
      more > 0 && this.wish.view !== "messages" && h("span", { class: "badge" }, `+${count(more)} more`),
      row.violations > 0 && h("span", { class: "badge later" }, plural(row.violations, "finding")),
      mail?.attachments > 0 && h("span", { class: "soft clip", title: plural(mail.attachments, "attachment") }, icon("clip"), String(mail.attachments)),
      mail && h("span", { class: "soft size" }, size(mail.size)),
    ];
    const target = { session: row.id, message: this.#messageOf(row) };
    const click = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.open(target.session, target.message, { key: this.#key(row) });
    };
    return h(
      "a",
      { href: this.#address(target), class: `row ${mail ? "yes" : row.refusal ? kindOf(row.refusal.code) : ""}`, onclick: click },
      h("span", { class: "first-line" }, h("b", {}, title(row, mail)), h("time", { title: wholeTime(row.started_at) }, time(mail?.received_at ?? row.started_at))),
      h("span", { class: "second-line" }, line),
      h("span", { class: "third-line" }, badges),
    );
  }

  #messageOf(row) {
    return this.wish.view === "messages" || !row.is_known ? row.messages[0].id : null;
  }

  #address(target) {
    return `/${query({ ...this.wish, ...target })}`;
  }

  async #listMailboxes() {
    try {
      const { mailboxes } = await get("/mailboxes");
      const largest = Object.entries(mailboxes).sort((one, other) => other[1] - one[1]).slice(0, 200);
      show(this.mailboxes, largest.map(([name, number]) => h("option", { value: name, label: plural(number, "message") })));
    } catch {
      // Then it has to be typed.
    }
  }

  #later() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.#change({ query: this.search.value.trim(), mailbox: this.mailbox.value.trim() }), 180);
  }

  #change(wish) {
    Object.assign(this.wish, wish);
    for (const button of this.segments) button.setAttribute("aria-pressed", String(button.dataset.view === this.wish.view));
    history.replaceState(null, "", this.#address({ session: this.pane.id, message: this.pane.id && this.pane.message }));
    this.list.reset();
  }

  // What is opened

  async open(session, message = null, { key, isNew = true } = {}) {
    document.body.classList.add("opened");
    this.list.select(key ?? (this.wish.view === "messages" && message ? `m:${message}` : `s:${session}`));
    if (isNew) history.pushState(null, "", this.#address({ session, message }));
    await this.pane.open(session, message);
  }

  #opened(session, message) {
    const address = this.#address({ session, message });
    if (location.pathname + location.search !== address) history.replaceState(null, "", address);
    document.title = `Session ${session} · heloise`;
  }

  close() {
    if (!document.body.classList.contains("opened")) return;
    document.body.classList.remove("opened");
    this.pane.close();
    this.list.select(null);
    history.pushState(null, "", this.#address({}));
    document.title = "Sessions · heloise";
  }

  #returned() {
    const here = new URLSearchParams(location.search);
    if (here.get("session")) this.open(here.get("session"), here.get("message"), { isNew: false });
    else {
      document.body.classList.remove("opened");
      this.pane.close();
      this.list.select(null);
    }
  }

  async #step(by) {
    const row = await this.list.step(by);
    if (row) this.open(row.id, this.#messageOf(row), { key: this.#key(row) });
  }

  #escape() {
    if (document.activeElement === this.search || document.activeElement === this.mailbox) {
      document.activeElement.value = "";
      this.#later();
      document.activeElement.blur();
    } else this.close();
  }

  // What changes

  #told(state) {
    const before = this.state;
    this.state = { ...state };
    this.faults.hidden = !state.faults;
    show(this.faults, String(state.faults));
    this.#showDepth(state);
    this.#showEmpty(state.sessions === 0 && state.messages === 0);
    if (before?.revision !== state.revision) {
      this.list.refresh();
      this.pane.follow();
    }
    this.#counted();
  }

  /** How much released mail waits; where nothing may be released there is no queue. */
  #showDepth(state) {
    if (!state.relay) return;
    const words = h("span", {}, h("b", {}, count(state.queued)), " queued");
    this.depth ??= h("button", { class: "quiet small", title: `Released mail for ${state.relay}`, onclick: () => releases(this.frame) });
    show(this.depth, words);
    if (!this.depth.isConnected) show(this.frame.depth, this.depth);
  }

  #showEmpty(isEmpty) {
    if (this.isEmpty === isEmpty) return;
    this.isEmpty = isEmpty;
    document.body.classList.toggle("nothing", isEmpty);
    this.welcome.hidden = !isEmpty;
    if (isEmpty) {
      this.close();
      show(this.welcome, welcome(this.smtp, this.frame, () => this.#sampleSent()));
    }
  }

  /** The newest session is the retry, the one before was refused: there one sees what happened. */
  async #sampleSent() {
    const { rows } = await get("/rows?only=refused&limit=1");
    if (rows.length && !document.body.classList.contains("opened")) await this.open(rows[0].id);
  }

  #connected(how) {
    const words = { live: "Live", polling: "Asking once a second: events do not get through", away: "The server does not answer" }[how];
    this.pulse.className = `pulse ${how}`;
    this.pulse.title = words;
    this.pulse.setAttribute("aria-label", words);
  }

  #fail() {
    failingDialog((rules) => {
      this.faults.hidden = !rules;
      show(this.faults, String(rules));
    });
  }

  #clear() {
    const forget = async () => {
      try {
        await remove("/messages");
        await remove("/sessions");
        this.close();
        dialog.close();
      } catch (error) {
        this.frame.problem(error);
      }
    };
    const text = h("p", {}, `${plural(this.state.messages, "message")} and ${plural(this.state.sessions, "session")} are forgotten. This can not be undone.`);
    const button = h("button", { class: "danger", onclick: forget }, icon("trash"), "Forget everything");
    const dialog = openDialog("Forget everything?", text, h("p", {}, button));
    button.focus();
  }
}

const strip = (path) => path.replace(/^<|>$/g, "");
const verb = (command) => (command === "" ? "at once" : command.startsWith("[message") ? "message" : command.split(/[ :]/)[0].toUpperCase());

function title(row, mail) {
  if (mail) return mail.subject || "(no subject)";
  if (row.refusal) return row.refusal.text.includes(" ") ? row.refusal.text : `Cut on purpose: ${row.refusal.text}`;
  return row.state === "open" ? "Session in progress" : "No mail";
}
