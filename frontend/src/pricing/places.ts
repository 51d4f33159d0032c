// Which rules are about a place.

import type { Place } from "./models.ts";

export function sameCountry(country: string, place: Place): boolean {
  const there = (place.country ?? "").toUpperCase();
  return there !== "" && country.toUpperCase() === there;
}

export function inRegions(names: readonly string[], place: Place): boolean {
  const region = folded(place.region ?? "");
  return region !== "" && names.some((name) => folded(name) === region);
}

/** Patterns: `1010`, a beginning `10*`, or `20000-20999` where both ends have as many digits. */
export function inPostcodes(patterns: readonly string[], place: Place): boolean {
  const postcode = code(place.postcode ?? "");
  return postcode !== "" && patterns.some((pattern) => fits(pattern, postcode));
}

export function covers(
  countries: readonly string[],
  regions: readonly string[],
  postcodes: readonly string[],
  place: Place,
): boolean {
  return (
    (countries.includes("*") || countries.some((country) => sameCountry(country, place))) &&
    (regions.length === 0 || inRegions(regions, place)) &&
    (postcodes.length === 0 || inPostcodes(postcodes, place))
  );
}

function fits(pattern: string, postcode: string): boolean {
  const [, low, high] = /^([0-9]+)-([0-9]+)$/.exec(pattern.replace(/\s/g, "")) ?? [];
  if (low !== undefined && high !== undefined && low.length === high.length)
    return postcode.length === low.length && low <= postcode && postcode <= high;
  const bare = code(pattern);
  return bare.endsWith("*") ? postcode.startsWith(bare.slice(0, -1)) : postcode === bare;
}

function code(text: string): string {
  return text
    .normalize("NFKC")
    .replace(/[\s\-‐-―]/g, "")
    .toUpperCase();
}

export function folded(text: string): string {
  return caseless(text.normalize("NFKC")).split(/\s+/).filter(Boolean).join(" ");
}

/** As Unicode folds case: ß is ss, and a sigma at the end of a word is a sigma. */
export function caseless(text: string): string {
  return text.toUpperCase().toLowerCase().replaceAll("ς", "σ");
}
