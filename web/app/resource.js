/** Something read from the server, with every state that a panel has to show. */
import { signal } from "@preact/signals";
import { asApiError } from "./api.js";

/**
 * @template T
 * @typedef {object} Reading
 * @property {"empty"|"loading"|"ready"|"refreshing"|"failed"|"stale"} status  stale: there is data, but the refresh failed
 * @property {T|null} data
 * @property {import("./api.js").ApiError|null} error
 * @property {number|null} at  when the data came
 */

/**
 * @template T
 * @template {unknown[]} A
 * @param {(signal: AbortSignal, ...given: A) => Promise<T>} loader
 */
export function resource(loader) {
  /** @type {import("@preact/signals").Signal<Reading<T>>} */
  const state = signal(/** @type {Reading<T>} */ ({ status: "empty", data: null, error: null, at: null }));
  /** @type {AbortController|null} */
  let running = null;
  /** @type {A|null} */
  let last = null;

  /** Reads; an older reading under way is dropped. Data of before stays in sight. @param {A} given */
  async function load(...given) {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    last = given;
    const before = state.peek();
    state.value = { ...before, status: before.data ? "refreshing" : "loading", error: null };
    try {
      const data = await loader(mine.signal, ...given);
      if (running === mine) state.value = { status: "ready", data, error: null, at: Date.now() };
    } catch (error) {
      if (running !== mine) return;
      const { data, at } = state.peek();
      state.value = { status: data ? "stale" : "failed", data, error: asApiError(error), at };
    }
  }

  return {
    state,
    load,
    /** Reads again what was read last. */
    retry: () => (last ? load(...last) : Promise.resolve()),
    /** Forgets everything. */
    clear() {
      running?.abort();
      running = null;
      last = null;
      state.value = { status: "empty", data: null, error: null, at: null };
    },
    /** Takes data that is already here. @param {T} data */
    give(data) {
      running?.abort();
      running = null;
      state.value = { status: "ready", data, error: null, at: Date.now() };
    },
  };
}
