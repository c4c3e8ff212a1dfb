// The real govd in a directory of its own, and the control API over its socket.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Govd {
  static async start(program, govctl) {
    const govd = new Govd();
    govd.govctl = govctl;
    govd.directory = mkdtempSync(join(tmpdir(), 'govd-client.'));
    govd.socket = join(govd.directory, 's');
    const at = (name) => join(govd.directory, name);
    govd.process = spawn(program, ['--state-dir', at('state'), '--keys-dir', at('keys'), '--socket', govd.socket,
      '--listen', '127.0.0.1:0', '--log-file', at('log')], { stdio: ['ignore', 'ignore', 'inherit'] });
    govd.ended = new Promise((resolve) => govd.process.once('exit', (code, signal) => resolve(code ?? signal)));
    govd.killer = () => govd.process.kill('SIGKILL');
    process.once('exit', govd.killer);
    for (const until = Date.now() + 60_000; ;) {
      if (govd.process.exitCode !== null || Date.now() > until) throw new Error(`govd did not start:\n${govd.log()}`);
      try {
        govd.gateway = (await govd.get('/status')).gateway.url;
        return govd;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  log() {
    try {
      return readFileSync(join(this.directory, 'log'), 'utf8');
    } catch {
      return '';
    }
  }

  async stop() {
    this.process.kill('SIGTERM');
    const code = await this.ended;
    process.removeListener('exit', this.killer);
    const log = this.log();
    rmSync(this.directory, { recursive: true, force: true });
    if (code !== 0) throw new Error(`govd ended with ${code}:\n${log}`);
  }

  // Resolves to the answer's JSON; rejects on any status that is not 2xx.
  call(method, path, body) {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = { Host: 'govd', ...(text && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }) };
      const sent = request({ socketPath: this.socket, method, path, headers, agent: false }, (answer) => {
        let received = '';
        answer.setEncoding('utf8');
        answer.on('data', (piece) => { received += piece; });
        answer.on('end', () => {
          if (answer.statusCode >= 300) reject(new Error(`${method} ${path}: ${answer.statusCode} ${received}`));
          else resolve(JSON.parse(received));
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }
  get(path) { return this.call('GET', path); }
  post(path, body) { return this.call('POST', path, body); }

  // The rows of what govctl lists.
  ctl(...words) {
    return JSON.parse(execFileSync(this.govctl, ['--socket', this.socket, ...words, '-o', 'json'], { encoding: 'utf8' })).items;
  }

  // An org with one agent; its key.
  async agent(org, { credits = 1_000_000 } = {}) {
    await this.post('/orgs', { name: org, slug: org, credits_per_usd: 1_000_000 });
    await this.post(`/orgs/${org}/workspaces`, { name: 'prod', slug: 'prod' });
    await this.post(`/workspaces/${org}%2Fprod/agent-groups`, { name: 'support', slug: 'support' });
    await this.post(`/agent-groups/${org}%2Fprod%2Fsupport/agents`, { name: 'triage', slug: 'triage' });
    await this.post('/credits/purchase', { org, amount: credits });
    return (await this.post(`/agents/${org}%2Fprod%2Fsupport%2Ftriage/keys`, { name: 'client' })).key;
  }
  events(org) { return this.get(`/usage/history/${org}?limit=1000`).then((list) => list.items); }
  ledger(org) { return this.get(`/orgs/${org}/ledger?limit=1000`).then((list) => list.items); }
  audit(org) { return this.get(`/orgs/${org}/audit?limit=1000`).then((list) => list.items); }
  balance(org) { return this.get(`/orgs/${org}/balance`); }
}
