/** The card of an object: titles and decoded codes in the language of the screen, several hits by a pager. */
import { formatPosition } from "../coordinates.js";
import { formatValue, isEmpty } from "../format.js";
import { lang, t, titled } from "../i18n.js";
import { cardOpen, closeCard, hitIndex, hits, inSight, retryCard, shownHit, turnPage, zoomTo } from "../map/interaction.js";
import { focusMap } from "../map/engine.js";
import { layerById, mapState, openList, place, showAllValues } from "../state.js";
import { isMasked, Masked } from "./masked.js";
import { copy, html, Icon, IconButton, Notice, ReadingState } from "../ui.js";

/** @typedef {import("../state.js").Feature} Feature */
/** @typedef {import("../state.js").LayerInfo} LayerInfo */

const close = () => { closeCard(); focusMap(); };

/** @param {{hit: Feature, layer: LayerInfo}} properties */
function Attributes({ hit, layer }) {
  const rows = layer.fields.filter((field) => (isMasked(hit, field) || !isEmpty(hit.properties[field.key])) && field.key !== layer.name);
  return html`<dl class="attributes">
    ${rows.map((field) => {
      if (isMasked(hit, field)) return html`<${Masked} hit=${hit} layer=${layer} field=${field} />`;
      const { text, code, colour } = formatValue(hit.properties[field.key], field, layer.domains, lang.value);
      const mono = field.key === layer.code || (/code|number/.test(field.key) && /^[\w-]+$/.test(text));
      return html`<dt title=${field.abbreviation ?? ""}>${titled(field.title)}</dt>
        <dd class=${mono ? "mono" : ""}>${colour ? html`<span class="swatch point" style=${{ "--swatch": colour }}></span>` : null}${text}
          ${code ? html`<span class="coded">${code}</span>` : null}</dd>`;
    })}
    ${hit.geometry?.type === "Point" ? html`<dt>${t("card_position")}</dt><dd class="mono">${formatPosition(pointOf(hit))}</dd>` : null}
    ${isEmpty(hit.properties.area) ? null : html`<dt>${t("card_area")}</dt><dd class="mono">${hit.properties.area}</dd>`}
  </dl>`;
}

/** @param {Feature} hit */
const pointOf = (hit) => ({ lon: hit.geometry.coordinates[0], lat: hit.geometry.coordinates[1] });

/** @param {{hit: Feature, layer: LayerInfo}} properties */
function Actions({ hit, layer }) {
  const code = layer.code ? hit.properties[layer.code] : null;
  return html`<div class="actions">
    <${IconButton} icon="crosshair" label=${t("card_zoom")} text=${t("card_zoom")} disabled=${!hit.geometry || mapState.value === "nowebgl"} onClick=${() => zoomTo(hit)} />
    ${isEmpty(code) ? null : html`<${IconButton} icon="copy" label=${t("card_copy_code")} text=${t("card_copy_code")} onClick=${() => copy(String(code))} />`}
    ${hit.geometry?.type === "Point" ? html`<${IconButton} icon="map-pin" label=${t("card_copy_place")} text=${t("card_copy_place")} onClick=${() => copy(formatPosition(pointOf(hit)))} />` : null}
    <${IconButton} icon="table-2" label=${t("card_list")} text=${t("card_list")} onClick=${() => openList(hit.layer)} />
  </div>`;
}

function Pager() {
  const count = hits.state.value.data?.length ?? 0;
  if (count < 2) return null;
  return html`<div class="pager"><${IconButton} icon="chevron-left" label=${t("card_previous")} shortcut="[" onClick=${() => turnPage(-1)} />
    <span aria-live="polite" aria-label=${t("card_pager", { index: hitIndex.value + 1, count })}>${hitIndex.value + 1} / ${count}</span>
    <${IconButton} icon="chevron-right" label=${t("card_next")} shortcut="]" onClick=${() => turnPage(1)} /></div>`;
}

/** @param {{title: string, kind?: string, children: any}} properties */
function Frame({ title, kind, children }) {
  return html`<section class="card" aria-label=${t("card")}>
    <header><div class="heading">${kind ? html`<p class="kind">${kind}</p>` : null}<h2>${title}</h2></div>
      <${Pager} /><${IconButton} icon="x" label=${t("close")} shortcut="Escape" onClick=${close} /></header>
    ${children}
  </section>`;
}

export function Card() {
  if (place.value) {
    return html`<${Frame} title=${formatPosition(place.value)} kind=${t("search_place")}><div class="actions">
      <${IconButton} icon="copy" label=${t("card_copy_place")} text=${t("card_copy_place")} onClick=${() => place.value && copy(formatPosition(place.value))} /></div><//>`;
  }
  if (!cardOpen.value) return null;
  const reading = hits.state.value;
  const hit = shownHit.value;
  if (reading.status === "loading" || reading.status === "refreshing") {
    return html`<${Frame} title=${t("card")}><${Notice} icon="loader-circle" spin text=${t("card_searching")} /><//>`;
  }
  if (reading.status === "failed" || reading.status === "stale") {
    return html`<${Frame} title=${t("card")}><${ReadingState} reading=${{ ...reading, status: "failed" }} failed=${t("card_failed")} onRetry=${() => void retryCard()} /><//>`;
  }
  const layer = hit ? layerById.value.get(hit.layer) : null;
  if (!hit || !layer) return html`<${Frame} title=${t("card")}><${Notice} icon="inbox" text=${t("card_nothing")} hint=${t("card_nothing_hint")} /><//>`;
  const name = formatValue(hit.properties[layer.name], layer.fields.find((field) => field.key === layer.name) ?? layer.fields[0], layer.domains, lang.value).text;
  return html`<${Frame} title=${name || titled(layer.title)} kind=${titled(layer.title)}>
    <div class="body" tabindex="0" role="group" aria-label=${name || titled(layer.title)}>
      ${hit.geometry ? null : html`<p class="unplaced"><${Icon} name="info" size=${14} /> ${t("card_unplaced")}</p>`}
      ${inSight(hit) ? null : html`<p class="unplaced"><${Icon} name="info" size=${14} /><span>${t("card_hidden")}</span>
        <button type="button" class="link" onClick=${() => showAllValues(layer)}>${t("legend_all")}</button></p>`}
      <${Attributes} hit=${hit} layer=${layer} />
      <p class="version">${t("card_version", { version: String(hit.properties.version ?? "—"), id: hit.id })}</p>
    </div>
    <${Actions} hit=${hit} layer=${layer} />
  <//>`;
}
