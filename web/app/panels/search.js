/** The search box: code, name, coordinates; results by layer, all by keyboard. */
import { effect, signal, untracked } from "@preact/signals";
import { useRef } from "preact/hooks";
import * as api from "../api.js";
import { formatPosition, parsePosition } from "../coordinates.js";
import { t, titled } from "../i18n.js";
import { bboxOf, closeCard, showById } from "../map/interaction.js";
import { fit, flyTo, focusMap } from "../map/engine.js";
import { resource } from "../resource.js";
import { cityKey, layerById, place, whisper } from "../state.js";
import { html, Icon, IconButton, Notice } from "../ui.js";

/** @typedef {{kind: string, layer: string|null, id: number|null, title: string, subtitle: string, geometry: any}} Found */

const LIMIT = 30;
const PAUSE = 180;
const text = signal("");
const open = signal(false);
const active = signal(-1);
/** The words that the results belong to; while people type on they lag behind. */
let answered = "";
/** Enter was pressed before its answer was there. */
let hasty = false;
const recent = signal(/** @type {string[]} */ (readRecent()));
const results = resource(async (abort, /** @type {string} */ q, /** @type {string} */ city) => {
  const answer = await api.search({ q, city, limit: LIMIT }, abort);
  answered = q;
  return byLayer(answer.features.map((/** @type {any} */ feature) => /** @type {Found} */ ({ ...feature.properties, geometry: feature.geometry })));
});

function readRecent() {
  try { return JSON.parse(window.localStorage.getItem("wanmi.recent") ?? "[]").filter((/** @type {unknown} */ entry) => typeof entry === "string").slice(0, 8); } catch { return []; }
}

/** @param {string} words */
function keepRecent(words) {
  recent.value = [words, ...recent.peek().filter((entry) => entry !== words)].slice(0, 8);
  try { window.localStorage.setItem("wanmi.recent", JSON.stringify(recent.peek())); } catch { /* private window */ }
}

/** Coordinates first, then the layers in the order of their best hit. @param {Found[]} found @returns {Found[]} */
function byLayer(found) {
  const order = [...new Set(found.map((entry) => entry.layer ?? ""))];
  return [...found].sort((a, b) => Number(b.kind === "coordinate") - Number(a.kind === "coordinate") || order.indexOf(a.layer ?? "") - order.indexOf(b.layer ?? ""));
}

/** Asks after a pause in typing. */
export function linkSearch() {
  let timer = 0;
  effect(() => {
    const words = text.value.trim();
    const city = cityKey.value;
    window.clearTimeout(timer);
    active.value = -1;
    hasty = false;
    if (!words || !city) return untracked(() => results.clear());
    timer = window.setTimeout(() => { void results.load(words, city); }, PAUSE);
    return undefined;
  });
  effect(() => {
    const { status, data } = results.state.value;
    if (status === "ready" && data?.length && hasty) untracked(() => choose(data[0]));
    hasty = hasty && status !== "ready" && status !== "failed" && status !== "stale";
    if (status === "ready" && data && open.peek()) whisper.value = (data.length ? t("search_found", { count: data.length }) : t("search_none", { text: text.peek().trim() }));
  });
}

/** What can be chosen now. @returns {Found[]} */
function choices() {
  const { status, data } = results.state.value;
  const here = status === "failed" || status === "stale" ? parsePosition(text.value) : null;
  if (here) return [{ kind: "coordinate", layer: null, id: null, title: formatPosition(here), subtitle: t("search_offline"), geometry: { type: "Point", coordinates: [here.lon, here.lat] } }];
  return status === "stale" ? [] : data ?? [];
}

/** @param {Found} found */
function choose(found) {
  keepRecent(text.peek().trim());
  open.value = false;
  focusMap();
  if (found.layer && found.id) {
    void showById(found.layer, found.id);
    return;
  }
  closeCard();
  const box = found.geometry ? bboxOf(found.geometry) : null;
  if (found.geometry?.type === "Point") {
    const [lon, lat] = found.geometry.coordinates;
    place.value = { lon, lat };
    flyTo({ lon, lat }, 17);
  } else if (box) fit(box);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const list = choices();
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.isComposing) return;
  if (step) {
    event.preventDefault();
    open.value = true;
    if (list.length) active.value = (active.peek() + step + list.length + (active.peek() < 0 && step < 0 ? 1 : 0)) % list.length;
    document.getElementById(`found-${active.peek()}`)?.scrollIntoView({ block: "nearest" });
  } else if (event.key === "Enter") {
    const words = text.peek().trim();
    const chosen = list[Math.max(0, active.peek())];
    const waiting = !["failed", "stale"].includes(results.state.peek().status) && answered !== words;
    if (active.peek() < 0 && words && waiting) hasty = true;
    else if (chosen) choose(chosen);
    else open.value = true;
  } else if (event.key === "Escape" && (open.peek() || text.peek())) {
    event.stopPropagation();
    if (open.peek() && text.peek()) open.value = false;
    else { text.value = ""; open.value = false; focusMap(); }
  }
}

/** @param {{list: Found[]}} properties */
function Results({ list }) {
  return html`<div role="listbox" id="search-results" class="drop-scroll" aria-label=${t("search")}>
    ${list.map((found, index) => {
      const layer = found.layer ? layerById.value.get(found.layer) : null;
      const head = index === 0 || list[index - 1].layer !== found.layer ? (layer ? titled(layer.title) : t("search_place")) : null;
      return html`${head ? html`<div class="found-head" role="presentation">${head}</div>` : null}
        <div role="option" id=${`found-${index}`} class="found" aria-selected=${index === active.value}
          onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()} onClick=${() => choose(found)}>
          <span class="title">${found.title}</span><span class="subtitle">${found.subtitle}</span></div>`;
    })}</div>`;
}

/** @param {{onPick: (words: string) => void}} properties */
function Recent({ onPick }) {
  if (!recent.value.length) return null;
  return html`<div class="recent"><div class="found-head">${t("search_recent")}</div>
    ${recent.value.map((words) => html`<button type="button" class="found" onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()} onClick=${() => onPick(words)}>
      <${Icon} name="history" size=${14} /><span class="title">${words}</span></button>`)}</div>`;
}

/** @param {{list: Found[], onPick: (words: string) => void}} properties */
function Drop({ list, onPick }) {
  const { status, error, data } = results.state.value;
  const words = text.value.trim();
  if (!words) return html`<${Recent} onPick=${onPick} />`;
  if (list.length) return html`<${Results} list=${list} />`;
  if (status === "failed" || status === "stale") {
    return html`<${Notice} icon="triangle-alert" alert text=${t("search_failed")} hint=${error?.sentence} onRetry=${() => results.retry()} />`;
  }
  if (status === "ready" && data) return html`<${Notice} icon="inbox" text=${t("search_none", { text: words })} hint=${t("search_none_hint")} />`;
  return html`<${Notice} icon="loader-circle" spin text=${t("search_running")} />`;
}

export function SearchBox() {
  const box = useRef(/** @type {HTMLInputElement|null} */ (null));
  const list = choices();
  const shown = open.value && (text.value.trim() !== "" || recent.value.length > 0);
  const busy = ["loading", "refreshing"].includes(results.state.value.status);
  const type = (/** @type {string} */ words) => { text.value = words; open.value = true; };
  return html`<div class="search" role="search">
    <${Icon} name=${busy ? "loader-circle" : "search"} spin=${busy} />
    <input ref=${box} id="search" type="text" role="combobox" autocomplete="off" spellcheck=${false} value=${text.value} placeholder=${t("search_hint")}
      aria-label=${t("search_label")} aria-expanded=${shown && list.length > 0} aria-controls="search-results" aria-autocomplete="list" aria-keyshortcuts="/"
      aria-activedescendant=${active.value >= 0 ? `found-${active.value}` : undefined}
      onInput=${(/** @type {Event} */ event) => type(/** @type {HTMLInputElement} */ (event.target).value)}
      onFocus=${() => { open.value = true; }} onBlur=${() => { open.value = false; }} onKeyDown=${onKey} />
    ${text.value ? html`<${IconButton} icon="x" label=${t("search_clear")} onClick=${() => { type(""); box.current?.focus(); }} />` : null}
    ${shown ? html`<div class="drop"><${Drop} list=${list} onPick=${type} /></div>` : null}
  </div>`;
}

