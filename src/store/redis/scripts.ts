/**
 * What must happen at once in Redis. All keys of a script have one hash tag, so that a Cluster keeps them together. An _epoch_ stands for
 * one unbroken life of the log: it begins with the id that the server gave itself when it started, so that a restart, an older
 * copy or a replica that took over begins another one, as does whoever could not say what it had to say.
 */

const EPOCH = `
local run = string.sub(string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'), 1, 16)
local epoch = redis.call('GET', KEYS[1])
local function begin()
  epoch = run .. '-' .. ARGV[1]
  redis.call('SET', KEYS[1], epoch)
  redis.call('DEL', KEYS[2])
end
if not epoch or string.sub(epoch, 1, 16) ~= run then begin() end
`;

/**
 * Appends entries to the log and tells the channel of each. Keys: epoch, log. Arguments: an epoch that was never used, the channel,
 * entries kept, `1` if earlier notes were lost, then the notes of each entry as text. The channel is told `epoch before id notes`.
 */
export const PUBLISH_NEWS = `${EPOCH}
if ARGV[4] == '1' then begin() end
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
local before = last[1] and last[1][1] or '0-0'
for at = 5, #ARGV do
  local id = redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[3], '*', 'notes', ARGV[at])
  redis.call('PUBLISH', ARGV[2], epoch .. ' ' .. before .. ' ' .. id .. ' ' .. ARGV[at])
  before = id
end
`;

/**
 * Answers the epoch, then id and notes of each entry. Keys: epoch, log. Arguments: an epoch that was never used, the epoch and the id
 * behind which the asker stands: in another epoch, all.
 */
export const READ_NEWS = `${EPOCH}
local from = ARGV[2] == epoch and '(' .. ARGV[3] or '-'
local answer = {epoch}
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], from, '+')) do
  table.insert(answer, entry[1])
  table.insert(answer, entry[2][2])
end
return answer
`;

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** A process says that it lives. Key: processes. Arguments: its name, its card, how long it is remembered, in milliseconds. */
export const BEAT = `${NOW}
redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
`;

/**
 * Forgets who was silent for too long; answers the others, each as `instant card`, by Redis' own clock. Key: processes. Argument: as above.
 */
export const PRESENT = `${NOW}
local answer = {}
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local seen = tonumber(string.match(all[at + 1], '^%d+'))
  if not seen or now - seen > tonumber(ARGV[1]) then redis.call('HDEL', KEYS[1], all[at])
  else table.insert(answer, all[at + 1]) end
end
return answer
`;

/** Key: processes. Argument: a name. */
export const LEAVE = `redis.call('HDEL', KEYS[1], ARGV[1])`;
