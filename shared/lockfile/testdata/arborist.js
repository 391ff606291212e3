// Prints what npm's own library makes of lock files: node arborist.js <arborist> <folder>...
// Beside the lock file of each folder it writes the same one in versions 1 and 2.
const fs = require('fs');
const path = require('path');
const Arborist = require(process.argv[2]);

const edge = (e) => ({ name: e.name, type: e.type, range: e.rawSpec, to: e.to ? e.to.location : null });
const node = (n) => ({
  location: n.location, name: n.packageName || '', version: n.version || '', link: n.isLink,
  dev: n.dev, optional: n.optional, peer: n.peer, ghost: n.extraneous,
  devOptional: n.devOptional && !n.dev && !n.optional,
  edges: n.isLink ? [] : [...n.edgesOut.values()].map(edge),
});

async function load(folder) {
  const tree = await new Arborist({ path: folder }).loadVirtual();
  return [tree, [...tree.inventory.values()].map(node)];
}

async function main() {
  const all = {};
  for (const folder of process.argv.slice(3)) {
    const [tree, nodes] = await load(folder);
    all[folder] = nodes;
    for (const version of [1, 2]) {
      const other = folder + '-' + version;
      fs.cpSync(folder, other, { recursive: true });
      tree.meta.lockfileVersion = version;
      fs.writeFileSync(path.join(other, 'package-lock.json'), JSON.stringify(tree.meta.toJSON(), null, 2));
      all[other] = (await load(other))[1];
    }
  }
  console.log(JSON.stringify(all));
}

main();
