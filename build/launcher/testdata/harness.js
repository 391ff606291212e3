'use strict';
// What the launcher's tests share: staged task folders like those that the packer makes, and launcher runs on every
// Node version that the agent may choose. The tests themselves run on Node 20 or later (node --test).

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const zlib = require('node:zlib');

const LAUNCHER = path.join(__dirname, '..', 'launch.js');
const UNPACK = path.join(__dirname, '..', 'unpack.js');
const MODULES = path.join(__dirname, '..', '..', 'npm', 'node_modules');
const TIMEOUT = 60000; // ms: a launcher that hangs; a test takes a second
const HOST = `${process.platform}-${process.arch}`;

// runtimes are the Node versions under test. The pinned ones exist for linux-x64 only; elsewhere it is the one at hand.
const runtimes = HOST !== 'linux-x64' ? [process.execPath] :
  ['node10', 'node20', 'node24'].map((name) => path.join(MODULES, name, 'bin', 'node'));
for (const node of runtimes) {
  if (!fs.existsSync(node)) throw new Error(`${node} is missing: run \`make oracles\``);
}

// each declares one test for every runtime; once is for what cannot differ between them.
function each(name, options, body) {
  for (const node of runtimes) {
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    const given = body ? options : {};
    test(`${name} [node ${version}]`, { timeout: TIMEOUT, ...given }, (t) => (body || options)(t, node));
  }
}

function once(name, body) {
  test(name, { timeout: TIMEOUT }, (t) => body(t, runtimes[runtimes.length - 1]));
}

const childFile = process.env.GUARDRAILS_TEST_CHILD || buildChild();
const child = fs.readFileSync(childFile);

function buildChild() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'launcher-child-'));
  process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
  const file = path.join(dir, 'child');
  const env = { ...process.env, CGO_ENABLED: '0' };
  execFileSync('go', ['build', '-ldflags=-s -w', '-o', file, '.'], { cwd: path.join(__dirname, 'child'), env });
  return file;
}

function sha256(data) {
  return crypto.createHash('sha256').update(data).digest('hex');
}

const brotli = (data) => zlib.brotliCompressSync(data, { params: {
  [zlib.constants.BROTLI_PARAM_QUALITY]: 2, [zlib.constants.BROTLI_PARAM_LGWIN]: 24,
  [zlib.constants.BROTLI_PARAM_SIZE_HINT]: data.length,
} });

// The default package: our program in the middle of one solid stream, as linux, darwin and windows are in a real one.
const before = crypto.randomBytes(300001);
const after = crypto.randomBytes(70001);
const solid = brotli(Buffer.concat([before, child, after]));

// folded is the child as the packer would fold it: its bytes in the archive and how they are unfolded. The Go test makes
// it; without that there is none.
const folded = process.env.GUARDRAILS_TEST_FOLDED && {
  data: fs.readFileSync(process.env.GUARDRAILS_TEST_FOLDED),
  map: JSON.parse(fs.readFileSync(`${process.env.GUARDRAILS_TEST_FOLDED}.json`, 'utf8')),
};

// scratch makes a folder that is gone after the test.
function scratch(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'launcher-test-'));
  fs.chmodSync(dir, 0o755); // mkdtemp makes it 0700, but some tests run the launcher as somebody else
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

// stage writes a task folder. options: name (of its folder), platform, file, plain (development layout), program
// (instead of the child), archive (its bytes, instead of the good ones), edit (changes the manifest).
function stage(t, options = {}) {
  const root = scratch(t);
  const dir = path.join(root, options.name || 'SafeCacheV1');
  const file = options.file || 'child';
  const bytes = options.program || child;
  const sum = sha256(bytes);
  const entry = { file, size: bytes.length, sha256: sum };
  for (const sub of ['agent-temp', 'shared-tmp', 'sources']) fs.mkdirSync(path.join(root, sub));
  fs.mkdirSync(path.join(dir, 'bin'), { recursive: true });
  for (const file of [LAUNCHER, UNPACK]) fs.copyFileSync(file, path.join(dir, path.basename(file)));
  for (const name of ['pre', 'main', 'post']) {
    fs.writeFileSync(path.join(dir, `${name}.js`), `require('./launch.js').run('${name}');\n`);
  }
  if (options.plain) {
    fs.writeFileSync(path.join(dir, 'bin', file), bytes, { mode: 0o644 });
  } else {
    Object.assign(entry, { archive: 'amd64.br', offset: options.program ? 0 : before.length });
    const archive = options.archive || (options.program ? brotli(bytes) : solid);
    fs.writeFileSync(path.join(dir, 'bin', 'amd64.br'), archive, { mode: 0o644 });
  }
  const manifest = { schema: 1, task: 'SafeCache', version: '1.2.3', commit: '',
    platforms: { [options.platform || HOST]: entry } };
  const text = options.edit ? options.edit(manifest, entry) : undefined;
  fs.writeFileSync(path.join(dir, 'bin', 'manifest.json'), text === undefined ? JSON.stringify(manifest) : text);
  return { t, root, dir, entry, run: path.join(dir, '.run'), program: path.join(dir, '.run', file),
    temp: path.join(root, 'agent-temp'), home: path.join(root, 'agent-temp', `.guardrails-${sum.slice(0, 16)}`) };
}

// start runs the launcher. options: stage, act (CHILD_DO), env (undefined removes), preload (source of a module that
// runs before it), command (puts words before node), uid.
function start(task, node, options = {}) {
  const args = [path.join(task.dir, `${options.stage || 'main'}.js`)];
  if (options.preload) {
    const file = path.join(task.root, `preload-${sha256(options.preload).slice(0, 8)}.js`);
    fs.writeFileSync(file, options.preload);
    args.unshift('-r', file);
  }
  const words = [...(options.command || []), node, ...args];
  const env = { PATH: process.env.PATH, TMPDIR: path.join(task.root, 'shared-tmp'), AGENT_TEMPDIRECTORY: task.temp,
    CHILD_DO: options.act || '', ...options.env };
  for (const name of Object.keys(env)) if (env[name] === undefined) delete env[name];
  // A test that fails half-way must not leave a launcher waiting.
  const proc = spawn(words[0], words.slice(1),
    { env, cwd: path.join(task.root, 'sources'), uid: options.uid, stdio: ['ignore', 'pipe', 'pipe'] });
  task.t.after(() => proc.kill('SIGKILL'));
  const out = { proc, stdout: '', stderr: '' };
  const waiting = [];
  proc.stdout.setEncoding('utf8').on('data', (text) => {
    out.stdout += text;
    for (const w of waiting) if (out.stdout.includes(w.text)) w.resolve();
  });
  proc.stderr.setEncoding('utf8').on('data', (text) => { out.stderr += text; });
  out.done = new Promise((resolve, reject) => {
    proc.on('error', reject);
    // "close" comes when everybody who holds the output has ended: the program too, not just the launcher.
    proc.on('close', (code, signal) => {
      const never = `never came; output: ${out.stdout}${out.stderr}`;
      for (const w of waiting) w.reject(new Error(`${JSON.stringify(w.text)} ${never}`));
      Object.assign(out, { code, signal });
      resolve(out);
    });
  });
  // says resolves when text has been printed.
  out.says = (text) => new Promise((resolve, reject) => {
    if (out.stdout.includes(text)) resolve(); else waiting.push({ text, resolve, reject });
  });
  return out;
}

// run is start to the end. Whatever happens, the shared temporary folder must stay empty.
async function run(task, node, options) {
  const result = await start(task, node, options).done;
  assert.deepStrictEqual(fs.readdirSync(path.join(task.root, 'shared-tmp')), [], 'something went to the shared TMPDIR');
  return result;
}

// succeeded checks a run of the describing child and returns what it said.
function succeeded(result) {
  assert.strictEqual(result.code, 0, `exit code ${result.code}; output: ${result.stdout}${result.stderr}`);
  assert.strictEqual(result.stderr, '');
  const lines = result.stdout.trimEnd().split('\n');
  assert.strictEqual(lines.length, 1, `the launcher should be silent; output: ${result.stdout}`);
  return JSON.parse(lines[0]);
}

// failed checks that a run reported one error and one failed result, and returns the error as the agent would show it.
// The exit code is 0, since the result is said: another one would break retries (see fail in launch.js).
function failed(result, ...patterns) {
  const output = `output: ${result.stdout}${result.stderr}`;
  assert.strictEqual(result.code, 0, `exit code ${result.code} ${result.signal}; ${output}`);
  const commands = (start) => result.stdout.split(/\r\n|\r|\n/).filter((line) => line.startsWith(start));
  const errors = commands('##vso[task.logissue type=error;]');
  const results = commands('##vso[task.complete result=Failed;]');
  assert.strictEqual(errors.length, 1, `want exactly one logissue; ${output}`);
  assert.strictEqual(results.length, 1, `want exactly one complete; ${output}`);
  const message = unescape(errors[0].slice(errors[0].indexOf(']') + 1));
  for (const pattern of patterns) assert.match(message, pattern);
  assert.doesNotMatch(message, /launcher itself failed/);
  return message;
}

// unescape decodes a command's text as the agent does (CommandStringConvertor.cs).
function unescape(text) {
  assert.doesNotMatch(text, /[;\]\r\n]/, 'not escaped');
  return text.replaceAll('%3B', ';').replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%5D', ']')
    .replaceAll('%AZP25', '%');
}

// fakePlatform is a preload that makes the launcher believe to be elsewhere.
const fakePlatform = (platform, arch) => `
  Object.defineProperty(process, 'platform', { value: '${platform}' });
  Object.defineProperty(process, 'arch', { value: '${arch}' });
`;

const list = (dir) => (fs.existsSync(dir) ? fs.readdirSync(dir).sort() : []);

module.exports = { HOST, LAUNCHER, MODULES, UNPACK, after, before, brotli, child, each, failed, fakePlatform, folded, list,
  once, run, sha256, solid, stage, start, succeeded };
