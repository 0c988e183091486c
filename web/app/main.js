/** Puts the one-map together: state, address, server, map, panels. */
import { AccountDialogs, linkAccount, SessionEnded } from "./account/menu.js";
import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { linkAddress, linkServer, dialog, list, page } from "./state.js";
import { linkJobs } from "./jobs.js";
import { listenToKeys } from "./keys.js";
import { t } from "./i18n.js";
import { start } from "./map/engine.js";
import { linkSelection } from "./map/interaction.js";
import { linkMeasure } from "./map/measure.js";
import { linkPrint } from "./map/snapshot.js";
import { Card } from "./panels/card.js";
import { CityPage, linkCityPage } from "./panels/city.js";
import { Announcement, Banners, MapControls, NoWebGL, ScaleBar, StatusLine, TopBar } from "./panels/frame.js";
import { Help } from "./panels/help.js";
import { Jobs } from "./panels/jobs.js";
import { LayerPanel, linkLegends } from "./panels/layers.js";
import { linkList, ListPanel } from "./panels/list.js";
import { UnmaskDialog } from "./panels/masked.js";
import { MeasurePanel } from "./panels/measure.js";
import { linkSearch } from "./panels/search.js";
import { CellTip } from "./panels/tip.js";
import { Sheet } from "./panels/sheet.js";
import { Upload } from "./panels/upload.js";
import { html } from "./ui.js";

function MapView() {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => { if (box.current) void start(box.current); }, []);
  return html`<div id="map" ref=${box}></div>`;
}

function App() {
  return html`<div class="frame">
    <${TopBar} />
    <${LayerPanel} />
    <main aria-label=${t("screen")}><${MapView} /><span class="centre" aria-hidden="true"></span><${NoWebGL} /><${Banners} /><${CellTip} /><${MeasurePanel} /><${ScaleBar} /><${MapControls} /></main>
    <div class=${list.value ? "right docked" : "right"}><${Card} /><${ListPanel} /></div>
    <${StatusLine} /><${Announcement} />
    ${dialog.value === "help" ? html`<${Help} />` : null}${dialog.value === "sheet" ? html`<${Sheet} />` : null}
    ${dialog.value === "jobs" ? html`<${Jobs} />` : null}${dialog.value === "upload" ? html`<${Upload} />` : null}
    ${page.value ? html`<${CityPage} />` : null}
    <${UnmaskDialog} /><${AccountDialogs} /><${SessionEnded} />
  </div>`;
}

linkAddress();
linkAccount();
linkServer();
linkSelection();
linkMeasure();
linkLegends();
linkList();
linkSearch();
linkPrint();
linkCityPage();
linkJobs();
listenToKeys();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${App} />`, root);
