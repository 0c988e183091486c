/** What the metadata of a style layer says of it. */

/** Which layer of the registry a style layer draws. @param {any} layer @returns {string|null} */
export const layerOf = (layer) => layer.metadata?.["wanmi:layer"] ?? null;

/** True for what counts points by cells, and its numbers. @param {any} layer */
export const isCells = (layer) => ["cells", "cell-label"].includes(layer.metadata?.["wanmi:part"]);

/** True for what belongs to the ground map. @param {any} layer */
export const isGround = (layer) => layer.metadata?.["wanmi:basemap"] === true;
