/** One's own sessions: where one is signed in, and their end. */
import { useEffect } from "preact/hooks";
import { asApiError } from "../api.js";
import { formatMoment } from "../format.js";
import { announce, dialog } from "../state.js";
import { Dialog, html, Icon, ReadingState } from "../ui.js";
import { describeAgent } from "./agent.js";
import { endOthers, endSession, sessions } from "./me.js";
import { t } from "./words.js";

/** @param {() => Promise<unknown>} act */
async function end(act) {
  try {
    await act();
    announce(t("session_ended_one"));
  } catch (error) {
    announce(asApiError(error).sentence);
  }
  await sessions.load();
}

/** @param {{session: import("./me.js").SessionRow}} properties */
function Row({ session }) {
  return html`<tr><th scope="row" title=${session.agent ?? ""}>${describeAgent(session.agent) || t("agent_unknown")}</th>
    <td class="mono">${session.ip ?? "–"}</td><td>${formatMoment(Date.parse(session.opened_at))}</td><td>${formatMoment(Date.parse(session.seen_at))}</td>
    <td class="act">${session.current ? html`<span class="good"><${Icon} name="check" size=${13} />${t("session_current")}</span>`
      : html`<button type="button" class="button outlined" onClick=${() => end(() => endSession(session.id))}>${t("session_end")}</button>`}</td></tr>`;
}

export function SessionsDialog() {
  useEffect(() => { void sessions.load(); }, []);
  const reading = sessions.state.value;
  const found = reading.data?.sessions ?? [];
  return html`<${Dialog} title=${t("sessions")} kind="account wide" onClose=${() => { dialog.value = null; }}>
    <p class="hint about">${t("sessions_hint")}</p>
    <${ReadingState} reading=${reading} failed=${t("sessions_failed")} onRetry=${() => sessions.retry()} />
    ${found.length ? html`<div class="account-table"><table><thead><tr><th scope="col">${t("session_device")}</th><th scope="col">${t("session_address")}</th><th scope="col">${t("session_opened")}</th>
      <th scope="col">${t("session_seen")}</th><th scope="col"><span class="visually-hidden">${t("session_end")}</span></th></tr></thead>
      <tbody>${found.map((session) => html`<${Row} key=${session.id} session=${session} />`)}</tbody></table></div>` : null}
    ${found.length > 1 ? html`<footer class="account-foot"><button type="button" class="button outlined" onClick=${() => end(endOthers)}>${t("session_end_others")}</button></footer>` : null}
  <//>`;
}
