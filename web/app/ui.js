/** Small parts that every panel is made of. */
import { h } from "preact";
import { useEffect, useRef } from "preact/hooks";
import htm from "htm";
import icons from "lucide";
import { t } from "./i18n.js";
import { announce } from "./state.js";
import { formatMoment } from "./format.js";

export const html = htm.bind(h);

/** @param {{name: string, size?: number, spin?: boolean}} properties */
export function Icon({ name, size = 16, spin = false }) {
  const shapes = /** @type {Record<string, [string, object][]>} */ (/** @type {unknown} */ (icons))[name] ?? [];
  return html`<svg class=${spin ? "icon spin" : "icon"} width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor"
    stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${shapes.map(([tag, attributes]) => h(tag, attributes))}</svg>`;
}

/**
 * A button with an icon; `label` is its name for everyone, `text` is shown beside the icon.
 * @param {{icon: string, label: string, text?: string, pressed?: boolean, onClick: (event: MouseEvent) => void, class?: string, disabled?: boolean, shortcut?: string, autofocus?: boolean}} properties
 */
export function IconButton({ icon, label, text, pressed, onClick, class: kind = "", disabled = false, shortcut, autofocus = false }) {
  return html`<button type="button" class=${`button ${kind}`} aria-label=${label} title=${label} aria-pressed=${pressed} disabled=${disabled}
    aria-keyshortcuts=${shortcut} autofocus=${autofocus} onClick=${onClick}><${Icon} name=${icon} />${text ? html`<span>${text}</span>` : null}</button>`;
}

/** An empty, failed or busy state in words. @param {{icon: string, text: string, hint?: string, onRetry?: () => void, spin?: boolean, alert?: boolean}} properties */
export function Notice({ icon, text, hint, onRetry, spin = false, alert = false }) {
  return html`<div class=${alert ? "notice alert" : "notice"} role=${alert ? "alert" : "status"}>
    <${Icon} name=${icon} size=${20} spin=${spin} /><p>${text}</p>${hint ? html`<p class="hint">${hint}</p>` : null}
    ${onRetry ? html`<button type="button" class="button outlined" onClick=${onRetry}><${Icon} name="refresh-cw" /><span>${t("retry")}</span></button>` : null}
  </div>`;
}

/**
 * The state of a reading where it is not simply ready; `failed` names what failed.
 * @param {{reading: import("./resource.js").Reading<any>, failed: string, onRetry: () => void}} properties
 */
export function ReadingState({ reading, failed, onRetry }) {
  if (reading.status === "loading") return html`<${Notice} icon="loader-circle" spin text=${t("loading")} />`;
  if (reading.status === "failed") return html`<${Notice} icon="triangle-alert" alert text=${failed} hint=${reading.error?.sentence} onRetry=${onRetry} />`;
  if (reading.status === "stale" && reading.at) {
    return html`<div class="stale" role="status"><${Icon} name="history" size=${14} /><span>${t("stale", { time: formatMoment(reading.at).slice(11) })}</span>
      <button type="button" class="link" onClick=${onRetry}>${t("retry")}</button></div>`;
  }
  return null;
}

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    announce(t("copied", { text }));
  } catch {
    announce(copyByHand(text) ? t("copied", { text }) : t("copy_failed", { text }));
  }
}

/** Intranets often have no https, where the clipboard is closed to scripts: the old way still works. @param {string} text */
export function copyByHand(text) {
  const field = document.createElement("textarea");
  const before = /** @type {HTMLElement|null} */ (document.activeElement);
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  before?.focus();
  return done;
}

/** Legend sign of a layer or value. @param {{entry: import("./state.js").LegendEntry, dark: boolean, hollow?: boolean}} properties */
export function Swatch({ entry, dark, hollow = false }) {
  const colour = dark ? entry.colour_dark : entry.colour;
  return html`<span class=${`swatch ${entry.symbol} ${hollow ? "hollow" : ""}`} style=${{ "--swatch": colour }} aria-hidden="true"></span>`;
}

/**
 * A native dialog that opens with its component and gives the focus back.
 * @param {{title: string, onClose: () => void, children: any, wide?: boolean, kind?: string, head?: any}} properties kind: its class; head: what stands beside the title
 */
export function Dialog({ title, onClose, children, wide = false, kind = wide ? "wide" : "", head = null }) {
  const box = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useEffect(() => {
    const before = /** @type {HTMLElement|null} */ (document.activeElement);
    box.current?.showModal();
    return () => { before?.focus(); };
  }, []);
  return html`<dialog ref=${box} class=${`dialog ${kind}`} aria-label=${title} onClose=${onClose}
      onClick=${(/** @type {MouseEvent} */ event) => { if (event.target === box.current) box.current?.close(); }}>
    <header><h2>${title}</h2>${head}<${IconButton} icon="x" label=${t("close")} onClick=${() => box.current?.close()} /></header>
    ${children}
  </dialog>`;
}
