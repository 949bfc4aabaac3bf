-- lighttpd runs this before each answer goes out. A page in HTML is lighttpd's
-- own, as krsessiond writes none: with 503 the daemon is being started, with
-- 500 it died over this very request. Either is over soon, and clients are
-- told to try again.
local r = lighty.r
local status = r.req_item.http_status
local kind = r.resp_header["Content-Type"] or ""

if (status == 500 or status == 503) and kind:find("text/html", 1, true) then
	r.resp_header["Content-Type"] = "application/json; charset=utf-8"
	r.resp_header["Cache-Control"] = "no-store"
	r.resp_header["Retry-After"] = "1"
	r.resp_body:set('{"error":"Service unavailable"}')
	return 503
end
