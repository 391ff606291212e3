'use strict';
// Starts the Go program of a Guardrails task. Azure Pipelines runs tasks with Node, so each stage file of a task
// (pre.js, main.js, post.js) calls run() here; everything the task really does happens in the Go program.
//
// Promise: the program that runs has exactly the SHA-256 of bin/manifest.json, and a step is green only if that
// program said so by exiting 0. README.md beside this file describes the protocol. "Agent" file names below are
// those of github.com/microsoft/azure-pipelines-agent.
//
// Node 10 must be able to parse and run this file: the agent may pick any Node it ships (NodeHandler.cs), for
// example 10 on an Alpine host. So: CommonJS, ES2018 syntax, built-in modules only.

const childProcess = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const MANIFEST = path.join(__dirname, 'bin', 'manifest.json');
const HOUR = 60 * 60 * 1000;
const WINDOWS = process.platform === 'win32';
// The agent never checks a task folder again once its ".completed" marker exists (TaskManager.cs), so deleting
// both is the only way to have a damaged one replaced.
const DOWNLOAD_AGAIN = `Delete the folder ${__dirname} and the file ${__dirname}.completed on this agent: the next ` +
  'job then downloads the task again. If that does not help, the installed extension itself is damaged';

// Refusal is an error whose text is written for the reader of the pipeline log.
class Refusal extends Error {}

let task = 'this Guardrails task'; // name and version for messages, once known
let child = null; // the running Go program
let told = ''; // the signal by which the agent asked us to stop
let failed = false;

exports.run = function run(stage) {
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  listen();
  start(stage).then(finish).catch(fail);
};

async function start(stage) {
  const entry = chooseEntry(readManifest());
  const home = path.join(__dirname, '.run');
  let why = `${home} is not a real folder that belongs to this user and that nobody else can write to`;
  try {
    // Not ours: made by a job under another user, such as root in a container, or put there to be run by us.
    if (isOurs(home, 0o755)) return await runFrom(home, entry, stage);
  } catch (err) {
    // A read-only task folder (container jobs with mountReadOnly: tasks, hardened agents) or one mounted noexec.
    if (['EROFS', 'EACCES', 'EPERM', 'EBUSY'].indexOf(err.code) < 0) throw explained(err, home);
    why = explained(err, home).message;
  }
  const other = temporaryHome(entry, why);
  return runFrom(other, entry, stage).catch((err) => { throw explained(err, other); });
}

async function runFrom(home, entry, stage) {
  const program = path.join(home, entry.file);
  removeLeftovers(home, entry.file);
  if (!matches(program, entry)) await unpack(program, entry);
  // ETXTBSY: somebody, such as a virus scanner or a backup, has the file open for writing for a moment.
  return retry(['ETXTBSY'], () => spawn(program, stage));
}

// ---- which program ----

function readManifest() {
  let manifest;
  try {
    manifest = JSON.parse(fs.readFileSync(MANIFEST, 'utf8'));
  } catch (err) {
    throw new Refusal(`cannot read ${MANIFEST}: ${err.message}. ${DOWNLOAD_AGAIN}`);
  }
  if (!manifest || manifest.schema !== 1 || !manifest.platforms || typeof manifest.platforms !== 'object') {
    throw new Refusal(`${MANIFEST} is not a manifest that this launcher understands. ${DOWNLOAD_AGAIN}`);
  }
  task = `${manifest.task} ${manifest.version}`;
  return manifest;
}

function platformKey() {
  // 32-bit Node on 64-bit Windows (the win-x86 agent) calls itself ia32; Windows names the real processor in
  // PROCESSOR_ARCHITEW6432, and a 32-bit process may start a 64-bit one.
  const real = { AMD64: 'x64', ARM64: 'arm64' }[process.env.PROCESSOR_ARCHITEW6432];
  return `${process.platform}-${WINDOWS && process.arch === 'ia32' && real ? real : process.arch}`;
}

function chooseEntry(manifest) {
  const key = platformKey();
  if (!Object.prototype.hasOwnProperty.call(manifest.platforms, key)) {
    throw new Refusal(`there is no build for this machine, ${key}. ${task} runs on: ` +
      `${Object.keys(manifest.platforms).join(', ')}. Run the job on an agent of one of these platforms`);
  }
  const entry = manifest.platforms[key];
  // The names become paths below, so nothing but a plain file name passes: no separator, drive, stream or "..".
  const plain = (name) => typeof name === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name);
  const count = (n) => Number.isSafeInteger(n) && n >= 0;
  const packed = entry && (entry.archive !== undefined || entry.offset !== undefined);
  if (!entry || !plain(entry.file) || !count(entry.size) || entry.size === 0 ||
      !/^[0-9a-f]{64}$/.test(entry.sha256) || (packed && !(plain(entry.archive) && count(entry.offset)))) {
    throw new Refusal(`the entry ${key} of ${MANIFEST} is not valid. ${DOWNLOAD_AGAIN}`);
  }
  return entry;
}

// ---- where it lies ----

// temporaryHome makes the folder used when the one beside the task is of no use. It is never os.tmpdir(): whoever
// can write there could put a program in our way. An existing folder is used only if nobody else can change it.
function temporaryHome(entry, why) {
  const base = process.env.AGENT_TEMPDIRECTORY || '';
  if (!path.isAbsolute(base)) {
    throw new Refusal(`${why}. There is no second choice, as AGENT_TEMPDIRECTORY is "${base}", not an absolute path`);
  }
  const home = path.join(base, `.guardrails-${entry.sha256.slice(0, 16)}`);
  let ours;
  try { ours = isOurs(home, 0o700); } catch (err) {
    throw new Refusal(`${why}. The second choice is not usable either: ${err.message}`);
  }
  if (!ours) {
    throw new Refusal(`refusing to use ${home}: it must be a real folder that belongs to this user (uid ` +
      `${WINDOWS ? '-' : process.getuid()}) and that nobody else can write to. Somebody else made it: delete it and ` +
      `find out who. It is needed because ${why}`);
  }
  return home;
}

// isOurs makes the folder if it is absent and reports whether it is a real one that only this user can change.
function isOurs(folder, mode) {
  try {
    fs.mkdirSync(folder, mode);
  } catch (err) {
    // A read-only file system may say that it is one before it says that the folder is there.
    if (err.code !== 'EEXIST' && !fs.existsSync(folder)) throw err;
  }
  const info = fs.lstatSync(folder);
  return info.isDirectory() && onlyWeChange(info);
}

// onlyWeChange is about owner and mode. Windows has neither that Node could show; there the permissions of the agent's
// folders have to do.
function onlyWeChange(info) {
  return WINDOWS || (info.uid === process.getuid() && (info.mode & 0o022) === 0);
}

// matches reports whether program is the file of the manifest, by content, and ours alone to change.
function matches(program, entry) {
  try {
    const info = fs.lstatSync(program);
    const runs = WINDOWS || (info.mode & 0o100) !== 0;
    return info.isFile() && info.size === entry.size && runs && onlyWeChange(info) && hashOf(program) === entry.sha256;
  } catch (err) {
    return false; // absent or unreadable: unpack() says so if it matters
  }
}

function hashOf(file) {
  const hash = crypto.createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 18);
  const fd = fs.openSync(file, 'r');
  try {
    for (let n; (n = fs.readSync(fd, buffer, 0, buffer.length, null)) > 0;) hash.update(buffer.subarray(0, n));
  } finally {
    fs.closeSync(fd);
  }
  return hash.digest('hex');
}

// removeLeftovers deletes what launchers left that were killed while unpacking. Younger ones may be at work.
function removeLeftovers(home, file) {
  const quietly = (action) => { try { return action(); } catch (err) { return undefined; } };
  for (const name of quietly(() => fs.readdirSync(home)) || []) {
    const full = path.join(home, name);
    if (!name.startsWith(`${file}.`) || !/^\.\d+\.[0-9a-f]{16}$/.test(name.slice(file.length))) continue;
    quietly(() => { if (Date.now() - fs.lstatSync(full).mtimeMs > HOUR) fs.unlinkSync(full); });
  }
}

// ---- unpacking ----

// unpack writes the program under a name of its own, checks it, and only then renames it into place: launchers that
// start at the same time each write their own file and the last rename wins, with the same content.
async function unpack(program, entry) {
  const source = path.join(__dirname, 'bin', entry.archive || entry.file);
  const temp = `${program}.${process.pid}.${crypto.randomBytes(8).toString('hex')}`;
  try {
    // Loaded only here: most starts have nothing to unpack.
    const { extract, Damaged } = require('./unpack.js');
    const sum = await extract(source, entry, temp).catch((err) => {
      throw err instanceof Damaged ? new Refusal(`cannot unpack ${source}: ${err.message}. ${DOWNLOAD_AGAIN}`) : err;
    });
    if (sum !== entry.sha256) {
      throw new Refusal(`refusing to run ${entry.file} from ${source}: its SHA-256 is ${sum}, but the manifest ` +
        `says ${entry.sha256}. The file is damaged or was changed. ${DOWNLOAD_AGAIN}`);
    }
    // Windows refuses to replace a program that runs, and virus scanners hold new files for a moment.
    await retry(WINDOWS ? ['EBUSY', 'EPERM', 'EACCES'] : [], () => {
      // Another launcher may have been first, with the same file.
      try { fs.renameSync(temp, program); } catch (err) { if (!matches(program, entry)) throw err; }
    });
  } finally {
    try { fs.unlinkSync(temp); } catch (err) { /* renamed away: the normal case */ }
  }
}

// ---- the child ----

// spawn resolves with {code, signal} when the program has ended and rejects when it could not be started.
// It must be asynchronous: spawnSync would block the signal handlers, and a cancelled step would leave an orphan.
function spawn(program, stage) {
  if (told) throw new Refusal(`${told} came before the program was started, so it was not started`);
  return new Promise((resolve, reject) => {
    const started = childProcess.spawn(program, [stage], {
      // The pipe is never written to. Its end is how the program learns that this process was killed.
      // Inherited output also keeps the console shared on Windows, which is how Ctrl+C reaches the program.
      stdio: ['pipe', 'inherit', 'inherit'],
      // GODEBUG and AZURE_SDK_GO_LOGGING, which any step can set, would make the program log its connections before its
      // first line, tokens included. It gets them under other names, for the programs that it starts itself.
      env: Object.keys(process.env).reduce((env, name) => Object.assign(env, {
        [name.replace(/^(GODEBUG|AZURE_SDK_GO_LOGGING)$/i, 'GUARDRAILS_ENV_$1')]: process.env[name] }), { GUARDRAILS_LAUNCHER: '1' }),
      windowsHide: true,
    });
    // After a successful start, "error" means that a signal could not be sent; the agent will send the next.
    started.on('error', (err) => { if (started.pid === undefined) reject(err); });
    started.on('exit', (code, signal) => resolve({ code, signal }));
    if (started.stdin) started.stdin.on('error', () => {}); // EPIPE when the program closes its end: its right
    if (started.pid !== undefined) child = started;
  });
}

// listen passes on the agent's wish to stop. On Unix the agent signals this process alone (ProcessInvoker.cs: SIGINT,
// SIGTERM 7.5 s later, then SIGKILL). On Windows the console has given Ctrl+C and Ctrl+Break to the program already;
// there it is enough to stay alive until the program has cleaned up.
function listen() {
  for (const signal of WINDOWS ? ['SIGINT', 'SIGBREAK'] : ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      told = signal;
      if (child && !WINDOWS) child.kill(signal);
    });
  }
}

async function retry(codes, action) {
  for (let left = 20; ; left--) {
    try {
      return await action();
    } catch (err) {
      if (left === 0 || codes.indexOf(err.code) < 0) throw err;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

// ---- the outcome ----

function finish(outcome) {
  if (outcome.code === 0) return end(0); // the program has reported its result itself
  const after = told ? ` after the pipeline asked it to stop (${told})` : '';
  if (outcome.signal === 'SIGKILL') {
    throw new Refusal(`the program was killed by SIGKILL${after}. The usual cause is that the machine or the ` +
      'container ran out of memory: give the job more, or let it do less at once');
  }
  // Windows reports a crash as a large number that people know in hexadecimal, such as 0xC0000005.
  const number = outcome.code > 255 ? `0x${outcome.code.toString(16).toUpperCase()}` : outcome.code;
  const how = outcome.signal ? `was stopped by ${outcome.signal}` : `ended with exit code ${number}`;
  throw new Refusal(`the program ${how}${after} without reporting a result. The lines above say what it did last; ` +
    'if they show a panic, please report it with them at https://github.com/guardrails-ci/guardrails/issues');
}

// explained turns an error of the system into words about home.
function explained(err, home) {
  if (err instanceof Refusal || !err.code) return err;
  const hints = {
    EACCES: ' (may this user write there, and is the folder mounted noexec or a program blocked by policy?)',
    ENOSPC: ' (the disk is full)',
    E2BIG: ' (the inputs and variables of this step are too large together)',
    ETXTBSY: ' (another process keeps the file open for writing)',
  };
  return new Refusal(`cannot start the program from ${home}: ${err.message}${hints[err.code] || ''}`);
}

// escape encodes as the agent decodes (CommandStringConvertor.cs): %AZP25 first, as it is decoded last.
function escape(text) {
  return text.replace(/%/g, '%AZP25').replace(/\r/g, '%0D').replace(/\n/g, '%0A')
    .replace(/;/g, '%3B').replace(/\]/g, '%5D');
}

// fail ends the step as failed. The commands begin on a new line, since a program that crashed may have left half a
// line and the agent parses one command a line.
//
// Once the commands are written, the exit code is 0, as it is for the program's own result: a code other than 0 adds an
// error of its own ("Exit code 1 returned from process"), and, being an exception in the agent, it defeats
// retryCountOnTaskFailure: RetryHelper.cs forgets a Failed result before the next attempt, but not after an exception,
// so an attempt that succeeds stays red. Exit code 1 remains for when nobody can have read the commands.
function fail(err) {
  if (failed) return;
  failed = true;
  const known = err instanceof Refusal;
  const text = known ? err.message : `the launcher itself failed: ${(err && err.stack) || err}`;
  process.stdout.write(`${child ? '\n' : ''}##vso[task.logissue type=error;]${escape(`${task}: ${text}`)}\n` +
    '##vso[task.complete result=Failed;]the task did not run to its end\n', (err2) => end(err2 ? 1 : 0));
}

// end lets Node end by itself, as soon as it has nothing more to do. process.exit, which is the last resort here, may wait
// for ever for a thread of V8 (https://github.com/nodejs/node/issues/54918; Node 24 on a busy machine), and a step that
// hangs costs the time limit of its job.
function end(code) {
  process.exitCode = code;
  if (child) {
    child.unref();
    if (child.stdin) child.stdin.destroy(); // what tells a program that still runs that we go
  }
  setTimeout(() => process.exit(code), 2000).unref();
}
