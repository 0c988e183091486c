/** A masked field of the card: what is shown of it, and the dialog that asks for a reason before it shows the rest. */
import { signal } from "@preact/signals";
import { postUnmask } from "../api.js";
import { isEmpty } from "../format.js";
import { t, titled } from "../i18n.js";
import { retryCard } from "../map/interaction.js";
import { announce } from "../state.js";
import { Dialog, html, Icon } from "../ui.js";

/** @typedef {import("../state.js").Feature} Feature */
/** @typedef {import("../state.js").LayerInfo} LayerInfo */

const SHORTEST = 4;
/** @type {import("@preact/signals").Signal<{hit: Feature, layer: LayerInfo, field: any}|null>} */
const asked = signal(null);
const reason = signal("");
const fault = signal("");
const busy = signal(false);

/** Nothing, or a text with stars in it: the server never tells whether something is behind. @param {Feature} hit @param {any} field */
export const isMasked = (hit, field) => field.masked && (isEmpty(hit.properties[field.key]) || /\*\*/.test(String(hit.properties[field.key])));

/** @param {{hit: Feature, layer: LayerInfo, field: any}} properties */
export function Masked({ hit, layer, field }) {
  const shown = hit.properties[field.key];
  const open = () => { reason.value = ""; fault.value = ""; asked.value = { hit, layer, field }; };
  return html`<dt>${titled(field.title)}</dt>
    <dd class="masked"><${Icon} name="lock" size=${13} /><span class=${isEmpty(shown) ? "" : "mono"}>${isEmpty(shown) ? t("masked") : shown}</span>
      ${layer.may.includes("unmask") ? html`<button type="button" class="link" aria-label=${t("masked_show_field", { field: titled(field.title) })} onClick=${open}>${t("masked_show")}</button>` : null}
    </dd>`;
}

/** @param {Event} event */
async function show(event) {
  event.preventDefault();
  const what = asked.peek();
  if (!what || busy.peek()) return;
  if (reason.peek().trim().length < SHORTEST) { fault.value = t("masked_reason_short"); return; }
  busy.value = true;
  try {
    await postUnmask({ layer: what.layer.id, id: what.hit.id, field: what.field.key, reason: reason.peek() });
    asked.value = null;
    announce(t("masked_shown", { field: titled(what.field.title) }));
    await retryCard();
  } catch (error) {
    fault.value = /** @type {import("../api.js").ApiError} */ (error).sentence;
  } finally {
    busy.value = false;
  }
}

/** The dialog, where one is asked for. */
export function UnmaskDialog() {
  const what = asked.value;
  if (!what) return null;
  return html`<${Dialog} title=${t("masked_show_field", { field: titled(what.field.title) })} onClose=${() => { asked.value = null; }}>
    <form class="unmask" onSubmit=${show}>
      <p>${t("masked_about")}</p>
      <label for="unmask-reason">${t("masked_reason")}</label>
      <textarea id="unmask-reason" rows="3" maxlength="500" autofocus placeholder=${t("masked_reason_hint")} value=${reason.value} aria-invalid=${fault.value !== ""}
        aria-describedby="unmask-fault" onInput=${(/** @type {InputEvent} */ event) => { reason.value = /** @type {HTMLTextAreaElement} */ (event.target).value; fault.value = ""; }}></textarea>
      <p id="unmask-fault" class="fault" role="alert">${fault.value}</p>
      <div class="actions"><button type="submit" class="button primary" disabled=${busy.value}><${Icon} name="eye" /><span>${t("masked_confirm")}</span></button></div>
    </form>
  <//>`;
}
