// Scanning without waiting: what a scanner types into a form[data-scanning] is sent in order while the next one is read.
// Without a network it waits here and is sent again, under the same key, until there is an answer; where the server asks for
// it, how long it waited goes along as `ago`.  Without a script the form is sent and comes back, as any other.

type Scan = { data: FormData; at: number };

const form = document.querySelector<HTMLFormElement>("form[data-scanning]");
const state = document.querySelector<HTMLElement>("[data-scanning-state]");
const waiting: Scan[] = [];
let isSending = false;

function say(words: string): void {
  if (state) state.textContent = words;
}

/** What the answer shows takes the place of what this page shows; the field that is typed into stays. */
function show(page: string): void {
  const found = new DOMParser().parseFromString(page, "text/html");
  const now = document.querySelector("[data-scanned]");
  const next = found.querySelector("[data-scanned]");
  if (now && next) now.replaceWith(document.adoptNode(next));
  document.querySelector(".flashes")?.remove();
  const told = found.querySelector(".flashes");
  if (told) document.querySelector(".page-head")?.after(document.adoptNode(told));
}

async function send(to: HTMLFormElement): Promise<void> {
  if (isSending) return;
  isSending = true;
  for (let scan = waiting[0]; scan; scan = waiting[0]) {
    if (to.dataset.scanning)
      scan.data.set(to.dataset.scanning, String(Math.round(performance.now() - scan.at)));
    try {
      const answer = await fetch(to.action, { method: "POST", body: scan.data });
      if (answer.status >= 500) throw new Error(String(answer.status));
      show(await answer.text());
      waiting.shift();
      say(waiting.length ? String(waiting.length) : "");
    } catch {
      say(`⏳ ${waiting.length}`);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
  isSending = false;
}

if (form) {
  const code = form.querySelector<HTMLInputElement>("input[name=code]");
  const units = form.querySelector<HTMLInputElement>("input[name=units]");
  code?.focus();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!code?.value.trim()) return;
    const data = new FormData(form);
    data.set("form_key", crypto.randomUUID());
    waiting.push({ data, at: performance.now() });
    code.value = "";
    if (units) units.value = "1";
    code.focus();
    void send(form);
  });
  addEventListener("beforeunload", (event) => {
    if (waiting.length) event.preventDefault();
  });
}

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

export {};
