'use strict';
// How a step ends: the program's own way, by a crash, by cancellation, or by the death of Node.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const h = require('./testdata/harness.js');

const unix = { skip: process.platform === 'win32' && 'Windows has no signals' };

h.each('a program that ends well ends the step silently', async (t, node) => {
  const result = await h.run(h.stage(t), node, { act: 'exit' });
  assert.deepStrictEqual([result.code, result.stdout, result.stderr], [0, '', '']);
});

const crashes = {
  'exit code 1': { act: 'exit', env: { CHILD_CODE: '1' }, says: /program ended with exit code 1 without reporting/ },
  'exit code 255': { act: 'exit', env: { CHILD_CODE: '255' }, says: /ended with exit code 255 / },
  'a panic': { act: 'panic', says: /ended with exit code 2 .*if they show a panic, please report it .*https:\/\// },
  'SIGTERM from elsewhere': { act: 'term', says: /was stopped by SIGTERM without reporting/ },
  'SIGKILL from elsewhere': { act: 'kill', says: /killed by SIGKILL\. The usual cause is .* out of memory/ },
};
for (const [what, { says, ...options }] of Object.entries(crashes)) {
  h.each(`a crash of the program fails the step: ${what}`, unix, async (t, node) => {
    const result = await h.run(h.stage(t), node, options);
    h.failed(result, says, /^SafeCache 1\.2\.3: /);
    if (options.act === 'panic') assert.match(result.stderr, /panic: something the author did not expect/);
  });
}

// See end in launch.js: process.exit may wait for ever.
const ends = { 'that ends well': '0', 'that fails': '1' };
for (const [what, code] of Object.entries(ends)) {
  h.each(`Node ends by itself after a program ${what}`, unix, async (t, node) => {
    const preload = 'process.exit = (code) => { console.log(`process.exit(${code})`); };';
    const result = await h.run(h.stage(t), node, { act: 'exit', env: { CHILD_CODE: code }, preload });
    assert.deepStrictEqual([result.code, result.stderr], [0, '']);
    assert.doesNotMatch(result.stdout, /process\.exit/);
  });
}

h.each('half a line of a crashed program does not swallow the error', unix, async (t, node) => {
  const result = await h.run(h.stage(t), node, { act: 'partial' });
  h.failed(result, /killed by SIGKILL/);
  const half = '##vso[task.setvariable variable=x]half a li';
  assert.ok(result.stdout.startsWith(`${half}\n##vso[task.logissue `), result.stdout);
});

h.each('a crash code of Windows is shown as people know it', async (t, node) => {
  const preload = `const cp = require('child_process'), spawn = cp.spawn;
    cp.spawn = (...args) => { const p = spawn(...args), emit = p.emit;
      p.emit = (name, ...rest) => emit.call(p, name, ...(name === 'exit' ? [0xC0000005, null] : rest)); return p; };`;
  h.failed(await h.run(h.stage(t), node, { preload }), /ended with exit code 0xC0000005/);
});

const names = { SIGINT: 'interrupt', SIGTERM: 'terminated', SIGHUP: 'hangup' };
for (const [signal, name] of Object.entries(names)) {
  h.each(`${signal} reaches the program, which may end well`, unix, async (t, node) => {
    const started = h.start(h.stage(t), node, { act: 'wait' });
    await started.says('ready');
    started.proc.kill(signal);
    const result = await started.done;
    assert.deepStrictEqual([result.code, result.signal, result.stdout], [0, null, `ready\ngot ${name}\n`]);
  });
}

h.each('a program that ends badly after the signal fails the step', unix, async (t, node) => {
  const started = h.start(h.stage(t), node, { act: 'wait', env: { CHILD_CODE: '5' } });
  await started.says('ready');
  started.proc.kill('SIGINT');
  h.failed(await started.done, /ended with exit code 5 after the pipeline asked it to stop \(SIGINT\)/);
});

h.each('a signal while unpacking starts nothing and leaves nothing', unix, async (t, node) => {
  const task = h.stage(t);
  // The write of the first chunk is the moment; the handler runs before the next one.
  const preload = `const fs = require('fs'), write = fs.writeSync; let sent = false;
    fs.writeSync = (...args) => { sent = sent || process.kill(process.pid, 'SIGINT'); return write(...args); };`;
  const result = await h.run(task, node, { preload });
  h.failed(result, /SIGINT came before the program was started/);
  assert.doesNotMatch(result.stdout, /"args"/, 'the program ran');
  assert.deepStrictEqual(h.list(task.run), ['child']);
});

h.each('Windows: the console has told the program already, so Ctrl+C is not passed on', unix, async (t, node) => {
  const task = h.stage(t, { platform: 'win32-x64', file: 'child.exe' });
  const file = path.join(task.root, 'end');
  const preload = `${h.fakePlatform('win32', 'x64')}
    const on = process.on;
    process.on = (name, fn) => on.call(process, name,
      (...args) => { fn(...args); console.log('launcher got ' + name); });`;
  const started = h.start(task, node, { act: 'wait', env: { CHILD_FILE: file }, preload });
  await started.says('ready');
  started.proc.kill('SIGINT');
  await started.says('launcher got SIGINT');
  started.proc.kill('SIGKILL');
  const result = await started.done;
  assert.strictEqual(result.stdout, 'ready\nlauncher got SIGINT\n');
  assert.strictEqual(result.signal, 'SIGKILL', 'the launcher should have stayed alive after SIGINT');
  assert.match(fs.readFileSync(file, 'utf8'), /end of input/);
});

h.each('no orphan when Node is killed: the program sees the end of its input', unix, async (t, node) => {
  const task = h.stage(t);
  const file = path.join(task.root, 'end');
  const started = h.start(task, node, { act: 'wait', env: { CHILD_FILE: file } });
  await started.says('ready');
  assert.ok(!fs.existsSync(file), 'the input ended while Node lived');
  started.proc.kill('SIGKILL');
  await started.done; // comes only when the program, which holds the output too, has ended
  assert.strictEqual(fs.readFileSync(file, 'utf8'), 'end of input <nil>');
});

h.each('a program may close its input', unix, async (t, node) => {
  const preload = `const cp = require('child_process'), spawn = cp.spawn;
    cp.spawn = (...args) => { const p = spawn(...args);
      setImmediate(() => p.stdin.emit('error', new Error('write EPIPE'))); return p; };`;
  const started = h.start(h.stage(t), node, { act: 'deaf', preload });
  await started.says('ready');
  started.proc.kill('SIGINT');
  const result = await started.done;
  assert.deepStrictEqual([result.code, result.stdout], [0, 'ready\n']);
});

const faults = {
  'an exception': 'throw fault',
  'a rejection': 'Promise.reject(fault)',
  'many': 'for (let i = 0; i < 3; i++) setImmediate(() => { throw fault; })',
};
for (const [what, code] of Object.entries(faults)) {
  h.each(`a fault of the launcher fails the step and ends the program: ${what}`, unix, async (t, node) => {
    const task = h.stage(t);
    const file = path.join(task.root, 'end');
    const preload = `const cp = require('child_process'), spawn = cp.spawn;
      const fault = new Error('a fault; of ours\\r\\nin ]two lines');
      cp.spawn = (...args) => { process.on('SIGUSR2', () => { ${code} }); return spawn(...args); };`;
    const started = h.start(task, node, { act: 'wait', env: { CHILD_FILE: file }, preload });
    await started.says('ready');
    started.proc.kill('SIGUSR2');
    const result = await started.done;
    const issues = result.stdout.match(/^##vso\[task\.logissue type=error;\].*$/gm);
    assert.strictEqual(issues.length, 1, result.stdout);
    assert.match(issues[0], /the launcher itself failed: Error: a fault%3B of ours%0D%0Ain %5Dtwo lines%0A/);
    assert.strictEqual(result.stdout.match(/##vso\[task\.complete result=Failed;\]/g).length, 1);
    assert.strictEqual(result.code, 0);
    assert.match(fs.readFileSync(file, 'utf8'), /end of input/);
  });
}

h.each('a program that cannot be started is an error in words', unix, async (t, node) => {
  const preload = `const cp = require('child_process');
    cp.spawn = () => { throw Object.assign(new Error('spawn E2BIG'), { code: 'E2BIG' }); };`;
  h.failed(await h.run(h.stage(t), node, { preload }),
    /cannot start the program from .*\.run: spawn E2BIG \(the inputs and variables of this step are too large/);
});

h.each('closed output does not keep the launcher, and the exit code says what nobody could read', unix, async (t, node) => {
  const started = h.start(h.stage(t, { edit: () => '' }), node);
  started.proc.stdout.destroy();
  const result = await started.done;
  assert.deepStrictEqual([result.code, result.signal], [1, null]);
});

h.each('what would make the program log tokens reaches it under another name', async (t, node) => {
  const result = await h.run(h.stage(t), node, { env: { GODEBUG: 'http2debug=2' } });
  assert.strictEqual(result.code, 0, result.stdout);
  const started = JSON.parse(result.stdout);
  assert.deepStrictEqual([started.godebug, started.kept], ['', 'http2debug=2']);
});
