-- What applications behind guard-lighttpd.conf learn of a session.
--
-- lighttpd runs this for a request twice: as it came, and again when the
-- guard has let it in. Only then are there variables of the guard's, which no
-- client can set. Whatever the client calls X-Session-User, in whatever case
-- and with _ in the place of -, is gone before.

local headers = lighty.r.req_header
local spoofed = {}

for name in pairs(headers) do
	local plain = name:lower():gsub("_", "-")
	if plain:find("x-session-", 1, true) == 1 then
		spoofed[#spoofed + 1] = name
	end
end
for _, name in ipairs(spoofed) do
	headers[name] = nil
end

for _, name in ipairs({ "User", "Groups", "Id", "Login" }) do
	local value = lighty.r.req_env["X_SESSION_" .. name:upper()]
	if value and value ~= "" then
		headers["X-Session-" .. name] = value
	end
end
