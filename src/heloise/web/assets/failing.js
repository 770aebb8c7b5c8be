// "Make it fail": a rule put together from a few choices, or written as a phrase; and the rules there are.

import { get, post, remove } from "./api.js";
import { h, icon, show } from "./dom.js";
import { plural } from "./format.js";
import { openDialog } from "./keys.js";

const WHAT = [
  ["451", "451 – try again later"],
  ["421", "421 – closing, come back"],
  ["450", "450 – mailbox busy"],
  ["452", "452 – no room now"],
  ["550", "550 – no such mailbox"],
  ["552", "552 – too large"],
  ["554", "554 – refused"],
  ["slow 5s", "answer after 5 seconds"],
  ["drop", "close the connection"],
  ["reset", "reset the connection"],
  ["half-close", "say no more, but listen"],
  ["lose-reply", "do it, and lose the reply"],
];
const STAGES = [
  ["rcpt", "each recipient (RCPT)"],
  ["mail", "the sender (MAIL)"],
  ["data", "DATA"],
  ["message", "the end of the message"],
  ["auth", "the login (AUTH)"],
  ["hello", "EHLO"],
  ["connect", "the greeting"],
];
const OFTEN = [
  ["once", "once, then accept"],
  ["twice", "twice, then accept"],
  ["3 times", "three times, then accept"],
  ["", "always"],
  ["30%", "for 30 % by chance"],
  ["10/1m", "after 10 in a minute"],
];
const HAVE_RECIPIENTS = ["rcpt", "data", "message"];

/** Open the dialog; `changed(rules)` is told how many rules there are. */
export async function failing(frame, changed) {
  const select = (id, options, act) =>
    h("select", { id, onchange: act }, options.map(([value, text]) => h("option", { value }, text)));
  const what = select("fail-what", WHAT, compose);
  const stage = select("fail-stage", STAGES, compose);
  const often = select("fail-often", OFTEN, compose);
  const to = h("input", { id: "fail-to", type: "text", placeholder: "anybody, or *@slow.example", oninput: compose, autocomplete: "off", spellcheck: "false" });
  const phrase = h("input", { id: "fail-phrase", type: "text", class: "mono", spellcheck: "false", autocomplete: "off", "aria-describedby": "fail-hint" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const rules = h("div", { class: "rules" });
  const field = (label, control, hint) => h("div", { class: "field" }, h("label", { for: control.id }, label), control, hint);

  function compose() {
    const isChance = often.value.endsWith("%");
    const isRate = often.value.includes("/");
    const words = isRate ? [`${often.value}, else ${what.value}`] : isChance ? [often.value, what.value] : [what.value, often.value];
    if (stage.value !== "rcpt") words.push(`at ${stage.value}`);
    to.disabled = !HAVE_RECIPIENTS.includes(stage.value);
    if (!to.disabled && to.value.trim()) words.push(`to ${to.value.trim()}`);
    phrase.value = words.filter(Boolean).join(" ");
  }

  function draw({ faults }) {
    changed(faults.length);
    const rows = faults.map((rule, place) =>
      h(
        "li",
        {},
        h("span", {}, h("code", {}, rule.fault ?? describe(rule)), rule.rule && h("span", { class: "soft" }, ` ${rule.rule}`)),
        h("span", { class: "badge" }, rule.struck ? `struck ${rule.struck}×` : "not yet"),
        h("button", { class: "quiet small", "aria-label": `Remove the rule ${rule.fault ?? place + 1}`, title: "Remove", onclick: () => act(remove(`/faults/${place}`)) }, icon("trash")),
      ),
    );
    show(rules, faults.length ? [h("h3", {}, plural(faults.length, "rule")), h("ul", { class: "plain" }, rows)] : null);
  }

  const describe = (rule) => [rule.reply ?? rule.cut ?? `slow ${rule.delay}s`, `at ${rule.stage}`, rule.to && `to ${rule.to}`].filter(Boolean).join(" ");

  async function act(promise) {
    try {
      draw(await promise);
      trouble.hidden = true;
      return true;
    } catch (error) {
      show(trouble, error.message);
      trouble.hidden = false;
      return false;
    }
  }

  async function add(event) {
    event.preventDefault();
    if (await act(post("/faults", { faults: [phrase.value] }))) frame.say("The rule holds.");
  }

  compose();
  const form = h(
    "form",
    { onsubmit: add, class: "failing" },
    h("div", { class: "pair" }, field("Say or do", what), field("At", stage)),
    h("div", { class: "pair" }, field("How often", often, h("span", { class: "hint" }, "Counted for each recipient or client.")), field("For mail to", to)),
    field("As a phrase", phrase, h("span", { class: "hint", id: "fail-hint" }, "What the API, a [[fault]] file and the pytest marker take as well; it may be edited.")),
    trouble,
    h("button", { class: "primary", type: "submit" }, icon("bolt"), "Fail like this"),
  );
  openDialog("Make it fail", form, rules);
  what.focus();
  await act(get("/faults"));
}
