// Loads a client's package from PACKAGES (a directory outside the source tree), installing it there when it is missing.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function load(name, version) {
  const shelf = process.env.PACKAGES ?? join(tmpdir(), 'govctl-test-packages');
  const home = join(shelf, `${name}-${version}`);
  const manifest = join(home, 'node_modules', name, 'package.json');
  if (!existsSync(manifest)) {
    // Beside its place first: an install that breaks off leaves nothing that looks whole.
    const making = `${home}.${process.pid}`;
    mkdirSync(making, { recursive: true });
    execFileSync('npm', ['install', '--prefix', making, '--no-save', '--no-package-lock', '--no-audit', '--no-fund',
      '--ignore-scripts', `${name}@${version}`], { stdio: ['ignore', 'ignore', 'inherit'], cwd: making });
    rmSync(home, { recursive: true, force: true });
    renameSync(making, home);
  }
  const found = JSON.parse(readFileSync(manifest, 'utf8')).version;
  if (found !== version) throw new Error(`${name} ${found} is installed where ${version} is wanted: remove ${home}`);
  return createRequire(join(home, 'x.js'))(name);
}
