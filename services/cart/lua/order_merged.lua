-- Take what a guest has ordered out of the customer's cart that the guest's was merged into, once per order, and at
-- most what came from there. Before the lines have come, the order waits for the merge.
-- KEYS: the customer's cart, marker of this order, units merged by SKU, orders that wait for the merge.
-- ARGV: now, seconds that markers live, then SKU and quantity of each line. Replies 1 when the cart was changed, else 0.
local ordered = {}
for index = 3, #ARGV do ordered[index - 2] = ARGV[index] end
if redis.call("EXISTS", KEYS[3]) == 0 then
  redis.call("HSET", KEYS[4], KEYS[2], cjson.encode(ordered))
  redis.call("EXPIRE", KEYS[4], ARGV[2])
  return 0
end
if not redis.call("SET", KEYS[2], "1", "NX", "EX", ARGV[2]) then return 0 end
local changed = take_out(KEYS[1], KEYS[3], ordered)
if changed == 1 then
  redis.call("HINCRBY", KEYS[1], "version", 1)
  redis.call("HSET", KEYS[1], "updated_at", ARGV[1])
end
return changed
