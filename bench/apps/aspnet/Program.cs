// The bench's routes on ASP.NET Core's sessions in Redis, set up as its
// documentation shows; Kestrun's sessions are these. Nothing is logged but
// warnings, as in the projects that "dotnet new" makes.
//
//     dotnet aspnet.dll REDIS-SOCKET unix:LISTEN-SOCKET
//     dotnet aspnet.dll REDIS-SOCKET PORT CERTIFICATE KEY
//
// The first listens behind a front server, the second speaks TLS by itself.
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;

var builder = WebApplication.CreateBuilder();

builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, args));
builder.Services.AddStackExchangeRedisCache(options =>
{
    options.Configuration = "!" + args[0]; // a path, to StackExchange.Redis
    options.InstanceName = "aspnet:";
});
builder.Services.AddSession(options =>
{
    options.IdleTimeout = TimeSpan.FromMinutes(20);
    options.Cookie.HttpOnly = true;
    options.Cookie.IsEssential = true;
    options.Cookie.SameSite = SameSiteMode.Lax;
    options.Cookie.SecurePolicy = CookieSecurePolicy.Always;
});

var app = builder.Build();

app.UseSession();
app.MapGet("/hello", () => "Hello, Session World!");
app.MapGet("/session/login", async (HttpContext context, string user) =>
{
    var session = await Load(context);
    session.SetString("user", user);
    return Results.Json(new { message = "Logged in", user });
});
app.MapGet("/session/whoami", async (HttpContext context) =>
{
    var session = await Load(context);
    var user = session.GetString("user");
    return user is null
        ? Results.Json(new { error = "No active session or user not set" },
            statusCode: 401)
        : Results.Json(new { user });
});
app.MapGet("/session/counter", async (HttpContext context) =>
{
    var session = await Load(context);
    var counter = (session.GetInt32("counter") ?? 0) + 1;
    session.SetInt32("counter", counter);
    return Results.Json(new { message = "Counter incremented", counter });
});
app.Run();

// Without this, the first value that is asked for is waited for by a thread.
static async Task<ISession> Load(HttpContext context)
{
    await context.Session.LoadAsync();
    return context.Session;
}

static void Listen(KestrelServerOptions kestrel, string[] args)
{
    if (args[1].StartsWith("unix:"))
        kestrel.ListenUnixSocket(args[1]["unix:".Length..]);
    else
        kestrel.Listen(IPAddress.Loopback, int.Parse(args[1]), listen =>
            listen.UseHttps(
                X509Certificate2.CreateFromPemFile(args[2], args[3])));
}
