/** Keys of the whole screen; in a field only Escape counts. Focus returns to where it was when something closes. */
import { formatPosition } from "./coordinates.js";
import { toggleLanguage, toggleTheme } from "./look.js";
import { focusMap, home } from "./map/engine.js";
import { cardOpen, closeCard, turnPage } from "./map/interaction.js";
import * as state from "./state.js";
import { copy } from "./ui.js";

/** Where the focus was before a panel was opened by a key. @type {Element|null} */
let before = null;

const giveBack = () => {
  const target = /** @type {HTMLElement|null} */ (before?.isConnected ? before : null);
  before = null;
  if (target && target !== document.body) target.focus();
  else focusMap();
};

/** @param {string} selector focused once it stands */
export function focusLater(selector) {
  before = document.activeElement;
  window.requestAnimationFrame(() => window.setTimeout(() => /** @type {HTMLElement|null} */ (document.querySelector(selector))?.focus(), 30));
}

export function toggleList() {
  if (state.list.peek()) {
    state.list.value = null;
    giveBack();
    return;
  }
  const layer = state.usualListLayer();
  if (!layer) return;
  state.openList(layer);
  focusLater(".list");
}

export function toggleMeasure() {
  if (state.mapState.peek() === "nowebgl") return;
  const mode = state.measureMode.peek();
  state.measureMode.value = mode === "line" ? "area" : mode === "area" ? null : "line";
  focusMap();
}

function toggleLayers() {
  const open = !state.panelOpen.peek();
  state.panelOpen.value = open;
  if (open) focusLater("#layer-filter");
  else giveBack();
}

function escape() {
  if (state.measureMode.peek()) {
    state.measureMode.value = null;
    focusMap();
  } else if (cardOpen.peek() || state.place.peek()) {
    closeCard();
    if (!document.activeElement || document.activeElement === document.body) giveBack();
  } else if (state.list.peek()) {
    state.list.value = null;
    giveBack();
  } else return false;
  return true;
}

/** @type {Record<string, () => void>} */
const KEYS = {
  "/": () => document.getElementById("search")?.focus(),
  g: focusMap,
  l: toggleLayers,
  t: toggleList,
  m: toggleMeasure,
  i: () => { if (state.city.peek()) state.dialog.value = "city"; },
  j: () => { state.dialog.value = "jobs"; },
  p: () => { if (state.mapState.peek() !== "nowebgl") state.dialog.value = "sheet"; },
  d: toggleTheme,
  e: toggleLanguage,
  c: () => { const here = state.pointer.peek(); if (here) void copy(formatPosition(here)); },
  h: home,
  r: () => { state.revision.value += 1; },
  "[": () => turnPage(-1),
  "]": () => turnPage(1),
  "?": () => { state.dialog.value = "help"; },
};

const FIELDS = "input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, [contenteditable]";

export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || state.dialog.peek()) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape") {
      if (target.matches(FIELDS)) { target.blur(); focusMap(); }
      else if (escape()) event.preventDefault();
      return;
    }
    if (target.matches(FIELDS) || (target.matches("select") && event.key.length === 1 && !"/?[]".includes(event.key))) return;
    const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
