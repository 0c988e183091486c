/** The panel of the measuring: which kind, what the server says, in which reference system. */
import { formatArea, formatLength, formatNumber, formatUnit } from "../format.js";
import { lang, t, titled } from "../i18n.js";
import { clear, crossing, measured, vertices } from "../map/measure.js";
import { focusMap } from "../map/engine.js";
import { measureMode } from "../state.js";
import { html, IconButton, ReadingState } from "../ui.js";

/** The number as people say it, and the exact one beside it. @param {{name: string, main: string, exact: string}} properties */
const Value = ({ name, main, exact }) => html`<div class="value"><span>${name}</span><strong>${main}</strong>${exact === main ? null : html`<small>${exact}</small>`}</div>`;

export function MeasurePanel() {
  const mode = measureMode.value;
  if (!mode) return null;
  const reading = measured.state.value;
  const data = reading.data;
  const area = mode === "area" ? data?.area_m2 ?? null : null;
  const kind = (/** @type {"line"|"area"} */ value, /** @type {string} */ icon, /** @type {string} */ text) => html`<${IconButton} icon=${icon} label=${text} text=${text}
    pressed=${mode === value} onClick=${() => { measureMode.value = value; focusMap(); }} />`;
  return html`<section class="measure" aria-label=${t("measure")}>
    <header>${kind("line", "spline", t("measure_line"))}${kind("area", "pentagon", t("measure_area"))}
      <${IconButton} icon="trash-2" label=${t("measure_clear")} disabled=${vertices.value === 0} onClick=${() => { clear(); focusMap(); }} />
      <${IconButton} icon="x" label=${t("close")} shortcut="Escape" onClick=${() => { measureMode.value = null; focusMap(); }} /></header>
    <div class="values" aria-live="polite">
      ${crossing.value ? html`<p class="crossing">${t("measure_crossing")}</p>` : null}
      ${area !== null ? html`<${Value} name=${t("measure_area")} main=${formatArea(area, lang.value)} exact=${`${formatNumber(area, 1)} ${formatUnit("m²", lang.value)}`} />` : null}
      ${data ? html`<${Value} name=${t(area !== null ? "measure_perimeter" : "measure_length")} main=${formatLength(data.length_m, lang.value)} exact=${`${formatNumber(data.length_m, 2)} ${formatUnit("m", lang.value)}`} />` : null}
      ${!data && reading.status !== "failed" ? html`<p class="hint">${reading.status === "loading" ? t("measure_waiting") : t("measure_start")}</p>` : null}
    </div>
    <${ReadingState} reading=${reading.status === "loading" ? { ...reading, status: "empty" } : reading} failed=${t("measure_failed")} onRetry=${() => measured.retry()} />
    ${data ? html`<p class="hint crs">${t("measure_crs", { crs: titled(data.crs_title) || data.crs })}<span class="mono">${data.crs}</span></p>` : null}
  </section>`;
}
