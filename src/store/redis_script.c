#include "store/redis_script.h"

#include "base/crypto.h"

/*
 * A session with the same digest is this one, sent twice. HSET is the first
 * write, as Redis refuses it when it is full, and only before a script has
 * written anything. A user who may write but not set a time to live must not
 * leave a session behind that lives for ever.
 */
static const char create[] =
	"local call, key, argv = redis.call, KEYS[1], ARGV\n"
	"local auth = call('HGET', key, '@auth')\n"
	"if auth then return auth == argv[3] and 1 or -2 end\n"
	"call('HSET', key, (table.unpack or unpack)(argv, 2))\n"
	"local set = redis.pcall('PEXPIRE', key, argv[1])\n"
	"if set ~= 1 then call('UNLINK', key) end\n"
	"return set\n";

/*
 * A session that has ended has no version: then nothing is written, so that
 * a logout is never undone by a request that began before it. HSET is the
 * first write here too.
 */
static const char commit[] =
	"local unpack = table.unpack or unpack\n"
	"local call, key, argv = redis.call, KEYS[1], ARGV\n"
	"local ttl, exact, was, last = argv[1], argv[2], argv[3], argv[4]\n"
	"local version = call('HGET', key, '@ver')\n"
	"if not version then return -1 end\n"
	"if exact ~= '' and version ~= exact then return -2 end\n"
	"if was ~= '' and call('HGET', key, '@auth') ~= was then\n"
	"  return -3\n"
	"end\n"
	"version = version + 1\n"
	"call('HSET', key, '@ver', version, unpack(argv, 5, last))\n"
	"if argv[last + 1] then\n"
	"  call('HDEL', key, unpack(argv, last + 1))\n"
	"end\n"
	"if ttl ~= '' then call('PEXPIRE', key, ttl) end\n"
	"return version\n";

/*
 * PEXPIRE finds out by itself whether the session is still there, and is done
 * even by a Redis that is full. Sent in full each time: it is short, and then
 * a server that has forgotten it needs no answer.
 */
static const char touch[] =
	"if redis.call('PEXPIRE',KEYS[1],ARGV[1])==1 then "
	"redis.call('HSET',KEYS[1],'@seen',ARGV[2]) return 1 end return 0";

static enum kr_err name(struct kri_script *script, const char *text)
{
	script->text = kri_text_of(text);
	return kri_sha1_hex(script->text, script->sha1);
}

enum kr_err kri_redis_scripts_init(struct kri_redis_scripts *scripts)
{
	enum kr_err err = name(&scripts->create, create);

	if (!err)
		err = name(&scripts->commit, commit);
	if (!err)
		err = name(&scripts->touch, touch);
	return err;
}
