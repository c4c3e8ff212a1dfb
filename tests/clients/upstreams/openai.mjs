// A provider that speaks OpenAI: chat, responses and embeddings (platform.openai.com/docs/api-reference).
import assert from 'node:assert/strict';
import { SECRET, TEXT, Upstream, calls, members, pieces } from './upstream.mjs';

export const USAGE = {
  prompt_tokens: 1234, completion_tokens: 56, total_tokens: 1290,
  prompt_tokens_details: { cached_tokens: 1000 }, completion_tokens_details: { reasoning_tokens: 16 },
};
export const RESPONSES_USAGE = {
  input_tokens: 1234, input_tokens_details: { cached_tokens: 1000 },
  output_tokens: 56, output_tokens_details: { reasoning_tokens: 16 }, total_tokens: 1290,
};
export const VECTOR = [0.5, -1.25, 3, 0.0625];  // each one exact in 32 bits

// --- chat

function checkMessage(message, index) {
  const where = `messages[${index}]`;
  const optional = { system: [], developer: [], user: [], assistant: ['tool_calls', 'refusal'], tool: ['tool_call_id'] }[message.role];
  assert.ok(optional, `${where}: role ${message.role}`);
  members(message, ['role', 'content'], optional, where);
  if (message.role === 'tool') {
    assert.equal(typeof message.tool_call_id, 'string');
    assert.equal(typeof message.content, 'string');
  }
  for (const call of message.tool_calls ?? []) {
    members(call, ['id', 'type', 'function'], [], `${where}: a call`);
    assert.equal(typeof JSON.parse(call.function.arguments), 'object');
  }
  if (Array.isArray(message.content)) {
    for (const part of message.content) assert.ok(['text', 'image_url', 'file'].includes(part.type), `${where}: ${part.type}`);
  } else if (message.content !== null) {
    assert.equal(typeof message.content, 'string', where);
  }
}

function checkChat(body) {
  members(body, ['model', 'messages'], ['max_tokens', 'max_completion_tokens', 'stream', 'stream_options', 'tools', 'tool_choice',
    'temperature', 'top_p', 'stop', 'user', 'parallel_tool_calls', 'response_format', 'store']);
  if (body.max_tokens !== undefined) assert.ok(Number.isInteger(body.max_tokens) && body.max_tokens > 0);
  assert.ok(body.stream_options === undefined || body.stream === true, 'stream_options goes with stream alone');
  assert.ok(body.tool_choice === undefined || body.tools !== undefined, 'tool_choice goes with tools alone');
  body.messages.forEach(checkMessage);
  for (const tool of body.tools ?? []) {
    members(tool, ['type', 'function'], [], 'a tool');
    members(tool.function, ['name'], ['description', 'parameters', 'strict'], 'a function');
  }
  // A call's result stands behind its call.
  const asked = new Set();
  for (const message of body.messages) {
    for (const call of message.tool_calls ?? []) asked.add(call.id);
    if (message.role === 'tool') assert.ok(asked.has(message.tool_call_id), `no call ${message.tool_call_id}`);
  }
}

const chatCall = (call) => ({ id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } });
const chunk = (model, delta, finish_reason = null) => ({
  id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1763000000, model, choices: [{ index: 0, delta, finish_reason }],
});

function chunks(model, callsTools) {
  if (callsTools) {
    const deltas = calls(model).flatMap((call, index) => [
      { tool_calls: [{ index, ...chatCall({ ...call, arguments: '' }) }] },
      ...pieces(call.arguments, 7).map((piece) => ({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ]);
    return [{ role: 'assistant', content: null }, ...deltas].map((delta) => chunk(model, delta)).concat(chunk(model, {}, 'tool_calls'));
  }
  return [{ role: 'assistant', content: '' }, ...pieces(TEXT, 9).map((content) => ({ content }))].map((delta) => chunk(model, delta))
    .concat(chunk(model, {}, model === 'short' ? 'length' : 'stop'));
}

// --- responses

function checkResponses(body) {
  members(body, ['model', 'input'], ['instructions', 'max_output_tokens', 'stream', 'tools', 'tool_choice', 'temperature', 'top_p',
    'previous_response_id', 'store', 'include', 'text', 'reasoning', 'parallel_tool_calls', 'user']);
  for (const tool of body.tools ?? []) members(tool, ['type', 'name', 'parameters'], ['description', 'strict'], 'a tool');
  if (typeof body.input === 'string') return;
  for (const item of body.input) {
    if (item.type === 'function_call_output') members(item, ['type', 'call_id', 'output'], ['id', 'status'], 'an item');
    else if (item.type === 'function_call') members(item, ['type', 'call_id', 'name', 'arguments'], ['id', 'status'], 'an item');
    else members(item, ['role', 'content'], ['type', 'id', 'status'], 'an item');
  }
}

const response = (model, fields) => ({
  id: 'resp_1', object: 'response', created_at: 1763000000, status: 'in_progress', background: false, error: null,
  incomplete_details: null, instructions: null, max_output_tokens: null, model, output: [], parallel_tool_calls: true,
  previous_response_id: null, reasoning: { effort: null, summary: null }, store: true, temperature: 1,
  text: { format: { type: 'text' } }, tool_choice: 'auto', tools: [], top_p: 1, truncation: 'disabled', usage: null, user: null,
  metadata: {}, ...fields,
});
const textPart = (text) => ({ type: 'output_text', annotations: [], logprobs: [], text });
const messageItem = (text, status) => ({ id: 'msg_1', type: 'message', status, role: 'assistant', content: text === null ? [] : [textPart(text)] });
const callItem = (call, index, status) => ({ id: `fc_${index}`, type: 'function_call', status, call_id: call.id, name: call.name, arguments: call.arguments });

const wholeResponse = (model, callsTools) => response(model, {
  status: model === 'short' ? 'incomplete' : 'completed', incomplete_details: model === 'short' ? { reason: 'max_output_tokens' } : null,
  output: callsTools ? calls(model).map((call, index) => callItem(call, index, 'completed')) : [messageItem(TEXT, 'completed')],
  usage: RESPONSES_USAGE,
});

function responseEvents(model, callsTools) {
  const events = [];
  const say = (type, fields) => events.push([type, { type, sequence_number: events.length, ...fields }]);
  say('response.created', { response: response(model) });
  say('response.in_progress', { response: response(model) });
  if (callsTools) {
    calls(model).forEach((call, index) => {
      const at = { item_id: `fc_${index}`, output_index: index };
      say('response.output_item.added', { output_index: index, item: callItem({ ...call, arguments: '' }, index, 'in_progress') });
      for (const delta of pieces(call.arguments, 7)) say('response.function_call_arguments.delta', { ...at, delta });
      say('response.function_call_arguments.done', { ...at, name: call.name, arguments: call.arguments });
      say('response.output_item.done', { output_index: index, item: callItem(call, index, 'completed') });
    });
  } else {
    const at = { item_id: 'msg_1', output_index: 0, content_index: 0 };
    say('response.output_item.added', { output_index: 0, item: messageItem(null, 'in_progress') });
    say('response.content_part.added', { ...at, part: textPart('') });
    for (const delta of pieces(TEXT, 9)) say('response.output_text.delta', { ...at, delta, logprobs: [] });
    say('response.output_text.done', { ...at, text: TEXT, logprobs: [] });
    say('response.content_part.done', { ...at, part: textPart(TEXT) });
    say('response.output_item.done', { output_index: 0, item: messageItem(TEXT, 'completed') });
  }
  say(model === 'short' ? 'response.incomplete' : 'response.completed', { response: wholeResponse(model, callsTools) });
  return events;
}

// --- the provider

export class OpenAIUpstream extends Upstream {
  base = '/v1';

  error(status, message) {
    return { error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error', param: null, code: null } };
  }

  answer({ path, headers, body }, answer) {
    assert.equal(headers.authorization, `Bearer ${SECRET}`);
    const act = { '/v1/chat/completions': this.chat, '/v1/responses': this.responses, '/v1/embeddings': this.embeddings }[path];
    assert.ok(act, `no route ${path}`);
    act.call(this, body, answer);
  }

  chat(body, answer) {
    checkChat(body);
    const { model } = body;
    if (this.fails(model, answer)) return;
    const callsTools = body.tools !== undefined && body.messages.at(-1).role !== 'tool';
    if (body.stream) {
      const usage = body.stream_options?.include_usage ? [{ ...chunk(model, {}), choices: [], usage: USAGE }] : [];
      this.stream(model, answer, [...chunks(model, callsTools), ...usage, '[DONE]'].map((data) => [undefined, data]));
      return;
    }
    const message = callsTools ? { content: null, tool_calls: calls(model).map(chatCall) } : { content: TEXT };
    const finish_reason = callsTools ? 'tool_calls' : model === 'short' ? 'length' : 'stop';
    this.json(answer, 200, {
      id: 'chatcmpl-1', object: 'chat.completion', created: 1763000000, model,
      choices: [{ index: 0, message: { role: 'assistant', ...message }, logprobs: null, finish_reason }], usage: USAGE,
    });
  }

  responses(body, answer) {
    checkResponses(body);
    const { model } = body;
    if (this.fails(model, answer)) return;
    const callsTools = body.tools !== undefined && body.input.at(-1).type !== 'function_call_output';
    if (body.stream) this.stream(model, answer, responseEvents(model, callsTools));
    else this.json(answer, 200, wholeResponse(model, callsTools));
  }

  embeddings(body, answer) {
    members(body, ['model', 'input'], ['encoding_format', 'dimensions', 'user']);
    if (this.fails(body.model, answer)) return;
    const inputs = Array.isArray(body.input) ? body.input : [body.input];
    const embedding = body.encoding_format === 'base64' ? Buffer.from(new Float32Array(VECTOR).buffer).toString('base64') : VECTOR;
    this.json(answer, 200, {
      object: 'list', model: body.model, usage: { prompt_tokens: 1234, total_tokens: 1234 },
      data: inputs.map((_, index) => ({ object: 'embedding', index, embedding })),
    });
  }
}
