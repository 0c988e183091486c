/** Published versions: who, when, why; how one differs from what holds now; and back to it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../api.js";
import { formatMoment } from "../format.js";
import { lang } from "../i18n.js";
import { resource } from "../resource.js";
import { announce } from "../state.js";
import { Dialog, html, Icon, ReadingState } from "../ui.js";
import { say } from "./officewords.js";
import { ChangeList } from "./publish.js";
import { book, draft, readBook } from "./rulebook.js";

/** @typedef {import("./rulebook.js").Version} Version */
/** @typedef {{version: Version, current: number, changes: import("./rulebook.js").Change[], warnings: {zh: string, en: string}[]}} Old */

/** @param {{number: number, onBack: () => void}} properties */
function OneVersion({ number, onBack }) {
  const reading = useMemo(() => resource((abort) => /** @type {Promise<Old>} */ (api.request(`/api/rights/versions/${number}`, { signal: abort }))), [number]);
  const [reason, setReason] = useState("");
  const [error, setError] = useState("");
  useEffect(() => { setReason(""); setError(""); void reading.load(); }, [reading]);
  const old = reading.state.value.data;
  const back = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const made = await api.request(`/api/rights/versions/${number}/back`, { body: { base: old?.current ?? 0, reason } });
      announce(say("published", { version: made.version.version }));
      onBack();
    } catch (problem) {
      setError(api.asApiError(problem).sentence);
    }
  };
  return html`<section class="version-detail"><${ReadingState} reading=${reading.state.value} failed=${say("versions_failed")} onRetry=${() => reading.retry()} />
    ${old ? html`<h3>${say("versions_number", { version: number })}</h3><p class="quiet">${old.version.made_by}　${formatMoment(old.version.made_at)}</p><p>${old.version.reason}</p>
      ${old.changes.length ? html`<p><strong>${say("versions_difference", { version: number, count: old.changes.length })}</strong></p><div class="change-scroll"><${ChangeList} changes=${old.changes} /></div>` : html`<p class="quiet">${say("versions_same")}</p>`}
      ${old.warnings.map((one) => html`<p class="office-note warn"><${Icon} name="triangle-alert" size=${14} />${one[lang.value]}</p>`)}
      ${old.changes.length ? html`<form class="version-back" onSubmit=${back}><label class="office-field"><span>${say("publish_reason")}</span><input type="text" required maxlength="500" value=${reason} disabled=${draft.value.size > 0}
          onInput=${(/** @type {Event} */ event) => setReason(/** @type {HTMLInputElement} */ (event.target).value)} /></label>
        <button type="submit" class="button primary" disabled=${!reason.trim() || draft.value.size > 0}><${Icon} name="history" /><span>${say("versions_back")}</span></button>
        ${draft.value.size ? html`<p class="hint">${say("versions_back_draft")}</p>` : null}${error ? html`<p class="office-error" role="alert">${error}</p>` : null}</form>` : null}` : null}</section>`;
}

/** @param {{onClose: () => void}} properties */
export function Versions({ onClose }) {
  const reading = useMemo(() => resource(async (abort) => /** @type {Version[]} */ ((await api.request("/api/rights/versions", { signal: abort })).versions)), []);
  const [chosen, setChosen] = useState(0);
  useEffect(() => { void reading.load(); }, []);
  const current = book.state.value.data?.current.version;
  const back = () => { setChosen(0); void reading.load(); void readBook(); };
  return html`<${Dialog} title=${say("rules_versions")} kind="office-dialog wide" onClose=${onClose}><div class="version-columns">
    <div class="version-list"><${ReadingState} reading=${reading.state.value} failed=${say("versions_failed")} onRetry=${() => reading.retry()} />
      ${reading.state.value.data?.map((one) => html`<button type="button" key=${one.version} data-version=${one.version} aria-current=${one.version === chosen} onClick=${() => setChosen(one.version)}>
        <strong>${say("versions_number", { version: one.version })}${one.version === current ? html` <span class="badge">${say("versions_current")}</span>` : null}</strong>
        <span class="quiet">${one.made_by}　${formatMoment(one.made_at)}</span><span class="reason">${one.reason}</span></button>`)}</div>
    ${chosen ? html`<${OneVersion} number=${chosen} onBack=${back} />` : html`<section class="version-detail"><p class="quiet">${say("versions_choose")}</p></section>`}</div><//>`;
}
