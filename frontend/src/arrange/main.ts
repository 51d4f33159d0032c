// Pictures of a product: dragged into another place, and dropped onto the page to be added.

for (const list of document.querySelectorAll<HTMLElement>("[data-arrange]")) {
  const form = document.getElementById(list.dataset["arrange"] ?? "");
  if (!(form instanceof HTMLFormElement)) continue;
  let dragged: HTMLElement | null = null;
  let before = "";
  const order = (): string =>
    [...list.querySelectorAll<HTMLInputElement>("input[name=picture]")].map((each) => each.value).join(" ");
  list.addEventListener("dragstart", (event) => {
    // What is typed in a field is dragged as text.
    if (!(event.target instanceof HTMLElement) || event.target.closest("input, select") !== null) return;
    dragged = event.target.closest<HTMLElement>("li");
    before = order();
    dragged?.classList.add("dragged");
    event.dataTransfer?.setData("text/plain", "");
  });
  list.addEventListener("dragover", (event) => {
    const over = event.target instanceof Element ? event.target.closest("li") : null;
    if (dragged === null || over === null) return;
    event.preventDefault();
    if (over === dragged) return;
    const { left, width } = over.getBoundingClientRect();
    const after = event.clientX > left + width / 2;
    list.insertBefore(dragged, after ? over.nextElementSibling : over);
  });
  list.addEventListener("dragend", () => {
    dragged?.classList.remove("dragged");
    dragged = null;
    // Fields belong to the form by name: they are sent in the order in which they stand.
    if (order() !== before) form.requestSubmit();
  });
}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-drop]")) {
  const input = form.querySelector<HTMLInputElement>("input[type=file]");
  const place = form.closest<HTMLElement>("section") ?? form;
  const brings = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;
  place.addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    place.classList.add("dropping");
  });
  place.addEventListener("dragleave", (event) => {
    if (!(event.relatedTarget instanceof Node) || !place.contains(event.relatedTarget))
      place.classList.remove("dropping");
  });
  place.addEventListener("drop", (event) => {
    place.classList.remove("dropping");
    if (!brings(event) || input === null) return;
    event.preventDefault();
    input.files = event.dataTransfer?.files ?? null;
    form.requestSubmit();
  });
}
