/** The steps of a log-in beside name and password: the code of the second factor, and the way through the identity provider. */
import { useState } from "preact/hooks";
import { request } from "../api.js";
import { Field, Sending, useFocus } from "../account/factor.js";
import { FACTOR_TEXTS } from "../account/factor_texts.js";
import { wordsOf } from "../i18n.js";
import { html, Icon } from "../ui.js";

const w = wordsOf(FACTOR_TEXTS);
/** Slugs of the address `/login?refused=…`; what is not one of them says nothing. @type {Record<string, keyof typeof FACTOR_TEXTS>} */
const REFUSED = {
  "oidc-proof": "oidc_proof", "oidc-declined": "oidc_declined", "oidc-account": "oidc_account", "oidc-unavailable": "oidc_unavailable",
  "oidc-answer": "oidc_answer", "oidc-busy": "oidc_busy", "oidc-page": "oidc_page",
};
const ENDED = "urn:wanmi:problem:ticket-ended";

/** @param {{text: string, onClick: () => void}} properties */
const GoOn = ({ text, onClick }) => html`<button type="button" class="button primary" ref=${useFocus()} onClick=${onClick}><span>${text}</span></button>`;

/**
 * The code after the password.
 * @param {{ticket: string|null, onDone: (me: any) => void, onRestart: () => void, send?: import("../account/factor.js").Send}} properties
 *   ticket: of the problem `second-factor-needed`, null when it lies in the cookie (after the identity provider); onDone gets what the log-in answered
 */
export function CodeStep({ ticket, onDone, onRestart, send = request }) {
  const [code, setCode] = useState("");
  const [paper, setPaper] = useState(false);
  const [ended, setEnded] = useState("");
  const [used, setUsed] = useState(/** @type {{me: any, left: number}|null} */ (null));
  const enter = async () => {
    try {
      const me = await send("/api/login/code", { method: "POST", body: { code, ...(ticket ? { ticket } : {}) } });
      if (!paper) return onDone(me);
      // how many are left is a courtesy: without an answer the way goes on
      const left = await send("/api/me/factor").then((state) => Number(state.recovery_left), () => null);
      return left === null ? onDone(me) : setUsed({ me, left });
    } catch (error) {
      setCode("");
      if (/** @type {any} */ (error).problem?.type !== ENDED) throw error;
      setEnded(/** @type {import("../api.js").ApiError} */ (error).sentence);
    }
  };
  const change = () => { setPaper(!paper); setCode(""); };
  if (ended) {
    return html`<div class="factor" role="alert"><p class="factor-warning">${ended}</p>
      <${GoOn} text=${w("restart")} onClick=${onRestart} /></div>`;
  }
  if (used) {
    return html`<div class="factor" role="status"><p class="factor-warning">${w("recovery_used", { count: used.left })}</p>
      <${GoOn} text=${w("go_on")} onClick=${() => onDone(used.me)} /></div>`;
  }
  return html`<div class="factor"><h2>${w("step_login")}</h2><p class="hint">${w(paper ? "recovery_hint" : "login_hint")}</p>
    <${Sending} key=${String(paper)} label=${w("sign_in")} disabled=${!code.trim()} send=${enter}>
      <${Field} label=${w(paper ? "recovery_code" : "code")} kind=${paper ? "off" : "one-time-code"} autofocus value=${code} onInput=${setCode} />
    <//>
    <p class="factor-other"><button type="button" class="link" onClick=${change}>${w(paper ? "use_code" : "use_recovery")}</button>
      <button type="button" class="link" onClick=${onRestart}>${w("restart")}</button></p></div>`;
}

/**
 * The way through the identity provider, with what went wrong on it.
 * @param {{title: string, next?: string, refused?: string|null}} properties title: setting `oidc_title`; refused: slug of the address
 */
export function OidcEntry({ title, next = "/", refused = null }) {
  const key = refused && Object.hasOwn(REFUSED, refused) ? REFUSED[refused] : null;
  return html`<div class="factor oidc-entry">${key ? html`<p class="factor-refusal" role="alert"><${Icon} name="triangle-alert" /><span>${w(key)}</span></p>` : null}
    <a class="button outlined" href=${`/api/login/oidc?next=${encodeURIComponent(next)}`}><span>${w("oidc", { title })}</span></a></div>`;
}
