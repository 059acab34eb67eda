-- One batch, whole or not at all: Redis runs a script to its end before it looks at anything else.
--
--   ARGV[1] msgpack: people, cells, about, generation_s, changes   ─▶ {"counted"}
--   ARGV[2] digests of event ids, 16 bytes each                    ─▶ {"again", places that are known, people that are forgotten}
--                                                                  ─▶ {"lost"}: these figures are of another server, or there are none
--
-- The batch was folded in the belief that none of it was counted before. Where that is wrong nothing is changed, and
-- it is said which records to leave out; that happens only after a kill or a second delivery.

if redis.replicate_commands then redis.replicate_commands() end

local batch = cmsgpack.unpack(ARGV[1])
local digests = {}
for at = 1, #ARGV[2], 16 do digests[#digests + 1] = string.sub(ARGV[2], at, at + 15) end
local SLICE = 1000 -- Lua cannot spread a long list over arguments

local function sliced(list, work)
  for first = 1, #list, SLICE do
    work(first, math.min(first + SLICE - 1, #list))
  end
end

local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if redis.call('HGET', 'live:epoch', 'run_id') ~= run_id then return {'lost'} end

-- Four generations of event ids, the youngest first; the oldest goes when the youngest is old enough.
local now = tonumber(redis.call('TIME')[1])
local since = tonumber(redis.call('HGET', 'live:epoch', 'generation_since') or '0')
if now - since >= batch.generation_s or since > now + batch.generation_s then
  redis.call('UNLINK', 'live:seen:4')
  for generation = 3, 1, -1 do
    if redis.call('EXISTS', 'live:seen:' .. generation) == 1 then
      redis.call('RENAME', 'live:seen:' .. generation, 'live:seen:' .. (generation + 1))
    end
  end
  redis.call('HSET', 'live:epoch', 'generation_since', now)
end

local known, gone = {}, {}
for generation = 1, 4 do
  local key = 'live:seen:' .. generation
  if redis.call('EXISTS', key) == 1 then
    sliced(digests, function(first, last)
      for place, is_member in ipairs(redis.call('SMISMEMBER', key, unpack(digests, first, last))) do
        if is_member == 1 then known[#known + 1] = first + place - 2 end
      end
    end)
  end
end
sliced(batch.people, function(first, last)
  for place, forgotten_at in ipairs(redis.call('ZMSCORE', 'live:forgotten', unpack(batch.people, first, last))) do
    if forgotten_at then gone[#gone + 1] = batch.people[first + place - 1] end
  end
end)
if #known > 0 or #gone > 0 then return {'again', known, gone} end

sliced(digests, function(first, last)
  redis.call('SADD', 'live:seen:1', unpack(digests, first, last))
end)
redis.call('EXPIRE', 'live:seen:1', batch.generation_s * 5)

local function newest(kept, stored, added)
  local entries = {}
  if stored then
    for entry in string.gmatch(stored, '[^\30]+') do entries[#entries + 1] = entry end
  end
  for _, entry in ipairs(added) do entries[#entries + 1] = entry end
  table.sort(entries, function(a, b) return a > b end)
  return table.concat(entries, '\30', 1, math.min(kept, #entries))
end

for _, cell in ipairs(batch.cells) do
  local key, expire_at, adds, lasts = unpack(cell)
  for at = 1, #adds, 2 do redis.call('HINCRBY', key, adds[at], adds[at + 1]) end
  for _, last in ipairs(lasts) do
    redis.call('HSET', key, last[1], newest(last[2], redis.call('HGET', key, last[1]), last[3]))
  end
  redis.call('EXPIREAT', key, expire_at)
end

for _, person in ipairs(batch.about) do
  local key, expire_at, places = unpack(person)
  sliced(places, function(first, last) redis.call('SADD', key, unpack(places, first, last)) end)
  redis.call('EXPIREAT', key, expire_at)
end

redis.call('PUBLISH', 'live:changes', batch.changes)
return {'counted'}
