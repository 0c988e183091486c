/** The legend of a layer: every value with its sign, its count and its switch. */
import { countOr, countsOf, isFiltered } from "../counts.js";
import { formatNumber } from "../format.js";
import { t, titled } from "../i18n.js";
import { hiddenValues, isOnly, valuesOf } from "../legend.js";
import * as state from "../state.js";
import { html, Icon, Swatch } from "../ui.js";

/** @typedef {import("../state.js").LayerInfo} LayerInfo */

/**
 * A click switches, a click with Alt or “only” leaves this value alone.
 * @param {{layer: LayerInfo, entry: import("../state.js").LegendEntry, value: string}} properties
 */
function Switch({ layer, entry, value }) {
  const on = !hiddenValues(layer, state.hide.value).includes(value);
  const name = titled(entry);
  const press = (/** @type {MouseEvent} */ event) => (event.altKey ? state.showAlone(layer, value) : state.toggleValue(layer, value));
  return html`<button type="button" role="checkbox" class="switch" aria-checked=${on} aria-label=${t("legend_show", { value: name, layer: titled(layer.title) })}
      title=${t("legend_switch")} onClick=${press}><span class="box">${on ? html`<${Icon} name="check" size=${11} />` : null}</span>
      <${Swatch} entry=${entry} dark=${state.theme.value === "dark"} /><span class="name">${name}</span></button>
    <button type="button" class="link only" aria-pressed=${isOnly(layer, state.hide.value, value)} aria-label=${t("legend_only_of", { value: name })}
      onClick=${() => state.showAlone(layer, value)}>${t("legend_only")}</button>`;
}

/** What is off, and the way back to all. @param {{layer: LayerInfo}} properties */
function Foot({ layer }) {
  const off = hiddenValues(layer, state.hide.value).length;
  return off ? html`<li class="legend-foot hint"><span class="name">${t("legend_off", { count: off })}</span>
    <button type="button" class="link" aria-label=${t("legend_all_of", { layer: titled(layer.title) })} onClick=${() => state.showAllValues(layer)}>${t("legend_all")}</button></li>` : null;
}

/** @param {{layer: LayerInfo}} properties */
export function Legend({ layer }) {
  const reading = countsOf(layer);
  const current = reading?.state.value;
  const numbers = current?.data?.all;
  const listed = new Set(layer.legend.map((entry) => entry.value));
  const others = numbers ? [...numbers].filter(([key]) => !listed.has(key)).reduce((sum, [, count]) => sum + count, 0) : 0;
  const off = new Set(hiddenValues(layer, state.hide.value));
  const switched = new Set(valuesOf(layer));
  const filtered = isFiltered(layer);
  return html`<ul class="legend" aria-label=${t("layer_legend", { layer: titled(layer.title) })}>
    ${layer.legend.map((entry) => html`<li key=${entry.value} class=${entry.value !== null && off.has(entry.value) ? "off" : ""} data-value=${entry.value}>
      ${entry.value !== null && switched.has(entry.value) ? html`<${Switch} layer=${layer} entry=${entry} value=${entry.value} />`
        : html`<${Swatch} entry=${entry} dark=${state.theme.value === "dark"} /><span class="name">${titled(entry)}</span>`}
      ${layer.style_by ? html`<span class="count">${countOr(layer, numbers && (numbers.get(entry.value) ?? 0))}</span>` : null}</li>`)}
    ${others ? html`<li class=${filtered ? "rest off" : "rest"} title=${filtered ? t("legend_null_off") : ""}><span class="swatch"></span><span class="name">${t("legend_null")}</span>
      <span class="count">${formatNumber(others, 0)}</span></li>` : null}
    <${Foot} layer=${layer} />
    ${current?.status === "failed" ? html`<li><button type="button" class="link" onClick=${() => reading?.retry()}>${t("retry")}</button></li>` : null}
  </ul>`;
}
