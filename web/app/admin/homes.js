/** Organisations: made by the system administrator; their titles and the names by which rows call them are the security administrator's. */
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import * as api from "../api.js";
import { titled } from "../i18n.js";
import { resource } from "../resource.js";
import { announce } from "../state.js";
import { html, Icon, Notice, ReadingState } from "../ui.js";
import { change, Choice, Field, FormDialog, TextInput } from "./office.js";
import { say } from "./officewords.js";

/** @typedef {import("./users.js").Home} Home */

const KINDS = /** @type {const} */ ({ department: "home_kind_department", company: "home_kind_company", peer: "home_kind_peer" });
// each administrator comes by a counter of his own
const PATHS = { maker: "/api/users?limit=1", namer: "/api/rights/organisations" };
const reading = resource(async (abort, /** @type {string} */ path) => /** @type {Home[]} */ ((await api.request(path, { signal: abort })).organisations));
const dialog = signal(/** @type {{kind: "new"}|{kind: "titles", home: Home}|null} */ (null));

/** @param {{onClose: () => void}} properties */
function NewHome({ onClose }) {
  const [value, setValue] = useState({ key: "", title_zh: "", title_en: "", kind: "department" });
  const turn = (/** @type {object} */ more) => setValue({ ...value, ...more });
  return html`<${FormDialog} title=${say("homes_new")} action=${say("homes_new")} onClose=${onClose} send=${() => api.request("/api/organisations", { body: value })}
      onDone=${(/** @type {any} */ answer) => { announce(say("home_made", { name: titled(answer.organisation.title) })); onClose(); void reading.retry(); }}>
    <${Field} label=${say("home_title")}><${TextInput} value=${value.title_zh} required autofocus onInput=${(/** @type {string} */ title_zh) => turn({ title_zh })} /><//>
    <${Field} label=${say("home_title_en")}><${TextInput} value=${value.title_en} onInput=${(/** @type {string} */ title_en) => turn({ title_en })} /><//>
    <${Field} label=${say("home_key")} hint=${say("home_key_hint")}><${TextInput} value=${value.key} required longest=${32} mono onInput=${(/** @type {string} */ key) => turn({ key })} /><//>
    <${Field} label=${say("home_kind")}><${Choice} value=${value.kind} options=${Object.entries(KINDS).map(([key, text]) => [key, say(text)])} onChange=${(/** @type {string} */ kind) => turn({ kind })} /><//><//>`;
}

/** @param {{home: Home, onClose: () => void}} properties */
function Titles({ home, onClose }) {
  const [value, setValue] = useState({ title_zh: home.title.zh, title_en: home.title.en });
  return html`<${FormDialog} title=${say("home_retitle")} action=${say("save")} onClose=${onClose} send=${() => api.request(`/api/rights/organisations/${encodeURIComponent(home.key)}`, { body: value })}
      onDone=${() => { onClose(); void reading.retry(); }}>
    <${Field} label=${say("home_title")}><${TextInput} value=${value.title_zh} required autofocus onInput=${(/** @type {string} */ title_zh) => setValue({ ...value, title_zh })} /><//>
    <${Field} label=${say("home_title_en")}><${TextInput} value=${value.title_en} required onInput=${(/** @type {string} */ title_en) => setValue({ ...value, title_en })} /><//>
    <p class="hint">${say("home_retitle_what")}</p><//>`;
}

/** @param {{home: Home}} properties */
function Names({ home }) {
  const [name, setName] = useState("");
  const path = `/api/rights/organisations/${encodeURIComponent(home.key)}/names`;
  const add = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (await change(path, { name })) { setName(""); void reading.retry(); }
  };
  return html`<div class="name-chips">${home.names.map((one) => html`<span class="name-chip">${one}<button type="button" aria-label=${say("home_name_remove", { name: one })} title=${say("home_name_remove", { name: one })}
      onClick=${async () => { if (await change(`${path}/remove`, { name: one })) void reading.retry(); }}><${Icon} name="x" size=${12} /></button></span>`)}
    <form onSubmit=${add}><input type="text" value=${name} maxlength="100" aria-label=${`${say("home_name_add")} ${titled(home.title)}`} placeholder=${say("home_name_hint")}
      onInput=${(/** @type {Event} */ event) => setName(/** @type {HTMLInputElement} */ (event.target).value)} /><button type="submit" class="button outlined" disabled=${!name.trim()}><${Icon} name="plus" /><span>${say("home_name_add")}</span></button></form></div>`;
}

/** @param {{maker?: boolean}} properties maker: of the system administrator */
export function Homes({ maker = false }) {
  useEffect(() => { void reading.load(maker ? PATHS.maker : PATHS.namer); }, [maker]);
  const homes = reading.state.value.data;
  const close = () => { dialog.value = null; };
  return html`<div class="office-bar"><p class="office-note inline"><${Icon} name="info" size=${14} />${say(maker ? "homes_names_apart" : "home_own_what")}</p><span class="space"></span>
      ${maker ? html`<button type="button" class="button primary" disabled=${!homes} onClick=${() => { dialog.value = { kind: "new" }; }}><${Icon} name="plus" /><span>${say("homes_new")}</span></button>` : null}</div>
    <${ReadingState} reading=${reading.state.value} failed=${say("homes_failed")} onRetry=${() => reading.retry()} />
    ${homes && !homes.length ? html`<${Notice} icon="inbox" text=${say("homes_none")} />` : null}
    ${homes?.length ? html`<div class="office-scroll"><table class="office-table"><thead><tr><th scope="col">${say("user_organisation")}</th><th scope="col">${say("home_key")}</th><th scope="col">${say("home_kind")}</th>
        <th scope="col" class="number">${say("home_people")}</th><th scope="col">${say("home_names")}</th></tr></thead>
      <tbody>${homes.map((home) => html`<tr key=${home.key} data-home=${home.key} class="still"><th scope="row">${titled(home.title)} ${maker ? null : html`<button type="button" class="link small" onClick=${() => { dialog.value = { kind: "titles", home }; }}>${say("home_retitle")}</button>`}</th>
        <td class="mono">${home.key}</td><td>${say(KINDS[/** @type {"peer"} */ (home.kind)] ?? "home_kind")}</td><td class="number">${home.accounts}</td>
        <td>${maker ? home.names.join(say("comma")) || "–" : html`<${Names} home=${home} />`}</td></tr>`)}</tbody></table></div>` : null}
    ${dialog.value?.kind === "new" ? html`<${NewHome} onClose=${close} />` : null}${dialog.value?.kind === "titles" ? html`<${Titles} home=${dialog.value.home} onClose=${close} />` : null}`;
}
