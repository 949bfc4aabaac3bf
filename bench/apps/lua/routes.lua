-- The bench's routes on raw Redis commands: what one writes who has no
-- session library. A hash is loaded and its life prolonged in one round
-- trip; what changes is written in another. Parallel requests of a session
-- may lose updates.
local resp = require "resp"

local redis_path = ngx.config.prefix() .. "redis.sock"
local lifetime = "1200"

local M = {}

local function redis(commands)
    local replies, err = resp.pipeline(redis_path, commands)
    if not replies then
        ngx.log(ngx.ERR, "redis: ", err)
        ngx.exit(503)
    end
    return replies
end

local function answer(status, text)
    ngx.status = status
    ngx.print(text)
end

-- The id that the client names, and its session's values if there are any.
local function load()
    local id = ngx.var.cookie_bench_lua
    if not id then
        return nil, {}
    end
    local values = {}
    local fields = redis({
        {"HGETALL", "lua:" .. id}, {"EXPIRE", "lua:" .. id, lifetime},
    })[1]
    for i = 1, #fields, 2 do
        values[fields[i]] = fields[i + 1]
    end
    return id, values
end

local function save(id, name, value)
    redis({
        {"HSET", "lua:" .. id, name, value},
        {"EXPIRE", "lua:" .. id, lifetime},
    })
end

local function new_id()
    local random = assert(io.open("/dev/urandom", "rb"))
    local bytes = random:read(16)
    random:close()
    return (bytes:gsub(".", function(c)
        return ("%02x"):format(c:byte())
    end))
end

local routes = {}

routes["/session/login"] = function()
    local id, user = new_id(), ngx.var.arg_user
    save(id, "user", user)
    ngx.header["Set-Cookie"] = "bench_lua=" .. id ..
        "; Path=/; Secure; HttpOnly; SameSite=Lax"
    answer(200, '{"message":"Logged in","user":"' .. user .. '"}')
end

routes["/session/whoami"] = function()
    local _, values = load()
    if not values.user then
        return answer(401, '{"error":"No active session or user not set"}')
    end
    answer(200, '{"user":"' .. values.user .. '"}')
end

routes["/session/counter"] = function()
    local id, values = load()
    local counter = (tonumber(values.counter) or 0) + 1
    save(id or new_id(), "counter", tostring(counter))
    answer(200, '{"message":"Counter incremented","counter":' ..
        counter .. "}")
end

function M.serve()
    local route = routes[ngx.var.uri]
    if not route then
        return ngx.exit(404)
    end
    route()
end

return M
