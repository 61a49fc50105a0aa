-- Put a line into a cart, or change how many of it there are; all checks and the change are one step.
-- KEYS: cart, prices seen by SKU. ARGV: mode (make|add|set), sku, quantity, remembered fields (JSON), currency, available, most lines,
-- most of one SKU, now, seconds to live (0: for ever).
-- Replies {"ok", all fields of the cart, all prices seen} or {reason, what stood against it, {}}.
local cart, line_key = KEYS[1], "line:" .. ARGV[2]
local quantity, available = tonumber(ARGV[3]), tonumber(ARGV[6])
local known = redis.call("HGET", cart, line_key)
local version = tonumber(redis.call("HGET", cart, "version") or "0")
local lines = redis.call("HLEN", cart) - (version > 0 and 3 or 0)
local before = known and cjson.decode(known) or nil

if ARGV[1] == "add" and version == 0 then return {"gone", "", {}} end
if ARGV[1] == "set" and not before then return {"missing", "", {}} end
if lines > 0 then
  local currency = redis.call("HGET", cart, "currency")
  if currency ~= ARGV[5] then return {"currency", currency, {}} end
end
if ARGV[1] ~= "set" and before then quantity = quantity + before.quantity end
if quantity > tonumber(ARGV[8]) then return {"quantity", tostring(quantity), {}} end
if quantity > available then return {"stock", tostring(quantity), {}} end
if not before and lines >= tonumber(ARGV[7]) then return {"lines", tostring(lines), {}} end

local line = cjson.decode(ARGV[4])
line.quantity = quantity
line.position = before and before.position or version + 1
redis.call("HSET", cart, line_key, cjson.encode(line), "version", version + 1, "currency", ARGV[5], "updated_at", ARGV[9])
redis.call("HDEL", KEYS[2], ARGV[2])
if ARGV[10] ~= "0" then
  redis.call("EXPIRE", cart, ARGV[10])
  redis.call("EXPIRE", KEYS[2], ARGV[10])
end
return {"ok", redis.call("HGETALL", cart), redis.call("HGETALL", KEYS[2])}
