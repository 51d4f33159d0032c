// Notifications of this browser: allowed with one tap, taken back with another.  Pages work without it.

interface Offer {
  readonly box: HTMLElement;
  readonly address: string;
  readonly show: number | null;
}

const WORKER = "/push-worker.js";
const SCOPE = "/push/";

function offers(): Offer[] {
  return [...document.querySelectorAll<HTMLElement>("[data-push]")].map((box) => ({
    box,
    address: box.dataset["push"] ?? "",
    show: box.dataset["show"] === undefined ? null : Number(box.dataset["show"]),
  }));
}

function part(box: HTMLElement, name: string): HTMLElement | null {
  return box.querySelector<HTMLElement>(`[data-push-${name}]`);
}

/** What is to be read in the box, and which of its buttons can be tapped. */
function show(box: HTMLElement, word: string, allowed: boolean): void {
  const said = part(box, "said");
  const allow = part(box, "allow");
  const off = part(box, "off");
  if (said !== null) {
    said.textContent = box.dataset[word] ?? "";
    said.hidden = said.textContent === "";
  }
  if (allow !== null) allow.hidden = allowed;
  if (off !== null) off.hidden = !allowed;
}

/** The worker, once it can be subscribed with. */
async function worker(): Promise<ServiceWorkerRegistration> {
  const registration = await navigator.serviceWorker.register(WORKER, { scope: SCOPE });
  const coming = registration.installing ?? registration.waiting;
  if (registration.active === null && coming !== null) {
    await new Promise<void>((resolve) => {
      coming.addEventListener("statechange", () => {
        if (coming.state === "activated" || coming.state === "redundant") resolve();
      });
    });
  }
  return registration;
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
}

function text(raw: ArrayBuffer | null): string {
  const signs = String.fromCharCode(...new Uint8Array(raw ?? new ArrayBuffer(0)));
  return btoa(signs).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The subscription to the shop's key of now: one to an older key reaches nobody. */
async function subscribed(address: string): Promise<PushSubscription> {
  const [registration, answer] = await Promise.all([worker(), fetch(address)]);
  if (!answer.ok) throw new Error(`${answer.status}`);
  const { key } = (await answer.json()) as { readonly key: string };
  const had = await registration.pushManager.getSubscription();
  if (had !== null) {
    if (text(had.options.applicationServerKey) === key) return had;
    await had.unsubscribe();
  }
  return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
}

async function post(address: string, body: unknown): Promise<void> {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${answer.status}`);
}

async function allow(offer: Offer): Promise<void> {
  if ((await Notification.requestPermission()) !== "granted") {
    show(offer.box, "denied", false);
    return;
  }
  const subscription = await subscribed(offer.address);
  await post(offer.address, {
    endpoint: subscription.endpoint,
    p256dh: text(subscription.getKey("p256dh")),
    auth: text(subscription.getKey("auth")),
    show_id: offer.show,
  });
  show(offer.box, "on", true);
}

async function takeBack(offer: Offer): Promise<void> {
  const registration = await navigator.serviceWorker.getRegistration(SCOPE);
  const had = await registration?.pushManager.getSubscription();
  if (had) {
    await post(`${offer.address}/remove`, { endpoint: had.endpoint });
    await had.unsubscribe();
  }
  show(offer.box, "taken", false);
}

async function isOn(): Promise<boolean> {
  const registration = await navigator.serviceWorker.getRegistration(SCOPE);
  return Notification.permission === "granted" && Boolean(await registration?.pushManager.getSubscription());
}

function begin(offer: Offer): void {
  if (!isSecureContext) {
    show(offer.box, "insecure", false);
    part(offer.box, "allow")?.setAttribute("hidden", "");
    offer.box.hidden = false;
    return;
  }
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) return;
  for (const [name, act] of [
    ["allow", allow],
    ["off", takeBack],
  ] as const) {
    const button = part(offer.box, name);
    button?.addEventListener("click", () => {
      button.setAttribute("aria-busy", "true");
      act(offer)
        .catch(() => show(offer.box, "failed", name === "off"))
        .finally(() => button.removeAttribute("aria-busy"));
    });
  }
  offer.box.hidden = false;
  // A show is asked for one by one; the rest is on or off for this browser.
  if (offer.show === null) void isOn().then((on) => on && show(offer.box, "on", true));
}

for (const offer of offers()) begin(offer);
