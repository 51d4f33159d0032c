// Printers that a page reaches by itself: USB and serial ports, where the browser has them.

interface Endpoint {
  readonly endpointNumber: number;
  readonly direction: string;
  readonly type: string;
}
interface UsbDevice {
  readonly opened: boolean;
  readonly configuration: {
    readonly interfaces: readonly {
      readonly interfaceNumber: number;
      readonly alternate: { readonly interfaceClass: number; readonly endpoints: readonly Endpoint[] };
    }[];
  } | null;
  open(): Promise<void>;
  selectConfiguration(value: number): Promise<void>;
  claimInterface(number: number): Promise<void>;
  transferOut(endpoint: number, data: Uint8Array): Promise<{ status: string }>;
}
interface SerialPort {
  readonly writable: WritableStream<Uint8Array> | null;
  open(options: { baudRate: number }): Promise<void>;
}
interface Ports {
  readonly usb?: {
    requestDevice(options: { filters: object[] }): Promise<UsbDevice>;
    getDevices(): Promise<UsbDevice[]>;
  };
  readonly serial?: { requestPort(): Promise<SerialPort>; getPorts(): Promise<SerialPort[]> };
}

export type Way = "usb" | "serial" | "browser";

const ports = (): Ports => navigator as unknown as Ports;

export function ways(): Way[] {
  const { usb, serial } = ports();
  return [...(usb ? (["usb"] as const) : []), ...(serial ? (["serial"] as const) : []), "browser"];
}

/** Ask the person to choose the printer; the browser remembers it. */
export async function choose(way: Way): Promise<void> {
  // Class 7 is a printer.
  if (way === "usb") await ports().usb?.requestDevice({ filters: [{ classCode: 7 }] });
  if (way === "serial") await ports().serial?.requestPort();
}

/** Throws where there is no such printer, or it does not answer. */
export async function send(way: Way, bytes: Uint8Array): Promise<void> {
  if (way === "usb") return toUsb(bytes);
  if (way === "serial") return toSerial(bytes);
}

async function toUsb(bytes: Uint8Array): Promise<void> {
  const [device] = (await ports().usb?.getDevices()) ?? [];
  if (!device) throw new Error("no printer");
  if (!device.opened) await device.open();
  if (device.configuration === null) await device.selectConfiguration(1);
  const found = device.configuration?.interfaces.find((each) => each.alternate.interfaceClass === 7);
  const out = found?.alternate.endpoints.find((each) => each.direction === "out" && each.type === "bulk");
  if (!found || !out) throw new Error("no printer");
  await device.claimInterface(found.interfaceNumber).catch(() => undefined);
  const sent = await device.transferOut(out.endpointNumber, bytes);
  if (sent.status !== "ok") throw new Error(sent.status);
}

async function toSerial(bytes: Uint8Array): Promise<void> {
  const [port] = (await ports().serial?.getPorts()) ?? [];
  if (!port) throw new Error("no printer");
  if (port.writable === null) await port.open({ baudRate: 9600 });
  const writer = port.writable?.getWriter();
  if (!writer) throw new Error("no printer");
  try {
    await writer.write(bytes);
  } finally {
    writer.releaseLock();
  }
}
