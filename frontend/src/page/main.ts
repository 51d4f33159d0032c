// On every page: timers that run, dialogs that open.  Pages work without it.

import { ServerClock } from "../common/clock.ts";
import { Collector, type Facts } from "../common/collect.ts";
import { countdown } from "../common/format.ts";

/** [data-timer="ISO" data-now="ms"]: counts down by the server's clock; `soon` under a minute, `over` at the end. */
for (const element of document.querySelectorAll<HTMLElement>("[data-timer]")) {
  const clock = new ServerClock();
  clock.heard(Number(element.dataset["now"] ?? Date.now()));
  const shown = element.querySelector<HTMLElement>("[data-clock]");
  const until = element.dataset["timer"] ?? "";
  const run = () => {
    const seconds = clock.secondsUntil(until);
    if (shown !== null) shown.textContent = countdown(seconds);
    element.classList.toggle("soon", seconds > 0 && seconds < 60);
    element.classList.toggle("over", seconds === 0);
    if (seconds === 0) {
      clearInterval(timer);
      for (const late of document.querySelectorAll<HTMLElement>("[data-when-over]")) late.hidden = false;
    }
  };
  const timer = setInterval(run, 500);
  run();
}

/** <button data-opens="ID"> opens a <dialog>. */
document.addEventListener("click", (event) => {
  const opener = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-opens]") : null;
  const dialog = opener === null ? null : document.getElementById(opener.dataset["opens"] ?? "");
  if (dialog instanceof HTMLDialogElement) dialog.showModal();
});

/** <button data-copies="TEXT" data-copied="WORD" hidden>: shown where the browser lets a page copy. */
for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copies]")) {
  const text = button.dataset["copies"] ?? "";
  button.hidden = false;
  button.addEventListener("click", () => {
    const word = button.querySelector("span") ?? button;
    const shown = button.parentElement?.querySelector("code");
    const done = () => (word.textContent = button.dataset["copied"] ?? "");
    // Without https a page has no clipboard of its own: what is selected can still be copied.
    if (shown) getSelection()?.selectAllChildren(shown);
    if (isSecureContext) void navigator.clipboard.writeText(text).then(done, () => undefined);
    else if (document.execCommand("copy")) done();
  });
}

/** A form sent twice by two taps is sent once. */
for (const form of document.querySelectorAll<HTMLFormElement>("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset["sent"] !== undefined) event.preventDefault();
    form.dataset["sent"] = "yes";
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-busy", "true");
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) {
    delete form.dataset["sent"];
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-busy");
  }
});

/** [data-line="ID:STATE:POSITION …"]: places in line.  The page is loaded anew when one of them moved. */
const line = document.querySelector<HTMLElement>("[data-line]");
if (line !== null) {
  const shown = (line.dataset["line"] ?? "").trim();
  const look = async (): Promise<void> => {
    let pause = 15;
    try {
      const response = await fetch(location.pathname, { headers: { accept: "application/json" } });
      const told = (await response.json()) as {
        readonly places: readonly {
          readonly id: string;
          readonly state: string;
          readonly position: number;
        }[];
        readonly again_in: number;
      };
      if (told.places.map((one) => `${one.id}:${one.state}:${one.position}`).join(" ") !== shown) {
        location.reload();
        return;
      }
      pause = told.again_in;
    } catch {
      // The shop is away for a moment; the places are not.
    }
    setTimeout(() => void look(), pause * 1_000 * (0.75 + Math.random() / 2));
  };
  setTimeout(() => void look(), 5_000);
}

/** Long checklists: a field that leaves only what has the typed words, and boxes that tick all of their group. */
for (const field of document.querySelectorAll<HTMLElement>("[data-narrows]")) {
  const lists = [...(field.parentElement?.querySelectorAll<HTMLDetailsElement>(".checklist") ?? [])];
  const box = field.querySelector("input");
  field.hidden = false;
  box?.addEventListener("input", () => {
    const wanted = box.value.trim().toLocaleLowerCase();
    for (const list of lists) {
      let any = false;
      for (const label of list.querySelectorAll<HTMLElement>(".checks .check")) {
        const fits = (label.textContent ?? "").toLocaleLowerCase().includes(wanted);
        label.hidden = !fits;
        any ||= fits;
      }
      list.hidden = !any;
      if (wanted !== "") list.open = any;
    }
  });
  for (const list of lists) {
    const all = list.querySelector<HTMLInputElement>("[name=country_groups]");
    const boxes = [...list.querySelectorAll<HTMLInputElement>(".checks input")];
    // Without a script the box only adds; with one it also says what is ticked.
    if (all !== null) all.checked = boxes.every((each) => each.checked);
    list.addEventListener("change", (event) => {
      if (all === null) return;
      if (event.target === all) for (const each of boxes) each.checked = all.checked;
      else all.checked = boxes.every((each) => each.checked);
      const count = list.querySelector("summary .num");
      if (count !== null)
        count.textContent = `${boxes.filter((each) => each.checked).length}/${boxes.length}`;
    });
  }
}

/** The places of the console scroll sideways on a phone: where one is stands in view. */
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

/** [data-slide="ID"]: who chooses a variant sees the picture of it. */
document.addEventListener("change", (event) => {
  const chosen = event.target instanceof HTMLElement ? (event.target.dataset["slide"] ?? "") : "";
  const slide = chosen === "" ? null : document.getElementById(chosen);
  const strip = slide?.parentElement;
  if (slide && strip) strip.scrollTo({ left: slide.offsetLeft - strip.offsetLeft });
});

/** The first field that was refused gets the focus. */
document.querySelector<HTMLElement>("[aria-invalid='true']")?.focus();

/** <script type="application/json" id="events">[[type, facts], …]</script>: what this page tells the collector. */
const events = document.getElementById("events");
if (events !== null) {
  const collector = new Collector({});
  collector.flushWhenHidden();
  for (const [type, facts] of JSON.parse(events.textContent ?? "[]") as [string, Facts][])
    collector.note(type, facts);
}
