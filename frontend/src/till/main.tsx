// The till's page.  One tab at a time has the journal; a new version takes over between two sales only.

import { render } from "preact";
import { pageData, type Words } from "../common/words.ts";
import { App } from "./app.tsx";
import { Scanner } from "./scanner.ts";
import { Disk } from "./storage.ts";
import { Till } from "./till.ts";

interface Page {
  readonly slug: string;
  readonly language: string;
}

const root = document.getElementById("till");
if (root !== null) void start(root);

async function start(place: HTMLElement): Promise<void> {
  const page = pageData<Page>("till-page");
  const words = pageData<Record<string, Words>>("till-words");
  const preferred = navigator.language.startsWith("zh") ? "zh-CN" : "en";
  const language = preferred in words ? preferred : page.language;
  const till = new Till(page.slug, await Disk.open(page.slug), words, language);
  document.documentElement.lang = language;
  const begin = async () => {
    try {
      await till.open();
      document.documentElement.lang = till.language;
    } catch {
      till.screen = "broken";
      till.changed();
    }
  };
  /** Held as long as the page lives; `steal`: the other tab hears that it has lost it. */
  const hold = (steal: boolean): Promise<unknown> =>
    navigator.locks.request(`till-${page.slug}`, steal ? { steal } : { ifAvailable: true }, async (lock) => {
      if (lock === null) {
        till.leave();
        return;
      }
      await begin();
      await new Promise(() => {});
    });
  // Always a new page: what this tab knew may be old.
  const takeOver = () => {
    history.replaceState(null, "", "?take");
    location.reload();
  };
  render(<App till={till} takeOver={takeOver} />, place);
  const takes = location.search === "?take";
  if (takes) history.replaceState(null, "", location.pathname);
  hold(takes).catch(() => till.leave());
  new Scanner((code) => till.scan(code)).listen(document);
  addEventListener("online", () => till.kick());
  addEventListener("offline", () => till.kick());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") till.kick();
  });
  watchVersions(page.slug, till);
}

function watchVersions(slug: string, till: Till): void {
  if (!("serviceWorker" in navigator)) return;
  let controlled = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker
    .register(`/till/${slug}/worker.js`, { scope: `/till/${slug}/` })
    .then((known: ServiceWorkerRegistration | undefined) => {
      const offer = () => {
        if (known?.waiting && till.isIdle) known.waiting.postMessage({ takeOver: true });
      };
      till.listen(offer);
      known?.addEventListener("updatefound", () => {
        known.installing?.addEventListener("statechange", offer);
      });
      setInterval(() => void known?.update().catch(() => undefined), 3_600_000);
      offer();
    })
    .catch(() => till.tell("wait", "no_worker"));
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    // The first worker takes the page as it is; the next one comes with pages of its own.
    if (controlled && till.isIdle) location.reload();
    controlled = true;
  });
}
