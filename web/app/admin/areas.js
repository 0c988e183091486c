/** Choosing areas by name: cities, districts, streets, communities, opened level by level or found by words. */
import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../api.js";
import { titled } from "../i18n.js";
import { resource } from "../resource.js";
import { html, Icon, Notice, ReadingState } from "../ui.js";
import { areaName, learnAreas, SearchInput, useRest } from "./office.js";
import { say } from "./officewords.js";

/** @typedef {import("./office.js").Area} Area */

const LEVELS = /** @type {const} */ ({ city: "areas_level_city", district: "areas_level_district", street: "areas_level_street", community: "areas_level_community" }); // role of the layer
const reader = () => resource(async (abort, /** @type {string} */ under, /** @type {string} */ words) => {
  const found = /** @type {Area[]} */ ((await api.request(`/api/rights/areas${api.query({ under, q: words })}`, { signal: abort })).areas);
  learnAreas(Object.fromEntries(found.map((area) => [area.code, area])));
  return found;
});

/** @param {{area: Area, chosen: string[], onToggle: (code: string) => void, several: boolean, flat?: boolean}} properties */
function Branch({ area, chosen, onToggle, several, flat = false }) {
  const [open, setOpen] = useState(false);
  const name = titled(area.title);
  const on = chosen.includes(area.code);
  return html`<li><div class="area-line">
      ${area.parts && !flat ? html`<button type="button" class="twist" aria-expanded=${open} aria-label=${say("areas_open", { name })} onClick=${() => setOpen(!open)}><${Icon} name=${open ? "chevron-down" : "chevron-right"} size=${14} /></button>` : html`<span class="twist"></span>`}
      <label class="choice"><input type=${several ? "checkbox" : "radio"} checked=${on} aria-label=${say("areas_choose", { name })} onChange=${() => onToggle(area.code)} />
        <span>${flat && area.within.length ? html`<span class="quiet">${area.within.join(" ")} </span>` : null}${name}</span></label>
      <span class="hint">${say(LEVELS[/** @type {"city"} */ (area.level)])}</span><span class="mono quiet code">${area.code}</span></div>
    ${open ? html`<${Level} under=${area.code} chosen=${chosen} onToggle=${onToggle} several=${several} />` : null}</li>`;
}

/** @param {{under?: string, words?: string, chosen: string[], onToggle: (code: string) => void, several: boolean}} properties */
function Level({ under = "", words = "", chosen, onToggle, several }) {
  const reading = useMemo(reader, []);
  useEffect(() => { void reading.load(under, words); }, [under, words]);
  const found = reading.state.value.data;
  return html`<${ReadingState} reading=${reading.state.value} failed=${say("areas_failed")} onRetry=${() => reading.retry()} />
    ${found && !found.length ? html`<${Notice} icon="inbox" text=${say(words ? "areas_none" : "areas_none_here")} />` : null}
    <ul class="area-list">${(found ?? []).map((area) => html`<${Branch} key=${area.code} area=${area} chosen=${chosen} onToggle=${onToggle} several=${several} flat=${Boolean(words)} />`)}</ul>`;
}

/**
 * @param {{chosen: string[], onChange: (chosen: string[]) => void, several?: boolean}} properties several: more than one; else "" (everywhere) is among the choices
 */
export function AreaPicker({ chosen, onChange, several = false }) {
  const [words, setWords] = useState("");
  const rested = useRest(words.trim());
  const toggle = (/** @type {string} */ code) => onChange(!several ? [code] : chosen.includes(code) ? chosen.filter((one) => one !== code) : [...chosen, code]);
  return html`<div class="area-picker"><${SearchInput} value=${words} label=${say("areas_search")} onInput=${setWords} />
    <div class="area-scroll">${several || rested ? null : html`<label class="choice area-line"><span class="twist"></span><input type="radio" checked=${!chosen[0]} onChange=${() => onChange([""])} /><strong>${say("everywhere")}</strong></label>`}
      <${Level} key=${rested} words=${rested} chosen=${chosen} onToggle=${toggle} several=${several} /></div>
    ${chosen.length ? html`<p class="hint">${say("areas_chosen", { name: chosen.map((code) => areaName(code)).join(say("comma")) })}</p>` : null}</div>`;
}
