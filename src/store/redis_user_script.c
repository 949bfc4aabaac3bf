/*
 * The texts. Here too the first write is one that Redis refuses when it is
 * full, and what could not get a time to live is taken away again.
 */
#include "store/redis_user_script.h"

#define NOW                                                                    \
	"local call, key, argv = redis.call, KEYS[1], ARGV\n"                  \
	"local ttl, id = tonumber(argv[1]), argv[2]\n"                         \
	"local time = call('TIME')\n"                                          \
	"local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"            \
	"local function text(ms) return string.format('%.0f', ms) end\n"

/* The key lives as long as what ends last. */
#define KEEP_KEY                                                               \
	"if call('PTTL', key) < ttl then\n"                                    \
	"  local set = redis.pcall('PEXPIRE', key, argv[1])\n"                 \
	"  if set ~= 1 then call('ZREM', key, id) return set end\n"            \
	"end\n"

/*
 * Behind the point of a score stands that the session is not written yet: 0.5,
 * and the second of the entry, modulo 512, in units of 1/1024. A double has
 * room for them behind 41 bits of ms. For a minute such an entry counts as a
 * session.
 */
const char kri_script_enter[] = NOW
	"local limit, rule, at = tonumber(argv[3]), argv[4], 0 + time[1]\n"
	"local score = now + ttl\n"
	"if limit > 0 then score = score + 0.5 + at % 512 / 1024 end\n"
	"score = string.format('%.10f', score)\n"
	"local new = call('ZADD', key, score, id)\n" KEEP_KEY
	"call('ZREMRANGEBYSCORE', key, '-inf', '(' .. text(now))\n"
	"for i = 6, #argv, 2 do\n"
	"  if call('ZSCORE', key, argv[i]) == argv[i + 1] then\n"
	"    call('ZREM', key, argv[i])\n"
	"  end\n"
	"end\n"
	"if new == 0 then return {1} end\n"
	"if limit == 0 then return {0} end\n"
	"local over = call('ZCARD', key) - limit\n"
	"if over <= 0 then return {0} end\n"
	"if argv[5] == 'look' then\n"
	"  local there = call('ZRANGE', key, 0, 2047, 'WITHSCORES')\n"
	"  local doubtful = {2}\n"
	"  for i = 1, #there, 2 do\n"
	"    local part = tonumber(there[i + 1]) % 1\n"
	"    local age = (at - (part - 0.5) * 1024) % 512\n"
	"    if there[i] ~= id and (part == 0 or age > 60) then\n"
	"      doubtful[#doubtful + 1] = there[i]\n"
	"      doubtful[#doubtful + 1] = there[i + 1]\n"
	"    end\n"
	"  end\n"
	"  if #doubtful > 1 then call('ZREM', key, id) return doubtful end\n"
	"end\n"
	"if rule == 'refuse' then call('ZREM', key, id) return {3} end\n"
	"local answer = {0}\n"
	"for _, other in ipairs(call('ZRANGE', key, 0, math.min(over, 1000))) "
	"do\n"
	"  if other ~= id and #answer <= over then\n"
	"    call('ZREM', key, other)\n"
	"    answer[#answer + 1] = other\n"
	"  end\n"
	"end\n"
	"return answer\n";

const char kri_script_confirm[] =
	NOW "if not call('ZSCORE', key, id) then return 0 end\n"
	    "call('ZADD', key, text(now + ttl), id)\n"
	    "return 1\n";

const char kri_script_refresh[] =
	NOW "call('ZADD', key, text(now + ttl), id)\n" KEEP_KEY "return 1\n";

const char kri_script_mark[] =
	"local call, key = redis.call, KEYS[1]\n"
	"local last = call('XREVRANGE', key, '+', '-', 'COUNT', '1')[1]\n"
	"if last then return last[1] end\n"
	"local id = call('XADD', key, '*', 'u', '', 'k', '')\n"
	"if ARGV[1] ~= '0' then call('PEXPIRE', key, ARGV[1]) end\n"
	"return id\n";

/*
 * The key ends with the last session that its last entry concerns. So many
 * entries are kept that only a flood of them pushes out what still counts; then
 * a session that the index has lost as well may come back.
 */
const char kri_script_end[] =
	"local call, key, argv = redis.call, KEYS[1], ARGV\n"
	"local id = call('XADD', key, 'MAXLEN', '~', '100000', '*',\n"
	"  'u', argv[1], 'k', argv[2])\n"
	"if argv[3] ~= '0' then call('PEXPIRE', key, argv[3]) end\n"
	"return id\n";

const char kri_script_finish[] =
	"if redis.call('HGET', KEYS[1], '@user') ~= ARGV[1] then return 0 end\n"
	"return redis.call('UNLINK', KEYS[1])\n";

const char kri_script_count[] =
	"local call, key, argv = redis.call, KEYS[1], ARGV\n"
	"local left = call('PTTL', key)\n"
	"if argv[1] == '0' and left == -2 then return {0, 0} end\n"
	"local value = call('INCRBY', key, argv[1])\n"
	"if left < 0 then\n"
	"  local set = redis.pcall('PEXPIRE', key, argv[2])\n"
	"  if set ~= 1 then call('UNLINK', key) return set end\n"
	"  left = tonumber(argv[2])\n"
	"end\n"
	"return {value, left}\n";
