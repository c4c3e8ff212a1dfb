// A provider that speaks Cohere's v2 chat and embed (docs.cohere.com/reference/chat).
import assert from 'node:assert/strict';
import { SECRET, TEXT, Upstream, calls, members, pieces } from './upstream.mjs';
import { VECTOR } from './openai.mjs';

const USAGE = { billed_units: { input_tokens: 234, output_tokens: 56 }, tokens: { input_tokens: 1234, output_tokens: 60 } };
const PLAN = 'I will look the order up.';

function checkChat(body) {
  members(body, ['model', 'messages'], ['stream', 'max_tokens', 'temperature', 'p', 'k', 'seed', 'stop_sequences', 'tools', 'tool_choice',
    'response_format', 'presence_penalty', 'frequency_penalty', 'thinking', 'strict_tools']);
  for (const message of body.messages) {
    const rows = {
      system: [['role', 'content'], []], user: [['role', 'content'], []],
      assistant: [['role'], ['content', 'tool_calls', 'tool_plan']], tool: [['role', 'tool_call_id', 'content'], []],
    };
    assert.ok(rows[message.role], `role ${message.role}`);
    members(message, ...rows[message.role], `a message of ${message.role}`);
  }
  for (const tool of body.tools ?? []) {
    members(tool, ['type', 'function'], [], 'a tool');
    members(tool.function, ['name', 'parameters'], ['description'], 'a function');
  }
  if (body.tool_choice !== undefined) assert.ok(['REQUIRED', 'NONE'].includes(body.tool_choice));
}

const toolCall = (call) => ({ id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } });

function events(model, callsTools, finish_reason) {
  const said = [['message-start', { id: 'c-1', type: 'message-start', delta: { message: { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] } } }]];
  const say = (type, fields) => said.push([type, { type, ...fields }]);
  if (callsTools) {
    for (const tool_plan of pieces(PLAN, 9)) say('tool-plan-delta', { delta: { message: { tool_plan } } });
    calls(model).forEach((call, index) => {
      say('tool-call-start', { index, delta: { message: { tool_calls: toolCall({ ...call, arguments: '' }) } } });
      for (const piece of pieces(call.arguments, 7)) say('tool-call-delta', { index, delta: { message: { tool_calls: { function: { arguments: piece } } } } });
      say('tool-call-end', { index });
    });
  } else {
    say('content-start', { index: 0, delta: { message: { content: { type: 'text', text: '' } } } });
    for (const text of pieces(TEXT, 9)) say('content-delta', { index: 0, delta: { message: { content: { text } } } });
    say('content-end', { index: 0 });
  }
  say('message-end', { id: 'c-1', delta: { finish_reason, usage: USAGE } });
  return said;
}

export class CohereUpstream extends Upstream {
  base = '/v2';

  error(_, message) { return { message }; }

  answer({ path, headers, body }, response) {
    assert.equal(headers.authorization, `Bearer ${SECRET}`);
    if (path === '/v2/embed') {
      members(body, ['model', 'texts', 'input_type', 'embedding_types'], ['output_dimension']);
      assert.deepEqual(body.embedding_types, ['float']);
      this.json(response, 200, { id: 'e-1', texts: body.texts, embeddings: { float: body.texts.map(() => VECTOR) }, meta: { billed_units: { input_tokens: 1234 } } });
      return;
    }
    assert.equal(path, '/v2/chat');
    checkChat(body);
    if (this.fails(body.model, response)) return;
    const callsTools = body.tools !== undefined && body.messages.at(-1).role !== 'tool';
    const finish_reason = callsTools ? 'TOOL_CALL' : body.model === 'short' ? 'MAX_TOKENS' : 'COMPLETE';
    if (body.stream) {
      this.stream(body.model, response, events(body.model, callsTools, finish_reason));
      return;
    }
    const message = callsTools ? { tool_plan: PLAN, tool_calls: calls(body.model).map(toolCall) } : { content: [{ type: 'text', text: TEXT }] };
    this.json(response, 200, { id: 'c-1', finish_reason, message: { role: 'assistant', ...message }, usage: USAGE });
  }
}
