-- For wrk: the same path with every cookie of a file in turn. The last line
-- that it prints is JSON.
--
--     wrk -s cycle.lua URL -- COOKIE-FILE
local requests, n, i = {}, 0, 0

function init(args)
    for cookie in io.lines(args[1]) do
        n = n + 1
        requests[n] = wrk.format("GET", nil, {
            Host = wrk.headers.Host, Cookie = cookie,
        })
    end
end

function request()
    i = i % n + 1
    return requests[i]
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format('{"requests":%d,"per_second":%.1f,' ..
        '"p50_us":%d,"p99_us":%d,"bad_status":%d,"broken":%d}\n',
        summary.requests, summary.requests / summary.duration * 1e6,
        latency:percentile(50), latency:percentile(99), e.status,
        e.connect + e.read + e.write + e.timeout))
end
