-- What wrk asks of a gateway's lists: QUESTION, with what is random in it drawn anew each time.
local key, question = os.getenv("TOLLGATE_KEY"), os.getenv("QUESTION")
local payments = tonumber(os.getenv("PAYMENTS"))
local ids, times = {}, {}

function init()
  math.randomseed(os.time())
  for line in io.lines(os.getenv("PLACES")) do
    local id, time = line:match("^(%S+) (%S+)$")
    ids[#ids + 1], times[#times + 1] = id, time
  end
end

local function draw(what)
  if what == "payment" then return ids[math.random(#ids)] end
  if what == "time" then return times[math.random(#times)] end
  if what == "order" then return string.format("order-%d", math.random(payments) - 1) end
  return "customer-" .. (math.random(100000) - 1)
end

function request()
  local path = question:gsub("{random (%a+)}", draw):gsub("%[", "%%5B"):gsub("%]", "%%5D")
  return "GET " .. path .. " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " .. key .. "\r\n\r\n"
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("%.0f %.2f %.2f %d\n", summary.requests / summary.duration * 1000000,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
