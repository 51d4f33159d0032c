// PINs are checked on the device, by a slow hash: five wrong ones in a row lock it.

import type { Assistant } from "./protocol.ts";

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));

export async function isPin(assistant: Assistant, pin: string): Promise<boolean> {
  if (assistant.pin === null || !/^\d{4,12}$/.test(pin)) return false;
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(pin), "PBKDF2", false, [
    "deriveBits",
  ]);
  const { salt, iterations, hash } = assistant.pin;
  const told = new Uint8Array(
    await crypto.subtle.deriveBits(
      { name: "PBKDF2", hash: "SHA-256", salt: bytesOf(salt), iterations },
      key,
      256,
    ),
  );
  const wanted = bytesOf(hash);
  let different = told.length ^ wanted.length;
  told.forEach((byte, at) => {
    different |= byte ^ (wanted[at] ?? 0);
  });
  return different === 0;
}
