#pragma once
// GET /docs and /redoc: one page that draws /openapi.json. It fetches nothing else.

#include <string_view>

namespace govctl::control {

constexpr std::string_view docs_page = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>govd: the control API</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
  details { border: 1px solid #8886; border-radius: .4rem; margin: .4rem 0; padding: .3rem .8rem; }
  summary { cursor: pointer; font-family: ui-monospace, monospace; }
  summary b { display: inline-block; min-width: 4.5rem; }
  summary span { font-family: system-ui, sans-serif; opacity: .75; margin-left: .8rem; }
  table { border-collapse: collapse; width: 100%; margin: .4rem 0; }
  td, th { text-align: left; vertical-align: top; padding: .15rem .8rem .15rem 0; border-bottom: 1px solid #8883; }
  code { font-family: ui-monospace, monospace; }
</style>
</head>
<body>
<h1>govd: the control API</h1>
<p id="about">Loading <code>/openapi.json</code> …</p>
<input id="filter" placeholder="filter by path or words" size="40" aria-label="filter">
<main id="routes"></main>
<script>
const make = (tag, text) => { const e = document.createElement(tag); if (text) e.textContent = text; return e; };
const typeOf = s => s.type === 'array' ? typeOf(s.items || {}) + '[]' : [].concat(s.type || 'any').join(' or ');
function fields(title, schema) {
  const box = make('div');
  box.append(make('h4', title));
  const table = make('table');
  const rows = schema.properties || {};
  for (const [name, property] of Object.entries(rows)) {
    const row = make('tr');
    const cell = make('td');
    cell.append(make('code', name + ((schema.required || []).includes(name) ? ' *' : '')));
    row.append(cell, make('td', typeOf(property)), make('td', property.description || ''));
    table.append(row);
    const inner = property.type === 'array' ? property.items : property;
    if (inner && inner.properties) {
      const nested = make('tr'), wide = make('td');
      wide.colSpan = 3;
      wide.append(fields(name + ':', inner));
      nested.append(wide);
      table.append(nested);
    }
  }
  box.append(table);
  return box;
}
function route(method, path, op) {
  const box = make('details'), head = make('summary');
  head.append(make('b', method.toUpperCase()), path, make('span', op.summary));
  box.append(head);
  if (op['x-permission']) box.append(make('p', 'Permission: ' + op['x-permission']));
  if (op.parameters) {
    const properties = {};
    for (const p of op.parameters) properties[p.in + ' ' + p.name] = { ...p.schema, description: p.description };
    box.append(fields('Parameters', { properties }));
  }
  const body = op.requestBody && op.requestBody.content['application/json'].schema;
  if (body) box.append(fields('Body (* is required)', body));
  for (const [status, answer] of Object.entries(op.responses)) {
    const content = answer.content && answer.content['application/json'];
    if (content && status !== 'default') box.append(fields('Answer ' + status, content.schema));
  }
  box.dataset.words = (method + ' ' + path + ' ' + op.summary).toLowerCase();
  return box;
}
fetch('openapi.json').then(r => r.json()).then(api => {
  document.getElementById('about').textContent = api.info.description;
  const main = document.getElementById('routes');
  for (const [path, methods] of Object.entries(api.paths))
    for (const [method, op] of Object.entries(methods)) main.append(route(method, path, op));
  document.getElementById('filter').oninput = event => {
    const words = event.target.value.toLowerCase();
    for (const box of main.children) box.hidden = !box.dataset.words.includes(words);
  };
}).catch(() => { document.getElementById('about').textContent = 'openapi.json could not be read.'; });
</script>
</body>
</html>
)html";

}  // namespace govctl::control
