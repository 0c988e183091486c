/** The layer tree: by group, with legend, counts, opacity and why something cannot be seen now. */
import { computed, effect, signal, untracked } from "@preact/signals";
import { countOr, countText, isFiltered, readCounts, shownCount, shownUnplaced } from "../counts.js";
import { formatMoment, formatNumber } from "../format.js";
import { t, titled } from "../i18n.js";
import { cellsFollow } from "../legend.js";
import { fit, hollow, map } from "../map/engine.js";
import * as state from "../state.js";
import { html, Icon, IconButton, Notice, ReadingState, Swatch } from "../ui.js";
import { Legend } from "./legend.js";

/** @typedef {import("../state.js").LayerInfo} LayerInfo */

const filter = signal("");
/** Rows opened or closed by hand. */
const opened = signal(/** @type {Record<string, boolean>} */ ({}));
/** The one row whose details are open. */
const detailed = signal(/** @type {string|null} */ (null));
const closedGroups = signal(/** @type {Set<string>} */ (new Set()));

const hasValues = (/** @type {LayerInfo} */ layer) => layer.legend.length > 1;
const isOpen = (/** @type {LayerInfo} */ layer) =>
  opened.value[layer.id] ?? (hasValues(layer) && !layer.basemap && state.shown.value.has(layer.id) && layer.count > 0);

/** Reads the counts of open legends and of layers with values off, again when the registry was read again. */
export function linkLegends() {
  effect(() => {
    const wanted = state.layers.value.filter((layer) => layer.style_by && layer.count > 0 && (isOpen(layer) || isFiltered(layer)));
    const read = state.registry.state.value.at;
    const city = state.cityKey.value;
    if (!city || !read) return;
    untracked(() => wanted.forEach((layer) => readCounts(layer, city, read)));
  });
}

const found = computed(() => {
  const words = filter.value.trim().toLowerCase();
  return state.layers.value.filter((layer) => !words || `${layer.title.zh} ${layer.title.en}`.toLowerCase().includes(words));
});

/** Why a layer that is on does not show single objects now. @param {LayerInfo} layer */
function scaleHint(layer) {
  const zoom = state.view.value?.zoom;
  if (zoom === undefined || !state.shown.value.has(layer.id) || !layer.count) return null;
  if (zoom < layer.minzoom) {
    const there = () => map.peek()?.easeTo({ zoom: layer.minzoom + 0.01 });
    return html`<button type="button" class="link scale-hint" onClick=${there}>${t("layer_zoom_in", { zoom: layer.minzoom })}</button>`;
  }
  if (layer.points && zoom < layer.detail_zoom) return html`<span class="scale-hint">${t(isFiltered(layer) && !cellsFollow(layer) ? "layer_cells_all" : "layer_cells")}</span>`;
  return null;
}

/** What is asked for less often: strength, meaning, source. @param {{layer: LayerInfo}} properties */
function Details({ layer }) {
  const percent = state.opacity.value[layer.id] ?? 100;
  const change = (/** @type {Event} */ event) => state.setOpacity(layer.id, Number(/** @type {HTMLInputElement} */ (event.target).value));
  return html`<div class="details">
    <div class="tools"><label><span>${t("layer_opacity")}</span>
      <input type="range" min="10" max="100" step="10" value=${percent} onInput=${change} /></label><output>${percent}%</output></div>
    ${layer.description ? html`<p class="hint">${titled(layer.description)}</p>` : null}
    ${layer.standard ? html`<p class="hint">${t("layer_standard", { standard: layer.standard })}</p>` : null}
  </div>`;
}

/** Buttons of a row, in sight under the pointer and on focus. @param {{layer: LayerInfo, name: string}} properties */
function RowTools({ layer, name }) {
  const open = detailed.value === layer.id;
  return html`<span class="row-tools">
    <${IconButton} icon="maximize" label=${t("layer_fit", { layer: name })} disabled=${!layer.bbox} onClick=${() => layer.bbox && fit(layer.bbox)} />
    <${IconButton} icon="table-2" label=${t("layer_list", { layer: name })} disabled=${layer.count === 0} onClick=${() => state.openList(layer.id)} />
    <${IconButton} icon="sliders-horizontal" label=${t("layer_details", { layer: name })} pressed=${open} onClick=${() => { detailed.value = open ? null : layer.id; }} />
  </span>`;
}

/** How many there are, and how many of them are shown. @param {{layer: LayerInfo, name: string}} properties */
function Count({ layer, name }) {
  const words = { layer: name, count: formatNumber(layer.count, 0), shown: countOr(layer, shownCount(layer)) };
  return html`<span class="count" title=${t(isFiltered(layer) ? "count_shown_title" : "count_title", words)}>${countText(layer)}</span>`;
}

/** @param {{layer: LayerInfo}} properties */
function Row({ layer }) {
  const name = titled(layer.title);
  const visible = state.shown.value.has(layer.id);
  const open = hasValues(layer) && isOpen(layer);
  const empty = layer.count === 0;
  const unplaced = shownUnplaced(layer);
  const single = layer.legend.length === 1 ? layer.legend[0] : null;
  return html`<li class=${`layer ${visible ? "on" : ""} ${empty ? "none" : ""}`} data-layer=${layer.id}>
    <div class="row">
      <button type="button" class="twist" aria-expanded=${open} aria-label=${t("layer_legend", { layer: name })} disabled=${!hasValues(layer)}
        onClick=${() => { opened.value = { ...opened.value, [layer.id]: !open }; }}><${Icon} name=${open ? "chevron-down" : "chevron-right"} size=${14} /></button>
      <label title=${empty ? t("layer_no_data") : name}><input type="checkbox" checked=${visible} aria-label=${t("layer_show", { layer: name })}
        onChange=${(/** @type {Event} */ event) => state.showLayer(layer.id, /** @type {HTMLInputElement} */ (event.target).checked)} />
        ${single ? html`<${Swatch} entry=${single} dark=${state.theme.value === "dark"} hollow=${hollow.value.has(layer.id)} />` : null}<span class="name">${name}</span></label>
      <span class="row-end"><${RowTools} layer=${layer} name=${name} /><${Count} layer=${layer} name=${name} /></span>
    </div>
    ${scaleHint(layer)}
    ${open ? html`<${Legend} layer=${layer} />` : null}
    ${unplaced && visible ? html`<p class="hint note">${t("layer_unplaced", { count: formatNumber(unplaced, 0) })}</p>` : null}
    ${detailed.value === layer.id ? html`<${Details} layer=${layer} />` : null}
  </li>`;
}

/** @param {{group: {id: string, title: import("../format.js").Title}, rows: LayerInfo[]}} properties */
function Group({ group, rows }) {
  const closed = closedGroups.value.has(group.id) && !filter.value;
  const toggle = () => {
    const next = new Set(closedGroups.peek());
    if (closed) next.delete(group.id);
    else next.add(group.id);
    closedGroups.value = next;
  };
  const visible = rows.filter((layer) => state.shown.value.has(layer.id)).length;
  return html`<section class="group"><h3><button type="button" aria-expanded=${!closed} onClick=${toggle}>
      <${Icon} name=${closed ? "chevron-right" : "chevron-down"} size=${14} /><span>${titled(group.title)}</span>
      <span class="on-count" title=${t("group_on", { count: visible })}>${visible}/${rows.length}</span></button></h3>
    ${closed ? null : html`<ul class="layers">${rows.map((layer) => html`<${Row} key=${layer.id} layer=${layer} />`)}</ul>`}
  </section>`;
}

function Tree() {
  const reading = state.registry.state.value;
  const cities = state.cities.state.value;
  if (cities.status === "failed") return html`<${ReadingState} reading=${cities} failed=${t("cities_failed")} onRetry=${() => state.cities.retry()} />`;
  if (!reading.data && cities.status === "loading") return html`<${ReadingState} reading=${cities} failed="" onRetry=${() => undefined} />`;
  if (!reading.data) return html`<${ReadingState} reading=${reading} failed=${t("layers_failed")} onRetry=${() => state.registry.retry()} />`;
  if (!state.layers.value.length) return html`<${Notice} icon="inbox" text=${t("layers_empty")} />`;
  if (!found.value.length) return html`<${Notice} icon="inbox" text=${t("layers_none", { text: filter.value.trim() })} />`;
  return html`<${ReadingState} reading=${reading} failed=${t("layers_failed")} onRetry=${() => state.registry.retry()} />
    ${state.groups.value.map((group) => {
      const rows = found.value.filter((layer) => layer.group === group.id);
      return rows.length ? html`<${Group} key=${group.id} group=${group} rows=${rows} />` : null;
    })}`;
}

export function LayerPanel() {
  if (!state.panelOpen.value) {
    return html`<div class="left folded"><${IconButton} icon="layers" label=${t("layers_open")} shortcut="L" onClick=${() => { state.panelOpen.value = true; }} /></div>`;
  }
  const busy = ["loading", "refreshing"].includes(state.registry.state.value.status);
  return html`<aside class="left" aria-label=${t("layers")}>
    <header class="panel-head"><h2>${t("layers")}</h2>
      ${state.changed.value ? html`<${IconButton} icon="eye" label=${t("layers_reset")} onClick=${state.resetLayers} />` : null}
      <${IconButton} icon=${busy ? "loader-circle" : "refresh-cw"} class=${busy ? "turning" : ""} label=${t("layers_refresh")} shortcut="R" onClick=${() => { state.revision.value += 1; }} />
      <${IconButton} icon="chevron-left" label=${t("layers_close")} shortcut="L" onClick=${() => { state.panelOpen.value = false; }} /></header>
    <div class="filter"><input type="search" id="layer-filter" value=${filter.value} placeholder=${t("layers_filter")} aria-label=${t("layers_filter")}
      onInput=${(/** @type {Event} */ event) => { filter.value = /** @type {HTMLInputElement} */ (event.target).value; }} /></div>
    <div class="scroll"><${Tree} /></div>
    ${state.registry.state.value.at ? html`<p class="as-of hint">${t("layers_as_of", { time: formatMoment(state.registry.state.value.at, true).slice(11) })}</p>` : null}
  </aside>`;
}
