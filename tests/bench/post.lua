-- What every contender is asked: one chat call of about 1 KB. The key comes by the environment, so that no argument
-- list shows it. At the end one line of JSON, for bench.py to read.
local turn = [[You are the support agent of a small web shop. Answer in the customer's language, in at most three ]]
  .. [[sentences, and name the order's number when there is one. Never promise a refund; offer to open a ticket. ]]
local question = [[Hello, I ordered two lamps last Tuesday (order 48-1172) and only one came. The invoice says two. ]]
  .. [[Could you look up where the second one is, whether it was sent apart from the first, and when I can expect it? ]]
  .. [[If it is lost, I would rather have the grey model, if that costs the same. Thank you very much in advance.]]

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
for name, value in string.gmatch(os.getenv("BENCH_HEADERS") or "", "([^:\n]+): ([^\n]+)") do wrk.headers[name] = value end
wrk.body = '{"model":"' .. os.getenv("BENCH_MODEL") .. '","max_tokens":128,"temperature":0.2,"user":"customer-48",'
  .. '"messages":[{"role":"system","content":"' .. turn .. turn .. '"},{"role":"user","content":"' .. question .. '"}]}'

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"answered":%d,"seconds":%.6f,"median_us":%d,"p99_us":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
