// "Make it fail": a rule put together from a few choices, or written as a phrase; and the rules there are.
//
// A rule has a place where explanations find it: /faults:3 is the third that was given, at /faults#3; a file's is at its line.

import { get, post, remove, url } from "./api.js";
import { h, icon, show } from "./dom.js";
import { plural } from "./format.js";
import { openDialog } from "./keys.js";

/** Where the page tells of the rule at this place. */
export const ruleLink = (place) => `/faults#${encodeURIComponent(anchor(place))}`;

const GIVEN = "/faults:";
const anchor = (place) => (place?.startsWith(GIVEN) ? place.slice(GIVEN.length) : place);

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

/** A form for one more rule, and the list of those there are; `changed(rules)` is told how many. `begin()` asks for them. */
export function failing(changed) {
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

  function draw({ faults, removed }) {
    changed(faults.length);
    const rows = faults.map((rule, place) =>
      h(
        "li",
        { id: anchor(rule.rule), tabindex: "-1" },
        h("span", {}, h("code", {}, wordsOf(rule)), rule.rule && h("a", { class: "place soft", href: ruleLink(rule.rule) }, rule.number ? `rule ${rule.number}` : rule.rule)),
        h("span", { class: "badge" }, rule.struck ? `struck ${rule.struck}×` : "not yet"),
        h("button", { class: "quiet small", "aria-label": `Remove the rule ${wordsOf(rule)}`, title: "Remove", onclick: () => act(remove(`/faults/${place}`)) }, icon("trash")),
      ),
    );
    const file = h("a", { class: "button quiet small", href: url("/faults/file"), download: "faults.toml", title: "For heloise dev --faults" }, icon("down"), "Save as a file");
    show(rules, faults.length ? [h("div", { class: "rules-head" }, h("h3", {}, plural(faults.length, "rule")), file), h("ul", { class: "plain" }, rows)] : h("p", { class: "soft none" }, "No rules: everything is taken."), gone(removed));
  }

  function gone(removed) {
    if (!removed.length) return null;
    const rows = removed.map((rule) =>
      h(
        "li",
        { id: anchor(rule.rule), tabindex: "-1" },
        h("span", {}, h("code", {}, wordsOf(rule)), rule.rule && h("span", { class: "place soft" }, rule.number ? `rule ${rule.number}` : rule.rule)),
        rule.fault && h("button", { class: "quiet small", onclick: () => act(post("/faults", { faults: [rule.fault] })) }, "Put back"),
      ),
    );
    return h("details", { class: "gone" }, h("summary", {}, `Removed: ${removed.length}`), h("ul", { class: "plain" }, rows.reverse()));
  }

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
    await act(post("/faults", { faults: [phrase.value] }));
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
  return { form, rules, first: what, begin: () => act(get("/faults")) };
}

/** All of it in a dialog. */
export async function failingDialog(changed) {
  const { form, rules, first, begin } = failing(changed);
  const dialog = openDialog("Make it fail", form, rules);
  rules.addEventListener("click", (event) => event.target.closest("a[href^='/faults#']") && dialog.close());
  first.focus();
  await begin();
}

/** A rule as a phrase; one of a file has no phrase of its own. */
const wordsOf = (rule) => rule.fault ?? [rule.reply ?? rule.cut ?? (rule.delay ? `slow ${rule.delay}s` : "octets"), rule.times && `${rule.times} times`, `at ${rule.stage}`, rule.to && `to ${rule.to}`].filter(Boolean).join(" ");
