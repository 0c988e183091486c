/** What a counted cell holds, beside the pointer. */
import { formatNumber } from "../format.js";
import { t, titled } from "../i18n.js";
import { cellTip } from "../map/interaction.js";
import { cellsFollow, shownValues } from "../legend.js";
import { hide, layerById, theme } from "../state.js";
import { html, Swatch } from "../ui.js";

export function CellTip() {
  const tip = cellTip.value;
  const layer = tip && layerById.value.get(tip.layer);
  if (!tip || !layer) return null;
  const on = cellsFollow(layer) ? shownValues(layer, hide.value) : null;
  const of = (/** @type {string|null} */ value) => Number(tip.counts[`count_${value}`] ?? 0);
  const parts = layer.legend.filter((entry) => entry.value !== null && of(entry.value) && (on === null || on.includes(entry.value)));
  const total = on === null ? Number(tip.counts.count) : parts.reduce((sum, entry) => sum + of(entry.value), 0);
  return html`<div class="cell-tip" style=${{ left: `${tip.x}px`, top: `${tip.y}px` }} aria-hidden="true">
    <p><strong>${titled(layer.title)}</strong><span>${formatNumber(total, 0)}</span></p>
    ${parts.map((entry) => html`<p><${Swatch} entry=${entry} dark=${theme.value === "dark"} />${titled(entry)}<span>${formatNumber(of(entry.value), 0)}</span></p>`)}
    <p class="hint">${t("cell_hint")}</p></div>`;
}
