/** One row in full: in words first, the raw values beneath. */
import { formatMoment } from "../format.js";
import { titled } from "../i18n.js";
import { copy, html, IconButton } from "../ui.js";
import { chosen, factName, factsOf, narrow, resultWord } from "./auditlog.js";
import { person } from "./audittable.js";
import { t } from "./texts.js";

/** @typedef {import("./auditlog.js").AuditRow} AuditRow */

/** @param {unknown} value */
const factText = (value) => {
  if (typeof value === "string") return /^\d{4}-\d{2}-\d{2}T/.test(value) ? formatMoment(value, true) : value;
  return value === null ? "–" : JSON.stringify(value);
};

/** @param {{row: AuditRow}} properties */
function Facts({ row }) {
  const facts = factsOf(row.detail);
  if (!facts.length) return null;
  return html`<h3>${t("drawer_facts")}</h3><dl class="attributes">${facts.map(([key, value]) => html`<dt title=${key}>${factName(key)}</dt><dd>${factText(value)}</dd>`)}</dl>`;
}

/** @param {{row: AuditRow}} properties */
export function Drawer({ row }) {
  const raw = JSON.stringify(row, null, 2);
  const who = row.actor !== null ? String(row.actor) : row.actor_name;
  const close = () => { chosen.value = null; };
  return html`<aside class="audit-drawer card" id="audit-drawer" tabindex="-1" aria-label=${t("drawer")}>
    <header><div class="heading"><p class="kind mono">${row.action}</p><h2>${titled(row.action_title)} <span class=${`result ${row.result}`}>${resultWord(row.result)}</span></h2></div>
      <${IconButton} icon="x" label=${t("close_drawer")} shortcut="Escape" onClick=${close} /></header>
    <div class="body">
      <dl class="attributes">
        <dt>${t("column_time")}</dt><dd>${formatMoment(row.at, true)}</dd>
        <dt>${t("actor")}</dt><dd>${person(row)}</dd>
        ${row.actor === null ? null : html`<dt>${t("drawer_account")}</dt><dd class="mono">${row.actor}</dd>`}
        ${row.address ? html`<dt>${t("client")}</dt><dd class="mono">${row.address}</dd>` : null}
        ${row.object ? html`<dt>${t("column_object")}</dt><dd>${row.object}</dd>` : null}
        <dt>${t("drawer_number")}</dt><dd class="mono">${row.id}</dd>
        <dt>${t("drawer_sealed")}</dt><dd>${t(row.sealed ? "drawer_is_sealed" : "drawer_not_sealed")}</dd>
      </dl>
      <${Facts} row=${row} />
      <div class="drawer-actions">
        ${who ? html`<button type="button" class="link" onClick=${() => narrow({ actor: who })}>${t("drawer_same_actor")}</button>` : null}
        ${row.object ? html`<button type="button" class="link" onClick=${() => narrow({ object: row.object ?? "" })}>${t("drawer_same_object")}</button>` : null}
      </div>
      <h3>${t("drawer_raw")} <${IconButton} icon="copy" label=${t("drawer_copy")} onClick=${() => copy(raw)} /></h3>
      <pre class="raw mono">${raw}</pre>
    </div>
  </aside>`;
}
