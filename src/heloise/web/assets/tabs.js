// Tabs: arrows go from one to the next (WAI-ARIA). What a tab shows is made when it is first looked at.

import { h, show } from "./dom.js";

let made = 0;

/** `tabs` are {name, label, draw()} ; `chosen` the name of the first; `chose(name)` is told. Gives one element. */
export function tabs(label, list, chosen, chose) {
  made += 1;
  const panel = h("div", { class: "panel", role: "tabpanel", id: `panel-${made}`, tabindex: "0" });
  const buttons = list.map(({ name, label: text }) =>
    h("button", { role: "tab", id: `tab-${made}-${name}`, "aria-controls": panel.id, "data-tab": name, onclick: () => choose(name) }, text),
  );
  const bar = h("div", { class: "tabs", role: "tablist", "aria-label": label, onkeydown: moved }, buttons);

  function choose(name) {
    for (const button of buttons) {
      const isChosen = button.dataset.tab === name;
      button.setAttribute("aria-selected", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
      if (isChosen) panel.setAttribute("aria-labelledby", button.id);
    }
    panel.dataset.tab = name;
    show(panel, list.find((each) => each.name === name).draw());
    chose?.(name);
  }

  function moved(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const place = buttons.findIndex((each) => each.getAttribute("aria-selected") === "true");
    const next = buttons[(place + by + buttons.length) % buttons.length];
    choose(next.dataset.tab);
    next.focus();
  }

  choose(list.some((each) => each.name === chosen) ? chosen : list[0].name);
  return h("div", { class: "tabbed" }, bar, panel);
}
