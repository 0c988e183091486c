/** One's own second factor: set up by QR code and first code, recovery codes shown once, switched off with both factors. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asApiError, request } from "../api.js";
import { formatMoment } from "../format.js";
import { wordsOf } from "../i18n.js";
import { copyByHand, Dialog, html, Icon, IconButton, Notice } from "../ui.js";
import { FACTOR_TEXTS } from "./factor_texts.js";

const w = wordsOf(FACTOR_TEXTS);
const PATH = "/api/me/factor";
const FEW = 3;

/** @typedef {(path: string, options?: {method?: string, body?: unknown}) => Promise<any>} Send */
/** @typedef {{mode: string, enrolled: boolean, enrolled_at: string|null, recovery_left: number, must_enrol: boolean, password_needed: boolean}} State */

/** @param {string} text @returns {Promise<boolean>} */
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text);
  }
}

/** The codes on a sheet of their own: the rest of the page is not printed. @param {readonly string[]} codes */
function printCodes(codes) {
  const sheet = document.createElement("section");
  const head = document.createElement("h1");
  const list = document.createElement("ol");
  head.textContent = w("recovery_paper");
  sheet.className = "print-codes";
  for (const code of codes) list.append(Object.assign(document.createElement("li"), { textContent: code }));
  sheet.append(head, list);
  document.body.append(sheet);
  window.print();
  sheet.remove();
}

/** The focus goes to what this is given to, when it comes upon the screen: `autofocus` counts only while a page is loading. @param {boolean} wanted */
export function useFocus(wanted = true) {
  const target = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => { if (wanted) target.current?.focus(); }, []);
  return target;
}

/** What a form says when the server refused. @param {{text: string}} properties */
export const Refusal = ({ text }) => (text ? html`<p class="factor-refusal" role="alert"><${Icon} name="triangle-alert" /><span>${text}</span></p>` : null);

/** @param {{label: string, kind: string, value: string, onInput: (value: string) => void, autofocus?: boolean, secret?: boolean}} properties kind: name, and what browsers fill in */
export function Field({ label, kind, value, onInput, autofocus = false, secret = false }) {
  const digits = kind === "one-time-code";
  const field = useFocus(autofocus);
  return html`<label class="factor-field"><span>${label}</span><input ref=${field} name=${kind} type=${secret ? "password" : "text"} autocomplete=${kind} value=${value}
    inputmode=${digits ? "numeric" : undefined} class=${secret ? "" : "mono"} maxlength=${secret ? 128 : 64} spellcheck=${false} autocapitalize="off" required
    onInput=${(/** @type {Event} */ event) => onInput(/** @type {HTMLInputElement} */ (event.target).value)} /></label>`;
}

/** A form that sends once at a time and says what was refused. @param {{send: () => Promise<void>, label: string, kind?: string, disabled?: boolean, focus?: boolean, children?: any}} properties focus: on its button */
export function Sending({ send, label, kind = "primary", disabled = false, focus = false, children }) {
  const button = useFocus(focus);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState("");
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy || disabled) return;
    setBusy(true);
    setRefused("");
    try {
      await send();
    } catch (error) {
      setRefused(asApiError(error).sentence);
    }
    setBusy(false);
  };
  return html`<form class="factor-form" onSubmit=${submit}>${children}<${Refusal} text=${refused} />
    <button type="submit" ref=${button} class=${`button ${kind}`} disabled=${busy || disabled}>${busy ? html`<${Icon} name="loader-circle" spin />` : null}<span>${label}</span></button>
  </form>`;
}

/** @param {{state: State, required: boolean, send: Send, onBegun: (made: any) => void}} properties */
function Begin({ state, required, send, onBegun }) {
  const [password, setPassword] = useState("");
  return html`<p>${w(required || state.must_enrol ? "must" : "intro")}</p>${required || state.must_enrol ? html`<p class="hint">${w("intro")}</p>` : null}
    <${Sending} label=${w("begin")} focus=${!state.password_needed} send=${async () => onBegun(await send(PATH, { method: "POST", body: state.password_needed ? { password } : {} }))}>
      ${state.password_needed ? html`<p class="hint">${w("password_why")}</p><${Field} label=${w("password")} kind="current-password" secret autofocus value=${password} onInput=${setPassword} />` : null}
    <//>`;
}

/** @param {{made: {secret: string, qr: string}, send: Send, onCodes: (codes: string[]) => void}} properties */
function Confirm({ made, send, onCodes }) {
  const [code, setCode] = useState("");
  const [note, setNote] = useState("");
  const copy = async () => setNote(w(await toClipboard(made.secret) ? "copied" : "copy_failed"));
  return html`<div class="factor-scan"><img src=${made.qr} width="196" height="196" alt=${w("qr")} />
      <div><h3>${w("step_scan")}</h3><p class="hint">${w("scan_hint")}</p><p class="hint">${w("secret")}</p>
        <p class="factor-secret"><code>${made.secret.match(/.{1,4}/g)?.join(" ")}</code><${IconButton} icon="copy" label=${w("secret_copy")} onClick=${copy} /></p>
        <p class="hint" role="status">${note}</p></div></div>
    <${Sending} label=${w("confirm")} disabled=${!code.trim()} send=${async () => onCodes((await send(`${PATH}/confirm`, { method: "POST", body: { code } })).recovery_codes)}>
      <h3>${w("step_code")}</h3><${Field} label=${w("code")} kind="one-time-code" autofocus value=${code} onInput=${setCode} />
    <//>`;
}

/** @param {{codes: string[], onDone: () => void}} properties */
function Recovery({ codes, onDone }) {
  const [kept, setKept] = useState(false);
  const [note, setNote] = useState("");
  const copy = async () => setNote(w(await toClipboard(codes.join("\n")) ? "copied" : "copy_failed"));
  return html`<h3>${w("recovery_title")}</h3><p>${w("recovery_why")}</p>
    <ol class="factor-codes">${codes.map((code) => html`<li key=${code}><code>${code}</code></li>`)}</ol>
    <div class="factor-tools"><${IconButton} icon="copy" class="outlined" label=${w("recovery_copy")} text=${w("recovery_copy")} onClick=${copy} />
      <${IconButton} icon="printer" class="outlined" label=${w("recovery_print")} text=${w("recovery_print")} onClick=${() => printCodes(codes)} />
      <span class="hint" role="status">${note}</span></div>
    <form class="factor-form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); if (kept) onDone(); }}>
      <label class="choice"><input type="checkbox" name="kept" checked=${kept} onChange=${(/** @type {Event} */ event) => setKept(/** @type {HTMLInputElement} */ (event.target).checked)} /><span>${w("kept")}</span></label>
      <button type="submit" class="button primary" disabled=${!kept}><span>${w("done")}</span></button></form>`;
}

/** @param {{state: State, send: Send, onRemoved: () => void}} properties */
function Enrolled({ state, send, onRemoved }) {
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  return html`<p class="factor-on"><${Icon} name="check" /><strong>${w("is_on")}</strong></p>
    <p class="hint">${state.enrolled_at ? w("since", { time: formatMoment(state.enrolled_at) }) : ""} · ${w("left", { count: state.recovery_left })}</p>
    ${state.recovery_left <= FEW ? html`<p class="factor-warning">${w("left_few")}</p>` : null}
    <details class="factor-remove"><summary>${w("remove_title")}</summary><p class="hint">${w("remove_why")}</p>
      <${Sending} label=${w("remove")} kind="alert" disabled=${!code.trim()} send=${async () => { await send(PATH, { method: "DELETE", body: { password: password || null, code } }); onRemoved(); }}>
        <${Field} label=${w("password")} kind="current-password" secret value=${password} onInput=${setPassword} />
        <${Field} label=${w("code_or")} kind="one-time-code" value=${code} onInput=${setCode} />
      <//></details>`;
}

/**
 * The whole of it without a frame, for a page that asks for it right after log-in.
 * @param {{send?: Send, required?: boolean, onDone?: () => void, onChanged?: () => void}} properties onChanged: it was switched on or off; onDone: the recovery codes are kept
 */
export function Factor({ send = request, required = false, onDone = () => {}, onChanged = () => {} }) {
  const [state, setState] = useState(/** @type {State|null} */ (null));
  const [failed, setFailed] = useState("");
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [codes, setCodes] = useState(/** @type {string[]|null} */ (null));
  const read = () => {
    setFailed("");
    send(PATH).then(setState, (/** @type {unknown} */ error) => setFailed(asApiError(error).sentence));
  };
  useEffect(read, []);
  if (codes) return html`<div class="factor"><${Recovery} codes=${codes} onDone=${() => { setCodes(null); read(); onDone(); }} /></div>`;
  if (made) return html`<div class="factor"><${Confirm} made=${made} send=${send} onCodes=${(/** @type {string[]} */ found) => { setMade(null); setCodes(found); onChanged(); }} /></div>`;
  if (failed) return html`<${Notice} icon="triangle-alert" alert text=${w("failed")} hint=${failed} onRetry=${read} />`;
  if (!state) return html`<${Notice} icon="loader-circle" spin text=${w("loading")} />`;
  if (state.mode === "off") return html`<${Notice} icon="info" text=${w("off")} hint=${w("off_hint")} />`;
  if (state.enrolled) return html`<div class="factor"><${Enrolled} state=${state} send=${send} onRemoved=${() => { read(); onChanged(); }} /></div>`;
  return html`<div class="factor"><${Begin} state=${state} required=${required} send=${send} onBegun=${setMade} /></div>`;
}

/** The same as a dialog of the account menu. @param {{onClose: () => void, send?: Send, onChanged?: () => void}} properties */
export function FactorDialog({ onClose, send = request, onChanged }) {
  return html`<${Dialog} title=${w("title")} onClose=${onClose} kind="factor-dialog"><${Factor} send=${send} onChanged=${onChanged} onDone=${onClose} /><//>`;
}
