// What every fake provider is: a server on a port of its own that says no to whatever its vendor's documentation does not
// allow. What it does follows from the model's name: `down` fails, `busy` has too many calls, `cut` breaks its stream off,
// `endless` never ends it, `silent` does not answer, `short` runs into its limit, `pair` calls two tools where others call one.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';

export const TEXT = 'The quick brown fox jumps over the lazy dog.';
export const ARGUMENTS = '{"order":"48-1172","note":"café \\"special\\"\\n"}';
export const SECRET = 'sk-of-the-provider-0001';

// What the model calls: id, name and arguments.
export const calls = (model) => [{ id: 'call_1', name: 'lookup', arguments: ARGUMENTS },
  ...(model === 'pair' ? [{ id: 'call_2', name: 'stock', arguments: '{"sku":"L-9"}' }] : [])];
export const pieces = (text, size) => text.match(new RegExp(`.{1,${size}}`, 'gs'));

// Every member of `object` is one that the documentation names, and those that it asks for are there.
export function members(object, needed, optional, what = 'the body') {
  assert.ok(object !== null && typeof object === 'object' && !Array.isArray(object), `${what} is no object`);
  const unknown = Object.keys(object).filter((name) => !needed.includes(name) && !optional.includes(name));
  assert.deepEqual(unknown, [], `${what} has members that the format does not know`);
  assert.deepEqual(needed.filter((name) => object[name] === undefined), [], `${what} lacks members`);
}

export class Upstream {
  seen = [];    // {method, path, headers, body, text}
  faults = [];  // what was wrong with a request

  static async start() {
    const upstream = new this();
    upstream.server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (piece) => { text += piece; });
      request.on('end', () => upstream.take(request, text, response));
    });
    await new Promise((resolve) => upstream.server.listen(0, '127.0.0.1', resolve));
    upstream.url = `http://127.0.0.1:${upstream.server.address().port}${upstream.base}`;
    return upstream;
  }

  take(request, text, response) {
    try {
      assert.equal(request.method, 'POST');
      assert.match(request.headers['content-type'], /^application\/json/);
      assert.doesNotMatch(JSON.stringify(request.rawHeaders), /cpk_/, "the caller's own key");
      const body = JSON.parse(text);
      this.seen.push({ method: request.method, path: request.url, headers: request.headers, body, text });
      this.answer({ path: request.url, headers: request.headers, body }, response);
    } catch (error) {
      this.faults.push(error);
      this.json(response, 400, this.error(400, `the fake provider refuses this: ${error.message}`));
    }
  }

  json(response, status, value, headers = {}) {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(JSON.stringify(value));
  }

  // True where the model's name says that it fails.
  fails(model, response) {
    if (model === 'down') this.json(response, 500, this.error(500, 'the provider is down'));
    else if (model === 'busy') this.json(response, 429, this.error(429, 'the provider is busy'), { 'Retry-After': '1' });
    else if (model !== 'silent') return false;
    return true;
  }

  // Sends events as SSE: [name or undefined, data as text or to be told as JSON].
  stream(model, response, events) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const told = model === 'cut' || model === 'endless' ? events.slice(0, 4) : events;
    for (const [name, data] of told) {
      response.write(`${name ? `event: ${name}\n` : ''}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
    }
    if (model === 'cut') setTimeout(() => response.destroy(), 20);
    else if (model !== 'endless') response.end();  // endless: until the client goes
  }

  calls(model) { return this.seen.filter((request) => request.body.model === model).length; }
  last() { return this.seen.at(-1); }

  // Throws what the provider found wrong since it was last asked.
  check() {
    const [first] = this.faults.splice(0);
    if (first) throw first;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
