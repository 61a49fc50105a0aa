-- Take what was ordered out of a cart, once per order; what was added since stays.
-- KEYS: cart, marker of this order, pointer to the customer whom a guest's cart was merged into.
-- ARGV: now, seconds that the marker lives, then SKU and quantity of each line.
-- Replies {1 when the cart was changed, else 0; the customer: the lines are to be taken out of that cart, or ""}.
local cart, marker = KEYS[1], KEYS[2]
if redis.call("EXISTS", marker) == 1 then return {0, ""} end
local customer = redis.call("GET", KEYS[3])
if customer then return {0, customer} end
redis.call("SET", marker, "1", "EX", ARGV[2])
local changed = 0
for index = 3, #ARGV, 2 do
  local name = "line:" .. ARGV[index]
  local known = redis.call("HGET", cart, name)
  if known then
    local line = cjson.decode(known)
    line.quantity = line.quantity - tonumber(ARGV[index + 1])
    if line.quantity > 0 then
      redis.call("HSET", cart, name, cjson.encode(line))
    else
      redis.call("HDEL", cart, name)
    end
    changed = 1
  end
end
if changed == 1 then
  redis.call("HINCRBY", cart, "version", 1)
  redis.call("HSET", cart, "updated_at", ARGV[1])
end
return {changed, ""}
