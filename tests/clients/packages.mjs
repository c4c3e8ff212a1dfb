// Loads a client's package from PACKAGES (a directory outside the source tree), installing what packages/package-lock.json
// names there when it is missing.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const wanted = fileURLToPath(new URL('packages', import.meta.url));
const digest = createHash('sha256').update(readFileSync(join(wanted, 'package-lock.json'))).digest('hex').slice(0, 16);
const home = join(process.env.PACKAGES ?? join(tmpdir(), 'govctl-test-packages'), digest);

function install() {
  // Beside its place first: an install that breaks off leaves nothing that looks whole.
  const making = `${home}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  try {
    cpSync(wanted, making, { recursive: true });
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { stdio: ['ignore', 'ignore', 'inherit'], cwd: making });
    renameSync(making, home);
  } catch (error) {
    if (!existsSync(home)) throw error;  // else another test was faster
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

export function load(name) {
  if (!existsSync(home)) install();
  return createRequire(join(home, 'x.js'))(name);
}
