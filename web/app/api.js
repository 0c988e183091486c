/**
 * Talking to the server: JSON in, JSON out, problem+json (RFC 9457) as errors, and one knowledge of whether it is there.
 */
import { signal } from "@preact/signals";
import { lang, t } from "./i18n.js";

/** False while the server does not answer. */
export const online = signal(true);
/** When it answered last. */
export const lastAnswer = signal(Date.now());

/** True once the server knows the session no longer: what stands on the screen can only be read on after a new log-in. */
export const sessionEnded = signal(false);

const TIMEOUT = 20_000;
const PROBE_EVERY = 4_000;
let probing = false;
let timer = 0;

/** What went wrong, in words for people. */
export class ApiError extends Error {
  /** @param {"offline"|"timeout"|"http"|"aborted"} kind @param {{status?: number, problem?: any}} [about] */
  constructor(kind, { status = 0, problem = null } = {}) {
    super(problem?.detail ?? problem?.title ?? kind);
    this.kind = kind;
    this.status = status;
    this.problem = problem;
  }

  /** The sentence in the language of the screen. */
  get sentence() {
    if (this.problem) {
      const words = lang.value === "en" ? this.problem.detail_en ?? this.problem.title : this.problem.detail ?? this.problem.title;
      if (words) return String(words);
    }
    if (this.kind === "timeout") return t("error_timeout", { seconds: TIMEOUT / 1000 });
    if (this.kind === "offline") return t("error_offline");
    return t("error_http", { status: this.status });
  }
}

/** @param {unknown} error @returns {ApiError} */
export const asApiError = (error) => (error instanceof ApiError ? error : new ApiError("offline"));

/** Asks the health page; while it is silent the server counts as lost and is asked again. */
export async function probe() {
  if (probing) return;
  probing = true;
  window.clearTimeout(timer);
  try {
    const response = await fetch("/healthz", { cache: "no-store" });
    if (!response.ok) throw new Error(String(response.status));
    lastAnswer.value = Date.now();
    online.value = true;
  } catch {
    online.value = false;
    timer = window.setTimeout(probe, PROBE_EVERY);
  } finally {
    probing = false;
  }
}

/** A request went unanswered: the health page decides whether the server is lost or only that request. */
export const doubt = () => void probe();

function answered() {
  lastAnswer.value = Date.now();
  if (!online.value) void probe();
}

/** Goes with every request that changes something; who is signed in knows it. */
let csrf = "";

/** Takes over who is signed in: the document of `/api/me`. @param {any} me */
export function takeMe(me) {
  csrf = me.csrf ?? "";
  return me;
}

/** What a request that does not go by `request` has to bring. */
export const csrfHeader = () => /** @type {[string, string]} */ (["X-CSRF-Token", csrf]);

/** A token of another session (a new password in another window): asked for anew, once. @param {any} problem */
const csrfIsOld = (problem) => problem?.type === "urn:wanmi:problem:csrf";

/** @param {Response} response */
async function problemOf(response) {
  const kind = response.headers.get("content-type") ?? "";
  if (!kind.includes("json")) return null;
  return response.json().catch(() => null);
}

/**
 * Fetches JSON.
 * @param {string} path
 * @param {{signal?: AbortSignal, body?: unknown, method?: string, again?: boolean}} [options] with a body it is a POST
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function request(path, { signal: given, body, method = body === undefined ? "GET" : "POST", again = true } = {}) {
  const controller = new AbortController();
  const stop = () => controller.abort();
  let late = false;
  const timer = window.setTimeout(() => { late = true; stop(); }, TIMEOUT);
  given?.addEventListener("abort", stop);
  if (given?.aborted) stop();
  try {
    const response = await fetch(path, {
      signal: controller.signal,
      method,
      headers: {
        Accept: "application/geo+json, application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(method === "GET" ? {} : { "X-CSRF-Token": csrf }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) {
      const problem = await problemOf(response);
      if ([502, 503, 504].includes(response.status) && !problem) throw new ApiError("offline", { status: response.status });
      answered();
      if (again && csrfIsOld(problem)) {
        await readMe(given);
        return await request(path, { signal: given, body, method, again: false });
      }
      if (response.status === 401 && problem?.type === "urn:wanmi:problem:unauthenticated") sessionEnded.value = true;
      throw new ApiError("http", { status: response.status, problem });
    }
    const data = response.status === 204 ? null : await response.json();
    answered();
    return data;
  } catch (error) {
    if (given?.aborted) throw new ApiError("aborted");
    if (error instanceof ApiError && (error.kind === "http" || error.kind === "aborted")) throw error;
    doubt();
    throw late ? new ApiError("timeout") : new ApiError("offline");
  } finally {
    window.clearTimeout(timer);
    given?.removeEventListener("abort", stop);
  }
}

/** A query string without empty values; several values repeat their key. @param {Record<string, string|number|string[]|number[]|null|undefined>} values */
export function query(values) {
  const given = Object.entries(values).flatMap(([key, value]) => (Array.isArray(value) ? value : [value]).map((one) => [key, one]))
    .filter(([, value]) => value !== null && value !== undefined && value !== "");
  return `?${new URLSearchParams(given.map(([key, value]) => [String(key), String(value)]))}`;
}

/** @typedef {[number, number, number, number]} Bbox */

/** Who is signed in. @param {AbortSignal} [signal] */
export const readMe = async (signal) => takeMe(await request("/api/me", { signal }));

export const readCities = (/** @type {AbortSignal} */ signal) => request("/api/cities", { signal });

/** The cities side by side. @param {AbortSignal} signal */
export const readFigures = (signal) => request("/api/cities/figures", { signal });

/** What a city holds, and from where. @param {string} city @param {AbortSignal} signal */
export const readDatasets = (city, signal) => request(`/api/cities/${encodeURIComponent(city)}/datasets`, { signal });

export const readLayers = (/** @type {string} */ city, /** @type {AbortSignal} */ signal) =>
  request(`/api/layers${query({ city })}`, { signal });

export const readStyle = (/** @type {string} */ theme, /** @type {string} */ city, /** @type {AbortSignal} */ signal) =>
  request(`/ogc/styles/${encodeURIComponent(theme)}${query({ city })}`, { signal });

/** @param {{layer: string, by: string, city: string, bbox?: Bbox}} what @param {AbortSignal} signal */
export const readStatistics = ({ bbox, ...what }, signal) => request(`/api/statistics${query({ ...what, bbox: bbox?.join(",") })}`, { signal });

/** @param {{layer: string, city: string, bbox: Bbox|null, limit: number, any: Record<string, string[]>}} what any: field -> values of which one has to be met @param {AbortSignal} signal */
export const readItems = ({ layer, city, bbox, limit, any }, signal) =>
  request(`/ogc/collections/${encodeURIComponent(layer)}/items${query({ city, bbox: bbox?.join(","), limit, ...any })}`, { signal });

/** The next page, by the link that the server gave; only its path, so nothing leaves the origin. @param {string} href @param {AbortSignal} signal */
export function readNext(href, signal) {
  const url = new URL(href, window.location.href);
  return request(`${url.pathname}${url.search}`, { signal });
}

/** Ids are unique in a layer, over all cities. @param {{layer: string, id: number}} what @param {AbortSignal} signal */
export const readItem = ({ layer, id }, signal) => request(`/ogc/collections/${encodeURIComponent(layer)}/items/${id}`, { signal });

/** @param {{lon: number, lat: number, radius_m: number, layers: string, shown: string[], city: string, limit: number}} what @param {AbortSignal} signal */
export const identify = (what, signal) => request(`/api/identify${query(what)}`, { signal });

/** @param {{q: string, city: string, limit: number}} what @param {AbortSignal} signal */
export const search = (what, signal) => request(`/api/search${query(what)}`, { signal });

/** In the metric system of the city. @param {object} geometry @param {string|null} city @param {AbortSignal} signal */
export const measure = (geometry, city, signal) => request("/api/measure", { signal, body: { geometry, ...(city ? { city } : {}) } });

/** A masked field, for a reason. @param {{layer: string, id: number, field: string, reason: string}} body */
export const postUnmask = (body) => request("/api/unmask", { body });
