// Builds the front end into src/shopfloor/web/static: `node build.mjs OUTPUT_DIRECTORY`.
//
//   css/NAME.css            -> NAME-HASH.css     (css/parts/* are imported, never served alone)
//   src/NAME/main.ts(x)     -> NAME-HASH.js      (an island: a new folder with a main file is picked up by itself)
//   icons/NAME.svg          -> one sprite, icons-HASH.svg#NAME
//   public/NAME.EXT         -> NAME-HASH.EXT, as it is
//
// Beside each file stand FILE.br and FILE.gz, the same bytes as small as they get, where that is smaller.
//
// manifest.json says which name became which file, what each script imports at once (to be preloaded) and how many
// bytes each weighs compressed; Python reads it to write links and to hold the budgets.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname, join, relative, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const out = resolve(process.argv[2] ?? "../src/shopfloor/web/static");
mkdirSync(out, { recursive: true });

const styles = readdirSync("css")
  .filter((name) => name.endsWith(".css"))
  .map((name) => join("css", name));
const islands = readdirSync("src")
  .map((name) =>
    ["main.tsx", "main.ts"].map((main) => join("src", name, main)).find((path) => existsSync(path)),
  )
  .filter((path) => path !== undefined);

const options = {
  outdir: out,
  bundle: true,
  minify: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "safari16"],
  jsx: "automatic",
  jsxImportSource: "preact",
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  legalComments: "eof",
  charset: "utf8",
  metafile: true,
  logLevel: "warning",
};
const entries = (paths) =>
  paths.map((path) => ({ in: path, out: path.split(/[\\/]/)[1].replace(/\.css$/, "") }));
// A till keeps its page on the device and shares nothing with a shopper's: what both use would be cut in more and
// smaller pieces, which a phone in the room would have to fetch.
const isTill = (path) => /^src[\\/]till/.test(path);
// Other sites load it as one plain script.
const isAlone = (path) => /^src[\\/]events[\\/]/.test(path);
const shared = islands.filter((path) => !isTill(path) && !isAlone(path));
const results = await Promise.all([
  ...[[...styles, ...shared], islands.filter(isTill)].map((paths) =>
    build({ ...options, entryPoints: entries(paths) }),
  ),
  build({ ...options, splitting: false, format: "iife", entryPoints: entries(islands.filter(isAlone)) }),
]);
const outputs = Object.assign({}, ...results.map((result) => result.metafile.outputs));

const manifest = {};
const weight = (file) => gzipSync(readFileSync(join(out, file)), { level: 9 }).length;
for (const [path, output] of Object.entries(outputs)) {
  // What an island fetches later is an entry of its own to the bundler, not to a page.
  if (![...styles, ...islands].includes(output.entryPoint ?? "")) continue;
  const file = relative(out, resolve(path));
  const name = output.entryPoint.startsWith("css/")
    ? basename(output.entryPoint)
    : `${output.entryPoint.split("/")[1]}.js`;
  const imports = output.imports
    .filter((one) => one.kind === "import-statement")
    .map((one) => relative(out, resolve(one.path)));
  manifest[name] = { file, imports, gzip: [file, ...imports].reduce((sum, one) => sum + weight(one), 0) };
}

const symbols = readdirSync("icons")
  .filter((name) => name.endsWith(".svg"))
  .sort()
  .map(
    (name) =>
      `<symbol id="${basename(name, ".svg")}" viewBox="0 0 24 24">${readFileSync(join("icons", name), "utf8").trim()}</symbol>`,
  );
const sprite = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
const plain = [
  ["icons.svg", sprite],
  ...readdirSync("public").map((name) => [name, readFileSync(join("public", name))]),
];
for (const [name, content] of plain) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 8).toUpperCase();
  const file = `${basename(name, extname(name))}-${hash}${extname(name)}`;
  writeFileSync(join(out, file), content);
  manifest[name] = { file, imports: [], gzip: weight(file) };
}

const files = [
  ...plain.map(([name]) => manifest[name].file),
  ...Object.keys(outputs).map((path) => relative(out, resolve(path))),
];
const packed = [];
for (const file of files) {
  const content = readFileSync(join(out, file));
  const best = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  for (const [suffix, bytes] of [
    ["br", brotliCompressSync(content, { params: best })],
    ["gz", gzipSync(content, { level: 9 })],
  ]) {
    if (bytes.length >= content.length) continue;
    writeFileSync(join(out, `${file}.${suffix}`), bytes);
    packed.push(`${file}.${suffix}`);
  }
}

writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest, null, 1));

// What an earlier build left goes last, so that a running server never points at a file that is not there yet.
const made = new Set(["manifest.json", ...files, ...packed]);
for (const name of readdirSync(out)) if (!made.has(name)) rmSync(join(out, name), { recursive: true });
