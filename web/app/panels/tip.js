/** What a counted cell holds, beside the pointer. */
import { formatNumber } from "../format.js";
import { t, titled } from "../i18n.js";
import { cellTip } from "../map/interaction.js";
import { layerById, theme } from "../state.js";
import { html, Swatch } from "../ui.js";

export function CellTip() {
  const tip = cellTip.value;
  const layer = tip && layerById.value.get(tip.layer);
  if (!tip || !layer) return null;
  const parts = layer.legend.filter((entry) => entry.value !== null && tip.counts[`count_${entry.value}`]);
  return html`<div class="cell-tip" style=${{ left: `${tip.x}px`, top: `${tip.y}px` }} aria-hidden="true">
    <p><strong>${titled(layer.title)}</strong><span>${formatNumber(Number(tip.counts.count), 0)}</span></p>
    ${parts.map((entry) => html`<p><${Swatch} entry=${entry} dark=${theme.value === "dark"} />${titled(entry)}<span>${formatNumber(Number(tip.counts[`count_${entry.value}`]), 0)}</span></p>`)}
    <p class="hint">${t("cell_hint")}</p></div>`;
}
