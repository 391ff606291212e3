'use strict';
// Takes a program out of the package: out of an archive, where it lies compressed with those for other systems and
// rewritten so that they have more in common, or a plain file. launch.js loads this only when there is something to
// unpack, and what comes out counts only if it has the manifest's SHA-256.
//
// As for launch.js: CommonJS, ES2018 syntax, built-in modules only, Node 10 or later.

const crypto = require('crypto');
const fs = require('fs');
const zlib = require('zlib');

// Damaged is an error of the package, not of the place where the program shall lie.
class Damaged extends Error {}
exports.Damaged = Damaged;

// extract copies entry's bytes out of source into the new file temp and resolves with their SHA-256. It holds one
// chunk at a time, or one program if that must be unfolded: memory belongs into the Go program, because a step whose
// Node the kernel kills for memory may turn out green (containerHandlerInvoker.js.template calls process.exit(null)).
exports.extract = function extract(source, entry, temp) {
  return new Promise((resolve, reject) => {
    const folded = entry.fold ? Buffer.alloc(foldedSize(entry)) : null;
    // A package carries no executable bits (.vsix), so the file is made with them.
    const fd = fs.openSync(temp, 'wx', 0o755);
    const hash = crypto.createHash('sha256');
    const raw = fs.createReadStream(source);
    const plain = entry.archive ? raw.pipe(zlib.createBrotliDecompress({ chunkSize: 1 << 16 })) : raw;
    const begin = entry.offset || 0;
    const end = begin + (folded ? folded.length : entry.size);
    let seen = 0;
    let done = false;
    const stop = (err) => {
      if (done) return;
      done = true;
      raw.destroy();
      plain.destroy();
      fs.closeSync(fd);
      if (err) reject(err); else resolve(hash.digest('hex'));
    };
    const broken = (err) => stop(new Damaged(err.message));
    const write = (part) => {
      hash.update(part);
      for (let n = 0; n < part.length;) n += fs.writeSync(fd, part, n);
    };
    raw.on('error', broken);
    plain.on('error', broken);
    plain.on('end', () => broken(new Error(`it ends after ${seen} of ${end} bytes`)));
    plain.on('data', (chunk) => {
      if (done) return;
      const at = Math.max(0, seen - begin);
      const part = chunk.subarray(Math.max(0, begin - seen), Math.max(0, end - seen));
      seen += chunk.length;
      try {
        if (folded) part.copy(folded, at); else write(part);
        if (folded && seen >= end) write(unfold(folded, entry.fold));
      } catch (err) {
        stop(err);
      }
      if (seen >= end) stop();
    });
  });
};

// ---- unfolding: what build/pack/fold has done, backwards; its Go comments say what for ----

const PAGE = 4096;

// foldedSize checks what the manifest says about a folded program and returns how many bytes of the archive it takes.
function foldedSize({ size, fold }) {
  const within = (n, most) => Number.isSafeInteger(n) && n >= 0 && n <= most;
  const { labels, text, page, funcs } = fold;
  if (!CODERS.has(fold.code) || !within(size, 1 << 26) || !within(labels, 1 << 20) || !within(page, PAGE - 1) ||
      !Array.isArray(text) || !within(text[1], size) || !within(text[0], text[1]) ||
      !Array.isArray(funcs) || !within(funcs[0], size) || !within(funcs[1], (size - funcs[0]) / 8)) {
    throw new Damaged('the manifest does not describe how it is folded');
  }
  return 4 * labels + size;
}

// unfold returns the program that data, which it changes, was made from.
function unfold(data, { code, labels, text, page, funcs }) {
  const list = new Uint32Array(labels); // places in the program; label i is a reference to list[i]
  for (let i = 0, last = 0; i < labels; i++) list[i] = last += data.readUInt32LE(4 * i);
  const program = data.subarray(4 * labels);
  try {
    unfoldFuncs(program, funcs[0], funcs[1]);
  } catch (err) {
    throw new Damaged(`its table of functions: ${err.message}`);
  }
  CODERS.get(code)(program, list, text[0], text[1], page);
  return program;
}
exports.unfold = unfold;

// RELATIVE are instructions with an address relative to the next one, besides calls (0xe8).
const RELATIVE = new Uint8Array(256);
for (const op of [0x10, 0x39, 0x80, 0x83, 0x89, 0x8b, 0x8d, 0xb6, 0xc1, 0xc7]) RELATIVE[op] = 1;

function unfoldAMD64(d, list, begin, end) {
  for (let i = begin; i + 6 <= end;) {
    const op = d[i++];
    if (op !== 0xe8) {
      if (RELATIVE[op] === 0 || (d[i] & 0xc7) !== 5) continue;
      i++;
    }
    const label = wordAt(d, i) >>> 0;
    i += 4;
    if (label < list.length) put(d, i - 4, list[label] - i);
  }
}

// Buffer's own functions for this take twice the time.
function wordAt(d, at) {
  return d[at] | d[at + 1] << 8 | d[at + 2] << 16 | d[at + 3] << 24;
}

function put(d, at, word) {
  d[at] = word;
  d[at + 1] = word >> 8;
  d[at + 2] = word >> 16;
  d[at + 3] = word >> 24;
}

function unfoldARM64(d, list, begin, end, page) {
  for (let i = begin; i + 8 <= end; i += 4) {
    const word = wordAt(d, i);
    const next = wordAt(d, i + 4);
    if (word >>> 26 === 0x25) { // bl
      const label = word & 0x3ffffff;
      if (label < list.length) put(d, i, (word & ~0x3ffffff) | ((list[label] - i) >>> 2 & 0x3ffffff));
    } else if ((word & 0x9f000000) === 0x90000000 >> 0) { // adrp
      const label = ((word >>> 5 & 0x7ffff) << 2 | (word >>> 29 & 3)) ^ 0x100000;
      const bits = shiftOf(next);
      if (bits < 0 || label >= list.length) continue;
      const place = (list[label] + page) >>> 0;
      const pages = Math.floor(place / PAGE) - Math.floor((i + page) / PAGE);
      put(d, i, (word & 0x9f00001f) | (pages >>> 2 & 0x7ffff) << 5 | (pages & 3) << 29);
      put(d, i + 4, (next & ~(0xfff << 10)) | (place % PAGE >>> bits) << 10);
    }
  }
}

// shiftOf returns by how many bits an instruction shifts its place in a page: none in an addition, the size of the
// value in a load or a store; -1 for other instructions.
function shiftOf(word) {
  if ((word & 0xffc00000) === 0x91000000 >> 0) return 0;
  if ((word & 0x3b000000) !== 0x39000000) return -1;
  return (word & 0x04800000) === 0x04800000 ? 4 : word >>> 30;
}

const CODERS = new Map([['amd64', unfoldAMD64], ['arm64', unfoldARM64]]);

// unfoldFuncs restores the table of functions: count pairs of words, then a record of words for each. A word of a record
// is a code for its value: how far back the column, which is all words of its kind, has it, or the distance to the
// greatest so far. Offsets into one and the same table share that.
function unfoldFuncs(d, start, count) {
  const columns = [];
  const tops = [];
  for (let i = 0, place = align(8 * count + 4); i < count; i++) {
    const at = start + place;
    const first = d.readUInt32LE(at + 28);
    const words = 11 + first + d.readUInt8(at + 43);
    if (first > 1024) throw new Error(`${first} words`);
    if (at + 4 * words > d.length) throw new Error('it has no end');
    for (let k = 0; k < words; k++) {
      if (k === 2 || k === 3 || k === 7 || k === 9 || k === 10) continue;
      const key = k < 11 ? k : k < 11 + first ? 2 * k - 11 : 2 * (k - first) - 10;
      const top = (k >= 4 && k <= 6) || (k >= 11 && k < 11 + first) ? 4 : key;
      if (columns[key] === undefined) { columns[key] = []; tops[key] = 0; }
      const seen = columns[key];
      const code = wordAt(d, at + 4 * k);
      const value = code < 0 ? seen[seen.length + code] : (tops[top] + (code << 1 >> 1)) | 0;
      if (value === undefined) throw new Error(`nothing ${-code} before`);
      seen.push(value);
      if (value > tops[top]) tops[top] = value;
      put(d, at + 4 * k, value);
    }
    const pair = start + 8 * i;
    put(d, pair, wordAt(d, pair) + wordAt(d, at));
    put(d, pair + 4, wordAt(d, pair + 4) + place);
    place = align(place + 4 * words);
  }
}

function align(n) {
  return (n + 7) & ~7;
}
