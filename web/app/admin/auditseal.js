/** How the log stands, in one band: what is sealed, what waits, when it was verified last. */
import { formatMoment, formatNumber } from "../format.js";
import { lang } from "../i18n.js";
import { html, Icon, ReadingState } from "../ui.js";
import { standing } from "./auditlog.js";
import { t } from "./texts.js";

/** @typedef {{file: string, number: number|null, state: "agrees"|"behind"|"differs"|"unreadable"}} HeadState */

const count = (/** @type {number} */ rows) => formatNumber(rows, 0);

/** What is to be said first. @param {any} state @returns {[string, string, string]} kind of the band, icon, sentence */
function headline(state) {
  if (state.state === "broken") {
    const differs = state.heads.some((/** @type {HeadState} */ head) => head.state === "differs");
    return ["broken", "triangle-alert", t(state.verified && !state.verified.ok ? "state_broken" : differs ? "state_differs" : "state_broken")];
  }
  if (state.state === "late") return ["late", "triangle-alert", t("state_late", { count: count(state.unsealed) })];
  if (!state.rows && !state.removed) return ["ok", "info", t("state_empty")];
  return ["ok", "check", state.unsealed ? t("state_waiting", { count: count(state.unsealed) }) : t("state_ok")];
}

/** @param {{verified: {at: string, ok: boolean, rows: number, zh: string|null, en: string|null}|null}} properties */
function Verified({ verified }) {
  if (!verified) return html`<span>${t("state_never_verified")}</span>`;
  const time = formatMoment(verified.at);
  if (verified.ok) return html`<span>${t("state_verified", { time, count: count(verified.rows) })}</span>`;
  return html`<strong class="bad">${time}　${verified[lang.value] ?? verified.zh}</strong>`;
}

/** Removed, sealed and waiting rows by their share; each part is wide enough to be seen. @param {{state: any}} properties */
function Bar({ state }) {
  const sealed = state.rows - state.unsealed;
  const parts = /** @type {[string, number][]} */ ([["removed", state.removed], ["sealed", sealed], ["unsealed", state.unsealed]]).filter(([, rows]) => rows > 0);
  const words = { removed: t("state_removed", { count: count(state.removed) }), sealed: t("state_sealed", { count: count(sealed) }), unsealed: t("state_unsealed", { count: count(state.unsealed) }) };
  return html`<div class="seal-picture">
    <div class="seal-bar" aria-hidden="true">${parts.map(([kind, rows]) => html`<span class=${kind} style=${{ flexGrow: rows }}></span>`)}</div>
    <ul class="seal-key">${parts.map(([kind]) => html`<li><span class=${`seal-sign ${kind}`} aria-hidden="true"></span>${words[/** @type {keyof typeof words} */ (kind)]}</li>`)}</ul></div>`;
}

export function SealBand() {
  const reading = standing.state.value;
  const state = reading.data;
  if (!state) return html`<div class="seal-band"><${ReadingState} reading=${reading} failed=${t("state_failed")} onRetry=${() => standing.retry()} /></div>`;
  const [kind, icon, sentence] = headline(state);
  const heads = state.heads.map((/** @type {HeadState} */ head) => `${head.file} ${t(/** @type {any} */ (`heads_${head.state}`))}`).join(lang.value === "zh" ? "，" : ", ");
  return html`<div class=${`seal-band ${kind}`} data-state=${state.state} role=${kind === "ok" ? "status" : "alert"}>
    <${Icon} name=${icon} size=${22} />
    <div class="seal-words"><strong>${sentence}</strong>
      <span>${kind === "late" ? t("state_late_hint") : state.sealed_at ? t("state_upto", { time: formatMoment(state.sealed_at, true) }) : t("state_never_sealed")}</span></div>
    <${Bar} state=${state} />
    <div class="seal-words"><${Verified} verified=${state.verified} />
      <span class="quiet" title=${state.head}>${state.seal ? `${t("state_seal", { number: count(state.seal), head: state.head.slice(0, 12) })}　` : ""}${t("state_files", { text: heads })}</span></div>
    ${reading.status === "stale" ? html`<${ReadingState} reading=${reading} failed=${t("state_failed")} onRetry=${() => standing.retry()} />` : null}
  </div>`;
}
