/** Fields of passwords: shown on wish, with a word on Caps Lock. */
import { useState } from "preact/hooks";
import { html, IconButton } from "../ui.js";
import { t } from "./words.js";

/**
 * @param {{id: string, label: string, autocomplete: string, autofocus?: boolean, wrong?: boolean, field: import("preact").RefObject<HTMLInputElement>}} properties
 */
export function PasswordField({ id, label, autocomplete, autofocus = false, wrong = false, field }) {
  const [seen, setSeen] = useState(false);
  const [caps, setCaps] = useState(false);
  const look = (/** @type {KeyboardEvent} */ event) => setCaps(event.getModifierState?.("CapsLock") ?? false);
  return html`<div class="field"><label for=${id}>${label}</label>
    <div class="field-box"><input id=${id} ref=${field} type=${seen ? "text" : "password"} autocomplete=${autocomplete} autofocus=${autofocus} maxlength="256" spellcheck=${false}
      autocapitalize="off" aria-invalid=${wrong} aria-describedby=${`${id}-caps`} onKeyDown=${look} onKeyUp=${look} onBlur=${() => setCaps(false)} />
      <${IconButton} icon="eye" label=${t("password_show")} pressed=${seen} onClick=${() => { setSeen(!seen); field.current?.focus(); }} /></div>
    <p class="caps" id=${`${id}-caps`} role="status">${caps ? t("caps_lock") : ""}</p></div>`;
}

/** What went wrong, said aloud at once. @param {{text: string}} properties */
export const ErrorLine = ({ text }) => html`<p class="error-line" role="alert" aria-live="assertive">${text}</p>`;
