const sprite = typeof document === "undefined" ? "" : (document.documentElement.dataset["icons"] ?? "");

/** A stroke icon.  Decoration: the word beside it, or the label of its button, speaks. */
export function Icon({ name, big = false }: { name: string; big?: boolean }) {
  return (
    <svg class={big ? "icon big" : "icon"} aria-hidden="true">
      <use href={`${sprite}#${name}`} />
    </svg>
  );
}
