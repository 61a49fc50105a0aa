-- First step of a merge: nobody changes the guest's cart any more. Replies its fields; none when there is no such cart.
-- KEYS: the guest's cart, the place where it waits, the pointer to the customer. ARGV: seconds that it waits at most,
-- the customer. The merge that died is finished by the next one: it finds the cart waiting.
if redis.call("EXISTS", KEYS[1]) == 1 and redis.call("EXISTS", KEYS[2]) == 0 then
  redis.call("RENAME", KEYS[1], KEYS[2])
  redis.call("EXPIRE", KEYS[2], ARGV[1])
end
if redis.call("EXISTS", KEYS[2]) == 1 then
  redis.call("SET", KEYS[3], ARGV[2], "EX", ARGV[1])
end
return redis.call("HGETALL", KEYS[2])
