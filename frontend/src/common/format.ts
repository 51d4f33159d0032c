// Money, dates and times for people.

import { NOT_TWO } from "./currencies.ts";

/** Digits after the point of a currency, by the server's table: the browser's has fewer for some. */
export function decimals(currency: string): number {
  return NOT_TWO[currency] ?? 2;
}

/** "¥129" or "¥129.50": as the server writes prices. */
export function money(minor: number, currency: string, language: string): string {
  const digits = decimals(currency);
  const value = minor / 10 ** digits;
  const shown = Number.isInteger(value) ? 0 : digits;
  return new Intl.NumberFormat(language, {
    style: "currency",
    currency,
    minimumFractionDigits: shown,
    maximumFractionDigits: shown,
  }).format(value);
}

/** A day without a time, "2026-12-03", never moved by a time zone: "3 Dec". */
export function day(iso: string, language: string): string {
  const [year = 0, month = 1, date = 1] = iso.split("-").map(Number);
  return new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" }).format(
    Date.UTC(year, month - 1, date),
  );
}

/** Seconds as "4:05"; never below zero. */
export function countdown(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** 1234 -> "1,234", 12 345 678 -> "12M", in the way of the language. */
export function count(value: number, language: string): string {
  return new Intl.NumberFormat(
    language,
    value >= 10_000 ? { notation: "compact", maximumFractionDigits: 1 } : {},
  ).format(value);
}

/** "in 3 days", "in 26 hours", "in 45 minutes": the largest unit of which there are two at least. */
export function away(seconds: number, language: string): string {
  const words = new Intl.RelativeTimeFormat(language, { numeric: "always" });
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 120) return words.format(minutes, "minute");
  const hours = Math.round(minutes / 60);
  return hours < 48 ? words.format(hours, "hour") : words.format(Math.round(hours / 24), "day");
}
