-- Second step of a merge: add a guest's lines to a customer's cart, once per guest's cart.
-- KEYS: the customer's cart, marker of this merge, units merged by SKU, the guest's orders that wait for the merge,
-- prices that the customer has seen.
-- ARGV: currency, most lines, most of one SKU, now, seconds that the
-- marker lives, then SKU, line (JSON) and the price seen of each line, in their order.
-- What doesn't fit (too many lines, another currency) stays out. Replies whether there is a cart.
local cart, marker, merged = KEYS[1], KEYS[2], KEYS[3]
if #ARGV > 5 and redis.call("SET", marker, "1", "NX", "EX", ARGV[5]) then
  redis.call("HSET", merged, "", 0)
  redis.call("EXPIRE", merged, ARGV[5])
  local version = tonumber(redis.call("HGET", cart, "version") or "0")
  local lines = redis.call("HLEN", cart) - (version > 0 and 3 or 0)
  if lines == 0 or redis.call("HGET", cart, "currency") == ARGV[1] then
    for index = 6, #ARGV, 3 do
      local name = "line:" .. ARGV[index]
      local line, known = cjson.decode(ARGV[index + 1]), redis.call("HGET", cart, name)
      if known then
        local before = cjson.decode(known)
        local quantity = math.min(before.quantity + line.quantity, tonumber(ARGV[3]))
        redis.call("HSET", merged, ARGV[index], quantity - before.quantity)
        before.quantity = quantity
        redis.call("HSET", cart, name, cjson.encode(before))
        local seen = tonumber(redis.call("HGET", KEYS[5], ARGV[index]) or before.unit_price)
        redis.call("HSET", KEYS[5], ARGV[index], math.min(seen, tonumber(ARGV[index + 2])))
      elseif lines < tonumber(ARGV[2]) then
        lines = lines + 1
        line.position = version + lines
        redis.call("HSET", merged, ARGV[index], line.quantity)
        redis.call("HSET", cart, name, cjson.encode(line))
        redis.call("HSET", KEYS[5], ARGV[index], ARGV[index + 2])
      end
    end
    redis.call("HSET", cart, "version", version + 1, "currency", ARGV[1], "updated_at", ARGV[4])
  end
  local waiting = redis.call("HGETALL", KEYS[4])
  for index = 1, #waiting, 2 do
    if redis.call("SET", waiting[index], "1", "NX", "EX", ARGV[5]) then
      take_out(cart, merged, cjson.decode(waiting[index + 1]))
    end
  end
  redis.call("DEL", KEYS[4])
end
return redis.call("EXISTS", cart)
