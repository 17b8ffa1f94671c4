-- What wrk sends: a payment with a key of its own, as a merchant would.
local key = os.getenv("TOLLGATE_KEY") or "none"
local body = [[{"amount":"100.00","currency":"INR","payment_method":"card",]]
  .. [["card":{"number":"4242424242424242","expiry_month":12,"expiry_year":2040,"cvv":"123"},]]
  .. [["customer":{"id":"customer-7"},"order_id":"order_456"}]]
local head = "POST /api/v1/payments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
  .. "Authorization: Bearer " .. key .. "\r\nContent-Length: " .. #body .. "\r\nIdempotency-Key: "
local run, number = nil, 0

function init()
  -- Told apart from other runs by time and by the address of a fresh table.
  run = os.time() .. tostring({}):gsub("table: ", "-")
end

function request()
  number = number + 1
  return head .. run .. "-" .. number .. "\r\n\r\n" .. body
end

function done(summary, latency)
  local seconds = summary.duration / 1000000
  local errors = summary.errors
  io.write(string.format("%.0f %.2f %d\n", summary.requests / seconds,
    latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
