// The same work as SafeCache's restore stage on a miss, written the usual way,
// on the official task library: read the inputs, resolve a key with one file in
// it, look for an entry in a directory, set the variables, finish.
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const tl = require('azure-pipelines-task-lib/task');

try {
  const segments = tl.getInput('key', true).split('|').map((s) => s.trim());
  const target = tl.getPathInput('path', true);
  const store = tl.getInput('directory', true);
  const root = tl.getVariable('System.DefaultWorkingDirectory');
  const resolved = segments.map((segment) => {
    if (segment.startsWith('"') || !segment.includes('.')) return segment;
    const data = fs.readFileSync(path.join(root, segment));
    return crypto.createHash('sha256').update(data).digest('base64');
  });
  const name = crypto.createHash('sha256').update(resolved.join('|')).digest('hex');
  console.log('Resolved to: ' + resolved.join('|'));
  const hit = fs.existsSync(path.join(store, name));
  tl.setTaskVariable('RESTORE_STEP_RAN', 'true');
  tl.setVariable(tl.getInput('cacheHitVar') || 'hit', String(hit));
  tl.setVariable('hit', hit ? 'exact' : 'miss', false, true);
  console.log('Cache miss for ' + target);
  tl.setResult(tl.TaskResult.Succeeded, '');
} catch (err) {
  tl.setResult(tl.TaskResult.Failed, err.message);
}
