/** Publishing: what changes, who gains and who loses, why; and what to do when somebody else was faster. */
import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../api.js";
import { formatMoment } from "../format.js";
import { lang } from "../i18n.js";
import { resource } from "../resource.js";
import { announce } from "../state.js";
import { Dialog, html, Icon, ReadingState } from "../ui.js";
import { cellPlace } from "./matrixcells.js";
import { FormDialog } from "./office.js";
import { say } from "./officewords.js";
import { actionText, cellText, changes, clash, draft, publish, roleText, setCell, targetText, wanted } from "./rulebook.js";

/** @typedef {{name: string, title: string, gains: [string, string][], loses: [string, string][], shifts: [string, string][]}} Effect */
/** @typedef {{accounts: Effect[], warnings: {zh: string, en: string}[]}} Preview */

/** @param {{changes: import("./rulebook.js").Change[]}} properties */
export const ChangeList = ({ changes: listed }) => html`<table class="change-list"><tbody>${listed.map((one) => html`<tr><td>${roleText(one.role)}</td><td>${targetText(one.target)}</td><td>${actionText(one.action)}</td>
  <td class="old">${cellText(one.old, one.target)}</td><td aria-hidden="true">→</td><td class="new">${cellText(one.new, one.target)}</td></tr>`)}</tbody></table>`;

/** What one turn means, by action. @param {[string, string][]} cells */
function byAction(cells) {
  /** @type {Map<string, string[]>} */
  const sorted = new Map();
  for (const [layer, action] of cells) sorted.set(action, [...(sorted.get(action) ?? []), targetText(layer)]);
  return [...sorted].map(([action, layers]) => `${actionText(action)}：${layers.join(say("comma"))}`).join("；");
}

/** @param {{one: Effect}} properties */
const EffectLine = ({ one }) => html`<details class="effect" data-user=${one.name}><summary><strong>${one.title}</strong> <span class="mono quiet">${one.name}</span><span class="space"></span>
    ${one.gains.length ? html`<span class="gains">＋ ${say("publish_gains", { count: one.gains.length })}</span>` : null}${one.loses.length ? html`<span class="loses">－ ${say("publish_loses", { count: one.loses.length })}</span>` : null}
    ${one.shifts.length ? html`<span class="shifts">± ${say("publish_shifts", { count: one.shifts.length })}</span>` : null}</summary>
  ${one.gains.length ? html`<p class="gains">＋ ${byAction(one.gains)}</p>` : null}${one.loses.length ? html`<p class="loses">－ ${byAction(one.loses)}</p>` : null}${one.shifts.length ? html`<p class="shifts">± ${byAction(one.shifts)}</p>` : null}</details>`;

/** @param {{preview: Preview|null, reading: import("../resource.js").Reading<Preview>, onRetry: () => void}} properties */
const EffectPart = ({ preview, reading, onRetry }) => html`<section><h3>${say("publish_effect")}</h3>
  <${ReadingState} reading=${reading} failed=${say("publish_effect_failed")} onRetry=${onRetry} />
  ${preview?.warnings.map((one) => html`<p class="office-note warn"><${Icon} name="triangle-alert" size=${14} />${one[lang.value]}</p>`)}
  ${preview && !preview.accounts.length ? html`<p class="quiet">${say("publish_effect_none")}</p>` : null}
  <div class="effects">${preview?.accounts.map((one) => html`<${EffectLine} key=${one.name} one=${one} />`)}</div></section>`;

/** @param {{onClose: () => void}} properties */
export function PublishDialog({ onClose }) {
  const [reason, setReason] = useState("");
  const reading = useMemo(() => resource((abort) => /** @type {Promise<Preview>} */ (api.request("/api/rights/preview", { signal: abort, body: { rules: wanted() } }))), []);
  useEffect(() => { void reading.load(); }, []);
  const listed = changes();
  return html`<${FormDialog} wide title=${say("publish_title")} action=${say("publish")} disabled=${!reason.trim() || !draft.value.size} onClose=${onClose} send=${() => publish(reason)}
      onDone=${(/** @type {import("./rulebook.js").Version|null} */ made) => { onClose(); if (made) announce(say("published", { version: made.version })); }}>
    <div class="publish-columns"><section><h3>${say("publish_changes", { count: listed.length })}</h3><div class="change-scroll"><${ChangeList} changes=${listed} /></div></section>
      <${EffectPart} preview=${reading.state.value.data} reading=${reading.state.value} onRetry=${() => reading.retry()} /></div>
    <label class="office-field"><span>${say("publish_reason")}</span><textarea rows="2" maxlength="500" required autofocus value=${reason} placeholder=${say("publish_reason_hint")}
      onInput=${(/** @type {Event} */ event) => setReason(/** @type {HTMLTextAreaElement} */ (event.target).value)}></textarea><small class="hint">${say("publish_at_once")}</small></label><//>`;
}

/** Somebody published meanwhile: nothing typed is lost, cells that both changed are asked. */
export function ClashDialog() {
  const found = clash.value;
  if (!found) return null;
  const close = () => { clash.value = null; };
  const { version, keys, theirs } = found;
  const told = { by: version.made_by, time: formatMoment(version.made_at), version: version.version, reason: version.reason };
  return html`<${Dialog} title=${say("clash_title")} kind="office-dialog" onClose=${close}><div class="office-form"><p>${say("clash_what", told)}</p>
      <p><strong>${keys.length ? say("clash_some", { count: keys.length }) : say("clash_none")}</strong></p>${keys.map((key) => html`<${ClashLine} key=${key} at=${key} theirs=${theirs.get(key) ?? null} />`)}</div>
    <footer><button type="button" class="button primary" autofocus onClick=${close}>${say("done")}</button></footer><//>`;
}

/** @param {{at: string, theirs: import("./matrixcells.js").Cell|null}} properties */
function ClashLine({ at, theirs }) {
  const [mine] = useState(draft.peek().get(at) ?? null);
  const { role, action, target } = cellPlace(at);
  const kept = draft.value.has(at);
  return html`<fieldset class="clash-line"><legend>${roleText(role)} · ${targetText(target)} · ${actionText(action)}</legend>
    <label class="choice"><input type="radio" checked=${kept} onChange=${() => setCell(at, mine)} /><span>${say("clash_mine", { value: cellText(mine, target) })}</span></label>
    <label class="choice"><input type="radio" checked=${!kept} onChange=${() => setCell(at, theirs)} /><span>${say("clash_theirs", { value: cellText(theirs, target) })}</span></label></fieldset>`;
}
