-- Take what a guest has ordered out of the lines that came from the guest's cart.
local function take_out(cart, merged, ordered)
  local changed = 0
  for index = 1, #ordered, 2 do
    local sku, name = ordered[index], "line:" .. ordered[index]
    local quantity = math.min(tonumber(ordered[index + 1]), tonumber(redis.call("HGET", merged, sku) or "0"))
    local known = redis.call("HGET", cart, name)
    if quantity > 0 and known then
      local line = cjson.decode(known)
      line.quantity = line.quantity - quantity
      redis.call("HINCRBY", merged, sku, -quantity)
      if line.quantity > 0 then
        redis.call("HSET", cart, name, cjson.encode(line))
      else
        redis.call("HDEL", cart, name)
      end
      changed = 1
    end
  end
  return changed
end
