// Puts what Vite has built into the Python package, each file compressed; `--check` says what differs instead.
// The content is what counts: compressors differ from machine to machine, so a file that holds the same is left alone.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { notices } from './notices.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const built = join(here, 'dist');
const target = join(here, '..', 'nst_engine', 'server', 'page_files');
const NOTICES = 'THIRD-PARTY.txt';

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();

mkdirSync(target, { recursive: true });
const there = new Map(
  filesIn(target).map((name) => {
    const bytes = readFileSync(join(target, name));
    return [name, name.endsWith('.gz') ? gunzipSync(bytes) : bytes];
  }),
);
const wanted = new Map(filesIn(built).map((name) => [`${name}.gz`, readFileSync(join(built, name))]));
wanted.set(NOTICES, Buffer.from(notices()));

const stale = [...there.keys()].filter((name) => !wanted.has(name));
const changed = [...wanted.keys()].filter((name) => !there.get(name)?.equals(wanted.get(name)));

if (process.argv.includes('--check')) {
  if (stale.length || changed.length) {
    console.error(`the built page differs from web/: ${[...stale, ...changed].join(', ')}; run make web, and commit`);
    process.exit(1);
  }
} else {
  for (const name of stale) rmSync(join(target, name));
  for (const name of changed) {
    mkdirSync(dirname(join(target, name)), { recursive: true });
    const bytes = wanted.get(name);
    writeFileSync(join(target, name), name.endsWith('.gz') ? gzipSync(bytes, { level: 9 }) : bytes);
  }
}
