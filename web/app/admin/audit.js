/** The auditor's panel: how the log stands, conditions, rows, and one row in full. */
import { effect, untracked } from "@preact/signals";
import { useEffect } from "preact/hooks";
import * as api from "../api.js";
import { lang } from "../i18n.js";
import { html, Icon, IconButton, Notice, ReadingState } from "../ui.js";
import { Drawer } from "./auditdrawer.js";
import { asked, chosen, filters, first, KEYS, NAME, narrow, NONE, standing } from "./auditlog.js";
import { SealBand } from "./auditseal.js";
import { AuditTable, forget } from "./audittable.js";
import { t } from "./texts.js";

/** @typedef {import("./auditlog.js").Word} Word */

const STATE_EVERY = 15_000;

function reload() {
  forget();
  chosen.value = null;
  void first.load(filters.peek());
  void standing.load();
}

/** @param {{name: string, label: string, children: any}} properties */
const Field = ({ name, label, children }) => html`<label class="audit-field" for=${`audit-${name}`}><span>${label}</span>${children}</label>`;

const given = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).value.trim();

/** @param {{name: string, hint: string}} properties */
const TextBox = ({ name, hint }) => html`<input id=${`audit-${name}`} type="text" maxlength="200" autocomplete="off" placeholder=${hint} value=${filters.value[name]}
  onChange=${(/** @type {Event} */ event) => narrow({ [name]: given(event) })} />`;

/** @param {{name: string}} properties */
const DayBox = ({ name }) => html`<input id=${`audit-${name}`} type="date" max="9999-12-31" value=${filters.value[name]} onChange=${(/** @type {Event} */ event) => narrow({ [name]: given(event) })} />`;

/** @param {{name: string, all: string, words: Word[]}} properties */
const Choice = ({ name, all, words }) => html`<select id=${`audit-${name}`} value=${filters.value[name]} onChange=${(/** @type {Event} */ event) => narrow({ [name]: given(event) })}>
  <option value="">${all}</option>
  ${filters.value[name] && !words.some((word) => word.key === filters.value[name]) ? html`<option value=${filters.value[name]} selected>${filters.value[name]}</option>` : null}
  ${words.map((word) => html`<option value=${word.key} selected=${word.key === filters.value[name]}>${word[lang.value]}</option>`)}</select>`;

/** @param {{format: "csv"|"xlsx", label: string}} properties */
const ExportLink = ({ format, label }) => html`<a class="button outlined" href=${`/api/audit/export${api.query({ ...filters.value, format })}`} download title=${t("export_note")}>${label}</a>`;

function Filters() {
  const words = standing.state.value.data;
  const any = KEYS.some((key) => filters.value[key]);
  return html`<form class="audit-filters" aria-label=${t("filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <${Field} name="from" label=${t("from")}><${DayBox} name="from" /><//>
    <${Field} name="to" label=${t("to")}><${DayBox} name="to" /><//>
    <${Field} name="actor" label=${t("actor")}><${TextBox} name="actor" hint=${t("actor_hint")} /><//>
    <${Field} name="action" label=${t("action")}><${Choice} name="action" all=${t("action_all")} words=${words?.actions ?? []} /><//>
    <${Field} name="result" label=${t("result")}><${Choice} name="result" all=${t("result_all")} words=${words?.results ?? []} /><//>
    <${Field} name=${NAME.address} label=${t("client")}><${TextBox} name=${NAME.address} hint=${t("address_hint")} /><//>
    <${Field} name="q" label=${t("words")}><${TextBox} name="q" hint=${t("words_hint")} /><//>
    ${filters.value.object ? html`<button type="button" class="chip" title=${t("clear")} onClick=${() => narrow({ object: "" })}><span>${t("object_only", { object: filters.value.object })}</span><${Icon} name="x" size=${13} /></button>` : null}
    <div class="audit-actions">
      <button type="button" class="button" disabled=${!any} onClick=${() => narrow(NONE)}>${t("clear")}</button>
      <${IconButton} icon="refresh-cw" label=${t("refresh")} shortcut="R" onClick=${reload} />
      <span class="divider"></span>
      <${ExportLink} format="csv" label=${t("export_csv")} /><${ExportLink} format="xlsx" label=${t("export_xlsx")} />
    </div></form>`;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key === "Escape" && chosen.peek()) { chosen.value = null; document.querySelector(/** @type {any} */ (".tabulator-tableholder"))?.focus(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, select, textarea")) return;
  if (event.key === "/") { event.preventDefault(); document.getElementById("audit-q")?.focus(); }
  if (event.key.toLowerCase() === "r") { event.preventDefault(); reload(); }
}

export function Panel() {
  const reading = first.state.value;
  useEffect(() => {
    const stop = effect(() => { asked.value; untracked(reload); });
    const timer = window.setInterval(() => { if (!document.hidden) void standing.load(); }, STATE_EVERY);
    document.addEventListener("keydown", onKey);
    return () => { stop(); window.clearInterval(timer); document.removeEventListener("keydown", onKey); };
  }, []);
  const busy = ["loading", "refreshing"].includes(reading.status);
  return html`<section class="audit" aria-label=${t("audit")}>
    <${SealBand} />
    <${Filters} />
    <div class="audit-body">
      <div class=${busy ? "audit-list busy" : "audit-list"} aria-busy=${busy}>
        <${ReadingState} reading=${reading} failed=${t("list_failed")} onRetry=${() => first.retry()} />
        ${reading.data && !reading.data.items.length ? html`<${Notice} icon="inbox" text=${t("list_empty")} />` : null}
        ${reading.data?.items.length ? html`<${AuditTable} reading=${reading} />` : null}
      </div>
      ${chosen.value ? html`<${Drawer} row=${chosen.value} />` : null}
    </div>
  </section>`;
}
