// A provider that speaks OpenAI chat: what it does follows from the model's name.
import { createServer } from 'node:http';

export const TEXT = 'The quick brown fox jumps over the lazy dog.';
export const USAGE = {
  prompt_tokens: 1234, completion_tokens: 56, total_tokens: 1290,
  prompt_tokens_details: { cached_tokens: 1000 }, completion_tokens_details: { reasoning_tokens: 0 },
};
export const ARGUMENTS = '{"order":"48-1172","note":"café \\"special\\"\\n"}';

const answer = (model, message, finish_reason) => ({
  id: 'chatcmpl-1', object: 'chat.completion', created: 1763000000, model,
  choices: [{ index: 0, message: { role: 'assistant', ...message }, logprobs: null, finish_reason }], usage: USAGE,
});
const chunk = (model, delta, finish_reason = null) => ({
  id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1763000000, model, choices: [{ index: 0, delta, finish_reason }],
});

function deltas(model, tools) {
  if (tools) {
    const call = (fields) => chunk(model, { tool_calls: [{ index: 0, ...fields }] });
    return [
      chunk(model, { role: 'assistant', content: null }),
      call({ id: 'call_1', type: 'function', function: { name: 'lookup', arguments: '' } }),
      ...ARGUMENTS.match(/.{1,7}/gs).map((piece) => call({ function: { arguments: piece } })),
      chunk(model, {}, 'tool_calls'),
    ];
  }
  return [chunk(model, { role: 'assistant', content: '' }), ...TEXT.match(/.{1,9}/gs).map((content) => chunk(model, { content })),
    chunk(model, {}, 'stop')];
}

export class Upstream {
  seen = [];

  static async start() {
    const upstream = new Upstream();
    upstream.server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (piece) => { text += piece; });
      request.on('end', () => {
        const body = JSON.parse(text);
        upstream.seen.push({ headers: request.headers, body, path: request.url });
        upstream.answer(body, response);
      });
    });
    await new Promise((resolve) => upstream.server.listen(0, '127.0.0.1', resolve));
    upstream.url = `http://127.0.0.1:${upstream.server.address().port}/v1`;
    return upstream;
  }

  calls(model) { return this.seen.filter((request) => request.body.model === model).length; }

  answer(body, response) {
    const json = (status, value, headers = {}) => {
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
      response.end(JSON.stringify(value));
    };
    if (body.model === 'down') return json(500, { error: { message: 'the provider is down', type: 'server_error', param: null, code: null } });
    if (!body.stream) {
      return json(200, body.tools
        ? answer(body.model, { content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'lookup', arguments: ARGUMENTS } }] }, 'tool_calls')
        : answer(body.model, { content: TEXT }, 'stop'));
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const send = (value) => response.write(`data: ${JSON.stringify(value)}\n\n`);
    const all = deltas(body.model, Boolean(body.tools));
    if (body.model === 'cut') {
      all.slice(0, 3).forEach(send);
      return setTimeout(() => response.destroy(), 20);
    }
    if (body.model === 'endless') {
      all.slice(0, 3).forEach(send);
      return undefined;  // until the client goes
    }
    all.forEach(send);
    if (body.stream_options?.include_usage) send({ ...chunk(body.model, {}), choices: [], usage: USAGE });
    response.end('data: [DONE]\n\n');
    return undefined;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
