-- Take one line out of a cart, or all of them.
-- KEYS: cart, prices seen by SKU. ARGV: sku ("": all), now, seconds to live (0: for ever).
-- Replies {"ok", all fields of the cart, all prices seen} or {"missing", "", {}}.
local cart, removed = KEYS[1], 0
for _, name in ipairs(redis.call("HKEYS", cart)) do
  if name == "line:" .. ARGV[1] or (ARGV[1] == "" and string.sub(name, 1, 5) == "line:") then
    removed = removed + redis.call("HDEL", cart, name)
  end
end
if ARGV[1] ~= "" and removed == 0 then return {"missing", "", {}} end
if removed > 0 then
  redis.call("HINCRBY", cart, "version", 1)
  redis.call("HSET", cart, "updated_at", ARGV[2])
end
if ARGV[3] ~= "0" and redis.call("EXISTS", cart) == 1 then redis.call("EXPIRE", cart, ARGV[3]) end
return {"ok", redis.call("HGETALL", cart), redis.call("HGETALL", KEYS[2])}
