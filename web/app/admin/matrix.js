/** The matrix of one role: rows are sensitivities and their layers, columns are actions, cells tell how far one may go. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { titled } from "../i18n.js";
import { html, Icon, Notice } from "../ui.js";
import { AreaPicker } from "./areas.js";
import { cellKey, isRest, ownCell, shownCell } from "./matrixcells.js";
import { areaName } from "./office.js";
import { say } from "./officewords.js";
import { actionText, base, book, draft, reachText, role, roleText, setCell, targetText } from "./rulebook.js";

/** @typedef {import("./rulebook.js").LayerInfo} LayerInfo */
/** @typedef {{target: string, rest: string|null, layer: LayerInfo|null}} Row */

const SENSITIVITIES = ["public", "internal", "restricted"];
const REACHES = ["none", "own", "area", "city"];
const WHAT = /** @type {const} */ ({ none: "reach_none_what", own: "reach_own_what", area: "reach_area_what", city: "reach_city_what" });
// How much of the circle is filled tells the reach without any colour.
const SIGNS = { none: "–", own: "◔", area: "◑", city: "●" };
const folded = signal(/** @type {Set<string>} */ (new Set()));
const words = signal("");
const special = signal(false);
const at = signal(/** @type {{target: string, action: string}|null} */ (null));
const menu = signal(/** @type {{row: Row, action: string, left: number, top: number}|null} */ (null));
const MENU = { width: 340, height: 500 };

/** Clearances and unmasking mean nothing where no field is sensitive. @param {LayerInfo} layer @param {string} action */
const hasFields = (layer, action) => (action === "unmask" ? Object.keys(layer.cleared).length > 0 : !action.startsWith("clear_") || Boolean(layer.cleared[action]));

/** @param {LayerInfo} layer */
const isSpecial = (layer) => (book.state.value.data?.actions ?? []).some((action) => ownCell(base.value, draft.value, cellKey(role.value, action.key, layer.id)) !== null);

/** The rows as they are seen now. @returns {Row[]} */
function rows() {
  const layers = book.state.value.data?.layers ?? [];
  const text = words.value.trim().toLowerCase();
  return SENSITIVITIES.flatMap((sensitivity) => {
    const rest = `@${sensitivity}`;
    const under = layers.filter((layer) => layer.sensitivity === sensitivity && (!text || `${layer.title.zh} ${layer.title.en} ${layer.id}`.toLowerCase().includes(text)) && (!special.value || isSpecial(layer)));
    const below = folded.value.has(rest) && !text ? [] : under;
    return [{ target: rest, rest: null, layer: null }, ...below.map((layer) => ({ target: layer.id, rest, layer }))];
  });
}

/** @param {HTMLElement} cell @param {Row} row @param {string} action */
function openMenu(cell, row, action) {
  const box = cell.getBoundingClientRect();
  menu.value = { row, action, left: Math.max(8, Math.min(box.left, window.innerWidth - MENU.width - 8)), top: Math.max(8, Math.min(box.bottom + 4, window.innerHeight - MENU.height - 8)) };
}

/** Sets a reach; areas stay where they still mean something. @param {Row} row @param {string} action @param {string|null} reach */
function choose(row, action, reach) {
  const key = cellKey(role.peek(), action, row.target);
  const areas = ownCell(base.peek(), draft.peek(), key)?.areas ?? [];
  setCell(key, reach === null ? null : { reach, areas: reach === "none" ? [] : areas });
}

/** @param {string} target @param {string} action */
const focusCell = (target, action) => /** @type {HTMLElement|null} */ (document.querySelector(`[data-cell="${CSS.escape(`${action}|${target}`)}"]`))?.focus();

/** @param {KeyboardEvent} event @param {Row} row @param {string} action @param {Row[]} all @param {string[]} actions */
function onKey(event, row, action, all, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const steps = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
  const step = steps[/** @type {"ArrowUp"} */ (event.key)];
  if (step) {
    const [down, right] = step;
    let place = all.indexOf(row);
    let column = actions.indexOf(action);
    // cells that are none are stepped over
    do { place += down; column += right; } while (all[place]?.layer && actions[column] && !hasFields(/** @type {LayerInfo} */ (all[place].layer), actions[column]));
    if (all[place] && actions[column]) focusCell(all[place].target, actions[column]);
  } else if (REACHES[Number(event.key)] && event.key.trim()) choose(row, action, REACHES[Number(event.key)]);
  else if (event.key === "Delete" || event.key === "Backspace") choose(row, action, isRest(row.target) ? "none" : null);
  else if (event.key === "Enter" || event.key === " ") openMenu(/** @type {HTMLElement} */ (event.currentTarget), row, action);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** @param {{row: Row, action: string, all: Row[], actions: string[], first: boolean}} properties */
function CellBox({ row, action, all, actions, first }) {
  const { layer } = row;
  if (layer && !hasFields(layer, action)) return html`<td class="cell-none" title=${say("cell_not")}><span class="visually-hidden">${say("cell_not")}</span></td>`;
  const cell = shownCell(base.value, draft.value, role.value, action, row.target, row.rest);
  const idle = layer && cell.reach === "own" && !layer.parties;
  const fields = layer?.cleared[action]?.map((title) => titled(title)).join(say("comma"));
  const notes = [say("cell", { layer: targetText(row.target), action: actionText(action), reach: reachText(cell.reach) }),
    cell.areas.map((area) => areaName(area)).join(say("comma")), cell.inherited && row.rest ? say("cell_inherited", { rest: targetText(row.rest) }) : "",
    cell.changed ? say("cell_changed") : "", fields ? say("cell_fields", { fields }) : "", idle ? say("cell_no_party") : ""].filter(Boolean).join("；");
  const current = at.value ? at.value.target === row.target && at.value.action === action : first;
  return html`<td><button type="button" class=${`cell ${cell.reach} ${cell.inherited ? "inherited" : ""} ${cell.changed ? "changed" : ""} ${idle ? "idle" : ""}`} data-cell=${`${action}|${row.target}`}
    aria-label=${notes} title=${notes} aria-haspopup="dialog" tabindex=${current ? 0 : -1} onFocus=${() => { at.value = { target: row.target, action }; }}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => onKey(event, row, action, all, actions)} onClick=${(/** @type {MouseEvent} */ event) => openMenu(/** @type {HTMLElement} */ (event.currentTarget), row, action)}>
    <span class="sign" aria-hidden="true">${SIGNS[/** @type {"own"} */ (cell.reach)]}</span><span>${cell.reach === "none" ? "" : reachText(cell.reach)}</span>${cell.areas.length ? html`<small>${say("cell_areas_count", { count: cell.areas.length })}</small>` : null}</button></td>`;
}

/** Everything that can be chosen for a cell. */
function Menu() {
  const box = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const asked = menu.value;
  useEffect(() => { if (asked) box.current?.showModal(); }, [asked]);
  if (!asked) return null;
  const { row, action } = asked;
  const key = cellKey(role.value, action, row.target);
  const own = ownCell(base.value, draft.value, key);
  const close = () => { menu.value = null; focusCell(row.target, action); };
  const inherited = row.rest ? shownCell(base.value, draft.value, role.value, action, row.rest, null) : null;
  const chosen = own ? own.reach : row.rest ? "" : "none";
  const pick = (/** @type {string|null} */ reach) => { choose(row, action, reach); };
  const heading = `${targetText(row.target)} · ${actionText(action)}`;
  return html`<dialog ref=${box} class="cell-menu" aria-label=${heading} style=${{ left: `${asked.left}px`, top: `${asked.top}px` }} onClose=${close}
      onClick=${(/** @type {MouseEvent} */ event) => { if (event.target === box.current) box.current?.close(); }}>
    <h3>${heading}</h3><div role="radiogroup" aria-label=${heading}>
    ${row.rest && inherited ? html`<label class="menu-choice"><input type="radio" checked=${chosen === ""} autofocus=${chosen === ""} onChange=${() => pick(null)} /><span>${say("cell_inherit", { rest: targetText(row.rest), reach: reachText(inherited.reach) })}</span></label>` : null}
    ${REACHES.map((reach, digit) => html`<label class="menu-choice"><input type="radio" checked=${chosen === reach} autofocus=${chosen === reach} data-reach=${reach} onChange=${() => pick(reach)} />
      <span class=${`cell ${reach}`}><span class="sign" aria-hidden="true">${SIGNS[/** @type {"own"} */ (reach)]}</span><span>${reachText(reach)}</span></span><small class="hint">${say(WHAT[/** @type {"own"} */ (reach)])}</small><kbd>${digit}</kbd></label>`)}</div>
    ${own && own.reach !== "none" ? html`<details open=${own.areas.length > 0}><summary>${say("cell_areas")}${own.areas.length ? `（${own.areas.length}）` : ""}</summary><p class="hint">${say("cell_areas_hint")}</p>
      <${AreaPicker} several chosen=${own.areas} onChange=${(/** @type {string[]} */ areas) => setCell(key, { reach: own.reach, areas })} /></details>` : null}
    <footer><button type="button" class="button primary" onClick=${() => box.current?.close()}>${say("done")}</button></footer></dialog>`;
}

/** @param {string} rest */
function fold(rest) {
  const next = new Set(folded.peek());
  if (!next.delete(rest)) next.add(rest);
  folded.value = next;
}

/** @param {{row: Row}} properties */
function Head({ row }) {
  const { layer, target } = row;
  if (!layer) {
    const open = !folded.value.has(target);
    return html`<th scope="row" class="rest"><button type="button" class="twist" aria-expanded=${open} title=${say("rules_rest_hint")} onClick=${() => fold(target)}><${Icon} name=${open ? "chevron-down" : "chevron-right"} size=${14} /><span>${targetText(target)}</span></button></th>`;
  }
  return html`<th scope="row" title=${layer.id}>${titled(layer.title)}${layer.kind === "stream" ? html`<span class="hint"> ${say("rules_stream")}</span>` : null}</th>`;
}

/** The matrix of the chosen role. */
export function Matrix() {
  const actions = (book.state.value.data?.actions ?? []).map((action) => action.key);
  const all = rows();
  return html`<div class="matrix-tools"><input type="search" value=${words.value} aria-label=${say("rules_filter")} placeholder=${say("rules_filter")} onInput=${(/** @type {Event} */ event) => { words.value = /** @type {HTMLInputElement} */ (event.target).value; }} />
      <label class="choice"><input type="checkbox" checked=${special.value} onChange=${() => { special.value = !special.value; }} /><span>${say("rules_special")}</span></label>
      <span class="matrix-legend">${REACHES.map((reach) => html`<span class=${`cell ${reach}`} title=${say(WHAT[/** @type {"own"} */ (reach)])}><span class="sign" aria-hidden="true">${SIGNS[/** @type {"own"} */ (reach)]}</span><span>${reachText(reach)}</span></span>`)}</span>
      <span class="hint">${say("rules_keys")}</span></div>
    <div class="matrix-scroll"><table class="matrix" aria-label=${say("rules_matrix", { role: roleText(role.value) })}>
      <thead><tr><th scope="col">${say("rules_layer")}</th>${actions.map((action) => html`<th scope="col" key=${action}>${actionText(action)}</th>`)}</tr></thead>
      <tbody>${all.map((row, place) => html`<tr key=${row.target} class=${row.layer ? "" : "rest-row"}><${Head} row=${row} />
        ${actions.map((action, column) => html`<${CellBox} key=${action} row=${row} action=${action} all=${all} actions=${actions} first=${place === 0 && column === 0} />`)}</tr>`)}</tbody></table>
      ${words.value && all.length === SENSITIVITIES.length ? html`<${Notice} icon="inbox" text=${say("rules_none_match")} />` : null}</div><${Menu} />`;
}
