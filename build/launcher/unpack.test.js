'use strict';
// Programs that the packer has folded. That all programs of a package come back the same is tested with the packer.

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const h = require('./testdata/harness.js');
const { unfold } = require('./unpack.js');

const skip = h.folded ? false : 'there is no folded child: run `go test ./build/launcher`';
// The archive of a folded child, and its manifest: between two others, and not where a chunk begins.
const archive = () => h.brotli(Buffer.concat([h.before, h.folded.data, h.after]));
const fold = (change) => (m, e) => { e.fold = { ...h.folded.map }; if (change) change(e.fold, e); };

h.each('a folded program is unfolded and runs', { skip }, async (t, node) => {
  const task = h.stage(t, { archive: archive(), edit: fold() });
  assert.notDeepStrictEqual(h.folded.data.subarray(-h.child.length), h.child, 'the child is not really folded');
  assert.strictEqual(h.succeeded(await h.run(task, node)).self, task.program);
  assert.ok(fs.readFileSync(task.program).equals(h.child));
  assert.deepStrictEqual(h.list(task.run), ['child']);
  fs.unlinkSync(`${task.dir}/unpack.js`); // the second start does not need it
  h.succeeded(await h.run(task, node));
});

h.each('a folded program may be a plain file', { skip }, async (t, node) => {
  const task = h.stage(t, { plain: true, edit: fold() });
  fs.writeFileSync(`${task.dir}/bin/child`, h.folded.data);
  h.succeeded(await h.run(task, node));
});

const changed = (change) => { const d = Buffer.from(h.folded.data); change(d); return d; };
const funcs = () => 4 * h.folded.map.labels + h.folded.map.funcs[0];
const records = () => funcs() + (8 * h.folded.map.funcs[1] + 4 + 7 & ~7);
const damages = {
  'a label': { data: (d) => { d[40]++; }, says: /refusing to run child/ },
  'an instruction': { data: (d) => { d[4 * h.folded.map.labels + h.folded.map.text[0] + 100] ^= 1; }, says: /refusing to run child/ },
  'a record without end': { data: (d) => d.fill(0xff, records(), records() + 44), says: /cannot unpack .*amd64\.br: its table of functions: 4294967295 words/ },
  'a reference to nothing': { data: (d) => d.writeInt32LE(-5, records()), says: /its table of functions: nothing 5 before/ },
};
for (const [what, { data, says }] of Object.entries(damages)) {
  h.each(`a damaged folded program is refused: ${what}`, { skip }, async (t, node) => {
    const parts = [h.before, changed(data), h.after];
    const task = h.stage(t, { archive: h.brotli(Buffer.concat(parts)), edit: fold() });
    h.failed(await h.run(task, node), says, /Delete the folder/);
    assert.deepStrictEqual([h.list(task.run), h.list(task.temp)], [[], []], 'something was left');
  });
}

const hostile = {
  'a number': (f, e) => { e.fold = 7; },
  'a list': (f, e) => { e.fold = [1]; },
  'another processor': (f) => { f.code = 'riscv64'; },
  'a method for a processor': (f) => { f.code = 'toString'; },
  'labels below zero': (f) => { f.labels = -1; },
  'labels without end': (f) => { f.labels = 2 ** 40; },
  'labels as text': (f) => { f.labels = '10'; },
  'no code': (f) => { delete f.text; },
  'code before it begins': (f) => { f.text = [8, 4]; },
  'code behind the end': (f, e) => { f.text = [0, e.size + 1]; },
  'code as text': (f) => { f.text = '01'; },
  'a page and more': (f) => { f.page = 4096; },
  'no functions': (f) => { f.funcs = null; },
  'functions behind the end': (f, e) => { f.funcs = [e.size + 8, 0]; },
  'more functions than fit': (f, e) => { f.funcs = [e.size - 80, 11]; },
  'a part of a function': (f) => { f.funcs = [0, 1.5]; },
  'a program too large': (f, e) => { e.size = 2 ** 26 + 1; },
};
for (const [what, change] of Object.entries(hostile)) {
  h.once(`a hostile fold is refused: ${what}`, async (t, node) => {
    const map = { code: 'amd64', labels: 0, text: [0, 0], page: 0, funcs: [0, 0] };
    const task = h.stage(t, { edit: (m, e) => { e.fold = map; change(map, e); } });
    h.failed(await h.run(task, node), /cannot unpack .*does not describe how it is folded/, /Delete the folder/);
    assert.deepStrictEqual([h.list(task.run), h.list(task.temp)], [[], []], 'something was left');
  });
}

const words = (...list) => { const b = Buffer.alloc(4 * list.length); list.forEach((w, i) => b.writeUInt32LE(w, 4 * i)); return b; };

test('amd64: calls and addresses relative to the next instruction get their place back', () => {
  const program = Buffer.from('e801000000' + '488d0500000000' + 'e802000000' + 'e80001ff00' + '8b05', 'hex');
  const data = Buffer.concat([words(0x1000, 0x20), program]); // labels 0x1000 and 0x1020
  const got = unfold(data, { code: 'amd64', labels: 2, text: [0, program.length], page: 0, funcs: [0, 0] });
  assert.strictEqual(got.toString('hex'), 'e81b100000' + '488d05f40f0000' + 'e802000000' + 'e80001ff00' + '8b05');
});

test('arm64: calls and pairs of a page and a place in it get their place back', () => {
  const program = words(0x94000001, 0x94000002, 0x90800000, 0xf9400001, 0xb0800002, 0x91000042, 0xd503201f);
  const data = Buffer.concat([words(0x5018, 0x10), program]); // labels 0x5018 and 0x5028
  const got = unfold(data, { code: 'arm64', labels: 2, text: [0, program.length], page: 0, funcs: [0, 0] });
  const want = words(0x9400140a, 0x94000002, 0xb0000020, 0xf9400c01, 0xb0000022, 0x9100a042, 0xd503201f);
  assert.strictEqual(got.toString('hex'), want.toString('hex'));
});
