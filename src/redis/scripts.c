#include "redis/scripts.h"

#include "base/crypto.h"

/*
 * A session that has ended has no version: then nothing is written, so that
 * a logout is never undone by a request that began before it. HSET is the
 * first write, as Redis refuses it when it is full, and only before a script
 * has written anything. Lua 5.1 calls unpack what later ones, which a server
 * may have, call table.unpack.
 */
static const char commit[] =
	"local call, key, argv = redis.call, KEYS[1], ARGV\n"
	"local unpack = table.unpack or unpack\n"
	"local ttl, exact, last = argv[1], argv[2], 3 + 2 * argv[3]\n"
	"local version = call('HGET', key, '@ver')\n"
	"if not version then return -1 end\n"
	"if exact ~= '' and version ~= exact then return -2 end\n"
	"version = version + 1\n"
	"call('HSET', key, '@ver', version, unpack(argv, 4, last))\n"
	"if argv[last + 1] then\n"
	"  call('HDEL', key, unpack(argv, last + 1))\n"
	"end\n"
	"if ttl ~= '' then call('PEXPIRE', key, ttl) end\n"
	"return version\n";

enum kr_err kri_script_commit(struct kri_script *script)
{
	script->text = kri_text(commit, sizeof(commit) - 1);
	return kri_sha1_hex(script->text, script->sha1);
}
