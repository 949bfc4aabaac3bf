#include "redis/scripts.h"

#include "base/crypto.h"

/*
 * A session that has ended has no version: then nothing is written, so that
 * a logout is never undone by a request that began before it. HSET is the
 * first write, as Redis refuses it when it is full, and only before a script
 * has written anything.
 */
static const char commit[] =
	"local key, last = KEYS[1], 3 + 2 * tonumber(ARGV[3])\n"
	"local version = redis.call('HGET', key, '@ver')\n"
	"if not version then return -1 end\n"
	"if ARGV[2] ~= '' and version ~= ARGV[2] then return -2 end\n"
	"version = version + 1\n"
	"redis.call('HSET', key, '@ver', version, unpack(ARGV, 4, last))\n"
	"if #ARGV > last then\n"
	"  redis.call('HDEL', key, unpack(ARGV, last + 1))\n"
	"end\n"
	"redis.call('PEXPIRE', key, ARGV[1])\n"
	"return version\n";

enum kr_err kri_script_commit(struct kri_script *script)
{
	script->text = kri_text(commit, sizeof(commit) - 1);
	return kri_sha1_hex(script->text, script->sha1);
}
