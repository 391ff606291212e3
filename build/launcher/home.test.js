'use strict';
// Where the unpacked program lies: beside the task, or in a private folder of the agent's temporary folder.

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const h = require('./testdata/harness.js');

const linux = process.platform === 'linux';
const NOBODY = 65534;

// sh runs script in a mount namespace of its own before the launcher. Without root it takes a user namespace too, which
// some containers forbid: then the tests that need real mounts are skipped, and say so.
const unshare = ['unshare', ...(linux && process.getuid() === 0 ? [] : ['-r']), '-m'];
const sh = (script) => [...unshare, 'sh', '-ec', `${script}; exec "$0" "$@"`];
const probe = linux && spawnSync(unshare[0], [...unshare.slice(1), 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp']);
const mounts = { skip: !linux ? 'needs Linux' :
  probe.status !== 0 && `this user may not mount: ${probe.error || probe.stderr}` };
const root = { skip: !(linux && process.getuid() === 0) && 'needs root, to become another user' };

const readOnly = (dir) => sh(`mount --bind '${dir}' '${dir}'; mount -o remount,ro,bind '${dir}'`);
const noexec = (dir) => sh(`mount --bind '${dir}' '${dir}'; mount -o remount,noexec,bind '${dir}'`);

h.each('12 first starts at once end with one good file', async (t, node) => {
  const task = h.stage(t);
  const runs = await Promise.all(Array.from({ length: 12 }, () => h.run(task, node)));
  for (const result of runs) assert.strictEqual(h.succeeded(result).self.replace(' (deleted)', ''), task.program);
  assert.deepStrictEqual(h.list(task.run), ['child']);
  assert.ok(fs.readFileSync(task.program).equals(h.child));
  assert.deepStrictEqual(h.list(task.temp), []);
});

h.each('what killed launchers left is removed after an hour', async (t, node) => {
  const task = h.stage(t);
  h.succeeded(await h.run(task, node));
  const hour = Date.now() / 1000 - 3700;
  const old = ['child.1234.0123456789abcdef', 'child.1.ffffffffffffffff'];
  const kept = ['child.99.0123456789abcdef', 'child.txt', 'child.1.0123456789abcdef.txt', 'other.1.0123456789abcdef'];
  for (const name of [...old, ...kept]) fs.writeFileSync(path.join(task.run, name), 'x');
  for (const name of [...old, ...kept.slice(1)]) fs.utimesSync(path.join(task.run, name), hour, hour);
  h.succeeded(await h.run(task, node));
  assert.deepStrictEqual(h.list(task.run), ['child', ...kept].sort());
});

h.each('a launcher killed while unpacking leaves no program', { skip: !linux && 'needs Linux' }, async (t, node) => {
  const task = h.stage(t);
  const preload = 'const fs = require("fs"); fs.writeSync = () => process.kill(process.pid, "SIGKILL");';
  assert.strictEqual((await h.run(task, node, { preload })).signal, 'SIGKILL');
  assert.match(h.list(task.run).join(), /^child\.\d+\.[0-9a-f]{16}$/);
  assert.strictEqual(h.succeeded(await h.run(task, node)).self, task.program);
});

for (const code of ['EROFS', 'EACCES', 'EPERM']) {
  h.once(`a task folder that refuses with ${code}: the agent's temporary folder is used`, async (t, node) => {
    const task = h.stage(t);
    const preload = `const fs = require('fs'), mkdir = fs.mkdirSync;
      fs.mkdirSync = (dir, mode) => { if (!dir.endsWith('.run')) return mkdir(dir, mode);
        throw Object.assign(new Error('${code}: no'), { code: '${code}' }); };`;
    assert.strictEqual(h.succeeded(await h.run(task, node, { preload })).self, path.join(task.home, 'child'));
  });
}

h.each('read-only task folder: the agent\'s temporary folder is used', mounts, async (t, node) => {
  const task = h.stage(t);
  for (let i = 0; i < 2; i++) {
    const got = h.succeeded(await h.run(task, node, { command: readOnly(task.dir) }));
    assert.strictEqual(got.self, path.join(task.home, 'child'));
  }
  assert.strictEqual(fs.lstatSync(task.home).mode & 0o7777, 0o700);
  assert.deepStrictEqual([h.list(task.home), fs.existsSync(task.run)], [['child'], false]);
  fs.appendFileSync(path.join(task.home, 'child'), 'x');
  h.succeeded(await h.run(task, node, { command: readOnly(task.dir) }));
  assert.ok(fs.readFileSync(path.join(task.home, 'child')).equals(h.child), 'the changed file was kept');
});

h.each('read-only task folder with a good program: it is used', mounts, async (t, node) => {
  const task = h.stage(t);
  h.succeeded(await h.run(task, node));
  assert.strictEqual(h.succeeded(await h.run(task, node, { command: readOnly(task.dir) })).self, task.program);
  assert.deepStrictEqual(h.list(task.temp), []);
});

h.each('task folder of another user: the agent\'s temporary folder is used', root, async (t, node) => {
  const task = h.stage(t);
  fs.chownSync(task.temp, NOBODY, NOBODY);
  fs.chmodSync(path.join(task.root, 'shared-tmp'), 0o1777);
  const got = h.succeeded(await h.run(task, node, { uid: NOBODY }));
  assert.strictEqual(got.self, path.join(task.home, 'child'));
  assert.strictEqual(fs.statSync(task.home).uid, NOBODY);
});

h.each('noexec task folder: the agent\'s temporary folder is used', mounts, async (t, node) => {
  const task = h.stage(t);
  for (let i = 0; i < 2; i++) {
    const got = h.succeeded(await h.run(task, node, { command: noexec(task.dir) }));
    assert.strictEqual(got.self, path.join(task.home, 'child'));
  }
});

h.each('noexec everywhere is said', mounts, async (t, node) => {
  const task = h.stage(t);
  h.failed(await h.run(task, node, { command: noexec(task.root) }),
    /cannot start the program from .*agent-temp.*EACCES .*noexec or a program blocked by policy/);
});

const unset = { 'not set': undefined, 'empty': '', 'relative': 'agent-temp' };
for (const [what, value] of Object.entries(unset)) {
  h.each(`no second choice is said: AGENT_TEMPDIRECTORY ${what}`, mounts, async (t, node) => {
    const task = h.stage(t);
    const result = await h.run(task, node, { command: readOnly(task.dir), env: { AGENT_TEMPDIRECTORY: value } });
    h.failed(result, /cannot start the program from .*\.run: EROFS/,
      new RegExp(`no second choice, as AGENT_TEMPDIRECTORY is "${value || ''}", not an absolute path`));
    assert.deepStrictEqual(h.list(path.join(task.root, 'sources')), []);
  });
}

h.each('a second choice that is missing or read-only is said', mounts, async (t, node) => {
  const task = h.stage(t);
  const env = { AGENT_TEMPDIRECTORY: path.join(task.root, 'missing') };
  h.failed(await h.run(task, node, { command: readOnly(task.dir), env }), /EROFS.* second choice .*ENOENT.*missing/);
  h.failed(await h.run(task, node, { command: readOnly(task.root) }), /EROFS.* second choice .*EROFS.*agent-temp/);
});

// Somebody was there first. The program they put there is even the right one: only the folder is wrong.
const planted = {
  'a link to a folder': (task) => { fs.symlinkSync(plant(`${task.home}-elsewhere`), task.home); },
  'writable by the group': (task) => { fs.chmodSync(plant(task.home), 0o770); },
  'writable by all': (task) => { fs.chmodSync(plant(task.home), 0o707); },
  'a file': (task) => { fs.writeFileSync(task.home, 'x', { mode: 0o600 }); },
  'of another user': (task) => { fs.chownSync(plant(task.home), NOBODY, NOBODY); },
};
function plant(dir) {
  fs.mkdirSync(dir, { mode: 0o700 });
  fs.writeFileSync(path.join(dir, 'child'), h.child, { mode: 0o755 });
  return dir;
}
for (const [what, make] of Object.entries(planted)) {
  const needs = what.includes('user') && root.skip ? root : mounts;
  h.each(`a planted second choice is refused: ${what}`, needs, async (t, node) => {
    const task = h.stage(t);
    make(task);
    const result = await h.run(task, node, { command: readOnly(task.dir) });
    h.failed(result, /refusing to use .*\.guardrails-[0-9a-f]{16}: it must be a real folder that belongs to this user/);
    assert.doesNotMatch(result.stdout, /"args"/, 'the program ran');
  });
}

// The same for the folder beside the task, where there is a second choice.
const plantedFirst = {
  'a link to a folder': (task) => { fs.symlinkSync(plant(`${task.run}-elsewhere`), task.run); },
  'writable by the group': (task) => { fs.chmodSync(plant(task.run), 0o775); },
  'writable by all': (task) => { fs.chmodSync(plant(task.run), 0o757); },
  'a file': (task) => { fs.writeFileSync(task.run, 'x', { mode: 0o600 }); },
  'a dead link': (task) => { fs.symlinkSync(`${task.run}-missing`, task.run); },
  'of another user': (task) => { fs.chownSync(plant(task.run), NOBODY, NOBODY); },
};
for (const [what, make] of Object.entries(plantedFirst)) {
  const needs = what.includes('user') ? root : { skip: process.platform === 'win32' && 'Windows has no modes' };
  h.each(`a first choice that is not ours alone is left, for the second: ${what}`, needs, async (t, node) => {
    const task = h.stage(t);
    make(task);
    const old = `${task.program}.1.0123456789abcdef`; // a leftover, if it were ours
    const hour = Date.now() / 1000 - 3700;
    if (fs.existsSync(task.program)) { fs.writeFileSync(old, 'x'); fs.utimesSync(old, hour, hour); }
    const before = h.list(`${task.run}-elsewhere`);
    assert.strictEqual(h.succeeded(await h.run(task, node)).self, path.join(task.home, 'child'));
    assert.deepStrictEqual(h.list(`${task.run}-elsewhere`), before, 'the folder was touched');
    if (fs.existsSync(task.program)) assert.ok(fs.existsSync(old), 'something was removed from it');
  });
}

h.each('no second choice for a first that is not ours is said', async (t, node) => {
  const task = h.stage(t);
  fs.writeFileSync(task.run, 'x');
  h.failed(await h.run(task, node, { env: { AGENT_TEMPDIRECTORY: undefined } }),
    /\.run is not a real folder that belongs to this user .*There is no second choice/);
});

h.each('a program of another user in our folder is replaced', root, async (t, node) => {
  const task = h.stage(t);
  h.succeeded(await h.run(task, node));
  fs.chownSync(task.program, NOBODY, NOBODY);
  assert.strictEqual(h.succeeded(await h.run(task, node)).self, task.program);
  assert.strictEqual(fs.statSync(task.program).uid, 0);
});

h.each('a program that is being written is waited for', { skip: !linux && 'needs ETXTBSY' }, async (t, node) => {
  const task = h.stage(t);
  h.succeeded(await h.run(task, node));
  const fd = fs.openSync(task.program, 'r+');
  const preload = `const cp = require('child_process'), spawn = cp.spawn;
    cp.spawn = (...args) => { try { return spawn(...args); } catch (e) { console.log(e.code); throw e; } };`;
  const started = h.start(task, node, { preload });
  await started.says('ETXTBSY');
  fs.closeSync(fd);
  const result = await started.done;
  assert.strictEqual(result.code, 0, result.stdout);
  assert.match(result.stdout, /ETXTBSY\n(.|\n)*"args":\["main"\]/);
});

h.once('a program that is always being written is said', async (t, node) => {
  const task = h.stage(t);
  h.succeeded(await h.run(task, node));
  if (!linux) return t.skip('needs ETXTBSY');
  const fd = fs.openSync(task.program, 'r+');
  t.after(() => fs.closeSync(fd));
  h.failed(await h.run(task, node), /ETXTBSY \(another process keeps the file open for writing\)/);
});

h.each('a full disk is said and leaves nothing', mounts, async (t, node) => {
  const task = h.stage(t);
  fs.mkdirSync(task.run);
  const report = path.join(task.root, 'left');
  const preload = `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(report)},
    require('fs').readdirSync(${JSON.stringify(task.run)}).join()));`;
  const command = sh(`mount -t tmpfs -o size=64k,mode=755 tmpfs '${task.run}'`);
  h.failed(await h.run(task, node, { command, preload }), /cannot start .*\.run: ENOSPC.*the disk is full/);
  assert.strictEqual(fs.readFileSync(report, 'utf8'), '');
});

// Windows does not replace a program that runs. rename is made to fail as it does there.
const renames = {
  'the other one is good': { put: 'fs.readFileSync(from)', kept: true },
  'it is free after a moment': { put: '"bad"', free: 'tries++ === 3', kept: true },
  'the other one is bad': { put: '"bad"', kept: false },
};
for (const [what, { put, free, kept }] of Object.entries(renames)) {
  for (const code of put && kept && !free ? ['EBUSY', 'EPERM', 'EACCES'] : ['EBUSY']) {
    h.once(`Windows: the program is in use (${code}), ${what}`, async (t, node) => {
      const task = h.stage(t, { platform: 'win32-x64', file: 'child.exe' });
      const preload = `${h.fakePlatform('win32', 'x64')}
        const fs = require('fs'), rename = fs.renameSync; let tries = 0;
        const write = (to, data) => fs.writeFileSync(to, data, { mode: 0o755 });
        fs.renameSync = (from, to) => {
          if (to.includes('agent-temp') || ${free}) return rename(from, to);
          if (${put}) write(to, ${put});
          throw Object.assign(new Error('${code}: busy'), { code: '${code}' });
        };`;
      const got = h.succeeded(await h.run(task, node, { preload }));
      assert.strictEqual(got.self, kept ? task.program : path.join(task.home, 'child.exe'));
      assert.deepStrictEqual(h.list(task.run), ['child.exe']);
    });
  }
}
