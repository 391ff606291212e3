'use strict';
// Which program is run, and that nothing else is: choice by platform, unpacking, hash checks, hostile manifests.

const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const h = require('./testdata/harness.js');


for (const plain of [false, true]) {
  h.each(`runs the program from the ${plain ? 'development layout' : 'archive'}`, async (t, node) => {
    const task = h.stage(t, { plain });
    for (const stage of ['pre', 'main', 'post']) {
      const got = h.succeeded(await h.run(task, node, { stage, env: { INPUT_KEY: 'a "b" $(c) ä' } }));
      assert.deepStrictEqual(got, { args: [stage], self: task.program, launcher: '1', input: 'a "b" $(c) ä', godebug: '', kept: '' });
    }
    assert.deepStrictEqual(h.list(task.run), ['child']);
    assert.deepStrictEqual(h.list(task.temp), []);
    assert.ok(fs.readFileSync(task.program).equals(h.child));
    if (process.platform === 'win32') return;
    assert.strictEqual(fs.statSync(task.program).mode & 0o7777, 0o755);
    assert.strictEqual(fs.statSync(task.run).mode & 0o7777, 0o755);
  });
}

h.each('the second start uses the file of the first', async (t, node) => {
  const task = h.stage(t);
  h.succeeded(await h.run(task, node));
  const first = fs.statSync(task.program);
  fs.unlinkSync(path.join(task.dir, 'bin', 'amd64.br'));
  h.succeeded(await h.run(task, node));
  assert.strictEqual(fs.statSync(task.program).ino, first.ino);
});

h.each('nobody else may write to the program, even with umask 0', async (t, node) => {
  const task = h.stage(t);
  h.succeeded(await h.run(task, node, { preload: 'process.umask(0);' }));
  assert.strictEqual(fs.statSync(task.program).mode & 0o7777, 0o755);
  assert.strictEqual(fs.statSync(task.run).mode & 0o7777, 0o755);
});

h.each('the program may be the first or the last of a stream larger than its window', async (t, node) => {
  const filler = Buffer.alloc(20 << 20, 'guardrails ');
  for (const offset of [0, filler.length]) {
    const parts = offset === 0 ? [h.child, filler] : [filler, h.child];
    const task = h.stage(t, { archive: h.brotli(Buffer.concat(parts)), edit: (m, e) => { e.offset = offset; } });
    h.succeeded(await h.run(task, node));
  }
});

h.each('paths may have spaces, non-ASCII characters and the agent\'s special characters', async (t, node) => {
  const name = 'Ünïcode Ω 任务 [a];b %0A%3B \'q\'';
  const task = h.stage(t, { name });
  assert.strictEqual(h.succeeded(await h.run(task, node)).self, task.program);
  fs.rmSync(task.run, { recursive: true });
  fs.truncateSync(path.join(task.dir, 'bin', 'amd64.br'), 1000);
  const message = h.failed(await h.run(task, node));
  assert.ok(message.includes(task.dir), `the agent should show the path as it is, got: ${message}`);
});

const tampered = {
  'same size': (file) => fs.writeFileSync(file, Buffer.alloc(h.child.length, 'x')),
  'one bit': (file) => { const b = Buffer.from(h.child); b[b.length >> 1] ^= 1; fs.writeFileSync(file, b); },
  'shorter': (file) => fs.truncateSync(file, 100),
  'longer': (file) => fs.appendFileSync(file, 'x'),
  'not executable': (file) => fs.chmodSync(file, 0o644),
  'writable by all': (file) => fs.chmodSync(file, 0o777),
  'a link': (file) => { fs.renameSync(file, `${file}-moved`); fs.symlinkSync(`${file}-moved`, file); },
};
for (const [what, change] of Object.entries(tampered)) {
  h.each(`a kept file that was changed is unpacked again: ${what}`, async (t, node) => {
    const task = h.stage(t);
    h.succeeded(await h.run(task, node));
    change(task.program);
    h.succeeded(await h.run(task, node));
    const info = fs.lstatSync(task.program);
    assert.ok(info.isFile() && fs.readFileSync(task.program).equals(h.child));
    assert.strictEqual(info.mode & 0o7777, 0o755);
  });
}

const flip = (at) => { const b = Buffer.from(h.solid); b[at] ^= 0xff; return b; };
const refused = /refusing to run child.* SHA-256 is [0-9a-f]{64}, but/;
const damages = {
  'a byte in the middle': { archive: flip(h.solid.length >> 1), says: /amd64\.br/ },
  'the first byte': { archive: flip(0), says: /amd64\.br/ },
  'cut off': { archive: h.solid.subarray(0, h.solid.length >> 1), says: /amd64\.br/ },
  'empty': { archive: Buffer.alloc(0), says: /amd64\.br/ },
  'not brotli': { archive: crypto.randomBytes(5000), says: /cannot unpack .*amd64\.br/ },
  'too short': { archive: h.brotli(h.child), says: /it ends after \d+ of \d+ bytes/ },
  'another program': { archive: h.brotli(Buffer.concat([h.before, Buffer.alloc(h.child.length)])), says: refused },
  'another hash': { edit: (m, e) => { e.sha256 = h.sha256('another'); }, says: refused },
  'another offset': { edit: (m, e) => { e.offset += 1; }, says: refused },
  'another plain program': { plain: true, edit: (m, e) => { e.sha256 = h.sha256('another'); }, says: refused },
  'missing': { edit: (m, e) => { e.archive = 'arm64.br'; }, says: /cannot unpack .*arm64\.br: ENOENT/ },
};
for (const [what, { says, ...options }] of Object.entries(damages)) {
  h.each(`a damaged package is refused: ${what}`, async (t, node) => {
    const task = h.stage(t, options);
    const result = await h.run(task, node);
    h.failed(result, says, /^SafeCache 1\.2\.3: /, /Delete the folder .*V1 and the file .*V1\.completed on this agent/);
    assert.doesNotMatch(result.stdout, /"args"/, 'the program ran');
    assert.deepStrictEqual([h.list(task.run), h.list(task.temp)], [[], []], 'something was left');
  });
}

const hostile = {
  'a path up': (m, e) => { e.file = '../child'; },
  'two dots': (m, e) => { e.file = '..'; },
  'a path down': (m, e) => { e.file = 'a/child'; },
  'a backslash': (m, e) => { e.file = 'a\\child'; },
  'absolute': (m, e) => { e.file = '/bin/sh'; },
  'a drive': (m, e) => { e.file = 'C:child'; },
  'a stream': (m, e) => { e.file = 'child:x'; },
  'a line break': (m, e) => { e.file = 'child\n'; },
  'no name': (m, e) => { e.file = ''; },
  'a name in a list': (m, e) => { e.file = ['child']; },
  'an archive elsewhere': (m, e) => { e.archive = '../../amd64.br'; },
  'an archive without offset': (m, e) => { delete e.offset; },
  'an offset without archive': (m, e) => { delete e.archive; },
  'an offset below zero': (m, e) => { e.offset = -1; },
  'an offset and a half': (m, e) => { e.offset = 1.5; },
  'an offset as text': (m, e) => { e.offset = '5'; },
  'size zero': (m, e) => { e.size = 0; },
  'size as text': (m, e) => { e.size = String(e.size); },
  'a huge size': (m, e) => { e.size = 1e300; },
  'a short hash': (m, e) => { e.sha256 = e.sha256.slice(1); },
  'a hash in capitals': (m, e) => { e.sha256 = e.sha256.toUpperCase(); },
  'no hash': (m, e) => { delete e.sha256; },
  'no entry': (m) => { m.platforms[h.HOST] = null; },
  'a list of platforms': (m) => { m.platforms = 'all'; },
  'no platforms': (m) => { delete m.platforms; },
  'another schema': (m) => { m.schema = 2; },
  'null': () => 'null',
  'not JSON': () => '{"schema":1,',
  'empty': () => '',
};
for (const [what, edit] of Object.entries(hostile)) {
  h.once(`a hostile manifest is refused: ${what}`, async (t, node) => {
    const task = h.stage(t, { edit });
    h.failed(await h.run(task, node), /manifest\.json/, /Delete the folder/);
    assert.deepStrictEqual([h.list(task.run), h.list(task.temp)], [[], []], 'something was left');
  });
}

h.once('a missing manifest is refused', async (t, node) => {
  const task = h.stage(t);
  fs.unlinkSync(path.join(task.dir, 'bin', 'manifest.json'));
  h.failed(await h.run(task, node), /cannot read .*manifest\.json: ENOENT/);
});

h.each('an unsupported platform is named, with the supported ones', async (t, node) => {
  const edit = (m, e) => { m.platforms = { 'linux-x64': e, 'darwin-arm64': e }; };
  const result = await h.run(h.stage(t, { edit }), node, { preload: h.fakePlatform('linux', 'arm') });
  h.failed(result, /no build for this machine, linux-arm\b/, /SafeCache 1\.2\.3 runs on: linux-x64, darwin-arm64\b/);
});

h.each('a platform with the name of an object\'s own method is no platform', async (t, node) => {
  h.failed(await h.run(h.stage(t), node, { preload: h.fakePlatform('has', 'x') + 'Object.prototype["has-x"] = {};' }),
    /no build for this machine, has-x/);
});

const windows = {
  'ia32 on AMD64': { arch: 'ia32', real: 'AMD64', platform: 'win32-x64' },
  'ia32 on ARM64': { arch: 'ia32', real: 'ARM64', platform: 'win32-arm64' },
  'x64': { arch: 'x64', platform: 'win32-x64' },
  'ia32 alone': { arch: 'ia32', platform: 'win32-x64', says: /no build for this machine, win32-ia32/ },
  'ia32 on IA64': { arch: 'ia32', real: 'IA64', platform: 'win32-x64', says: /no build for this machine, win32-ia32/ },
};
for (const [what, { arch, real, platform, says }] of Object.entries(windows)) {
  h.each(`32-bit Node on Windows: ${what}`, async (t, node) => {
    const task = h.stage(t, { platform, file: 'child.exe' });
    const result = await h.run(task, node,
      { preload: h.fakePlatform('win32', arch), env: { PROCESSOR_ARCHITEW6432: real } });
    if (says) h.failed(result, says); else assert.strictEqual(h.succeeded(result).self, task.program);
  });
}

// The launcher must not hold the program. What it needs is bounded by brotli's window of 16 MiB and by buffers not yet
// collected; the control shows that holding the program would be seen.
h.each('memory stays small', { skip: process.platform !== 'linux' && 'needs /proc' }, async (t, node) => {
  const report = (file) => `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(file)},
    /VmHWM:\\s*(\\d+)/.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))[1]));`;
  const peak = async (program, extra) => {
    const task = h.stage(t, { program });
    const file = path.join(task.root, 'peak');
    h.succeeded(await h.run(task, node, { preload: report(file) + (extra || '') }));
    return Number(fs.readFileSync(file, 'utf8')) / 1024;
  };
  const size = 128;
  const small = await peak(h.child);
  const large = await peak(Buffer.concat([h.child, crypto.randomBytes(size << 20)]));
  const control = await peak(h.child, `global.held = Buffer.alloc(${size} << 20, 1);`);
  const [a, b, c] = [small, large, control].map((n) => n.toFixed(0));
  t.diagnostic(`peak MiB: small program ${a}, with ${size} MiB more ${b}, control ${c}`);
  const allowed = small + 100;
  assert.ok(large < allowed, `peak grows from ${small} to ${large} MiB with ${size} MiB more of program`);
  assert.ok(control > allowed, `the control does not show: ${control} MiB, allowed ${allowed} MiB`);
});

const files = {
  [h.LAUNCHER]: { most: 250, modules: ['child_process', 'crypto', 'fs', 'path', './unpack.js'] },
  [h.UNPACK]: { most: 150, modules: ['crypto', 'fs', 'zlib'] },
};
for (const [file, { most, modules }] of Object.entries(files)) {
  test(`${path.basename(file)} is small, plain and parses as ES2018`, () => {
    const acorn = require(path.join(h.MODULES, 'acorn'));
    const text = fs.readFileSync(file, 'utf8');
    acorn.parse(text, { ecmaVersion: 2018, sourceType: 'script' });
    assert.throws(() => acorn.parse('a?.b', { ecmaVersion: 2018 }), 'acorn accepts newer syntax');
    const code = text.split('\n').filter((line) => !/^\s*(\/\/.*)?$/.test(line));
    assert.ok(code.length <= most, `${file} has ${code.length} lines of code, want at most ${most}`);
    assert.deepStrictEqual([...text.matchAll(/require\('([^']*)'\)/g)].map((m) => m[1]), modules);
    assert.doesNotMatch(code.join('\n'), /tmpdir|0o?777|spawnSync/);
  });
}
