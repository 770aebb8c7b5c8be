// Releasing caught mail: to whom, and how far what was released has come.

import { get, post, remove } from "./api.js";
import { h, icon, show } from "./dom.js";
import { plural, time } from "./format.js";
import { openDialog } from "./keys.js";
import { reply } from "./replies.js";

const STATES = { waiting: "live", delayed: "later", relayed: "yes", delivered: "yes", failed: "no", removed: "" };
const AGAIN = 1000; // ms between two looks while the dialog is open

/** Ask to whom a message is to go, and let it go. */
export async function releasing(frame, view) {
  let told;
  try {
    told = await get("/releases");
  } catch (error) {
    frame.problem(error);
    return;
  }
  if (told.relay === null) {
    const command = "heloise dev --relay smtp://mail.example.org:587 --relay-to '*@my-team.example'";
    openDialog("Release", h("p", {}, "Nothing leaves this server: it was started without a relay. To let single messages go on, say by which way and to whom:"), h("pre", {}, command));
    return;
  }
  const to = h("input", { id: "release-to", type: "text", value: view.recipients.join(", "), spellcheck: "false", autocomplete: "off" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const list = h("div", { class: "releases" });
  const dialog = openDialog(
    "Release",
    h(
      "form",
      { onsubmit: release },
      h("p", {}, "Goes by ", h("code", {}, told.relay), ", with retries and reports. ", told.allowed.length ? ["It may go to ", told.allowed.map((each, place) => [place > 0 && ", ", h("code", {}, each)]), "."] : "It may go to nobody: give --relay-to."),
      h("div", { class: "field" }, h("label", { for: "release-to" }, "To"), to, h("span", { class: "hint" }, "Addresses with commas between them. The header stays as it is.")),
      trouble,
      h("button", { class: "primary", type: "submit" }, icon("out"), "Release"),
    ),
    list,
  );

  async function release(event) {
    event.preventDefault();
    const recipients = to.value.split(",").map((each) => each.trim()).filter(Boolean);
    try {
      await post(`/messages/${encodeURIComponent(view.id)}/release`, { to: recipients });
      trouble.hidden = true;
    } catch (error) {
      show(trouble, error.message);
      trouble.hidden = false;
    }
    watch();
  }
  const watch = follow(dialog, list, (each) => each.message === view.id);
}

/** All that was released, in a dialog. */
export function releases(frame) {
  const list = h("div", { class: "releases" });
  const retry = async () => {
    try {
      await post("/releases/retry");
    } catch (error) {
      frame.problem(error);
    }
    watch();
  };
  const dialog = openDialog("Released mail", list, h("p", {}, h("button", { onclick: retry }, "Try all that waits now")));
  const watch = follow(dialog, list, () => true);
}

/** Draw those that fit, again and again while the dialog is open. Gives what draws them at once. */
function follow(dialog, list, fits) {
  let timer = null;
  async function look() {
    clearTimeout(timer);
    if (!dialog.open) return;
    try {
      const { releases: all } = await get("/releases");
      const found = all.filter(fits);
      show(list, found.length ? [h("h3", {}, plural(found.length, "release")), h("ul", { class: "plain" }, found.slice(0, 100).map(row))] : h("p", { class: "soft" }, "Nothing was released yet."));
    } catch {
      // The next look will tell.
    }
    timer = setTimeout(look, AGAIN);
  }

  function row(each) {
    const waits = each.recipients.some(({ state }) => state === "waiting" || state === "delayed");
    const drop = waits && h("button", { class: "quiet small", title: "Try no more", "aria-label": "Try no more", onclick: () => remove(`/releases/${encodeURIComponent(each.id)}`).then(look, look) }, icon("trash"));
    const recipients = each.recipients.map(({ recipient, state, reply: words }) =>
      h("div", {}, h("span", { class: `badge ${STATES[state] ?? ""}` }, state), " ", h("code", {}, recipient), words && h("div", { class: "soft" }, reply(words))),
    );
    return h("li", {}, h("div", {}, recipients), h("span", { class: "soft" }, time(each.released_at), each.attempts > 1 && `, ${plural(each.attempts, "attempt")}`), drop);
  }

  look();
  return look;
}
