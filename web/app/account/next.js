/** Where to go after log-in: only ever to a page of this server. */

/**
 * The address of `next` on this origin, with the fragment that the browser kept; the one-map for anything else.
 * An absolute address is answered: a path such as `//host` or `/\host` would lead away.
 * @param {string|null} next @param {string} hash @param {string} origin
 */
export function localTarget(next, hash, origin) {
  const home = `${origin}/`;
  if (!next || !next.startsWith("/")) return home + hash;
  let url;
  try {
    url = new URL(next, origin);
  } catch {
    return home + hash;
  }
  // the path of an address on this origin may itself begin with two strokes; kept absolute it leads nowhere else
  if (url.origin !== origin || url.username || url.password) return home + hash;
  if (url.pathname === "/login" || url.pathname.startsWith("/api/")) return home + hash;
  return `${origin}${url.pathname}${url.search}${url.hash || hash}`;
}

/** The log-in page that comes back to where one is. @param {{pathname: string, search: string, hash: string}} here */
export const loginAddress = (here) => `/login?next=${encodeURIComponent(`${here.pathname}${here.search}${here.hash}`)}`;
