/** Parts that the screens of both administrators share: reading, changing, asking twice, forms, area names. */
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import * as api from "../api.js";
import { titled } from "../i18n.js";
import { announce } from "../state.js";
import { Dialog, html, Icon } from "../ui.js";
import { say } from "./officewords.js";

/** @typedef {{code: string, title: import("../format.js").Title, level: string, within: string[], parts: boolean}} Area */

/** Areas whose names are known, by code. */
export const areaNames = signal(/** @type {Record<string, Area>} */ ({}));

/** @param {Record<string, Area>} found */
export const learnAreas = (found) => { areaNames.value = { ...areaNames.peek(), ...found }; };

/** The name of an area with what it lies in; its code where nobody knows it. @param {string} code @param {boolean} [short] */
export function areaName(code, short = false) {
  if (!code) return say("everywhere");
  const area = areaNames.value[code];
  if (!area) return code;
  return short ? titled(area.title) : [...area.within, titled(area.title)].join(" ");
}

/** Changes something; tells the error and returns null where it was refused. @param {string} path @param {object} [body] */
export async function change(path, body = {}) {
  try {
    return await api.request(path, { body });
  } catch (error) {
    announce(say("not_done", { why: api.asApiError(error).sentence }), 9000);
    return null;
  }
}

/** How many accounts a page of a list has. */
export const PAGE = 200;

/** Reads a list page by page up to a number of accounts. @param {(offset: number) => Promise<any>} read @param {number} most */
export async function readPages(read, most) {
  const first = await read(0);
  for (let offset = PAGE; offset < Math.min(most, first.total); offset += PAGE) first.accounts.push(...(await read(offset)).accounts);
  return first;
}

/** Waits until typing rests. @template T @param {T} value @param {number} [milliseconds] @returns {T} */
export function useRest(value, milliseconds = 250) {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setRested(value), milliseconds);
    return () => window.clearTimeout(timer);
  }, [value]);
  return rested;
}

/**
 * Asks before something that hurts.
 * @param {{title: string, what: string, action: string, onDone: () => void|Promise<void>, onClose: () => void, danger?: boolean}} properties
 */
export function Confirm({ title, what, action, onDone, onClose, danger = true }) {
  const [busy, setBusy] = useState(false);
  const go = async () => { setBusy(true); await onDone(); onClose(); };
  return html`<${Dialog} title=${title} kind="office-dialog narrow" onClose=${onClose}>
    <p class="office-lead">${what}</p>
    <footer><button type="button" class="button outlined" autofocus onClick=${onClose}>${say("cancel")}</button>
      <button type="button" class=${danger ? "button alert" : "button primary"} disabled=${busy} onClick=${go}>${action}</button></footer><//>`;
}

/**
 * A form in a dialog; an error of the server stands beside its field.
 * @param {{title: string, action: string, send: () => Promise<any>, onDone: (answer: any) => void, onClose: () => void, children: any, wide?: boolean, disabled?: boolean}} properties
 */
export function FormDialog({ title, action, send, onDone, onClose, children, wide = false, disabled = false }) {
  const [error, setError] = useState(/** @type {api.ApiError|null} */ (null));
  const [busy, setBusy] = useState(false);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      onDone(await send());
    } catch (problem) {
      setError(api.asApiError(problem));
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} kind=${wide ? "office-dialog" : "office-dialog narrow"} onClose=${onClose}>
    <form onSubmit=${submit}><div class="office-form">${children}</div>
      ${error ? html`<p class="office-error" role="alert"><${Icon} name="triangle-alert" /><span>${error.sentence}</span></p>` : null}
      <footer><button type="button" class="button outlined" onClick=${onClose}>${say("cancel")}</button>
        <button type="submit" class="button primary" disabled=${busy || disabled}>${busy ? html`<${Icon} name="loader-circle" spin />` : null}${action}</button></footer></form><//>`;
}

/** A labelled field. @param {{label: string, hint?: string, children: any}} properties */
export const Field = ({ label, hint, children }) => html`<label class="office-field"><span>${label}</span>${children}${hint ? html`<small class="hint">${hint}</small>` : null}</label>`;

/** @param {{value: string, onInput: (value: string) => void, required?: boolean, longest?: number, autofocus?: boolean, hint?: string, mono?: boolean}} properties */
export const TextInput = ({ value, onInput, required = false, longest = 100, autofocus = false, hint, mono = false }) => html`<input type="text" value=${value} required=${required}
  maxlength=${longest} autofocus=${autofocus} placeholder=${hint} class=${mono ? "mono" : undefined} autocomplete="off" spellcheck=${false}
  onInput=${(/** @type {Event} */ event) => onInput(/** @type {HTMLInputElement} */ (event.target).value)} />`;

/** @param {{value: string, options: [string, string][], onChange: (value: string) => void, label?: string}} properties */
export const Choice = ({ value, options, onChange, label }) => html`<select value=${value} aria-label=${label} onChange=${(/** @type {Event} */ event) => onChange(/** @type {HTMLSelectElement} */ (event.target).value)}>
  ${options.map(([key, text]) => html`<option value=${key} selected=${key === value}>${text}</option>`)}</select>`;

/** A row of tabs, moved along by the arrow keys. @param {{label: string, tabs: [string, string][], value: string, onChange: (value: string) => void, children?: any}} properties */
export function Tabs({ label, tabs, value, onChange, children }) {
  const move = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const place = tabs.findIndex(([key]) => key === value);
    const next = (place + step + tabs.length) % tabs.length;
    onChange(tabs[next][0]);
    /** @type {HTMLElement} */ (/** @type {HTMLElement} */ (event.currentTarget).children[next])?.focus();
  };
  return html`<div class="office-tabs"><div role="tablist" aria-label=${label} onKeyDown=${move}>
    ${tabs.map(([key, text]) => html`<button type="button" role="tab" data-tab=${key} aria-selected=${key === value} tabindex=${key === value ? 0 : -1} onClick=${() => onChange(key)}>${text}</button>`)}</div>${children}</div>`;
}

/** @param {{value: string, label: string, onInput: (value: string) => void}} properties */
export const SearchInput = ({ value, label, onInput }) => html`<span class="office-search"><${Icon} name="search" /><input type="search" value=${value} aria-label=${label} placeholder=${label} maxlength="100"
  onInput=${(/** @type {Event} */ event) => onInput(/** @type {HTMLInputElement} */ (event.target).value)} /></span>`;
