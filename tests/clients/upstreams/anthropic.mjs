// Providers that speak Anthropic's Messages: Anthropic itself (platform.claude.com/docs/en/api/messages), and Bedrock, which
// puts them into an event stream of its own (docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html).
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { SECRET, TEXT, Upstream, calls, members, pieces } from './upstream.mjs';

// What caches read and wrote stands beside input_tokens: 200 + 1,000 + 40 went in.
const INPUT = {
  input_tokens: 200, cache_read_input_tokens: 1000, cache_creation_input_tokens: 40,
  cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 10 },
};
export const USAGE = { ...INPUT, output_tokens: 56, service_tier: 'standard' };
export const COUNT = 4321;

const BLOCKS = {
  text: [['type', 'text'], ['cache_control', 'citations']],
  image: [['type', 'source'], ['cache_control']],
  document: [['type', 'source'], ['title', 'cache_control']],
  tool_use: [['type', 'id', 'name', 'input'], ['cache_control', 'caller']],
  tool_result: [['type', 'tool_use_id'], ['content', 'is_error', 'cache_control']],
};

function checkBlocks(content, where) {
  if (typeof content === 'string') return assert.notEqual(content, '', where);
  assert.ok(Array.isArray(content) && content.length > 0, `${where} must be text or blocks`);
  for (const block of content) {
    assert.ok(BLOCKS[block.type], `${where}: a block of type ${block.type}`);
    members(block, ...BLOCKS[block.type], `${where}: ${block.type}`);
    if (block.type === 'text') assert.notEqual(block.text, '', `${where}: empty text`);
    if (block.type === 'tool_use') assert.equal(typeof block.input, 'object', where);
  }
  return undefined;
}

function checkMessages(body) {
  if (body.system !== undefined) checkBlocks(body.system, 'system');
  body.messages.forEach((message, index) => {
    const where = `messages[${index}]`;
    members(message, ['role', 'content'], [], where);
    assert.equal(message.role, index % 2 === 0 ? 'user' : 'assistant', `${where}: turns alternate, the user begins`);
    checkBlocks(message.content, `${where}.content`);
    // All calls of a turn are answered, first of all, in the next.
    if (index === 0 || typeof body.messages[index - 1].content === 'string') return;
    const asked = body.messages[index - 1].content.filter((block) => block.type === 'tool_use').map((block) => block.id);
    const answered = (typeof message.content === 'string' ? [] : message.content).slice(0, asked.length).map((block) => block.tool_use_id);
    assert.deepEqual(answered, asked, `${where}: the results of the calls before`);
  });
  for (const tool of body.tools ?? []) {
    members(tool, ['name', 'input_schema'], ['type', 'description', 'cache_control', 'strict', 'eager_input_streaming'], 'a tool');
    assert.equal(tool.input_schema.type, 'object');
  }
  if (body.tool_choice !== undefined) assert.ok(['auto', 'any', 'tool', 'none'].includes(body.tool_choice.type));
}

const toolUse = (call) => ({ type: 'tool_use', id: call.id, name: call.name, input: JSON.parse(call.arguments) });
const stopReason = (model, callsTools) => (callsTools ? 'tool_use' : model === 'short' ? 'max_tokens' : 'end_turn');
const message = (model, fields) => ({
  id: 'msg_1', type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, usage: USAGE, ...fields,
});

function events(model, callsTools) {
  const said = [];
  const say = (type, fields = {}) => said.push([type, { type, ...fields }]);
  say('message_start', { message: message(model, { usage: { ...INPUT, output_tokens: 1 } }) });
  say('ping');
  const block = (index, start, deltas) => {
    say('content_block_start', { index, content_block: start });
    for (const delta of deltas) say('content_block_delta', { index, delta });
    say('content_block_stop', { index });
  };
  if (callsTools) {
    calls(model).forEach((call, index) => block(index, { ...toolUse(call), input: {} },
      ['', ...pieces(call.arguments, 7)].map((partial_json) => ({ type: 'input_json_delta', partial_json }))));
  } else {
    block(0, { type: 'text', text: '' }, pieces(TEXT, 9).map((text) => ({ type: 'text_delta', text })));
  }
  say('message_delta', { delta: { stop_reason: stopReason(model, callsTools), stop_sequence: null }, usage: { output_tokens: 56 } });
  say('message_stop');
  return said;
}

const OPTIONAL = ['system', 'stream', 'tools', 'tool_choice', 'temperature', 'top_p', 'top_k', 'stop_sequences', 'metadata', 'thinking',
  'output_config', 'cache_control'];

export class AnthropicUpstream extends Upstream {
  base = '/v1';

  error(status, text) {
    return { type: 'error', error: { type: { 400: 'invalid_request_error', 429: 'rate_limit_error' }[status] ?? 'api_error', message: text }, request_id: 'req_theirs' };
  }

  answer({ path, headers, body }, response) {
    assert.equal(headers['x-api-key'], SECRET);
    assert.equal(headers.authorization, undefined);
    // The newer version knows no sampling (platform.claude.com/docs/en/api/versioning).
    assert.ok(['2023-06-01', '2026-10-21'].includes(headers['anthropic-version']), headers['anthropic-version']);
    const sampling = headers['anthropic-version'] === '2023-06-01' ? [] : ['temperature', 'top_p', 'top_k'];
    assert.deepEqual(sampling.filter((name) => body[name] !== undefined), []);
    if (path === '/v1/messages/count_tokens') {
      members(body, ['model', 'messages'], ['system', 'tools', 'tool_choice', 'thinking']);
      checkMessages(body);
      this.json(response, 200, { input_tokens: COUNT });
      return;
    }
    assert.equal(path, '/v1/messages');
    members(body, ['model', 'messages', 'max_tokens'], OPTIONAL);
    this.reply(body.model, body, body.stream === true, response);
  }

  reply(model, body, streams, response) {
    assert.ok(Number.isInteger(body.max_tokens) && body.max_tokens > 0);
    checkMessages(body);
    if (this.fails(model, response)) return;
    const { content } = body.messages.at(-1);
    const callsTools = body.tools !== undefined && (typeof content === 'string' || content[0].type !== 'tool_result');
    if (streams) {
      this.stream(model, response, events(model, callsTools));
      return;
    }
    this.json(response, 200, message(model, {
      content: callsTools ? calls(model).map(toolUse) : [{ type: 'text', text: TEXT }], stop_reason: stopReason(model, callsTools),
    }));
  }
}

// One message of an AWS event stream: lengths, their checksum, headers, payload, the checksum of all.
function frame(value) {
  const header = (name, text) => Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7, 0, text.length]), Buffer.from(text)]);
  const headers = Buffer.concat([header(':event-type', 'chunk'), header(':content-type', 'application/json'), header(':message-type', 'event')]);
  const payload = Buffer.from(JSON.stringify({ bytes: Buffer.from(JSON.stringify(value)).toString('base64') }));
  const made = Buffer.alloc(12 + headers.length + payload.length + 4);
  made.writeUInt32BE(made.length, 0);
  made.writeUInt32BE(headers.length, 4);
  made.writeUInt32BE(crc32(made.subarray(0, 8)), 8);
  headers.copy(made, 12);
  payload.copy(made, 12 + headers.length);
  made.writeUInt32BE(crc32(made.subarray(0, made.length - 4)), made.length - 4);
  return made;
}

export class BedrockUpstream extends AnthropicUpstream {
  base = '';

  error(_, text) { return { message: text }; }

  answer({ path, headers, body }, response) {
    const [, model, action] = path.match(/^\/model\/([^/]+)\/(invoke|invoke-with-response-stream)$/) ?? assert.fail(`no route ${path}`);
    assert.match(headers.authorization, /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/bedrock\/aws4_request, SignedHeaders=[a-z;-]*host[a-z;-]*, Signature=[0-9a-f]{64}$/);
    assert.match(headers['x-amz-date'], /^\d{8}T\d{6}Z$/);
    members(body, ['anthropic_version', 'messages', 'max_tokens'], [...OPTIONAL.filter((name) => name !== 'stream'), 'anthropic_beta']);
    assert.equal(body.anthropic_version, 'bedrock-2023-05-31');
    this.reply(model, body, action !== 'invoke', response);
  }

  stream(_, response, all) {
    response.writeHead(200, { 'Content-Type': 'application/vnd.amazon.eventstream' });
    for (const [, data] of all) response.write(frame(data));
    response.end();
  }
}
