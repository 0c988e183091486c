/** The sheet of keys. */
import { t } from "../i18n.js";
import { dialog } from "../state.js";
import { Dialog, html } from "../ui.js";

/** @type {[string[], keyof typeof import("../texts.js").TEXTS][]} */
const KEYS = [
  [["/"], "help_search"], [["G"], "help_map"], [["L"], "help_layers"], [["T"], "help_list"], [["M"], "help_measure"], [["P"], "help_sheet"],
  [["I"], "help_city"], [["J"], "help_jobs"],
  [["[", "]"], "help_pager"], [["C"], "help_copy"], [["H"], "help_home"], [["R"], "help_refresh"], [["D"], "help_theme"], [["E"], "help_lang"],
  [["Alt"], "help_only"], [["Esc"], "help_escape"], [["?"], "help_keys"],
];

export function Help() {
  return html`<${Dialog} title=${t("help_title")} onClose=${() => { dialog.value = null; }}>
    <table class="keys"><tbody>${KEYS.map(([keys, what]) => html`<tr><th scope="row">${keys.map((key) => html`<kbd>${key}</kbd> `)}</th><td>${t(what)}</td></tr>`)}</tbody></table>
  <//>`;
}
