-- A minimal client of Redis: commands of strings go out in one write, their
-- replies come back in order. Connections stay in nginx' pool.
local table_concat = table.concat

local M = {}

local function encode(commands)
    local out, n = {}, 0
    for _, command in ipairs(commands) do
        n = n + 1
        out[n] = "*" .. #command .. "\r\n"
        for _, word in ipairs(command) do
            n = n + 1
            out[n] = "$" .. #word .. "\r\n" .. word .. "\r\n"
        end
    end
    return table_concat(out)
end

local read_reply

local function read_bulk(socket, size)
    if size < 0 then
        return false
    end
    local data, err = socket:receive(size + 2)
    if not data then
        return nil, err
    end
    return data:sub(1, size)
end

local function read_array(socket, size)
    local items = {}
    for i = 1, size do
        local item, err = read_reply(socket)
        if item == nil then
            return nil, err
        end
        items[i] = item
    end
    return items
end

-- A string, a number, a table or false for null; nil and a reason.
function read_reply(socket)
    local line, err = socket:receive()
    if not line then
        return nil, err
    end
    local kind, rest = line:sub(1, 1), line:sub(2)
    if kind == "$" then
        return read_bulk(socket, tonumber(rest))
    elseif kind == "*" then
        return read_array(socket, tonumber(rest))
    elseif kind == ":" then
        return tonumber(rest)
    elseif kind == "+" then
        return rest
    end
    return nil, rest
end

-- The replies to all commands, or nil and a reason.
function M.pipeline(path, commands)
    local socket = ngx.socket.tcp()
    local ok, err = socket:connect("unix:" .. path)
    if not ok then
        return nil, err
    end
    ok, err = socket:send(encode(commands))
    if not ok then
        return nil, err
    end
    local replies
    replies, err = read_array(socket, #commands)
    if not replies then
        socket:close()
        return nil, err
    end
    socket:setkeepalive(60000, 64)
    return replies
end

return M
