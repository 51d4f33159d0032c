// The forms through which people come in.  They work without it.

/** <select data-zone="usual">: the browser knows its own zone, perhaps by another of its names. */
function presetZone(): void {
  const select = document.querySelector<HTMLSelectElement>("select[data-zone='usual']");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const option = [...(select?.options ?? [])].find(
    (one) => one.value === own || (one.dataset["also"] ?? "").split(" ").includes(own),
  );
  if (select !== null && option !== undefined) select.value = option.value;
}

/** <form data-stays>: when it is refused, its new page takes its place, and the password that was typed stays typed. */
async function send(form: HTMLFormElement): Promise<void> {
  const typed = [...form.querySelectorAll<HTMLInputElement>("input[type='password']")].map(
    (input) => [input.name, input.value] as const,
  );
  // Name by name: what is in a form of this kind is text.
  const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
  const response = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { accept: "text/html" },
  });
  if (response.redirected) {
    location.assign(response.url);
    return;
  }
  const answer = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = answer.querySelector<HTMLFormElement>("form[data-stays]");
  if (fresh === null) {
    document.documentElement.replaceWith(answer.documentElement);
    return;
  }
  form.replaceWith(fresh);
  for (const [name, value] of typed) {
    const input = fresh.querySelector<HTMLInputElement>(`input[type='password'][name='${name}']`);
    if (input === null || value === "" || input.getAttribute("aria-invalid") === "true") continue;
    input.value = value;
    fresh.querySelector(`#h-${name}`)?.remove();
  }
  fresh.querySelector<HTMLElement>("[aria-invalid='true']")?.focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-stays]")) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button?.setAttribute("disabled", "");
  // Without the script's way, the browser's own: it says what went wrong.
  send(form)
    .catch(() => form.submit())
    .finally(() => button?.removeAttribute("disabled"));
});

presetZone();
